# SPDX-License-Identifier: MIT
"""The sections of a review: what is said of a series, from what was found."""
import costs
import ktap
import verdict
from letter import Items, Section, Table, Text
from records import plural

NAMED = 10  # so many cases that nobody need worry about are named; of more, how many a family has
KINDS = (ktap.PASSED, ktap.FAILED, verdict.FAULT, ktap.SKIPPED)


def counts(results):
    """Of all cases."""
    kinds = [verdict.kind(outcome) for outcome in results.cases.values()]
    return "/".join(str(kinds.count(kind)) for kind in KINDS)


def patches(series):
    """How many."""
    return plural(len(series), "patch") if len(series) == 1 else f"{len(series)} patches"


def last_line(outcome):
    """What it was, and why."""
    said = (outcome.said.splitlines() or [""])[-1].removeprefix(verdict.FAULT_SAYS)
    return verdict.kind(outcome) + (f": {said}" if said else "")


class Judgement:
    """All that was found about a series."""

    def __init__(self, series, kernels, results, logs, changes, culprits, prices, boards):
        self.patches, self.kernels, self.results = series, kernels, results
        self.changes, self.culprits, self.prices, self.boards = changes, culprits, prices, boards
        self.warned = {role: {} for role in logs}  # {role: {key: (what it said, [board])}}
        for role, of_boards in logs.items():
            for board, log in of_boards.items():
                for key, said in verdict.warnings(log).items():
                    self.warned[role].setdefault(key, (said, []))[1].append(board)
        self.new_warnings = [key for key in self.warned["series"] if key not in self.warned["base"]]

    def clean(self):
        """Whether the exit status is 0."""
        return verdict.clean(self.changes, self.results["series"], self.new_warnings)

    def sections(self):
        """The report."""
        parts = [Section(self.title(), [Text(self.verdict()), Items(self.facts())]),
                 Section("Cases", [Table(("passed/failed/known fault/skipped", "base", "series"), self.table())]
                         + [Text(text) for text in self.incomplete()])]
        if self.culprits:
            parts.append(Section("By patch", [Items(self.by_patch())]))
        parts += [Section(name, [Items(self.items(name))]) for name in verdict.CHANGES if self.changes[name]]
        return parts + [Section("Kernel warnings", [Items(self.warning_items()) if any(self.warned.values())
                                                    else Text("Neither kernel logged a warning.")]),
                        Section("Instructions", [Table(("the least", "base", "series", "difference"),
                                                       costs.rows(*self.prices)),
                                                 Text(costs.sentence(*self.prices))])]

    def title(self):
        """One line."""
        if not self.patches:
            return f"Review of {self.kernels[1].name}"
        return f"Review of {patches(self.patches)} on {self.kernels[0].name}"

    def verdict(self):
        """One sentence a change."""
        said = [f"{name}: {self.cells(self.changes[name])}." for name in verdict.CHANGES if self.changes[name]]
        if self.new_warnings:
            said.append(f"New kernel warnings: {len(self.new_warnings)}.")
        said.insert(0, "NOTHING IS BROKEN." if self.clean() else "NOT CLEAN.")
        return " ".join(said) + ("" if any(self.changes.values()) else " No case says anything else.")

    @staticmethod
    def cells(changes):
        """How many cases, on how many boards."""
        cases, boards = {change.case for change in changes}, {change.board for change in changes}
        return f"{plural(len(changes), 'result')}, {plural(len(cases), 'case')} on {plural(len(boards), 'board')}"

    def facts(self):
        """What was compared."""
        return [(f"base: {self.kernels[0]}", []),
                (f"series: {self.kernels[1]}", [f"{number}/{len(self.patches)} {patch.title}"
                                                for number, patch in enumerate(self.patches, 1)]),
                (f"boards: {', '.join(self.boards)}; emulated, an instruction is a nanosecond and a cycle", [])]

    def table(self):
        """A row a board."""
        return [[board, counts(self.results["base"][board]), counts(self.results["series"][board])]
                for board in self.boards]

    def incomplete(self):
        """Boards whose results are not whole."""
        return [f"{role} on {board}: {results.reason}." for role, of_boards in self.results.items()
                for board, results in of_boards.items() if results.reason]

    def items(self, name):
        """What changed in this way: case by case if it is bad, else by the reason."""
        if name in (verdict.BROKEN, verdict.FIXED, verdict.STILL):
            return self.by_case(self.changes[name])
        return self.by_reason(self.changes[name], name == verdict.RUN)

    def by_patch(self):
        """Each patch, and the cases that are found to change with it; what cannot be told apart is with the cases."""
        items = []
        for number, patch in enumerate(self.patches, 1):
            cases = [case for case, found in self.culprits.items() if found == (number - 1, number)]
            items += [(f"{number}/{len(self.patches)} {patch.title}", [", ".join(cases)])] if cases else []
        return items

    def by_case(self, changes):
        """Each case, what became of it, where, and by which patch."""
        cases = {}
        for change in changes:
            cases.setdefault(change.case, []).append(change)
        items = []
        for case, same in cases.items():
            where = [change.board for change in same]
            said = [f"on {', '.join(where)}", f"was {last_line(same[0].before)}", f"is {last_line(same[0].after)}"]
            items.append((case, said + self.culprit(case)))
        return items

    def by_reason(self, changes, reason_before):
        """Why they did not run before, or do not now; and which they are."""
        groups = {}
        for change in changes:
            said = last_line(change.before if reason_before else change.after)
            groups.setdefault(said, []).append(change)
        return [(f"{'was' if reason_before else 'is'} {said}", self.named(some)) for said, some in groups.items()]

    def named(self, changes):
        """The cases and where they are, or how many each family has; and which patch, if that was asked for."""
        cases = list(dict.fromkeys(change.case for change in changes))
        if len(cases) <= NAMED:
            said = [", ".join(cases), "on " + ", ".join(dict.fromkeys(change.board for change in changes))]
        else:
            families = [case.partition(".")[0] for case in cases]
            said = [self.cells(changes),
                    ", ".join(f"{family} {families.count(family)}" for family in dict.fromkeys(families))]
        return said + [text for case in cases for text in self.culprit(case, f"{case}: ")]

    def culprit(self, case, before=""):
        """By which patch, if that was asked for."""
        if case not in self.culprits:
            return []
        if not self.culprits[case]:
            return [f"{before}alone the case does the same on both kernels: no patch is blamed"]
        without, within = self.culprits[case]
        patch = self.patches[within - 1].title
        if within == without + 1:
            return [f"{before}since {within}/{len(self.patches)} {patch}"]
        return [f"{before}since one of the patches {without + 1} to {within}; those between cannot be told apart"]

    def warning_items(self):
        """Each warning, and which kernel logged it."""
        items = []
        for key in dict.fromkeys([*self.warned["base"], *self.warned["series"]]):
            said = (self.warned["series"].get(key) or self.warned["base"][key])[0]
            where = [f"{role}: {', '.join(self.warned[role][key][1])}" if key in self.warned[role]
                     else f"{role}: no" for role in self.warned]
            items.append((said, where + (["NEW"] if key in self.new_warnings else [])))
        return items
