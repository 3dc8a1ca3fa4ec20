# SPDX-License-Identifier: MIT
"""A kernel tree to build in: a copy of another one, and patched, changing no file without need.

make looks at times. So files are written only where they come to hold something else, and
then they are new, also where a patch is taken back. The originals of patched files are kept
in the tree, and each call works out what every such file must hold: an interruption at any
point leaves nothing behind that the next call would take for something else.
"""
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile


ORIGINALS = ".minivmm-originals"
ADDED = ".minivmm-added"  # names of files that only patches make
MANIFEST = ".minivmm-manifest"  # of a copy: what it was made from

NAMED = re.compile(r"^(?:(?:---|\+\+\+) ([^\t\n]+)|(?:rename|copy) (?:from|to) ([^\t\n]+))", re.M)
# Of a diff that has neither, as it changes only a mode, or makes or removes an empty file.
BARE = re.compile(r"diff --git (?P<old>\"?[^/\n]+/(?P<name>[^\n]+)) \"?[^/\n]+/(?P=name)\n")
ESCAPE = re.compile(r"\\(?:([0-7]{3})|(.))")


class Failure(Exception):
    """Says in one line what went wrong."""


def read_text(path):
    """Its text; bytes that are not UTF-8 stay what they are."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def called(patch):
    """A patch's name for people: series.py's first line, else the file's."""
    return (re.match(r"Patch: (.*)\n", read_text(patch)) or [0, os.path.basename(patch)])[1]


def unquoted(name):
    """A file's name, of which git has quoted what is not plain ASCII."""
    if not name.startswith('"'):
        return name
    escapes = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
    plain = ESCAPE.sub(lambda match: chr(int(match[1], 8)) if match[1] else escapes.get(match[2], match[2]), name[1:-1])
    return plain.encode("latin-1").decode("utf-8", "surrogateescape")


def names_in(head):
    """Of the files of a diff: without the first folder, as -p1 takes them."""
    names = {unquoted(path).partition("/")[2] if path else unquoted(renamed)
             for path, renamed in NAMED.findall(head) if path != "/dev/null"}
    bare = BARE.match(head)
    return names or ({unquoted(bare["old"]).partition("/")[2]} if bare else set())


def touched(patch):
    """The files that it names, inside the tree."""
    text = read_text(patch)
    # Only heads of diffs: a removed line that begins with "-- " looks like one.
    heads = re.findall(r"^(?:diff --git .*\n(?:(?!@@|diff --git).*\n)*|--- .*\n\+\+\+ .*\n)", text, re.M)
    names = {name for head in heads for name in names_in(head)}
    for name in names:
        if not name or name.startswith("/") or ".." in name.split("/") or name.startswith(".minivmm"):
            raise Failure(f"{called(patch)} changes {name or 'a name without a folder'}, which is outside the tree")
    return sorted(names)


def apply(folder, patch, tree):
    """Or says which hunk does not fit. No fuzz: all of a hunk's context must be there, as for git am."""
    done = subprocess.run(["patch", "-d", folder, "-p1", "-F0", "-f", "--no-backup-if-mismatch",
                           "--reject-file=-", "-i", os.path.abspath(patch)], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="surrogateescape")
    if done.returncode == 0:
        return
    file, hunk, why = "", "", ""
    for line in done.stdout.splitlines():
        if line.startswith("patching file "):
            file = line[len("patching file "):].strip("'")
        elif match := re.match(r"Hunk #(\d+) FAILED at (\d+)", line):
            hunk = f"hunk {match[1]} (line {match[2]}) of {file}"
            break
        elif not why and re.match(r"can't find file|.*malformed patch|.*already exists|.*ignored", line):
            why = line.removeprefix("patch: **** ")
    if not hunk and "can't find file" in why:
        missing = [name for name in touched(patch) if not os.path.exists(os.path.join(folder, name))]
        hunk = f"hunk 1 of {missing[0] if missing else 'a file'}, which is not there"
    raise Failure(f"{called(patch)} does not apply to {os.path.basename(tree)}: "
                  f"{hunk or why or done.stdout.strip().splitlines()[-1]}")


def same(one, other):
    """Whether two files hold the same and are as executable."""
    try:
        if os.stat(one).st_mode != os.stat(other).st_mode:
            return False
        with open(one, "rb") as first, open(other, "rb") as second:
            return first.read() == second.read()
    except FileNotFoundError:
        return False


