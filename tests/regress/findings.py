# SPDX-License-Identifier: MIT
"""Runs the reproducers of docs/kernel-findings.md on each kernel, and prints what they show."""

import fnmatch
import os
import re
import shlex
import subprocess
import sys

from boards import each
from boards.times import seconds
from regress.matrix import NESTED, NESTED_KERNELS, need_emulators
from runs.command_line import Failure, Parser, listed
from runs.jobs import TOP, guarded
from runs.ktap import FAILED, PASSED, Results

DOCUMENT = os.path.join(TOP, "docs", "kernel-findings.md")
# Each column: its title, the kernel, and the one for what only a patched kernel has.
COLUMNS = (
    ("6.1 Debian", "debian-6.1", None),
    ("6.12 Debian", "debian-6.12", None),
    ("6.12", "stock", "composite"),
    ("7.3", "stock-7.3", "composite-7.3"),
)
PATCHED = "--kernel=composite"
WITH_EL2 = f"--topology={NESTED}"

HEADING = re.compile(r"### (\d+)\. (.+)")
COMMAND = "    scripts/board "
SEEN_AS = "Seen as: "
FAULT = "known fault of this kernel: "

HELP = """\
usage: tests/run findings [options]

Runs the reproducers of docs/kernel-findings.md on emulated boards with each
kernel that they are about, and prints the table of that document: which suspect
is a fault (its cases find the very fault), which is clear (they all pass),
where another fault is in the way, and which cannot be judged there (they skip).
Progress goes to stderr.

  --suspects=LIST  only these numbers, e.g. 2,17
  --kernels=LIST   only the columns of these, of debian-6.1, debian-6.12, stock,
                   stock-7.3
  --verbose        each fault's words and each reason for a skip, after the
                   table
  --timeout=TIME   for one board: 300, 300s, 5m (default: 300)
  -h, --help       this text

Exit status: 0 if each case gave a result and none failed, else 1.
"""


def progress(text):
    """Goes to stderr, so that the table can be piped."""
    print(f"findings: {text}", file=sys.stderr, flush=True)


def parse(arguments, suspects):
    """The command line."""
    parser = Parser(HELP)
    parser.add_argument("--suspects", type=listed([str(suspect.number) for suspect in suspects]))
    parser.add_argument("--kernels", type=listed([plain for _, plain, _ in COLUMNS]))
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--timeout", type=seconds, default=300)
    return parser.parse_args(arguments)


class Suspect:
    """A section of the document: its title, and its reproducers."""

    def __init__(self, number, title):
        self.number, self.title = number, title
        self.commands = []  # (the board's options, pmu-regress's arguments)
        self.seen_as = ""  # what the fault's words begin with, where other faults can be seen too

    def add(self, line):
        """A reproducer, as the document has it."""
        board, _, command = line.strip().partition(" -- ")
        program, *arguments = shlex.split(command)
        if program != "pmu-regress":
            raise Failure(f"{DOCUMENT}: suspect {self.number} runs {program}")
        self.commands.append((tuple(shlex.split(board)[1:]), tuple(arguments)))


def read_document():
    """All suspects."""
    suspects, inside = [], False
    with open(DOCUMENT, encoding="utf-8") as file:
        for line in file:
            heading = HEADING.match(line)
            if heading:
                suspects.append(Suspect(int(heading[1]), heading[2]))
            if line.startswith("#"):
                inside = bool(heading)
            elif inside and line.startswith(COMMAND):
                suspects[-1].add(line)
            elif inside and line.startswith(SEEN_AS):
                suspects[-1].seen_as = line.removeprefix(SEEN_AS).strip().strip('"')
    return suspects


def boots_of(suspects, columns):
    """What to run: {(column, kernel, options): {arguments}}."""
    boots = {}
    for title, plain, patched in columns:
        for suspect in suspects:
            for options, arguments in suspect.commands:
                kernel = patched if PATCHED in options else plain
                if kernel and (WITH_EL2 not in options or kernel in NESTED_KERNELS):
                    options = tuple(option for option in options if option != PATCHED)
                    boots.setdefault((title, kernel, options), {})[arguments] = None
    return boots


