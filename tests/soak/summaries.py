# SPDX-License-Identifier: MIT
"""Runs minivmm in wall time again and again, while something disturbs it: is each summary true?"""

import re
import subprocess
import sys

from boards import each
from boards.topology import TOPOLOGIES, cpu_numbers
from runs.command_line import Failure, Parser, listed, positive
from runs.jobs import guarded, run, script
from soak.disturb import DISTURBANCES

HELP = """\
usage: tests/run summaries [options]

Boots an emulated board in wall time, again and again, while something disturbs
it, and runs minivmm there in each mode with each kind of plan. What the
counters do follows from the mode, the plan and the board: default counts on the
host PMU of vCPU 0's first CPU only, explicit runs there only, composite counts
everywhere. A summary is false if its sentence says anything else, or tells
nothing although the plan has windows that stay on each host PMU. Prints each
false one and a total.

  --boots=N       with each disturbance (default: 6)
  --disturb=LIST  of none, load, onecpu, stops, as tests/run soak has them
                  (default: load)
  --topology=T    biglittle (default) or dynamiq
  --build=DIR     of scripts/board, for another minivmm
  -h, --help      this text

Exit status: 0 if no summary was false, 1 if one was, 2 if nothing could be run.
"""
# What a kernel that keeps its promises never makes minivmm say.
ALARMS = ("STOPPED", "KVM RAN", "WENT BACK", "MISSING", "nowhere", "should count")
NAMES = r"((?:armv8_\w+|CPUs without a PMU)(?:(?:, | and )(?:armv8_\w+|CPUs without a PMU))*)"
UNTOLD = rf"whether the cycle counter counted on {NAMES} cannot be told"


def progress(text):
    """Goes to stderr."""
    print(f"summaries: {text}", file=sys.stderr, flush=True)


class Case:
    """A command, and what its counters do."""

    def __init__(self, board, mode, plan, *arguments, tells=False):
        self.command = ["minivmm", f"--pmu={mode}", f"--migrate={plan}", "--on-refusal=return", "--timeout=300",
                        *arguments]
        cpus = [int(cpu) for cpu in re.findall(r"\d+", plan.rpartition(":")[2])] if ":" in plan else []
        visited = {board[cpu] for cpu in cpus} or set(board.values())
        self.mode = mode
        # Without a plan a vCPU that may run anywhere starts on the first CPU.
        self.may_count = visited if mode == "composite" else {board[cpus[0] if cpus else min(board)]}
        self.may_stop = visited - self.may_count if mode == "default" else set()
        self.refuses = mode == "explicit"
        self.tells = tells

    def faults(self, said):
        """What is false in a run's sentence."""
        counted, stopped, untold = (set(re.findall(r"armv8_\w+|CPUs without a PMU", " ".join(re.findall(form, said))))
                                    for form in (rf"(?<!whether the cycle counter )counted on {NAMES}",
                                                 rf"(?:stopped|STOPPED|counted nothing in \d+ windows?) on {NAMES}", UNTOLD))
        if not counted | stopped | untold:
            yield "nothing is said of the counter"
        if counted - self.may_count:
            yield f"it cannot have counted on {', '.join(sorted(counted - self.may_count))}"
        if stopped - self.may_stop:
            yield f"it cannot have stopped on {', '.join(sorted(stopped - self.may_stop))}"
        if self.tells and (counted, stopped) != (self.may_count, self.may_stop):
            yield "windows stayed on each host PMU, and it does not tell of all"
        if "KVM refused" in said and not self.refuses:
            yield "this mode is not refused"
        yield from (f"{alarm}: a false alarm" for alarm in ALARMS if alarm in said)


def cases(topology):
    """In each mode, each kind of plan."""
    board = {cpu: "armv8_" + cluster.core.replace("-", "_")
             for cluster, cpus in zip(topology.clusters, cpu_numbers(topology)) for cpu in cpus}
    firsts = [cpus[0] for cpus in cpu_numbers(topology)]
    once = ",".join(map(str, firsts))
    twice, back = (",".join(f"{cpu},{cpu}" for cpu in order) for order in (firsts, firsts[::-1]))
    for mode in ("default", "explicit", "composite"):
        yield Case(board, mode, f"step:{once}", "guest.bin")
        yield Case(board, mode, f"step:{once}", "overflow.bin")
        yield Case(board, mode, f"step:{twice}", "--append=windows=30", "guest.bin", tells=True)
        yield Case(board, mode, f"step:{back}", "overflow.bin", tells=True)
        yield Case(board, mode, f"every:2ms:{once}", "--append=windows=60", "guest.bin")
        yield Case(board, mode, f"every:500us:{once}", "--append=windows=60", "guest.bin")
        yield Case(board, mode, f"every:1ms:{once}", "overflow.bin")
    for mode in ("default", "composite"):
        yield Case(board, mode, "none", "--append=windows=60", "guest.bin")
        yield Case(board, mode, "none", "--append=windows=5 loops=2000000", "guest.bin")
    yield Case(board, "composite", f"step:{twice}", "--append=calibrations=60", "calibrate.bin", tells=True)


def sentence(mode, errors):
    """The summary's last line, without the mode."""
    said = [line for line in errors.splitlines() if line.startswith(f"{mode}: ") and line.endswith(".")]
    return said[-1].removeprefix(f"{mode}: ") if said else ""


def boot(options, wanted, prefix):
    """Runs all cases in one boot; returns [(case, sentence, faults)] of it."""
    board = [f"--topology={options.topology}", "--timeout=3000"] + ([f"--build={options.build}"] if options.build else [])
    status, output, errors = run(*prefix, "scripts/board", *board, "--",
                                 *each.command_line([case.command for case in wanted]), stderr=subprocess.PIPE)
    results = list(each.results(output.encode(errors="replace")))
    if status or len(results) < len(wanted):
        raise Failure(f"the board ended with status {status}: {(errors.strip().splitlines() or ['no message'])[-1]}")
    for case, (ended, _, text, *_) in zip(wanted, results):
        said = sentence(case.mode, text)
        yield case, said, [f"status {ended}"] if ended else list(case.faults(said))


def parse(arguments):
    """The command line."""
    parser = Parser(HELP)
    parser.add_argument("--boots", type=positive, default=6)
    parser.add_argument("--disturb", type=listed(DISTURBANCES), default=["load"])
    parser.add_argument("--topology", choices=("biglittle", "dynamiq"), default="biglittle")
    parser.add_argument("--build")
    return parser.parse_args(arguments)


def main():
    """Returns the exit status."""
    options = parse(sys.argv[1:])
    if not options.build and script("build") is None:
        raise Failure("minivmm could not be built (see above)")
    wanted = list(cases(TOPOLOGIES[options.topology]))
    runs = false = untold = 0
    for name in options.disturb:
        for number in range(1, options.boots + 1):
            with DISTURBANCES[name]() as prefix:
                for case, said, faults in boot(options, wanted, prefix):
                    runs, false, untold = runs + 1, false + bool(faults), untold + ("cannot be told" in said)
                    if faults:
                        print(f"{' '.join(case.command)}\n    {case.mode}: {said}\n    {'; '.join(faults)}", flush=True)
            progress(f"{name}: boot {number} of {options.boots}; {false} of {runs} summaries false")
    print(f"{false} of {runs} summaries false; {untold} say that something cannot be told")
    return 1 if false else 0


if __name__ == "__main__":
    guarded("summaries", main, failed=2)
