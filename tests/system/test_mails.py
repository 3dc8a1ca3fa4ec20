# SPDX-License-Identifier: MIT
"""Every form in which people hold a series, read by git am and by us: the trees must be equal, and the titles."""
import base64
import contextlib
import email
import email.message
import gzip
import lzma
import os
import quopri
import re
import shutil
import subprocess
import tempfile
from types import SimpleNamespace

from kernels import series, tree
from system.harness import Skipped, expect, expect_equal, once, run_module, test

QUIET = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "TZ": "UTC",
         **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Ž. Author"), ("EMAIL", "a@example.org"), ("DATE", "1700000000 +0000"))}}
SEPARATOR = b"From mboxrd@z Thu Jan  1 00:00:00 1970\n"
VERSION_LINE = re.compile(rb"\n-- \n.*\Z", re.S)


def git(folder, *arguments):
    """What git prints."""
    if not shutil.which("git"):
        raise Skipped("there is no git to compare with")
    done = subprocess.run(["git", *arguments], cwd=folder, env=QUIET, capture_output=True, check=False)
    expect(not done.returncode, f"git {arguments}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def put(folder, name, data, mode=0o644):
    """A file of the tree."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)
    return path


def poem(**lines):
    """Thirty lines, of which some are others."""
    return b"".join(lines.get(f"l{n}", f"line {n}").encode() + b"\n" for n in range(1, 31))


def commit(folder, message):
    """All that is in the tree."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


@once
def repository():
    """A tree, and three patches to it with whatever git's diffs can say; the folder is kept for all tests."""
    kept = tempfile.TemporaryDirectory()
    top = kept.name
    git(top, "init", "-q", "-b", "base")
    put(top, "dir/poem", poem())
    put(top, "old/name", poem(l1="first"))
    put(top, "latin", b"caf\xe9\n" * 9)
    put(top, "script", b"#!/bin/sh\n")
    put(top, "gone", b"gone\n")
    commit(top, "base")
    git(top, "checkout", "-q", "-b", "series")
    put(top, "dir/poem", poem(l10="ten ž"))
    commit(top, "poem: line ten is ž, and this subject is so long that format-patch has to fold it into lines\n\n"
                "From the manual of 2024, a line that begins as an mbox does.\n>From 1 to 30, another.")
    put(top, "dir/poem", poem(l10="ten ž", l20="From here on"))
    put(top, "empty", b"")
    put(top, "script", b"#!/bin/sh\n", 0o755)
    commit(top, "poem: line twenty\n\nPlain words.")
    os.rename(put(top, "old/name", poem(l1="first", l15="fifteen")), os.path.join(top, "moved"))
    os.unlink(os.path.join(top, "gone"))
    put(top, "latin", b"caf\xe9\n" * 8 + b"th\xe9\n")
    put(top, "new script", b"#!/bin/sh\n", 0o755)
    commit(top, "[ARM] name: moves")
    return SimpleNamespace(path=top, kept=kept)


def files_of(folder):
    """{name: (executable, bytes)}"""
    found = {}
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git" and not name.startswith(".minivmm")]
        for name in names:
            path = os.path.join(base, name)
            if not name.startswith(".minivmm"):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = (os.access(path, os.X_OK), file.read())
    return found


@contextlib.contextmanager
def base_tree():
    """The tree without patches, as a clone."""
    with tempfile.TemporaryDirectory() as folder:
        clone = os.path.join(folder, "clone")
        git(folder, "clone", "-q", "--shared", "-b", "base", repository().path, clone)
        yield clone


def by_git(mails):
    """(files, titles) after git am of these mails, one after the other."""
    with base_tree() as clone, tempfile.TemporaryDirectory() as folder:
        git(clone, "am", "-q", *(put(folder, f"{number:04}", mail) for number, mail in enumerate(mails)))
        return files_of(clone), git(clone, "log", "--reverse", "--format=%s", "origin/base..HEAD").decode().splitlines()


def by_us(patches):
    """The same of what we read."""
    with base_tree() as clone, tempfile.TemporaryDirectory() as folder:
        series.write(patches, folder)
        tree.patch_tree(clone, [os.path.join(folder, name) for name in sorted(os.listdir(folder))])
        return files_of(clone), [patch.title for patch in patches]


@once
def wanted():
    """The tree of the branch, and its titles as a mail's subject leaves them."""
    git_files, titles = by_git(formatted())
    with base_tree() as clone:
        git(clone, "checkout", "-q", "series")
        expect_equal(git_files, files_of(clone), "what git am makes of the plainest form")
    return git_files, titles


def formatted(*options, revisions=("base..series",)):
    """What git format-patch writes, in order."""
    with tempfile.TemporaryDirectory() as folder:
        git(repository().path, "format-patch", "-q", "-o", folder, *options, *revisions)
        return [read(os.path.join(folder, name)) for name in sorted(os.listdir(folder), key=series.natural)]


def read(path):
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


def expect_same(what, mails, titles=True):
    """What read() makes of MAILS in one folder is what git am makes of the branch, or of these mails alone."""
    with tempfile.TemporaryDirectory() as folder:
        for number, mail in enumerate(mails):
            put(folder, f"mail-{number}", mail)
        check(what, series.read(folder), titles)


def check(what, patches, titles=True):
    """The patches make the branch's tree."""
    files, subjects = by_us(patches)
    expect_equal(files, wanted()[0], f"files of {what}")
    if titles:
        expect_equal(subjects, wanted()[1], f"titles of {what}")


@test()
def series_of_format_patch_is_what_git_makes_of_it():
    """A folder that git format-patch filled, with any option: the tree and titles that git am makes of it, no cover letter."""
    for options in ([], ["-v2"], ["--rfc"], ["--subject-prefix=PATCH kvmarm v3"], ["--subject-prefix=PATCH 5.10/5.15/6.1"],
                    ["--cover-letter", "-v3"], ["--cover-letter", "--interdiff=base"], ["--numbered-files"], ["--attach"],
                    ["--inline"], ["-N"], ["-M"], ["--no-renames"], ["--no-signature"], ["-U1"], ["--thread"],
                    ["--src-prefix=before/", "--dst-prefix=after/"], ["--suffix=.txt"], ["--no-binary", "--full-index"]):
        with tempfile.TemporaryDirectory() as folder:
            git(repository().path, "format-patch", "-q", "-o", folder, *options, "base..series")
            names = sorted(os.listdir(folder), key=series.natural)
            mails = [read(os.path.join(folder, name)) for name in names]
            if "--cover-letter" in options:
                expect_equal(len(mails), 4, "mails")
                mails = mails[1:]
            expect_equal(by_git(mails), wanted(), f"what git am makes of {options}")
            put(folder, ".hidden", b"--- a/x\n+++ b/x\n")
            put(folder, f"{names[-1]}~", mails[0])
            put(folder, "notes", b"Words about\n\ndiff --git a/x b/x\n")
            check(options, series.read(folder))


@test()
def series_of_some_of_the_patches():
    """git format-patch -2 and -1, in a folder: both patches, or the one."""
    for count in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            git(repository().path, "format-patch", "-q", f"-{count}", "-o", folder, f"series~{3 - count}")
            names = sorted(os.listdir(folder))
            patches = series.read(folder)
            expect_equal(len(patches), count, "patches")
            if count == 2:
                expect_equal(by_us(patches), by_git([read(os.path.join(folder, name)) for name in names]), "two patches")


def with_subject(mail, change):
    """The mail with another subject, which may have no fold."""
    head, _, body = mail.partition(b"\n\n")
    unfolded = re.sub(rb"\n[ \t]+", b" ", head)
    return re.sub(rb"(?m)^Subject: (.*)$", lambda match: b"Subject: " + change(match[1]), unfolded) + b"\n\n" + body


@test()
def series_is_sorted_by_any_tag():
    """Mails in no order, with any tag that people write: RFC alone, patchwork's, versions in any place; each as git am in order."""
    plain = formatted("--subject-prefix=PATCH")
    for prefix in (b"[RFC v2 %d/3]", b"[v8,0%d/11]", b"[PATCHv2 %d/3]", b"[RFC,v3,%d/3]", b"[RESEND PATCH v4 %d/3]",
                   b"[PATCH 5.10/5.15/6.1 %d/3]", b"[PATCH V2] [%d/3]", b"[PATCH RFC %d/3]", b"[patch 0%d/03]", b"[%d/3]",
                   b"[PATCH %d/3 kvmarm]", b"[PATCH v2.1 %d/3]"):
        prefix = prefix.replace(b"/11", b"/03")
        mails = [with_subject(mail, lambda old, n=n, p=prefix: re.sub(rb"\[PATCH [^]]*\]", p % n, old))
                 for n, mail in enumerate(plain, 1)]
        expect_equal(by_git(mails), wanted(), f"what git am makes of {prefix}")
        expect_same(prefix, mails[::-1])


@test()
def series_mixes_no_versions():
    """Of two versions in a folder the newer counts, whichever words are in the tags; a hole is seen in any of them."""
    plain = formatted()
    for tag in (b"[PATCH%s %d/3]", b"[RFC%s %d/3]", b"[%s,%d/3]"):
        old, new = ([with_subject(mail, lambda old, n=n, v=v: re.sub(rb"\[PATCH [^]]*\]", tag.replace(b"%s,", b"%s, ") % (v, n), old))
                     for n, mail in enumerate(plain, 1)] for v in (b" v1", b" v2"))
        old = [mail.replace(b"+ten", b"+old") for mail in old]
        expect_same(tag, [new[2], *old, new[0], new[1]])
        with tempfile.TemporaryDirectory() as folder:
            for mail in (*old, new[0], new[2]):
                put(folder, str(len(os.listdir(folder))), mail)
            try:
                series.read(folder)
                said = "nothing"
            except series.Failure as failure:
                said = str(failure)
            expect("lacks patch 2/3 of version 2" in said, f"of a hole with {tag} it says {said!r}")


def encoded(mail, how, crlf=False):
    """The mail with its text in another encoding; CRLF: its lines are such ones, inside too."""
    message = email.message_from_bytes(mail)
    body = message.get_payload(decode=True)
    del message["Content-Transfer-Encoding"], message["Content-Type"], message["MIME-Version"]
    head = message.as_bytes().partition(b"\n\n")[0]
    if crlf:
        body = body.replace(b"\n", b"\r\n")
    data = {"base64": base64.encodebytes, "quoted-printable": lambda text: quopri.encodestring(text)}[how](body)
    return (head + b"\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
            + how.encode() + b"\n\n" + data)


def attached(mail, kind, crlf=False):
    """The mail's diff as an attachment."""
    head, _, body = encoded(mail, "base64").partition(b"\nMIME")
    words, _, diff = base64.decodebytes(body.partition(b"\n\n")[2]).partition(b"\ndiff --git")
    diff = b"diff --git" + diff
    return (head + b"\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=_x\"\n\n--=_x\n"
            b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + words + b"\n--=_x\nContent-Type: "
            + kind + b"; name=\"a.patch\"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n"
            + base64.encodebytes(diff.replace(b"\n", b"\r\n") if crlf else diff) + b"--=_x--\n")


def flowed(mail, delsp):
    """The mail as a program sends it that flows its text: what begins with a space gets one more (RFC 3676)."""
    head, _, body = mail.partition(b"\n\n")
    head = re.sub(rb"\nContent-Type: text/plain; charset=(\S+)", b"", head)
    if b"MIME-Version" not in head:
        head += b"\nMIME-Version: 1.0"
    if b"Content-Transfer-Encoding" not in head:
        head += b"\nContent-Transfer-Encoding: 8bit"
    lines = [b" " + line if line.startswith((b" ", b"From ")) else line for line in body.split(b"\n")]
    text = b"\n".join(lines).replace(b"Plain words.", b"Plain \nwords.")
    return head + b"\nContent-Type: text/plain; charset=utf-8; format=flowed" + delsp + b"\n\n" + text


@test()
def series_is_decoded_as_git_decodes_it():
    """Encodings and attachments, as mail programs save them, with CRLF too: the tree that git am makes of them."""
    plain = formatted()
    for what, change, git_too in (
            ("quoted-printable", lambda mail: encoded(mail, "quoted-printable"), True),
            ("base64", lambda mail: encoded(mail, "base64"), True),
            ("flowed", lambda mail: flowed(mail, b""), True),
            ("flowed, delsp", lambda mail: flowed(mail, b"; delsp=yes"), True),
            ("text/x-patch", lambda mail: attached(mail, b"text/x-patch"), True),
            ("octet-stream", lambda mail: attached(mail, b"application/octet-stream"), True),
            ("blank lines first", lambda mail: b"\n \n" + mail.partition(b"\n")[2], True)):
        mails = [change(mail) for mail in plain]
        expect_equal(by_git(mails)[0], wanted()[0], f"what git am makes of {what}")
        expect_same(what, mails)
        crlf = [mail.replace(b"\n", b"\r\n") for mail in mails]
        expect_equal(by_git(crlf)[0], wanted()[0], f"what git am makes of {what} with CRLF")
        expect_same(f"{what} with CRLF", crlf)
    # git am takes these only with --quoted-cr=strip.
    for what, change in (("base64", lambda mail: encoded(mail, "base64", True)),
                         ("attachment", lambda mail: attached(mail, b"text/x-diff", True)),
                         ("quoted-printable", lambda mail: encoded(mail, "quoted-printable", True)),
                         ("byte order mark", lambda mail: b"\xef\xbb\xbf" + mail.partition(b"\n")[2])):
        expect_same(f"{what} with CRLF inside", [change(mail) for mail in plain])


@test()
def series_of_files_with_crlf():
    """A patch to a file whose own lines end in CRLF, encoded: git am takes it, and so do we."""
    with tempfile.TemporaryDirectory() as top, tempfile.TemporaryDirectory() as folder:
        git(top, "init", "-q", "-b", "base")
        put(top, "dos", poem().replace(b"\n", b"\r\n"))
        commit(top, "base")
        put(top, "dos", poem(l10="ten").replace(b"\n", b"\r\n"))
        commit(top, "dos: line ten")
        mail = encoded(git(top, "format-patch", "--stdout", "-1"), "base64")
        path = put(folder, "mail", mail)
        after = files_of(top)
        git(top, "reset", "-q", "--hard", "HEAD~")
        os.mkdir(os.path.join(folder, "out"))
        series.write(series.read(path), os.path.join(folder, "out"))
        with tempfile.TemporaryDirectory() as ours:
            put(ours, "dos", read(os.path.join(top, "dos")))
            tree.patch_tree(ours, [os.path.join(folder, "out", "0001.patch")])
            expect_equal(files_of(ours), after, "our tree")
        git(top, "am", "-q", path)
        expect_equal(files_of(top), after, "git's tree")


@test()
def series_comes_from_boxes_and_pipes():
    """An mbox, packed as lore does it, a maildir, several files, standard input: each is one set, in the order of its numbers."""
    plain = formatted()
    box = b"".join(SEPARATOR + mail.partition(b"\n")[2] + b"\n" for mail in plain)
    backwards = b"".join(SEPARATOR + mail.partition(b"\n")[2] + b"\n" for mail in plain[::-1])
    expect_equal(by_git([box]), wanted(), "what git am makes of an mbox")
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("a.mbox", backwards), ("a.mbox.gz", gzip.compress(box)), ("a.mbox.xz", lzma.compress(backwards)),
                           ("stdout", b"".join(plain))):
            check(name, series.read(put(folder, name, data)))
        names = [put(folder, f"m{number}.eml", mail) for number, mail in enumerate(plain)]
        check("several files", series.read(names[2], names[0], names[1]))
        check("a box and a file", series.read(put(folder, "two", plain[0] + plain[2]), names[1]))
        for number, mail in enumerate(plain):
            put(folder, f"maildir/{'cur' if number else 'new'}/1700000000.M{number}P1.host:2,S", mail)
        os.makedirs(os.path.join(folder, "maildir", "tmp"))
        check("a maildir", series.read(os.path.join(folder, "maildir")))
        out = os.path.join(folder, "out")
        os.mkdir(out)
        run_module("kernels.series", "-", out, input=backwards).check_returncode()
        check("standard input", series.read(out), titles=False)
        cut = put(folder, "cut.gz", gzip.compress(box)[:-20])
        try:
            series.read(cut)
            said = "nothing"
        except series.Failure as failure:
            said = str(failure)
        expect("cannot read" in said and "cut.gz" in said, f"of a cut file it says {said!r}")


