# SPDX-License-Identifier: MIT
"""Shows that pmu-regress notices when KVM breaks a promise about the guest's PMU.

Each patch of tests/regress/mutants breaks one promise of the boards' kernel. Builds a
kernel with it, runs pmu-regress there, counting instructions, until three tests have
failed, and prints which: first the tests that the patch names, then, if they pass, all. A mutant that no test catches, or that hangs or kills the board, is a
failure. Kernels are kept in the cache of scripts/kernel.
"""
import argparse
import fnmatch
import glob
import os
import re
import sys
import threading

sys.dont_write_bytecode = True

from jobs import STOPPING, TOP, Failure, Parser, guarded, run, script, workers  # noqa: E402

MUTANTS = os.path.join(TOP, "tests", "regress", "mutants")
# Of pmu-regress, and of scripts/board.
PASSED, FAILED = 0, 1
PANIC, TIMEOUT = 121, 122
# After so many failures there is no more to learn, but minutes to wait: a test that hangs is
# ended by pmu-regress only when its time on the board is over.
ENOUGH = 3
LIMIT = 900  # seconds; more than a slow machine needs for all tests

BUILDING = threading.Lock()  # there is one tree


def progress(text):
    """Goes to stderr, so that the table can be piped."""
    print(f"mutants: {text}", file=sys.stderr, flush=True)


def harness(image, pattern="*"):
    """Those tests on that kernel: status, names of failed tests, whether it came to its end."""
    # A fixed seed, so that a table can be compared with the one before.
    status, output, _ = run("scripts/board", "--icount", "--topology=biglittle",
                            f"--kernel={image}", f"--timeout={LIMIT}", "--", "pmu-regress",
                            "--seed=1", f"--failures={ENOUGH}", f"--run={pattern}")
    failed = re.findall(r"^not ok \d+ (\S+)", output, re.M)
    return status, failed, bool(re.search("^# Totals: pass:", output, re.M))


def verdict(image, pattern):
    """The second column, and whether the mutant is caught as it should be."""
    status, failed, complete = harness(image, pattern)
    if status == PASSED:
        status, failed, complete = harness(image)
    if status == FAILED and failed and complete:
        others = f" and {len(failed) - 1} more" if failed[1:] else ""
        return f"caught by {failed[0]}{others}", True
    if status == PASSED and complete:
        return "NOT CAUGHT", False
    if status == TIMEOUT:
        return f"HANGS for more than {LIMIT} s", False
    if status == PANIC:
        return "KILLS the board's kernel", False
    return f"ENDS pmu-regress with status {status}", False


def named_tests(patch):
    """The pattern of those that it should fail."""
    try:
        with open(patch, encoding="utf-8") as file:
            found = re.search(r"^Tests: (\S+)$", file.read(), re.M)
    except OSError as error:
        raise Failure(f"cannot read the mutant {patch}: {error.strerror}") from None
    if not found:
        raise Failure(f"{patch} is no mutant: no line says 'Tests: PATTERN'")
    return found[1]


def judge(name, patch):
    """Builds and runs one mutant; one is built while others run."""
    with BUILDING:
        if STOPPING.is_set():
            return None
        progress(name)
        image = script("kernel", f"--mutant={patch}")
    if image is None:
        return "CANNOT BE BUILT", False
    return verdict(image, named_tests(patch))


def unmutated():
    """Whatever fails without a mutant would seem to catch them all."""
    progress("running pmu-regress on the kernel without a mutant")
    image = script("kernel")
    if image is None:
        raise Failure("there is no kernel to start from (see above)")
    status, failed, complete = harness(image)
    if status != PASSED or not complete:
        raise Failure(f"pmu-regress must pass without a mutant; its status is {status}, and "
                      f"these of its tests fail: {', '.join(failed) or 'none'}")


def print_table(names):
    """A row for each mutant, in order, and the sum. True if all are caught."""
    width, ncaught = max(map(len, names)), 0
    with workers(os.cpu_count()) as pool:
        for name, (text, caught) in zip(names, pool.map(judge, names, names.values())):
            ncaught += caught
            print(f"{name:{width}}  {text}", flush=True)
    print(f"{len(names)} mutants, {ncaught} caught")
    return ncaught == len(names)


def number(path):
    """Of a mutant, by which they are in order."""
    return int(os.path.basename(path).partition("-")[0])


def main():
    """0 if every mutant is caught."""
    parser = Parser(prog="scripts/mutants", description=__doc__,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="GLOB", default="*",
                        help="mutants whose names match, e.g. 'move-*' or '01-*'")
    options = parser.parse_args()
    paths = glob.glob(os.path.join(MUTANTS, "*.patch"))
    names = {os.path.basename(path)[:-len(".patch")]: path for path in sorted(paths, key=number)}
    names = {name: path for name, path in names.items() if fnmatch.fnmatch(name, options.only)
             or fnmatch.fnmatch(name.partition("-")[2], options.only)}
    if not names:
        raise Failure(f"--only={options.only}: no mutant of tests/regress/mutants has such a name")
    if script("setup", "--all") is None or script("build") is None:
        raise Failure("setting up and building did not work (see above)")
    unmutated()
    return 0 if print_table(names) else 1


if __name__ == "__main__":
    guarded(main, progress, failed=2)
