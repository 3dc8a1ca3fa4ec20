# SPDX-License-Identifier: MIT
"""Runs pmu-regress on every kernel, topology and mode of KVM that boards offer, and prints one table."""

import concurrent.futures
import itertools
import os
import subprocess
import sys
import time

from boards import initramfs, machine
from boards.times import seconds
from boards.topology import TOPOLOGIES
from kernels.named import NAMED_KERNELS
from runs.command_line import Failure, Parser, listed, positive
from runs.jobs import guarded, run, script, workers
from runs.ktap import FAILED, PASSED, SKIPPED, Results

WITH_PMU = ("biglittle", "dynamiq", "symmetric", "gicv2", "pmuv3p5", "nested")
# Where the host's kernel runs: with VHE at EL2, with nVHE and pKVM at EL1 as its guests do.
EL2 = {"VHE": [], "nVHE": ["--append=kvm-arm.mode=nvhe"], "pKVM": ["--append=kvm-arm.mode=protected"]}
# How these switch PMUs does not depend on clusters or the GIC: one topology shows it, the one that
# has two PMUs in the fewest CPUs.
NVHE_TOPOLOGY = "biglittle"

OURS = [name for name in NAMED_KERNELS if not name.startswith("debian-")]
# Guests have EL2 there, which Linux 6.16 and later can give them.
NESTED, NESTED_KERNELS = "nested", [name for name in OURS if name.endswith("-7.3")]
DEBIANS = [name for name in NAMED_KERNELS if name not in OURS]

HELP = f"""\
usage: tests/run matrix [options]

Runs pmu-regress on emulated boards with instruction counting: every kernel, on
every topology with KVM in its VHE mode, and on {NVHE_TOPOLOGY} in its nVHE mode and
as protected KVM (pKVM) too.
{NESTED} is for {" and ".join(NESTED_KERNELS)}.
Prints a table of how many cases of each family passed, failed and were skipped,
then each failure and the reasons for skips. Progress goes to stderr.

  --kernels=LIST     of {", ".join(OURS)},
                     {", ".join(DEBIANS[:4])},
                     {", ".join(DEBIANS[4:])}
                     (default: all)
  --topologies=LIST  of {", ".join(list(TOPOLOGIES)[:6])},
                     {", ".join(list(TOPOLOGIES)[6:])} (default: those with a PMU)
  --all              nVHE and pKVM on every topology: twice as long
  --only=GLOB        only the cases whose names match (pmu-regress --run=GLOB)
  --keep=DIR         keep what each board printed, as
                     DIR/KERNEL-TOPOLOGY-EL2.ktap
  --jobs=N           boards at a time (default: one for each CPU)
  --timeout=TIME     for one board: 300, 300s, 5m (default: 300)
  -h, --help         this text

Exit status: 0 if no case failed and every board gave a result, else 1.
"""


def progress(text):
    """Goes to stderr, so that the table can be piped."""
    print(f"matrix: {text}", file=sys.stderr, flush=True)


def parse(arguments):
    """The command line."""
    parser = Parser(HELP)
    parser.add_argument("--kernels", type=listed(NAMED_KERNELS), default=list(NAMED_KERNELS))
    parser.add_argument("--topologies", type=listed(TOPOLOGIES), default=list(WITH_PMU))
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--keep")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1)
    parser.add_argument("--timeout", type=seconds, default=300)
    return parser.parse_args(arguments)


class Cell:
    """One board: a row of the table."""

    def __init__(self, *names):
        self.names = names
        self.name = "/".join(names)
        self.results = None
        self.families = {}  # of each: [passed, failed, skipped]

    def run(self, options):
        """Boots the board, and counts the results; returns one line of progress."""
        kernel, topology, mode = self.names
        started = time.monotonic()
        status, output, errors = run(
            "scripts/board", "--icount", f"--kernel={kernel}", f"--topology={topology}",
            f"--timeout={options.timeout}", *EL2[mode], "--", "pmu-regress", "--seed=1",
            *([f"--run={options.only}"] if options.only else []), stderr=subprocess.PIPE)
        if options.keep:
            self.keep(options.keep, output, errors)
        self.results = Results(status, output, errors)
        for case, outcome in self.results.cases.items():
            counts = self.families.setdefault(case.partition(".")[0], [0, 0, 0])
            counts[(PASSED, FAILED, SKIPPED).index(outcome.kind)] += 1
        counts = "{} passed, {} failed, {} skipped".format(*self.total())
        return f"{self.name}: {self.results.reason or counts} ({time.monotonic() - started:.0f} s)"

    def keep(self, folder, output, errors):
        """What the board printed."""
        for ending, text in (("ktap", output), ("stderr", errors)):
            if text or ending == "ktap":
                with open(os.path.join(folder, f"{'-'.join(self.names)}.{ending}"), "w",
                          encoding="utf-8") as file:
                    file.write(text)

    def of_kind(self, kind):
        """[(case, what it said)]"""
        return [(case, outcome.said) for case, outcome in self.results.cases.items()
                if outcome.kind == kind]

    def total(self):
        """[passed, failed, skipped] of all families."""
        return [sum(counts) for counts in zip([0, 0, 0], *self.families.values())]

    def failed(self):
        """Whether it makes the exit status 1."""
        return bool(self.of_kind(FAILED) or self.results.reason)


