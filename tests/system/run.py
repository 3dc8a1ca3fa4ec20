# SPDX-License-Identifier: MIT
"""Runs the tests on boards, and those of what people type."""
import difflib
import fnmatch
import glob
import importlib
import os
import signal

from runs.command_line import Failure, Parser, main_of
from system import harness

# Each registers its tests.
for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_*.py"))):
    importlib.import_module("system." + os.path.basename(path).removesuffix(".py"))

HELP = """\
usage: tests/run system [--all] [PATTERN]

Runs the tests on boards, and those of what people type, of tests/system;
scripts/test does that too, after all that they need.

  --all       the slow ones too
  PATTERN     only those whose names match, e.g. 'composite*'
  --names     runs nothing, and prints the names of those that it would run
  --emulates  runs nothing: status 0 if boards can be emulated here, else 1
  -h, --help  this text

Exit status: 0; 1 if one failed or none has such a name; 2 if the command line
is wrong.
"""


def main():
    """Returns the exit status."""
    parser = Parser(HELP)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--names", action="store_true")
    parser.add_argument("--emulates", action="store_true")
    parser.add_argument("pattern", nargs="?", default="*")
    options = parser.parse_args()
    if options.emulates:
        return 1 if harness.no_emulation() else 0
    names = [function.__name__ for function, *_ in harness.TESTS]
    if not fnmatch.filter(names, options.pattern):
        near = difflib.get_close_matches(options.pattern.strip("*"), names, 1, 0.4)
        raise Failure(f"no test of tests/system is called {options.pattern}" + (f"; did you mean {near[0]}?" if near else ""))
    if options.names:
        print("\n".join(fnmatch.filter(names, options.pattern)))
        return 0
    # A shell's background job ignores SIGINT, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _, failed, _ = harness.run(options.pattern, options.all)
    return 1 if failed else 0


if __name__ == "__main__":
    main_of("tests/run system", main)
