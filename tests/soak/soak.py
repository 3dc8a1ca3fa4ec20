# SPDX-License-Identifier: MIT
"""Runs pmu-regress in wall time again and again, while something disturbs it: are its verdicts true?"""

import math
import os
import subprocess
import sys
import time

from boards.times import seconds
from boards.topology import TOPOLOGIES
from regress.mutants import named_tests
from runs.command_line import Failure, Parser, listed, positive
from runs.jobs import guarded, run, script
from runs.ktap import FAILED, SKIPPED, Results
from soak.disturb import DISTURBANCES

AGAIN = "it did not fail again"  # pmu-regress, of a case that an emulator's fault may have failed
CONFIDENCE = 0.95
USAGE, MISSING = 2, 123  # of pmu-regress, and of scripts/board

HELP = """\
usage: tests/run soak [options]

Runs pmu-regress on an emulated board in wall time, again and again, each time
with another seed, and while something disturbs the board. No case should fail:
a failure is a false alarm. On such a board pmu-regress tries a case again, up
to three times, before it has failed; real boards have one try, so what failed
only the first time ("not again") is an alarm too. With --mutant the kernel
breaks a promise: each run should fail. Prints a table, what it bounds false
alarms to, and each; Ctrl-C ends it with those of the runs so far.

  --runs=N        with each disturbance (default: 10)
  --disturb=LIST  of (default: all)
                    none    the machine as it is
                    load    as many busy processes as the machine has CPUs
                    onecpu  the whole board on one CPU of the machine (taskset)
                    stops   the board stopped and continued (SIGSTOP), for 20 to
                            200 ms each
  --mutant=PATCH  of tests/regress/mutants: runs the tests that it names
  --only=GLOB     only the cases whose names match (pmu-regress --run=GLOB)
  --kernel=K, --topology=T
                  of scripts/board
  --seed=N        of the first run (default: 1); the next has N + 1
  --keep=DIR      keep what each run printed, as DIR/DISTURBANCE-SEED.ktap
  --timeout=TIME  for one run: 1800, 1800s, 30m (default: 1800)
  -h, --help      this text

Exit status: 0 if all was as it should be, 1 if not, 2 if nothing could be run.
"""


def progress(text):
    """Goes to stderr, so that the table can be piped."""
    print(f"soak: {text}", file=sys.stderr, flush=True)


def parse(arguments):
    """The command line."""
    parser = Parser(HELP)
    parser.add_argument("--runs", type=positive, default=10)
    parser.add_argument("--disturb", type=listed(DISTURBANCES), default=list(DISTURBANCES))
    parser.add_argument("--mutant")
    parser.add_argument("--only")
    parser.add_argument("--kernel")
    parser.add_argument("--topology", default="biglittle", choices=TOPOLOGIES)
    parser.add_argument("--seed", type=positive, default=1)
    parser.add_argument("--keep")
    parser.add_argument("--timeout", type=seconds, default=1800)
    options = parser.parse_args(arguments)
    if options.mutant and (options.kernel or options.only):
        raise Failure("--mutant has a kernel and tests of its own: leave --kernel and --only out")
    return options


def set_up(options):
    """The programs, the kernel, the folder for what is kept."""
    if options.mutant:
        options.only = named_tests(options.mutant)
        options.kernel = script("kernel", f"--mutant={os.path.abspath(options.mutant)}")
    elif not options.kernel:
        options.kernel = "composite"
    if script("build") is None or options.kernel is None:
        raise Failure("the kernel and the programs could not be built (see above)")
    # One boot that nothing disturbs: it makes a kernel that has only a name so far.
    if script("board", f"--kernel={options.kernel}", f"--topology={options.topology}", "--",
              "pmu-regress", "--list") is None:
        raise Failure(f"--kernel={options.kernel}, --topology={options.topology}: no such board could be run (see above)")
    try:
        if options.keep:
            os.makedirs(options.keep, exist_ok=True)
    except OSError as error:
        raise Failure(f"--keep={options.keep}: cannot make the folder: {error.strerror}") from None


def keep(path, text):
    """What a run printed."""
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Failure(f"--keep: cannot write {path}: {error.strerror}") from None