def run_cells(cells, options):
    """Runs them, --jobs at a time; whatever happens, no board is left."""
    # More CPUs take longer, and the last board to end should be a short one.
    longest_first = sorted(cells, key=lambda cell: -TOPOLOGIES[cell.names[1]].cpus)
    with workers(options.jobs) as pool:
        futures = [pool.submit(cell.run, options) for cell in longest_first]
        for done, future in enumerate(concurrent.futures.as_completed(futures), 1):
            progress(f"{done} of {len(cells)}: {future.result()}")


def print_table(cells):
    """A row a cell, a column a family, each as wide as its widest entry."""
    families = list(dict.fromkeys(family for cell in cells for family in cell.families))
    rows = [["kernel", "topology", "EL2", *families, "all"]]
    for cell in cells:
        counts = [cell.families.get(family) for family in families] + [cell.total()]
        rows.append([*cell.names, *("/".join(map(str, count)) if count else "-" for count in counts)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print("Cases: passed/failed/skipped\n")
    for row, cell in zip(rows, [None, *cells]):
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()
        print(line + (f"  {cell.results.reason}" if cell and cell.results.reason else ""))


def print_failures(cells):
    """Each case that failed somewhere: where, and what it said the first time."""
    failures = {}
    for cell in cells:
        for case, said in cell.of_kind(FAILED):
            failures.setdefault(case, []).append((cell.name, said))
    for case, places in failures.items():
        print(f"\nnot ok {case}, on {len(places)}: {' '.join(name for name, _ in places)}")
        for text in places[0][1].splitlines():
            print(f"    {text}")


def print_skips(cells):
    """Why cases were not judged, and how often, the commonest reason first."""
    reasons = {}
    for cell in cells:
        skips = [said for _, said in cell.of_kind(SKIPPED)]
        # Where all is skipped there is no case to count, only the reason.
        for reason in skips + ([cell.results.skip] if cell.results.skip else []):
            count, names = reasons.setdefault(reason, [0, {}])
            reasons[reason] = [count + 1, names | {cell.names[0]: True}]
    if reasons:
        print("\nSkipped cases, why, and on which kernels:")
    for reason, (count, names) in sorted(reasons.items(), key=lambda item: -item[1][0]):
        print(f"{count:6} {reason} [{', '.join(names)}]")


def need_emulators(topologies):
    """QEMU for each of them; one that is too old is no hindrance."""
    for topology in topologies:
        try:
            machine.emulator(topology)
        except initramfs.Missing:
            if script("debian/qemu", "--newer") is None:
                raise Failure(f"there is no QEMU for the topology {topology}: scripts/debian/qemu --newer failed "
                              "(see above)") from None


def set_up(options):
    """Kernels, which scripts/board would make in the middle of the run; programs; the folder for what boards print."""
    for name, *args in [NAMED_KERNELS[kernel] for kernel in options.kernels] + [["build"]]:
        if script(name, *args) is None:
            raise Failure(f"scripts/{' '.join((name, *args))} failed (see above)")
    need_emulators(options.topologies)
    try:
        if options.keep:
            os.makedirs(options.keep, exist_ok=True)
    except OSError as error:
        raise Failure(f"--keep={options.keep}: cannot make the folder: {error.strerror}") from None


def main():
    """Returns the exit status."""
    options = parse(sys.argv[1:])
    set_up(options)
    cells = [Cell(*names) for names in itertools.product(options.kernels, options.topologies, EL2)
             if (options.all or names[1] == NVHE_TOPOLOGY or names[2] == "VHE")
             and (names[1] != NESTED or names[0] in NESTED_KERNELS and names[2] == "VHE")]
    started = time.monotonic()
    run_cells(cells, options)
    print_table(cells)
    print_failures(cells)
    print_skips(cells)
    failed = sum(cell.failed() for cell in cells)
    print(f"\n{len(cells)} boards, {len(cells) - failed} without a failure, "
          f"in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    guarded("matrix", main)
