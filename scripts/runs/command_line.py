# SPDX-License-Identifier: MIT
"""What commands have in common: --help, errors that are one line, and the status of a wrong command line."""
import argparse
import difflib
import re
import sys

USAGE = 2  # the exit status


class Failure(Exception):
    """Says what went wrong in one line."""


class Misused(Failure):
    """The command line is what is wrong."""


class Help(argparse.Action):
    """Prints the text, and ends the command."""

    def __init__(self, option_strings, dest, text):
        super().__init__(option_strings, dest, nargs=0)
        self.text = text

    def __call__(self, *_):
        print(self.text, end="")
        sys.exit(0)


class Parser(argparse.ArgumentParser):
    """Options without abbreviations; --help prints HELP as it is."""

    def __init__(self, help_text, **options):
        super().__init__(add_help=False, allow_abbrev=False, **options)
        self.add_argument("-h", "--help", action=Help, text=help_text)

    def error(self, message):
        raise Misused(f"{message}; {self.meant(message)}--help lists the options")

    def meant(self, message):
        """Did you mean ...?, if what MESSAGE rejects is near to an option or to a value."""
        wrong = re.search(r"unrecognized arguments: (-[^ =]*)|invalid choice: '([^']*)'", message)
        if not wrong:
            return ""
        known = [option for action in self._actions for option in action.option_strings]
        if wrong[2] is not None:
            known = [str(value) for action in self._actions for value in action.choices or ()]
        near = difflib.get_close_matches(wrong[1] or wrong[2], known, 1)
        return f"did you mean {near[0]}? " if near else ""


def positive(text):
    """An int above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return int(text)


def listed(known):
    """The parser of an option that takes some of KNOWN."""
    def parse_list(text):
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(known)}")
        return names
    return parse_list


def main_of(name, main, failed=1):
    """Ends with what MAIN() returns; a Failure is a line on stderr and status FAILED, or USAGE if it is a Misused."""
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"{name}: {failure}", file=sys.stderr, flush=True)
        sys.exit(USAGE if isinstance(failure, Misused) else failed)
