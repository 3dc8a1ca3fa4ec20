# SPDX-License-Identifier: MIT
"""The command line of a check in this folder, which takes all of its arguments or only --help."""
import sys


def arguments(help_text, count=0):
    """The COUNT arguments that it takes."""
    given = sys.argv[1:]
    if given in (["-h"], ["--help"]):
        print(help_text, end="")
        sys.exit(0)
    if len(given) != count or any(word.startswith("-") for word in given):
        name = help_text.split()[1]
        print(f"{name}: it takes {count or 'no'} argument{'' if count == 1 else 's'}; --help says more", file=sys.stderr)
        sys.exit(2)
    return given