def put(source, path):
    """SOURCE in place of PATH, whole or not at all, and new."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.utime(source)
    os.replace(source, path)


def keep_originals(tree, names):
    """Before a file is patched the first time."""
    added = set(read_text(os.path.join(tree, ADDED)).splitlines()
                if os.path.exists(os.path.join(tree, ADDED)) else [])
    for name in names:
        original = os.path.join(tree, ORIGINALS, name)
        if os.path.exists(original) or name in added:
            continue
        if not os.path.exists(os.path.join(tree, name)):
            added.add(name)
            continue
        os.makedirs(os.path.dirname(original), exist_ok=True)
        shutil.copy2(os.path.join(tree, name), original + ".new~")
        os.replace(original + ".new~", original)
    with open(os.path.join(tree, ADDED + "~"), "w", encoding="utf-8") as file:
        file.writelines(f"{name}\n" for name in sorted(added))
    os.replace(os.path.join(tree, ADDED + "~"), os.path.join(tree, ADDED))
    return added


def patch_tree(tree, patches):
    """Makes TREE its originals with these patches and no others; if one does not apply, leaves it as it was."""
    originals = os.path.join(tree, ORIGINALS)
    names = [name for patch in patches for name in touched(patch)]
    with tempfile.TemporaryDirectory(dir=tree, prefix=".minivmm-work") as work:
        patched = os.path.join(work, "patched")
        # Every file that these patches name, as it was, whether or not it is kept already.
        os.makedirs(originals, exist_ok=True)
        shutil.copytree(originals, patched)
        known = read_text(os.path.join(tree, ADDED)).splitlines() if os.path.exists(os.path.join(tree, ADDED)) else []
        for name in names:
            source, copy = os.path.join(tree, name), os.path.join(patched, name)
            if name not in known and not os.path.exists(copy) and os.path.exists(source):
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copy2(source, copy)
        for patch in patches:
            apply(patched, patch, tree)
        added = keep_originals(tree, names)
        kept = [os.path.relpath(os.path.join(folder, file), originals)
                for folder, _, files in os.walk(originals) for file in files]
        for name in sorted(added.union(kept)):
            new, old = os.path.join(patched, name), os.path.join(tree, name)
            if not os.path.exists(new):
                if os.path.exists(old):
                    os.unlink(old)
            elif not same(new, old):
                put(new, old)


def listing(source):
    """{name: what tells that it changed} of all files that are sources."""
    if os.path.exists(os.path.join(source, ".git")):
        done = subprocess.run(["git", "-C", source, "ls-files", "-z", "--cached", "--others",
                               "--exclude-standard"], stdout=subprocess.PIPE, check=False)
        if done.returncode:
            raise Failure(f"cannot list the files of {source}: git ls-files failed (see above)")
        names = sorted(set(filter(None, os.fsdecode(done.stdout).split("\0"))))
    else:
        if os.path.exists(os.path.join(source, ".config")):
            raise Failure(f"{source} was built in, and no git says which files are sources: "
                          f"make -C {source} mrproper")
        names = sorted(os.path.relpath(os.path.join(folder, file), source)
                       for folder, _, files in os.walk(source) for file in files)
    result = {}
    for name in names:
        try:
            status = os.lstat(os.path.join(source, name))
        except FileNotFoundError:
            continue  # git still knows it
        if not stat.S_ISDIR(status.st_mode):
            result[name] = [status.st_size, status.st_mtime_ns, status.st_mode]
    return result


def sync(source, tree):
    """Makes TREE a copy of SOURCE, apart from patches and what was built; returns a name for that state."""
    wanted = listing(source)
    if "arch/arm64/Makefile" not in wanted:
        raise Failure(f"{source} is no kernel tree: it has no arch/arm64/Makefile")
    manifest = os.path.join(tree, MANIFEST)
    known = json.loads(read_text(manifest)) if os.path.exists(manifest) else {}
    if known != wanted:
        patch_tree(tree, [])
        shutil.rmtree(os.path.join(tree, ORIGINALS), ignore_errors=True)
        if os.path.exists(os.path.join(tree, ADDED)):
            os.unlink(os.path.join(tree, ADDED))
    for name in known.keys() - wanted.keys():
        if os.path.lexists(os.path.join(tree, name)):
            os.unlink(os.path.join(tree, name))
    for name in wanted:
        if known.get(name) == wanted[name]:
            continue
        origin, copy = os.path.join(source, name), os.path.join(tree, name)
        if os.path.islink(origin) or not same(origin, copy):
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(origin, copy + ".minivmm~", follow_symlinks=False)
            os.utime(copy + ".minivmm~", follow_symlinks=False)
            os.replace(copy + ".minivmm~", copy)
    state = json.dumps(wanted, sort_keys=True)
    with open(manifest + "~", "w", encoding="utf-8") as file:
        file.write(state)
    os.replace(manifest + "~", manifest)
    return hashlib.sha256(state.encode()).hexdigest()[:16]


if __name__ == "__main__":
    try:
        if sys.argv[1] == "sync":
            print(sync(sys.argv[2], sys.argv[3]))
        else:
            patch_tree(sys.argv[2], sys.argv[3:])
    except (Failure, OSError) as failure:
        sys.exit(f"kernel: {failure}")
