#!/usr/bin/env -S python3 -BESs
# SPDX-License-Identifier: MIT
"""Checks that docs/architecture.md names every file, and nothing that is not there."""
import fnmatch
import os
import sys

from arguments import arguments
from files import TOP, files

HELP = """\
usage: tests/style.py

Checks that docs/architecture.md names every file that git knows, and nothing
that is not there.

  -h, --help  this text

Exit status: 0, 1 if it does not, 2 if the command line is wrong.
"""


def named():
    """The patterns of the tables' first columns; a name without a folder is in the one before it."""
    patterns = set()
    with open(os.path.join(TOP, "docs", "architecture.md"), encoding="utf-8") as file:
        text = file.read()
    for line in text[text.index("## Files"):].splitlines():
        if not line.startswith("| ") or line.startswith(("| file |", "| --- |")):
            continue
        folder = ""
        for name in line.split("|")[1].strip().split(", "):
            folder = os.path.dirname(name) or folder
            patterns.add(os.path.join(folder, os.path.basename(name)))
    return patterns


def main():
    """Prints what is wrong; the exit status says whether anything is."""
    arguments(HELP)
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
