# SPDX-License-Identifier: MIT
"""Shows that pmu-regress notices when KVM breaks a promise about the guest's PMU."""
import fnmatch
import glob
import itertools
import os
import re

from regress import random_mutants
from regress.coverage import FAMILIES
from regress.judging import DEBUG, NESTED, NVHE, PASSED, USUAL, build, harness, said_of, unmutated
from regress.matrix import need_emulators
from runs.command_line import Failure, Parser, positive
from runs.jobs import TOP, guarded, script, workers

MUTANTS = os.path.join(TOP, "tests", "regress", "mutants")
HELP = """\
usage: tests/run mutants [options]

Shows that pmu-regress notices when KVM breaks a promise about the guest's PMU.
Each patch of tests/regress/mutants breaks one promise of the boards' kernel.
Builds a kernel with it, runs pmu-regress there, counting instructions, until
three tests have failed, and prints which: first the tests that the patch names,
then, if they pass, all. A mutant that no test catches, or that hangs or kills
the board, is a failure. Kernels are kept in the cache of scripts/kernel.

  --only=GLOB    mutants whose names match, e.g. 'move-*' or '01-*' (default:
                 all)
  --family=F     judge by this family of pmu-regress alone, and print what its
                 first failure says: with model the program, cut down
  --nested       instead of these, those of tests/regress/mutants/nested: they
                 break what a guest with EL2 sees, on Linux 7.3 with the fixes
                 of tests/regress/fixes, and are judged by family el2
  --debug        instead of these, those of tests/regress/mutants/debug: they
                 break rules that only the kernel sees, on Linux 7.3 with debug
                 options, and are judged by what it says of itself
  --nvhe         instead of these, those of tests/regress/mutants/nvhe: they
                 break what only a KVM in nVHE mode does, and are judged there
                 by family host
  --random=N     instead of these, N mutants that nobody wrote: random changes
                 to lines of KVM's PMU code that pmu-regress executes (tests/run
                 coverage). Judged by all other families, and by family model
                 alone; prints the share that each catches, and as diffs those
                 that neither does
  --seed=S       of --random (default: 1)
  --from=I       of --random: leave out those before the Ith
  -h, --help     this text

Exit status: 0 if every mutant is caught, 1 if one is not, 2 if nothing could be
tried.
"""


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


def judge(name, patch, family, by):
    """Builds and runs one mutant: what is said of it, and whether it is caught as it should be."""
    image = build(name, patch, by)
    if image is None:
        return "CANNOT BE BUILT", False
    judged = harness(image, f"{family}.*" if family else named_tests(patch), by=by)
    if judged.status == PASSED and not family:
        judged = harness(image, by.tests, by=by)
    text, caught = said_of(judged)
    return (f"{text}\n{judged.said}" if family and caught else text), caught


def print_table(names, family, by):
    """A row for each mutant, in order, and the sum. True if all are caught."""
    width, ncaught = max(map(len, names)), 0
    with workers(os.cpu_count()) as pool:
        for name, (text, caught) in zip(names, pool.map(judge, names, names.values(), itertools.repeat(family),
                                                           itertools.repeat(by))):
            ncaught += caught
            print(f"{name:{width}}  {text}", flush=True)
    print(f"{len(names)} mutants, {ncaught} caught")
    return ncaught == len(names)


def number(path):
    """Of a mutant, by which they are in order."""
    return int(os.path.basename(path).partition("-")[0])


def main():
    """0 if every mutant is caught."""
    parser = Parser(HELP)
    parser.add_argument("--only", default="*")
    parser.add_argument("--family", choices=FAMILIES)
    parser.add_argument("--nested", action="store_const", dest="kind", const="nested")
    parser.add_argument("--debug", action="store_const", dest="kind", const="debug")
    parser.add_argument("--nvhe", action="store_const", dest="kind", const="nvhe")
    parser.add_argument("--random", type=positive)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", dest="first", type=positive, default=1)
    options = parser.parse_args()
    by = {"nested": NESTED, "debug": DEBUG, "nvhe": NVHE}.get(options.kind, USUAL)
    paths = glob.glob(os.path.join(MUTANTS, options.kind or "", "*.patch"))
    names = {os.path.basename(path)[:-len(".patch")]: path for path in sorted(paths, key=number)}
    names = {name: path for name, path in names.items() if fnmatch.fnmatch(name, options.only)
             or fnmatch.fnmatch(name.partition("-")[2], options.only)}
    if not names:
        raise Failure(f"--only={options.only}: no mutant of tests/regress/mutants has such a name")
    for path in names.values():
        named_tests(path)  # says at once which is no mutant
    if script("setup", "--all") is None or script("build") is None:
        raise Failure("setting up and building did not work (see above)")
    need_emulators([by.topology])
    if options.random:
        return 0 if random_mutants.print_table(options.random, options.seed, options.first) else 1
    unmutated(f"{options.family}.*" if options.family else by.tests, by)
    return 0 if print_table(names, options.family, by) else 1


if __name__ == "__main__":
    guarded("mutants", main, failed=2)