def boot(kernel, options, commands, timeout):
    """Runs pmu-regress with each of COMMANDS; returns the outcome of each case."""
    line = [os.path.join(TOP, "scripts", "board"), f"--kernel={kernel}", f"--timeout={timeout}",
            *options, "--", *each.command_line([("pmu-regress", *command) for command in commands])]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    outputs = list(each.results(done.stdout))
    if len(outputs) != len(commands):
        raise Failure(f"{shlex.join(line[1:4])}: only {len(outputs)} of {len(commands)} commands "
                      f"came to their end, status {done.returncode}")
    cases = {}
    for status, text, errors, *_ in outputs:
        part = Results(status, text, errors)
        if part.reason:
            raise Failure(f"{shlex.join(line[1:4])}: {part.reason}")
        cases |= part.cases
    return cases


def judge(cases, seen_as):
    """What the cases of one suspect on one kernel show: (word, the words of them)."""
    words = [outcome.said for outcome in cases.values() if outcome.said]
    faults = [text.removeprefix(FAULT) for text in words if text.startswith(FAULT)]
    failed = [f"{name}: {outcome.said}" for name, outcome in cases.items() if outcome.kind == FAILED]
    if failed:
        return "FAILED", failed
    if any(text.startswith(seen_as) for text in faults):
        return "fault", faults
    if faults:
        return "other", faults
    if any(outcome.kind == PASSED for outcome in cases.values()):
        return "clear", []
    return ("skip" if cases else "-"), words


def cell(suspect, column, results):
    """The judgement of a suspect in a column."""
    title, plain, patched = column
    cases = {}
    for options, arguments in suspect.commands:
        kernel = patched if PATCHED in options else plain
        pattern = next(text for text in arguments if text.startswith("--run=")).partition("=")[2]
        options = tuple(option for option in options if option != PATCHED)
        ran = results.get((title, kernel, options), {})
        cases |= {name: ran[name] for name in fnmatch.filter(ran, pattern)}
    return judge(cases, suspect.seen_as)


def verdict(words):
    """Of all kernels."""
    if "FAILED" in words:
        return "unclear"
    if "fault" in words:
        return "real"
    return "cleared" if "clear" in words else "not judged"


def print_table(suspects, columns, results, verbose):
    """One row per suspect; True if nothing failed."""
    rows = [["", *(title for title, _, _ in columns), "verdict"]]
    notes = []
    for suspect in suspects:
        judged = [cell(suspect, column, results) for column in columns]
        words = [word for word, _ in judged]
        rows.append([f"{suspect.number:2} {suspect.title}", *words, verdict(words)])
        for (title, _, _), (word, texts) in zip(columns, judged):
            notes += [f"{suspect.number}, {title}: {word}: {text}" for text in dict.fromkeys(texts)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    if verbose:
        print("\n" + "\n".join(notes))
    return not any("FAILED" in row for row in rows)


def main(arguments):
    """Returns the exit status."""
    suspects = read_document()
    options = parse(arguments, suspects)
    suspects = [suspect for suspect in suspects
                if not options.suspects or str(suspect.number) in options.suspects]
    columns = [column for column in COLUMNS if not options.kernels or column[1] in options.kernels]
    boots, results = boots_of(suspects, columns), {}
    if any(WITH_EL2 in board for _, _, board in boots):
        need_emulators([NESTED])
    for number, ((title, kernel, board), commands) in enumerate(boots.items()):
        progress(f"boot {number + 1} of {len(boots)}: {kernel} {' '.join(board)}")
        results[title, kernel, board] = boot(kernel, board, list(commands), options.timeout)
    return 0 if print_table(suspects, columns, results, options.verbose) else 1


if __name__ == "__main__":
    guarded("findings", lambda: main(sys.argv[1:]))
