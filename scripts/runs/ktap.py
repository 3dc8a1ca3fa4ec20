# SPDX-License-Identifier: MIT
"""Reads what pmu-regress prints on a board."""
import itertools
import re
from typing import NamedTuple

RESULT = re.compile(r"(not ok|ok) \d+ ([a-z][a-z0-9_]*\.\S+)(?: # SKIP (.*))?$")
NOTHING = re.compile(r"ok 1 pmu-regress # SKIP (.*)$")  # instead of all results: no case could run
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
SKIP_ALL = 4  # pmu-regress: nothing could run
NO_BOOT, PANIC, TIMEOUT = 120, 121, 122  # scripts/board
BOARD_SAYS = {NO_BOOT: "the board failed", PANIC: "the board's kernel panicked", TIMEOUT: "not done in time",
              123: "something is missing"}


class Outcome(NamedTuple):
    """Of a case."""
    kind: str
    said: str = ""  # why it was skipped, or how it failed, in lines


class Results:
    """Of all cases, in order, as far as the board came."""

    def __init__(self, status, output, errors, reason=""):
        self.cases = {}
        self.skip = ""  # why nothing ran
        self.planned = None
        self.read(output.splitlines())
        self.reason = reason or self.why_incomplete(status, (errors.strip().splitlines() or ["no message"])[-1])

    def read(self, lines):
        """The plan and the results."""
        for number, line in enumerate(lines):
            if line.startswith("1..") and self.planned is None:
                self.planned = int(re.match(r"\d*", line[3:])[0] or 0)
            if nothing := NOTHING.match(line):
                self.planned, self.skip = 0, nothing[1]
            match = RESULT.match(line)
            if not match:
                continue
            verdict, case, skipped = match.groups()
            said = itertools.takewhile(lambda text: text.startswith("# "), reversed(lines[:number]))
            said = "\n".join([text[2:] for text in said][::-1])
            if verdict == "not ok":
                self.cases[case] = Outcome(FAILED, said)
            else:
                self.cases[case] = Outcome(PASSED) if skipped is None else Outcome(SKIPPED, skipped)

    def why_incomplete(self, status, said):
        """One line, or nothing if each case has its result."""
        failed = any(outcome.kind == FAILED for outcome in self.cases.values())
        if status in BOARD_SAYS:
            return f"{BOARD_SAYS[status]}: {said}"
        if self.planned is None:
            return f"no KTAP, status {status}: {said}"
        if len(self.cases) != self.planned:
            return f"only {len(self.cases)} of {self.planned} cases have a result, status {status}"
        if status not in (0, SKIP_ALL) and not failed:
            return f"status {status}, though no case failed"
        return ""
