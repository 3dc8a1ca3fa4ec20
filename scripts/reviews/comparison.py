# SPDX-License-Identifier: MIT
"""What a series changes: its results beside the base's, a case on a board at a time."""
from typing import NamedTuple

from runs.ktap import FAILED, PASSED, SKIPPED, Outcome

MISSING = "no result"
FAULT = "known fault"  # a skip that says what the kernel does wrong
FAULT_SAYS = "known fault of this kernel: "

BROKEN, LOST, FIXED, STILL = "Broken", "Without a result", "Fixed", "Still failing"
RUN, RUN_FAULT, NOT_RUN = "Newly run, passed", "Newly run, with a known fault", "Newly skipped"
CHANGES = (BROKEN, LOST, FIXED, STILL, RUN, RUN_FAULT, NOT_RUN)


class Change(NamedTuple):
    """A case on a board."""
    case: str
    board: str
    before: Outcome
    after: Outcome


def kind(outcome):
    """Its kind; a known fault is one of its own."""
    return FAULT if outcome.kind == SKIPPED and outcome.said.startswith(FAULT_SAYS) else outcome.kind


def change(before, after):
    """One of CHANGES, or None if that case says the same of both kernels."""
    old, new = kind(before), kind(after)
    if new == MISSING:
        return LOST
    if new == FAILED:
        return STILL if old in (FAILED, MISSING) else BROKEN
    if new == FAULT:
        return {PASSED: BROKEN, FAILED: STILL, MISSING: STILL, SKIPPED: RUN_FAULT}.get(old)
    if new == PASSED:
        return {PASSED: None, SKIPPED: RUN}.get(old, FIXED)
    return None if old == SKIPPED else NOT_RUN


def compare(base, series):
    """{one of CHANGES: [Change]}; BASE and SERIES are {board: Results}."""
    changes = {name: [] for name in CHANGES}
    for board, after in series.items():
        before = base[board]
        for case in dict.fromkeys([*before.cases, *after.cases]):
            pair = [results.cases.get(case, Outcome(MISSING, results.reason)) for results in (before, after)]
            if name := change(*pair):
                changes[name].append(Change(case, board, *pair))
    return changes


def clean(changes, series, new_warnings):
    """Whether a reviewer need not ask: nothing broken, each case has a result, no new warning."""
    return not (changes[BROKEN] or new_warnings or any(results.reason for results in series.values()))


def has_changed(before, outcome):
    """Whether a prefix of the series does something else with a case than the base does."""
    return kind(outcome) != kind(before)


def first_patch(total, changed):
    """(the last prefix without the change, the first with it), of TOTAL patches.

    CHANGED(n) tells it of the first n patches, or None if that cannot be told; 0 patches are
    without it and all with it. If patches in between tell nothing, the two are apart.
    """
    without, within, untold = 0, total, set()
    while left := [n for n in range(without + 1, within) if n not in untold]:
        middle = min(left, key=lambda n: abs(2 * n - without - within))
        verdict = changed(middle)
        if verdict is None:
            untold.add(middle)
        elif verdict:
            within = middle
        else:
            without = middle
    return without, within