@test()
def series_among_answers():
    """Answers, whatever is wrong with their charsets, list footers and copies change nothing; a series of answers is taken."""
    plain = formatted()
    copy = VERSION_LINE.sub(b"\n-- \n2.0\n\n_______\nkvmarm mailing list\n", plain[1])
    answers = [b"From: B <b@example.org>\nSubject: Re: [PATCH 2/3] poem\nContent-Type: text/plain; charset=y\n\nNo \xff\xfe.\n"
               b"diff --git a/dir/poem b/dir/poem\n--- a/dir/poem\n+++ b/dir/poem\n@@ -1 +1 @@\n-line 1\n+x\n",
               b"From: B <b@example.org>\nSubject: =?y?q?Re:_no=FF?=\nContent-Type: text/plain; charset=us-ascii\n\n\xff\n",
               b"From: B <b@example.org>\nSubject: =?utf-8?b?////?= =?utf-8?b?!?= \xe9\n\nno\n",
               b"From: B <b@example.org>\nContent-Type: text/plain; charset=\n\nno subject\n"]
    expect_same("a thread", [plain[0], answers[0], plain[2], *answers, copy, plain[1]])
    mails = [with_subject(mail, lambda old: b"Re: " + old) for mail in plain]
    expect_equal(by_git(mails), wanted(), "what git am makes of answers")
    expect_same("answers", mails)


