# SPDX-License-Identifier: MIT
"""A review for machines: as JSON (docs/review.md has the keys) and as JUnit XML."""
import json
from xml.etree import ElementTree

from reviews import comparison, groups
from runs.ktap import Outcome


def outcome_of(outcome):
    """A case on one kernel."""
    return {"kind": comparison.kind(outcome), "said": outcome.said}


def each_case(found):
    """(board, case, before, after, one of comparison.CHANGES or None) of all."""
    for board in found.boards:
        before, after = (found.results[role][board] for role in ("base", "series"))
        for case in dict.fromkeys([*before.cases, *after.cases]):
            pair = [results.cases.get(case, Outcome(comparison.MISSING, results.reason)) for results in (before, after)]
            yield board, case, *pair, comparison.change(*pair)


def culprit_of(case, found):
    """[last number of patches without the change, first with it], or null."""
    culprit = groups.culprit_of(case, found.culprits, found.patches)
    return None if isinstance(culprit, str) else list(culprit)


def as_json(judged):
    """All that was found."""
    found = judged.found
    kernels = {kernel.role: {"name": kernel.name, "image": kernel.path, "sha256": kernel.sha256, "compiler": kernel.compiler}
               for kernel in found.kernels}
    cases = []
    for board, case, before, after, change in each_case(found):
        entry = {"board": board, "case": case, "base": outcome_of(before), "series": outcome_of(after), "change": change}
        if change in (comparison.BROKEN, comparison.LOST):
            entry |= {"culprit": culprit_of(case, found), "repeat": " ".join(found.repeat(board, case))}
        cases.append(entry)
    prices = [{"what": what, "mode": mode, "base": found.prices[0].get((what, mode)), "series": found.prices[1].get((what, mode))}
              for what, mode in dict.fromkeys([*found.prices[0], *found.prices[1]])]
    warnings = [{"said": said, "boards": boards, "kernel": role, "new": key in judged.new_warnings}
                for role, some in judged.warned.items() for key, (said, boards) in some.items()]
    return json.dumps({
        "title": judged.title(), "verdict": judged.verdict(), "clean": judged.clean(), "kernels": kernels,
        "patches": [patch.title for patch in found.patches], "boards": found.boards,
        "incomplete": judged.incomplete(), "cases": cases, "warnings": warnings, "instructions": prices,
        "debug": found.watched and found.watched._asdict() | {
            name: [splat._asdict() for splat in getattr(found.watched, name)] for name in ("new", "sampled")},
        "promises": {test: {"says": says, "document": document} for test, (says, document) in found.promises.items()},
        "tested": found.tested}, indent=1) + "\n"


def printable(text):
    """What XML can hold."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "?" for letter in text)


def as_junit(judged):
    """A suite per board: what the series breaks has failed, and all else that is the same or better has passed."""
    suites = ElementTree.Element("testsuites", name=printable(judged.title()))
    by_board = {board: ElementTree.SubElement(suites, "testsuite", name=board) for board in judged.found.boards}
    for board, case, before, after, change in each_case(judged.found):
        entry = ElementTree.SubElement(by_board[board], "testcase", classname=case.partition(".")[0], name=case)
        if change in (comparison.BROKEN, comparison.LOST):
            ElementTree.SubElement(entry, "failure", message=printable(
                f"{change}: was {groups.last_line(before)}; is {groups.last_line(after)}"))
        elif comparison.kind(after) != "passed":
            ElementTree.SubElement(entry, "skipped", message=printable(f"as on the base, or no worse: {groups.last_line(after)}"))
    entry = ElementTree.SubElement(ElementTree.SubElement(suites, "testsuite", name="kernel log"), "testcase",
                                   classname="kernel", name="new warnings")
    for key in judged.new_warnings:
        ElementTree.SubElement(entry, "failure", message=printable(judged.warned["series"][key][0]))
    for suite in suites:
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(sum(entry.find("failure") is not None for entry in suite)))
        suite.set("skipped", str(sum(entry.find("skipped") is not None for entry in suite)))
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"
