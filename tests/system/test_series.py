# SPDX-License-Identifier: MIT
"""Patch series as people have them, and kernel trees that take them; on a tree of two files."""
import contextlib
import email.mime.text
import os
import tempfile

from kernels import series, tree
from system.harness import Failed, expect, expect_equal, test

POEM = "".join(f"line {number}\n" for number in range(1, 31))


def change(number, new, old=None):
    """A diff of one hunk: that line of the poem becomes NEW."""
    lines = [f"-{old or f'line {number}'}\n", f"+{new}\n"]
    before = [f" line {n}\n" for n in range(number - 3, number)]
    after = [f" line {n}\n" for n in range(number + 1, number + 4)]
    return (f"diff --git a/dir/poem b/dir/poem\n--- a/dir/poem\n+++ b/dir/poem\n"
            f"@@ -{number - 3},7 +{number - 3},7 @@\n" + "".join(before + lines + after))


NEW_FILE = "diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+new\n"
GONE = "diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"


def mail(subject, text, encoding=None):
    """As a list archive keeps it."""
    message = email.mime.text.MIMEText(text, "plain", encoding or "us-ascii")
    message["From"], message["Subject"] = "A. Reviewer <a@example.org>", subject
    return "From mboxrd@z Thu Jan  1 00:00:00 1970\n" + message.as_string() + "\n"


@contextlib.contextmanager
def files(**contents):
    """A folder with these files; __ is a folder's slash."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in contents.items():
            path = os.path.join(folder, name.replace("__", "/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        yield folder


def fake_tree():
    """What the patches above change."""
    return files(dir__poem=POEM, gone="gone\n", arch__arm64__Makefile="all:\n")


def contents(folder):
    """{name: text} of all files but our own."""
    return {os.path.relpath(os.path.join(base, name), folder): tree.read_text(os.path.join(base, name))
            for base, _, names in os.walk(folder) for name in names if "/.minivmm" not in f"{base}/{name}"}


def refused(function, *args):
    """What it fails with."""
    try:
        function(*args)
    except (series.Failure, tree.Failure) as failure:
        return str(failure)
    raise Failed(f"{function.__name__}{args[1:]} did not fail")


def written(folder, *diffs):
    """Files for these diffs, in order."""
    series.write([series.Patch(f"patch {n}", diff) for n, diff in enumerate(diffs, 1)], folder)
    return [os.path.join(folder, f"{n:04}.patch") for n in range(1, len(diffs) + 1)]


@test()
def series_of_a_list_archive_is_its_newest_version_in_order():
    """An mbox gives its newest version's patches by number: no cover letter, answer or copy."""
    second = mail("[PATCH v2 2/2] second", "why\n---\n" + change(20, "ž", "line 20"), "utf-8")
    box = (mail("[PATCH 1/2] old", change(10, "old")) + mail("[PATCH v2 0/2] cover", "what for\n") + second
           + mail("Re: [PATCH v2 1/2] first", "> quoted\n" + change(10, "suggested"))
           + mail("[PATCH v2 1/2] first", "why\n\nFrom here on.\n---\n" + change(10, "new")) + second)
    with files(box=box) as folder:
        patches = series.read(os.path.join(folder, "box"))
        expect_equal([patch.title for patch in patches], ["first", "second"], "titles")
        expect("+new\n" in patches[0].diff and "+ž\n" in patches[1].diff, "these are not their diffs")


@test()
def series_with_a_hole_is_refused():
    """A numbered patch that the mbox lacks, or has twice, is named."""
    first, third = mail("[PATCH 1/3] a", change(10, "x")), mail("[PATCH 3/3] c", change(20, "x"))
    with files(box=first + third, twice=first + mail("[PATCH 1/3] b", change(20, "x")), empty="words\n") as folder:
        expect("lacks patch 2/3" in refused(series.read, f"{folder}/box"), "it does not say which is missing")
        expect("two patches 1/3" in refused(series.read, f"{folder}/twice"), "it does not say which is there twice")
        expect("has no patch" in refused(series.read, f"{folder}/empty"), "it does not say that there is none")