class Soak:
    """All runs with one disturbance: a row of the table."""

    def __init__(self, name):
        self.name = name
        self.failures, self.again = [], []  # (seed, case, what it said)
        self.runs = self.failed = self.alarmed = self.caught = self.judged = self.seconds = 0

    def run(self, options, command, seed):
        """One more."""
        started = time.monotonic()
        status, output, errors = run(
            *command, "scripts/board", f"--kernel={options.kernel}", f"--topology={options.topology}",
            f"--timeout={options.timeout}", "--", "pmu-regress", f"--seed={seed}",
            *([f"--run={options.only}"] if options.only else []), stderr=subprocess.PIPE)
        if options.keep:
            keep(os.path.join(options.keep, f"{self.name}-{seed}.ktap"), output + errors)
        results = Results(status, output, errors)
        if status in (USAGE, MISSING):
            raise Failure(f"nothing was run: {(errors.strip().splitlines() or ['no message'])[-1]}")
        self.count(results, seed)
        self.seconds += time.monotonic() - started

    def count(self, results, seed):
        """What it says."""
        said = [(seed, case, *outcome) for case, outcome in results.cases.items()]
        failures = [(seed, case, text) for seed, case, kind, text in said if kind == FAILED]
        again = [(seed, case, text) for seed, case, kind, text in said if kind == SKIPPED and text.startswith(AGAIN)]
        judged = sum(kind != SKIPPED for _, _, kind, _ in said) + len(again)
        if not judged and not results.reason:
            raise Failure(f"no case can be judged: {results.skip or said[0][-1]}")
        self.caught += bool(failures) and not results.reason
        if results.reason:
            failures.append((seed, "the run", results.reason))
        self.runs += 1
        self.failed += bool(failures)
        self.alarmed += bool(failures or again)
        self.judged += judged
        self.failures += failures
        self.again += again


def soak(options, soaks):
    """Each disturbance, run after run."""
    for row in soaks:
        with DISTURBANCES[row.name]() as command:
            for seed in range(options.seed, options.seed + options.runs):
                row.run(options, command, seed)
                progress(f"{row.name}: {row.runs} of {options.runs}, {row.failed} failed ({row.seconds:.0f} s)")


def at_most(failed, runs):
    """The share of runs that fail, in truth, is not above this, with CONFIDENCE (Clopper and Pearson)."""
    low, high = 0.0, 1.0
    for _ in range(50):
        share = (low + high) / 2
        so_few = sum(math.exp(math.lgamma(runs + 1) - math.lgamma(k + 1) - math.lgamma(runs - k + 1)
                              + k * math.log(share) + (runs - k) * math.log1p(-share)) for k in range(failed + 1))
        low, high = (share, high) if so_few > 1 - CONFIDENCE else (low, share)
    return high


def bound(failed, runs):
    """In words, rounded away from us."""
    if failed == runs:
        return f"{failed} of {runs} runs"
    return (f"{failed} of {runs} runs; with {CONFIDENCE:.0%} confidence not more than "
            f"{math.ceil(1000 * at_most(failed, runs))} in 1000")


def print_table(soaks):
    """A row a disturbance."""
    rows = [("disturbed by", "runs", "failed", "cases judged", "failed", "not again", "seconds per run")]
    for row in soaks:
        rows.append((row.name, row.runs, row.failed, row.judged, len(row.failures), len(row.again),
                     f"{row.seconds / row.runs:.0f}"))
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(text).ljust(width) if i == 0 else str(text).rjust(width)
                        for i, (text, width) in enumerate(zip(row, widths))))


def print_alarms(soaks):
    """Each, with the seed that shows it again, maybe."""
    for row in soaks:
        for seed, case, said in row.failures + row.again:
            print(f"\n{row.name}, --seed={seed}: {case}")
            for text in said.splitlines():
                print(f"    {text}")


def tell(options, soaks):
    """What the runs say; the exit status."""
    print_table(soaks)
    runs = sum(row.runs for row in soaks)
    if options.mutant:
        caught = sum(row.caught for row in soaks)
        print(f"\n{os.path.basename(options.mutant)}: caught in {caught} of {runs} runs, by {options.only}")
        if caught == runs:
            return 0
    failed = sum(row.failed for row in soaks)
    print(f"\na case failed in {bound(failed, runs)}")
    print(f"a case failed, or failed the first time, in {bound(sum(row.alarmed for row in soaks), runs)}")
    print_alarms(soaks)
    return 1 if failed or options.mutant else 0


def main():
    """Returns the exit status."""
    options = parse(sys.argv[1:])
    set_up(options)
    soaks = [Soak(name) for name in options.disturb]
    try:
        soak(options, soaks)
    except SystemExit:  # broken off: what ran is not lost
        if soaks[0].runs:
            tell(options, [row for row in soaks if row.runs])
        raise
    return tell(options, soaks)


if __name__ == "__main__":
    guarded("soak", main, failed=2)
