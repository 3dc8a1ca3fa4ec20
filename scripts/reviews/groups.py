# SPDX-License-Identifier: MIT
"""What changed, as a reader wants to hear it: by patch, promise and message, however many cases it is."""
import re
from typing import NamedTuple

from reports.records import plural
from reviews import comparison, selftests

VARIES = re.compile(r"0x[0-9a-f]+|\d+")
NOT_ASKED, NOT_REPEATED, NO_CASE = "not asked", "not repeated", "no case of pmu-regress"


def last_line(outcome):
    """What it was, and why."""
    said = (outcome.said.splitlines() or [""])[-1].removeprefix(comparison.FAULT_SAYS)
    return comparison.kind(outcome) + (f": {said}" if said else "")


class Group(NamedTuple):
    """Changes that are one for a reader: of the same promise, with the same messages but for numbers, by the same patch."""
    test: str  # whose promise it is
    culprit: object  # (last number of patches without the change, first with it), or why there is none
    changes: list  # comparison.Change

    @property
    def first(self):
        """The change that stands for all."""
        return self.changes[0]

    def cases(self):
        """{case: [board]}"""
        found = {}
        for change in self.changes:
            found.setdefault(change.case, []).append(change.board)
        return found

    def boards(self):
        """In order."""
        return list(dict.fromkeys(change.board for change in self.changes))

    def size(self):
        """In words."""
        boards = self.boards()
        return f"{plural(len(self.cases()), 'case')} on {', '.join(boards)}"


def culprit_of(case, culprits, patches):
    """Where a case's change comes from."""
    if len(patches) == 1:
        return (0, 1)
    if selftests.is_ours(case):
        return NO_CASE
    if case not in culprits:
        return NOT_ASKED
    return culprits[case] or NOT_REPEATED


def by_promise(changes, culprits, patches):
    """[Group], in the order of the patches, those that have none last; of one patch the largest first."""
    found = {}
    for change in changes:
        culprit = culprit_of(change.case, culprits, patches)
        test = change.case.partition("/")[0]
        shape = tuple(VARIES.sub("N", last_line(outcome)) for outcome in (change.before, change.after))
        found.setdefault((test, culprit, shape), []).append(change)
    groups = [Group(test, culprit, some) for (test, culprit, _), some in found.items()]
    return sorted(groups, key=lambda group: (isinstance(group.culprit, str), str(group.culprit[1]).zfill(4),
                                             -len(group.changes)))


def by_reason(changes, before):
    """{what was said of the cases BEFORE, or is said now: [Change]}"""
    found = {}
    for change in changes:
        found.setdefault(last_line(change.before if before else change.after), []).append(change)
    return found


def cells(changes):
    """How many results, of how many cases, on how many boards."""
    cases, boards = {change.case for change in changes}, {change.board for change in changes}
    return f"{plural(len(changes), 'result')} ({plural(len(cases), 'case')} on {plural(len(boards), 'board')})"


def some(names, most):
    """The first of them, and how many more there are."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
