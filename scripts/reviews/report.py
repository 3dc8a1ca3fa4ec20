# SPDX-License-Identifier: MIT
"""What is said of a series, from what was found."""
from typing import NamedTuple

from reports.records import plural
from reviews import comparison, costs, groups, layout
from reviews.layout import Fault, Heading, Items, Line, Section, Table, Text, Verdict
from runs import kernel_log, ktap

KINDS = (ktap.PASSED, ktap.FAILED, comparison.FAULT, ktap.SKIPPED)
FEW = 3  # reasons, warnings and names that a letter has room for


def counts(results):
    """Of all cases."""
    kinds = [comparison.kind(outcome) for outcome in results.cases.values()]
    return "/".join(str(kinds.count(kind)) for kind in KINDS)


def counts_in_words(results):
    """The same, for a place without the table's head."""
    numbers = counts(results).split("/")
    return ", ".join(f"{number} {kind}" for number, kind in zip(numbers, ("passed", "failed", "with a known fault", "skipped")))


def patches(series):
    """How many."""
    return plural(len(series), "patch") if len(series) == 1 else f"{len(series)} patches"


class Found(NamedTuple):
    """All that was found about a series."""
    patches: list
    kernels: list
    results: dict  # {role: {board: Results}}
    logs: dict  # {role: {board: log}}
    changes: dict  # {one of comparison.CHANGES: [Change]}
    culprits: dict  # of bisection
    prices: tuple
    boards: list
    promises: dict  # {test: (what it promises, which document says so)}
    tested: dict  # {"minivmm": its commit, "qemu": version, "seconds": how long it took}
    repeat: object  # gives the words of a command that runs a case on a board with the series
    watched: object = None  # watching.Watched, if that was asked for


