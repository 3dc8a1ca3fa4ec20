# SPDX-License-Identifier: MIT
"""Reads a patch series as people have it: mails in files, folders or a pipe, diffs, a quilt series."""
import os
import re
import sys
import urllib.parse

from kernels import mails

# "[PATCH v11 03/21] subject", also "[RFC kvmarm v2] subject" and patchwork's "[v8,03/11] subject"
BRACKETS = re.compile(r"\s*\[([^\]]*)\]\s*")
VERSION = re.compile(r"(?:patch|rfc|resend)*[-/]?v(\d+)(?:\.\d+)?", re.I)
NUMBER = re.compile(r"(\d+)/(\d+)")
ANSWER = re.compile(r"\s*(?:(?:re|aw|sv|antw|fwd?)\s*:\s*)+", re.I)
# https://lore.kernel.org/kvmarm/ID/, <ID> or ID
MESSAGE = re.compile(r"https?://\S*?/([^/@\s]+(?:@|%40)[^/@\s]+)(?:/\S*)?|<?([^/@<>\s]+@[^/@<>\s]+)>?")
OURS = b"Patch: "  # what write() writes
LEFT_BEHIND = ("~", ".orig", ".rej")


class Failure(Exception):
    """Says in one line why there is no series."""


class Patch:
    """One patch: what it is called, its place in its series, and its text from the first diff line on."""

    def __init__(self, subject, diff, name=""):
        self.diff = diff
        self.name = name or subject
        self.answer = bool(ANSWER.match(subject))
        self.title = ANSWER.sub("", subject, count=1) if self.answer else subject
        words = []
        while match := BRACKETS.match(self.title):
            words += re.split(r"[\s,]+", match[1])
            self.title = ANSWER.sub("", self.title[match.end():])
        self.title = self.title or subject
        numbers = [(int(number[1]), int(number[2])) for number in map(NUMBER.fullmatch, words) if number]
        self.version = max((int(version[1]) for version in map(VERSION.fullmatch, words) if version), default=1)
        self.number, self.total = next((pair for pair in numbers if pair[0] <= pair[1]), (0, 0))

    def cover(self):
        """Whether it is a cover letter, which may have an interdiff."""
        return bool(self.total) and not self.number

    def without_signature(self):
        """Its diff; what lists add at the end differs from copy to copy."""
        return self.diff.partition("\n-- \n")[0].rstrip("\n")


