# SPDX-License-Identifier: MIT
"""Reads a patch series as people have it: an mbox, git format-patch files, a quilt series."""
import email
import os
import re
import sys

sys.dont_write_bytecode = True

MAIL_START = re.compile(rb"^From \S+ .*\d{4}\s*$", re.M)
HEADERS = re.compile(rb"\A([\w-]+:.*\n([ \t].*\n)*)+\n")
DIFF = re.compile(r"^(diff --git a/|--- (a/|/dev/null).*\n\+\+\+ )", re.M)
# "[PATCH v11 03/21] subject", also as "[RFC PATCH kvmarm v2] subject"
TAG = re.compile(r"\[[^\]]*PATCH(?P<tag>[^\]]*)\]\s*(?P<title>.*)", re.I | re.S)


class Failure(Exception):
    """Says in one line why there is no series."""


class Patch:
    """One patch: what it is called, and its text from the first diff line on."""

    def __init__(self, subject, diff, name=""):
        self.subject = " ".join(subject.split())
        self.diff = diff
        self.name = name or self.subject
        tag = TAG.search(self.subject)
        text = tag["tag"] if tag else ""
        self.title = tag["title"] if tag else self.subject
        self.version = int((re.search(r"\bv(\d+)", text, re.I) or [0, 1])[1])
        number = re.search(r"(\d+)/(\d+)", text)
        self.number, self.total = (int(number[1]), int(number[2])) if number else (0, 0)


def read_file(path):
    """Its bytes."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from None


def text_of(message):
    """A mail's text, its attachments' too, as the sender wrote it."""
    parts = [part.get_payload(decode=True) or b"" for part in message.walk()
             if part.get_content_maintype() == "text"]
    return b"\n".join(parts).replace(b"\r\n", b"\n").decode("utf-8", "surrogateescape")


def from_mail(data):
    """The patch of one mail, or None: a cover letter, an answer."""
    message = email.message_from_bytes(data)
    subject = str(email.header.make_header(email.header.decode_header(message["Subject"] or "")))
    diff = DIFF.search(text := text_of(message))
    if not diff or re.match(r"\s*(re|aw|fwd?):", subject, re.I):
        return None
    return Patch(subject, text[diff.start():], f"\"{' '.join(subject.split())}\"")


def from_mails(path, data):
    """All patches of an mbox in the series' order: of its newest version, each once."""
    starts = [match.start() for match in MAIL_START.finditer(data)] or [0]
    mails = [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)])]
    patches = list(filter(None, map(from_mail, mails)))
    newest = max((patch.version for patch in patches), default=1)
    patches = [patch for patch in patches if patch.version == newest]
    if not any(patch.total for patch in patches):
        return patches
    total = max(patch.total for patch in patches)
    by_number = {}
    for patch in patches:
        if by_number.setdefault(patch.number, patch).diff != patch.diff:
            raise Failure(f"{path} has two patches {patch.number}/{total} of version {newest}: "
                          f"{by_number[patch.number].name} and {patch.name}; leave one of them out")
    missing = sorted(set(range(1, total + 1)) - set(by_number))
    if missing:
        raise Failure(f"{path} lacks patch {missing[0]}/{total} of version {newest}; there are "
                      f"{', '.join(str(number) for number in sorted(by_number))}")
    return [by_number[number] for number in sorted(by_number)]


def from_patch_file(path):
    """The patches of a file: mails, or a diff with or without words before it."""
    data = read_file(path)
    if MAIL_START.match(data) or HEADERS.match(data):
        patches = from_mails(path, data)
    else:
        text = data.decode("utf-8", "surrogateescape")
        diff = DIFF.search(text)
        patches = [Patch(os.path.basename(path), text[diff.start():])] if diff else []
    if len(patches) == 1:
        patches[0].name = os.path.basename(path)
    return patches


def quilt(folder):
    """The files that its file "series" lists."""
    for line in read_file(os.path.join(folder, "series")).decode().splitlines():
        words = line.partition("#")[0].split()
        if words[1:] not in ([], ["-p1"]):
            raise Failure(f"{folder}/series: cannot use '{line.strip()}': only -p1 patches are known")
        yield from words[:1]


def read(path):
    """The patches of FILE or DIR, in order."""
    if os.path.basename(path) == "series":
        path = os.path.dirname(path) or "."
    if not os.path.isdir(path):
        patches = from_patch_file(path)
    else:
        if os.path.exists(os.path.join(path, "series")):
            names = list(quilt(path))
        else:
            names = sorted(name for name in os.listdir(path) if name.endswith((".patch", ".diff", ".eml")))
        patches = [patch for name in names for patch in from_patch_file(os.path.join(path, name))]
    if not patches:
        raise Failure(f"{path} has no patch in it: it should be an mbox, a folder of git format-patch "
                      "files or a quilt series")
    return patches


def write(patches, folder):
    """One file a patch, whose names are in order; the first line says what the patch is called."""
    for number, patch in enumerate(patches, 1):
        with open(os.path.join(folder, f"{number:04}.patch"), "w", encoding="utf-8",
                  errors="surrogateescape") as file:
            file.write(f"Patch: {patch.name}\n\n{patch.diff}")


if __name__ == "__main__":
    try:
        wanted = read(sys.argv[1])
        if len(sys.argv) > 3 and int(sys.argv[3]) > len(wanted):
            raise Failure(f"{sys.argv[1]} has {len(wanted)} patches, not {sys.argv[3]}")
        write(wanted[:int(sys.argv[3])] if len(sys.argv) > 3 else wanted, sys.argv[2])
    except Failure as failure:
        sys.exit(f"kernel: {failure}")