class Judgement:
    """What is said of it."""

    def __init__(self, found):
        self.found = found
        self.warned = {role: {} for role in found.logs}  # {role: {key: (what it said, [board])}}
        for role, of_boards in found.logs.items():
            for board, log in of_boards.items():
                for key, said in kernel_log.warnings(log).items():
                    self.warned[role].setdefault(key, (said, []))[1].append(board)
        self.new_warnings = [key for key in self.warned["series"] if key not in self.warned["base"]]

    def clean(self):
        """Whether the exit status is 0."""
        return comparison.clean(self.found.changes, self.found.results["series"], self.new_warnings) and not (
            self.found.watched and (self.found.watched.new or self.found.watched.incomplete))

    def broken(self):
        """[Group] of what is broken."""
        changes = self.found.changes
        return groups.by_promise(changes[comparison.BROKEN] + changes[comparison.LOST], self.found.culprits, self.found.patches)

    def letter(self):
        """The text, as many of its faults in full as there is room for."""
        most = min(len(self.broken()), layout.LINES // 6)  # a fault takes six lines and more
        for shown in range(most, -1, -1):
            text = layout.plain(self.sections(shown))
            if len(text.splitlines()) <= layout.LINES:
                break
        return text

    def sections(self, shown=None):
        """The report: everything, or with as many faults in full."""
        parts = [Section(self.title(), [Verdict(self.verdict(), self.clean())])]
        if self.found.changes[comparison.BROKEN] or self.found.changes[comparison.LOST]:
            parts.append(Section("Broken", self.faults(shown)))
        if incomplete := self.incomplete():
            parts.append(Section("Not complete", [Text(" ".join(incomplete))]))
        for name, title, before in ((comparison.FIXED, "Fixed", True), (comparison.STILL, "Still failing", False),
                                    (comparison.RUN, "Newly run, passed", True),
                                    (comparison.RUN_FAULT, "Newly run, with a known fault", False),
                                    (comparison.NOT_RUN, "Newly skipped", False)):
            if self.found.changes[name]:
                parts.append(Section(title, self.others(self.found.changes[name], before, shown is None)))
        parts.append(Section("Kernel warnings", self.warnings(shown is None)))
        if self.found.watched:
            parts.append(Section("Debug kernels", self.splats(shown is None)))
        parts.append(Section("Cost", [Text(costs.sentence(*self.found.prices))]))
        if shown is None:
            parts[-1].parts.append(Table(("the least instructions for", "base", "series", "difference"),
                                         costs.rows(*self.found.prices)))
            parts.append(Section("Cases", [Table(("passed/failed/known fault/skipped", "base", "series"), self.table())]))
        return parts + [Section("How it was tested", self.facts(shown is None))]

    def title(self):
        """One line."""
        if not self.found.patches:
            return f"Review of {self.found.kernels[1].name}"
        return f"Review of {patches(self.found.patches)} on {self.found.kernels[0].name}"

    def guilty(self):
        """Who is to blame, in words."""
        culprits = {group.culprit for group in self.broken()}
        if not self.found.patches:
            return "the second Image breaks"
        if len(self.found.patches) == 1:
            return "the patch breaks"
        if any(isinstance(culprit, str) or culprit[1] != culprit[0] + 1 for culprit in culprits):
            return "the series breaks"
        numbers = sorted(culprit[1] for culprit in culprits)
        names = [f"{number}/{len(self.found.patches)}" for number in numbers]
        if len(names) == 1:
            return f"patch {names[0]} breaks"
        return f"patches {', '.join(names[:-1])} and {names[-1]} break"

    def verdict(self):
        """One sentence."""
        changes, said = self.found.changes, []
        broken = changes[comparison.BROKEN] + changes[comparison.LOST]
        if broken:
            tests = {group.test for group in self.broken()}
            said.append(f"{self.guilty()} {plural(len(tests), 'promise')}, {groups.cells(broken)}")
        if any(results.reason for results in self.found.results["series"].values()) and not changes[comparison.LOST]:
            said.append("not all cases of the series have a result")
        if self.new_warnings:
            said.append(f"the series' kernel logs {plural(len(self.new_warnings), 'new warning')}")
        if self.found.watched and self.found.watched.new:
            said.append(f"its debug kernels log {plural(len(self.found.watched.new), 'new warning')}")
        if self.found.watched and self.found.watched.incomplete:
            said.append("not all families come to their end on its debug kernels")
        if said:
            blamed = broken or self.new_warnings or self.found.watched and (self.found.watched.new or self.found.watched.incomplete)
            return f"{'BROKEN' if blamed else 'NOT COMPLETE'}: {'; '.join(said)}."
        others = [f"{name.lower()}: {groups.cells(changes[name])}" for name in comparison.CHANGES if changes[name]]
        return f"NOTHING IS BROKEN; {'; '.join(others) or 'no case says anything else'}."

    def heading(self, culprit):
        """The patch that breaks what is listed below it."""
        of_patches = self.found.patches
        if not of_patches:
            return None
        if culprit == groups.NOT_ASKED:
            return "By which patch: --bisect finds out"
        if culprit == groups.NO_CASE:
            return "By which patch is not known: --bisect runs pmu-regress only"
        if culprit == groups.NOT_REPEATED:
            return "Run alone, these do the same on both kernels: no patch is blamed"
        without, within = culprit
        if within == without + 1:
            return f"{within}/{len(of_patches)} {of_patches[within - 1].title}"
        return f"By one of the patches {without + 1} to {within}; those between cannot be told apart"

    def fault(self, group):
        """A promise that is broken."""
        change, facts = group.first, []
        if group.test in self.found.promises:
            says, document = self.found.promises[group.test]
            facts.append(("promise", f"{says} ({document})"))
        facts += [("before", groups.last_line(change.before)), ("after", groups.last_line(change.after))]
        return Fault(f"{group.test}: {group.size()}", facts, self.found.repeat(change.board, change.case),
                     list(group.cases().items()))

    def faults(self, shown):
        """By patch; those for which there is no room, by name."""
        parts, heading, all_groups = [], None, self.broken()
        for group in all_groups[:shown]:
            if group.culprit != heading and (text := self.heading(group.culprit)):
                parts.append(Heading(text))
            heading = group.culprit
            parts.append(self.fault(group))
        left = {}
        for group in [] if shown is None else all_groups[shown:]:
            left.setdefault(group.test, set()).update(group.cases())
        if left:
            names = [f"{test} ({plural(len(cases), 'case')})" for test, cases in left.items()]
            parts.append(Items([(f"and {groups.some(names, 2 * FEW)}; --verbose has all", [])]))
        return parts

    def others(self, changes, before, everything):
        """What is no harm: how many, and by reason."""
        items = []
        reasons = groups.by_reason(changes, before)
        for said, same in list(reasons.items())[:None if everything else FEW]:
            tests = dict.fromkeys(change.case.partition("/")[0] for change in same)
            names = ", ".join(dict.fromkeys(change.case for change in same)) if everything else groups.some(tests, FEW)
            items.append((f"{'were' if before else 'are'} {said}", [f"{groups.cells(same)}: {names}"]))
        if len(reasons) > len(items):
            items.append((f"and for {plural(len(reasons) - len(items), 'other reason')}", []))
        return [Text(f"{groups.cells(changes)}."), Items(items)]

    def table(self):
        """One row per board."""
        results = self.found.results
        return [[board, counts(results["base"][board]), counts(results["series"][board])] for board in self.found.boards]

    def incomplete(self):
        """Boards whose results are not whole."""
        return [f"{role} on {board}: {results.reason}." for role, of_boards in self.found.results.items()
                for board, results in of_boards.items() if results.reason]

    def warnings(self, everything):
        """Each new warning, and the boards that logged it; old ones are counted."""
        old = [key for key in self.warned["base"] if key in self.warned["series"]]
        gone = [key for key in self.warned["base"] if key not in self.warned["series"]]
        said = f"{plural(len(self.new_warnings), 'new one')}." if self.new_warnings else "none is new."
        said += f" Both kernels log {len(old)} others." if old else ""
        said += f" {len(gone)} that the base logs are gone." if gone else ""
        keys = [*self.new_warnings, *old, *gone] if everything else self.new_warnings[:FEW]
        items = []
        for key in keys:
            text = (self.warned["series"].get(key) or self.warned["base"][key])[0]
            where = [f"{role}: {', '.join(self.warned[role][key][1])}" if key in self.warned[role] else f"{role}: no"
                     for role in self.warned]
            items.append((text if everything else text[:2 * layout.WIDTH], ["; ".join(where)]))
        return [Text(said), *([Items(items)] if items else [])]

    def splats(self, everything):
        """What the series' kernels say that watch themselves, and in which cases."""
        watched = self.found.watched
        said = f"{plural(len(watched.new), 'new warning')}" if watched.new else "no new warning"
        said = f"{said} of lockdep, RCU, KASAN, UBSAN, object and list debugging, or KCSAN."
        said += f" Both sides have {watched.old} others." if watched.old else ""
        items = [(splat.said if everything else splat.said[:2 * layout.WIDTH],
                  [f"{splat.flavor}, in {groups.some(splat.cases, FEW) if splat.cases else 'no case'}"])
                 for splat in watched.new[:None if everything else FEW]]
        items += [(text, []) for text in (watched.incomplete + watched.unjudged)[:None if everything else FEW]]
        parts = [Text(said), *([Items(items)] if items else [])]
        if watched.sampled:
            races = [splat.said.partition(" in ")[2] for splat in watched.sampled]
            parts.append(Text(f"{plural(len(races), 'data race')} more: {groups.some(races, len(races) if everything else FEW)}. KCSAN "
                              "watches a few accesses of many, by chance. The series names no function of these, or the base has "
                              "other races in it."))
        return parts

    def facts(self, everything):
        """What was compared, with what, and the line for a reply if nothing is broken."""
        tested, kernels = self.found.tested, self.found.kernels
        parts = [Text(f"minivmm {tested['minivmm']}, {tested['qemu']}, {kernels[1].compiler}; pmu-regress on the emulated boards "
                      f"{', '.join(self.found.boards)}, on which an instruction takes a nanosecond and a cycle; {tested['seconds']} s.")]
        if everything:
            items = [(f"base: {kernels[0]}", []), (f"series: {kernels[1]}", [
                f"{number}/{len(self.found.patches)} {patch.title}" for number, patch in enumerate(self.found.patches, 1)])]
            parts.append(Items(items))
        if self.clean():
            parts.append(Line(f"Tested-by: {tested['who']} # minivmm {tested['minivmm']}"))
        return parts