def load(path):
    """The bytes of a file; "-" is standard input."""
    try:
        if path == "-":
            return mails.unpacked(sys.stdin.buffer.read())
        with open(path, "rb") as file:
            return mails.unpacked(file.read())
    except FileNotFoundError as error:
        if match := MESSAGE.fullmatch(path):
            message = urllib.parse.unquote(match[1] or match[2])
            raise Failure(f"{path} is a message, and nothing is downloaded here: "
                          f"b4 am -o- {message} | scripts/review -") from None
        raise Failure(f"cannot read {path}: {error.strerror}") from None
    except (OSError, EOFError, mails.lzma.LZMAError) as error:
        raise Failure(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


def from_file(path, only_mails=False):
    """The patches of a file in its order, answers and cover letters too."""
    data = load(path).removeprefix(b"\xef\xbb\xbf")
    name = "standard input" if path == "-" else os.path.basename(path)
    if data.startswith(OURS):
        head, _, diff = mails.text(data).partition("\n\n")
        return [Patch(head[len(OURS):], diff, head[len(OURS):])]
    data = data.lstrip() if mails.is_mail(data.lstrip()) else data
    if mails.is_mail(data):
        patches = [Patch(mail.subject, mail.diff, f'"{mail.subject}"') for mail in mails.read(data) if mail.diff]
        if len(patches) == 1 and path != "-":
            patches[0].name = name
        return patches
    diff = "" if only_mails else mails.diff_of(mails.text(mails.without_cr(data)))
    return [Patch(name, diff)] if diff else []


def quilt(folder):
    """The files that its file "series" lists."""
    for line in mails.text(load(os.path.join(folder, "series"))).splitlines():
        words = line.partition("#")[0].split()
        if words[1:] not in ([], ["-p1"]):
            raise Failure(f"{folder}/series: cannot use '{line.strip()}': only -p1 patches are known")
        yield from words[:1]


def natural(name):
    """A key that sorts 10 after 9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def from_folder(folder):
    """The patches of all mails of a folder, which may be a maildir, and of its diffs."""
    for inner in ("cur", "new", ""):
        inner = os.path.join(folder, inner)
        for name in sorted(os.listdir(inner) if os.path.isdir(inner) else [], key=natural):
            path = os.path.join(inner, name)
            if os.path.isfile(path) and not name.startswith(".") and not name.endswith(LEFT_BEHIND):
                yield from from_file(path, only_mails=not name.endswith((".patch", ".diff")))


def numbered(patches, where):
    """Those of the newest version, by number, each once."""
    newest = max(patch.version for patch in patches)
    patches = [patch for patch in patches if patch.version == newest]
    total = max(patch.total for patch in patches)
    by_number = {}
    for patch in patches:
        if not patch.total:
            raise Failure(f"{where} has {patch.name}, which has no number, beside patches that have; leave one out")
        other = by_number.setdefault(patch.number, patch)
        if other.without_signature() != patch.without_signature():
            raise Failure(f"{where} has two patches {patch.number}/{total} of version {newest}: "
                          f"{other.name} and {patch.name}; leave one of them out")
    missing = sorted(set(range(1, total + 1)) - set(by_number))
    if missing:
        raise Failure(f"{where} lacks patch {missing[0]}/{total} of version {newest}; there are "
                      f"{', '.join(str(number) for number in sorted(by_number))}")
    return [by_number[number] for number in sorted(by_number)]


def in_order(patches, where):
    """The series among them: no cover letters, and no answers unless there is nothing else."""
    patches = [patch for patch in patches if not patch.cover()]
    patches = [patch for patch in patches if not patch.answer] or patches
    if any(patch.total for patch in patches):
        return numbered(patches, where)
    # Patches of their own, in the order of their files; of each its newest version.
    newest = {}
    for patch in patches:
        if patch.title not in newest or newest[patch.title].version < patch.version:
            newest[patch.title] = patch
    return [patch for patch in patches if newest[patch.title] is patch]


def read(*paths):
    """The patches of files and folders, in order: all their mails are one set, a quilt series is one already."""
    where = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    path = paths[0]
    if os.path.basename(path) == "series" and os.path.isfile(path):
        path = os.path.dirname(path) or "."
    if len(paths) == 1 and os.path.isfile(os.path.join(path, "series")):
        patches = [patch for name in quilt(path) for patch in from_file(os.path.join(path, name))]
    else:
        patches = in_order([patch for path in paths for patch in
                            (from_folder(path) if os.path.isdir(path) else from_file(path))], where)
    if not patches:
        raise Failure(f"{where} has no patch in it: it should be mails (an mbox, git format-patch files, "
                      "a folder of them), a diff or a quilt series")
    return patches


def write(patches, folder):
    """One file per patch, whose names are in order; the first line says what the patch is called."""
    for number, patch in enumerate(patches, 1):
        with open(os.path.join(folder, f"{number:04}.patch"), "w", encoding="utf-8",
                  errors="surrogateescape", newline="") as file:
            file.write(f"{OURS.decode()}{patch.name}\n\n{patch.diff}")


if __name__ == "__main__":
    try:
        wanted = read(sys.argv[1])
        if len(sys.argv) > 3 and int(sys.argv[3]) > len(wanted):
            raise Failure(f"{sys.argv[1]} has {len(wanted)} patches, not {sys.argv[3]}")
        write(wanted[:int(sys.argv[3])] if len(sys.argv) > 3 else wanted, sys.argv[2])
    except Failure as failure:
        sys.exit(f"kernel: {failure}")