def said_of(*paths):
    """The failure."""
    try:
        series.read(*paths)
        return "nothing"
    except series.Failure as failure:
        return str(failure)


@test()
def series_that_is_a_message_is_answered_with_b4():
    """A message id, in brackets or as an address: the b4 command to type; a file that is not there: so it says."""
    for name in ("20260101.1234-1-a@kernel.org", "<20260101.1234-1-a@kernel.org>",
                 "https://lore.kernel.org/kvmarm/20260101.1234-1-a@kernel.org/",
                 "https://lore.kernel.org/r/20260101.1234-1-a%40kernel.org/t/#u",
                 "https://patch.msgid.link/20260101.1234-1-a@kernel.org"):
        expect("b4 am -o- 20260101.1234-1-a@kernel.org | scripts/review -" in said_of(name), said_of(name))
    expect("cannot read none.mbox: No such file" in said_of("none.mbox"), said_of("none.mbox"))


@test()
def series_without_numbers_keeps_the_order_of_files():
    """Patches without numbers: in the order of their names, 10 after 9, of each title the newest version; none is dropped."""
    def mail(subject):
        return (f"From: A <a@example.org>\nSubject: {subject}\n\n---\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n"
                f"@@ -1 +1 @@\n-a\n+{subject}\n").encode()
    with tempfile.TemporaryDirectory() as folder:
        for name, subject in (("10", "[PATCH] ten"), ("9", "[PATCH v2] nine"), ("8", "[PATCH] nine"), ("11.patch", "plain")):
            put(folder, name, mail(subject))
        expect_equal([(patch.title, patch.version) for patch in series.read(folder)], [("nine", 2), ("ten", 1), ("plain", 1)],
                     "patches")
        put(folder, "12", mail("[PATCH 1/1] numbered"))
        expect("has no number" in said_of(folder), said_of(folder))