@test()
def series_in_a_folder_is_read_in_order():
    """A quilt series gives the patches that it lists, another folder all its patches by name."""
    with files(**{"b.patch": change(10, "b"), "a.patch": mail("[PATCH] a", change(20, "a")), "c.txt": "",
                  "q__series": "two.diff\n# no\none.diff -p1\n", "q__one.diff": change(10, "b"),
                  "q__two.diff": change(20, "a"), "q__three.diff": change(20, "c")}) as folder:
        expect_equal([patch.name for patch in series.read(folder)], ["a.patch", "b.patch"], "of the folder")
        expect_equal([patch.name for patch in series.read(f"{folder}/q")], ["two.diff", "one.diff"], "of quilt's")
        expect_equal(len(series.read(f"{folder}/q/series")), 2, "of the file series")
    with files(**{"series__a.patch": change(10, "a")}) as folder:
        expect_equal(len(series.read(f"{folder}/series")), 1, "of a folder that is called series")


@test()
def tree_takes_patches_and_gives_them_back():
    """Patches change, make and remove files; without them every byte is as before, and only changed files are new."""
    with fake_tree() as top, tempfile.TemporaryDirectory() as work:
        before = contents(top)
        patches = written(work, change(10, "ten"), NEW_FILE, GONE, change(20, "twenty"))
        tree.patch_tree(top, patches)
        after = contents(top)
        expect("ten\n" in after["dir/poem"] and "twenty\n" in after["dir/poem"], "the poem is not patched")
        expect("gone" not in after and after.get("new") == "new\n", f"files are {sorted(after)}")
        stamp = os.stat(f"{top}/dir/poem").st_mtime_ns
        tree.patch_tree(top, patches)
        expect_equal(os.stat(f"{top}/dir/poem").st_mtime_ns, stamp, "time of a file that stays what it is")
        tree.patch_tree(top, [])
        expect_equal(contents(top), before, "the tree without patches")
        expect(os.stat(f"{top}/dir/poem").st_mtime_ns > stamp, "make would not see that the poem is back")


@test()
def tree_names_the_hunk_that_does_not_apply():
    """A patch that does not apply is named with its hunk, and the tree stays as it was, patched or not."""
    two_hunks = change(10, "ten") + change(20, "twenty", "no such line").partition("+++ b/dir/poem\n")[2]
    with fake_tree() as top, tempfile.TemporaryDirectory() as work:
        for first in ([], written(work, change(5, "five"))):
            tree.patch_tree(top, first)
            before = contents(top)
            os.makedirs(f"{work}/bad", exist_ok=True)
            bad = written(f"{work}/bad", change(25, "x"), two_hunks)
            said = refused(tree.patch_tree, top, bad)
            expect("patch 2 " in said and "hunk 2 (line 17) of dir/poem" in said, f"it says {said!r}")
            expect_equal(contents(top), before, "the tree")
        for diff, what in ((change(10, "x").replace("dir/poem", "dir/none"), "dir/none"),
                           (change(10, "x").replace("dir/poem", "../poem"), "outside the tree"),
                           (change(10, "x").replace("line 13", ""), "patch 1 ")):
            said = refused(tree.patch_tree, top, written(f"{work}/bad", diff))
            expect(what in said, f"it says {said!r}, not {what!r}")
            expect_equal(contents(top), before, "the tree")


@test()
def copied_tree_follows_its_source():
    """A copy takes what changes in the source, drops what goes, keeps what was built, and leaves the source alone."""
    with fake_tree() as source, tempfile.TemporaryDirectory() as work:
        copy = os.path.join(work, "copy")
        os.mkdir(copy)
        first = tree.sync(source, copy)
        expect_equal(contents(copy), contents(source), "the copy")
        tree.patch_tree(copy, written(work, change(10, "ten")))
        with open(f"{copy}/built.o", "w", encoding="utf-8") as file:
            file.write("object\n")
        stamp = os.stat(f"{copy}/dir/poem").st_mtime_ns
        expect_equal(tree.sync(source, copy), first, "the name of an unchanged source")
        expect_equal(os.stat(f"{copy}/dir/poem").st_mtime_ns, stamp, "time of a file that nobody changed")
        os.unlink(f"{source}/gone")
        with open(f"{source}/dir/poem", "a", encoding="utf-8") as file:
            file.write("more\n")
        expect(tree.sync(source, copy) != first, "a changed source has the old name")
        expect_equal(contents(copy), contents(source) | {"built.o": "object\n"}, "the copy")
        expect_equal(contents(source)["dir/poem"], POEM + "more\n", "the source")
        tree.patch_tree(copy, [])
        expect_equal(contents(copy)["dir/poem"], POEM + "more\n", "the copy without patches")
