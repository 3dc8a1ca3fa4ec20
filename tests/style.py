#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that docs/architecture.md names every file, and nothing that is not there."""
import fnmatch
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def named():
    """The patterns of the table's first column; a name without a folder is in the last one's."""
    patterns = set()
    with open(os.path.join(TOP, "docs", "architecture.md"), encoding="utf-8") as file:
        text = file.read()
    for line in text[text.index("## Files"):].splitlines()[3:]:
        folder = ""
        for name in line.split("|")[1].strip().split(", "):
            folder = os.path.dirname(name) or folder
            patterns.add(os.path.join(folder, os.path.basename(name)))
    return patterns


def files():
    """Every file of the checkout, without what git ignores; a worktree's .git is a file."""
    for folder, folders, names in os.walk(TOP):
        folders[:] = [name for name in folders
                      if name != ".git" and not name.startswith("build") and name != "__pycache__"]
        yield from (os.path.relpath(os.path.join(folder, name), TOP) for name in names if name != ".git")


def main():
    """Prints what is wrong; the exit status says whether anything is."""
    patterns, seen = named(), set(files())
    covers = {pattern: {name for name in seen if fnmatch.fnmatch(name, pattern)
                        or name.startswith(pattern.rstrip("/") + "/")} for pattern in patterns}
    for name in sorted(seen - set().union(*covers.values())):
        print(f"docs/architecture.md does not name {name}")
    for pattern in sorted(pattern for pattern in patterns if not covers[pattern]):
        print(f"docs/architecture.md names {pattern}, which does not exist")
    return 0 if all(covers.values()) and seen <= set().union(*covers.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
