# SPDX-License-Identifier: MIT
"""scripts/review: what it makes of results, by made-up ones; the real ones take minutes."""
import io
import itertools
import json
import os
import re
import subprocess
import tempfile
import time
from types import SimpleNamespace
from xml.etree import ElementTree

from kernels import series
from reports import page
from reviews import bisection, comparison, costs, exports, layout, report, selftests, watching
from runs import cache, command_line, jobs, kernel_log, ktap, progress
from system.harness import TOP, Failed, expect, expect_equal, run_module, test

FAULT = comparison.FAULT_SAYS + "it forgets"
SPLAT = "[   12.3] WARNING: CPU: {} PID: {} at arch/arm64/kvm/pmu-emul.c:{} kvm_pmu_load+0x1c/0x40\n"


def results(**cases):
    """Of a board, from {case: what KTAP says of it}; a case that dies ends the board."""
    lines, status = [f"1..{len(cases)}"], 0
    for number, (case, said) in enumerate(cases.items(), 1):
        name = case.replace("__", ".")
        if said == "dies":
            return ktap.Results(121, "\n".join(lines), "board: the board's kernel panicked")
        if said.startswith("fails"):
            lines += ["# note", f"# {said}", f"not ok {number} {name}"]
            status = 1
        else:
            lines.append(f"ok {number} {name}{f' # SKIP {said}' if said else ''}")
    return ktap.Results(status, "\n".join([*lines, "# Totals: pass:0"]), "")


class FakeKernel:
    """Only what is said of it."""
    compiler, path, sha256 = "cc 1.2", "/Image", "0" * 64

    def __init__(self, role, name):
        self.role, self.name = role, name

    def __str__(self):
        return f"{self.name}, Image of a name that has as many characters as there are in those of real ones"


PROMISES = {"a.x": ("The counter counts, and goes on to count wherever the vCPU is.", "Arm ARM, PMCCNTR_EL0")}
TESTED = {"minivmm": "0123456789ab", "qemu": "QEMU 7.2.22", "seconds": 806, "who": "A. Reviewer <a@example.org>"}


def repeat(board, case):
    """A command as scripts/review makes it."""
    return ["scripts/board", "--icount", f"--topology={board}", "--kernel=$(scripts/kernel", "--version=6.12", "--flavor=stock",
            "--patches=build/review/series)", "--", "pmu-regress", "--seed=1", f"--run={case}"]


def judgement_of(base, after, logs=("", ""), patches=3, culprits=(), prices=({}, {})):
    """The Judgement of {board: Results} on both kernels."""
    names = [f"[PATCH {n}/{patches}] KVM: arm64: PMU: {'Make something different ' * 4}{n}" for n in range(1, patches + 1)]
    roles = {"base": base, "series": after}
    return report.Judgement(report.Found(
        [series.Patch(name, "") for name in names], [FakeKernel("base", "Linux 1.0"), FakeKernel("series", "Linux 1.0")], roles,
        {role: dict.fromkeys(of, log) for (role, of), log in zip(roles.items(), logs)},
        comparison.compare(base, after), dict(culprits), prices, list(base), PROMISES, TESTED, repeat))


def judge(*arguments, **named):
    """(Judgement, its text with everything)"""
    judged = judgement_of(*arguments, **named)
    return judged, layout.plain(judged.sections())


@test()
def review_names_each_change():
    """What was and is of a case gives one verdict: broken, lost, fixed, still failing, run, not run, or none."""
    skip = "not here"
    wanted = {
        ("", "fails"): comparison.BROKEN, ("", FAULT): comparison.BROKEN, ("", skip): comparison.NOT_RUN, ("", ""): None,
        (skip, "fails"): comparison.BROKEN, (skip, ""): comparison.RUN, (skip, FAULT): comparison.RUN_FAULT,
        (skip, "nor now"): None, (FAULT, "fails"): comparison.BROKEN, (FAULT, ""): comparison.FIXED, (FAULT, FAULT): None,
        (FAULT, skip): comparison.NOT_RUN, ("fails", ""): comparison.FIXED, ("fails", "fails otherwise"): comparison.STILL,
        ("fails", FAULT): comparison.STILL, ("fails", skip): comparison.NOT_RUN, ("", "dies"): comparison.LOST,
        (skip, "dies"): comparison.LOST, ("dies", ""): comparison.FIXED, ("dies", "fails"): comparison.STILL}
    for (was, now), name in wanted.items():
        changes = comparison.compare({"b": results(a__x=was)}, {"b": results(a__x=now)})
        got = [key for key, some in changes.items() if some]
        expect_equal(got, [name] if name else [], f"{was!r} that becomes {now!r}")
        bad = name in (comparison.BROKEN, comparison.LOST) or now == "dies"
        judged, _ = judge({"b": results(a__x=was)}, {"b": results(a__x=now)})
        expect_equal(judged.clean(), not bad, f"clean, where {was!r} becomes {now!r}")


@test()
def review_compares_board_by_board():
    """The same case on two boards is two cells; one that only one board breaks is broken there."""
    before = {name: results(a__x="", a__y="") for name in ("one", "two")}
    after = {"one": results(a__x="", a__y=""), "two": results(a__x="fails: 3 cycles", a__y="")}
    broken = comparison.compare(before, after)[comparison.BROKEN]
    expect_equal([(change.case, change.board) for change in broken], [("a.x", "two")], "broken")
    _, text = judge(before, after, culprits={"a.x": (1, 2)})
    for part in ("BROKEN: patch 2/3 breaks 1 promise, 1 result (1 case on 1 board).", "\n2/3 KVM: arm64: PMU: Make something",
                 "  a.x: 1 case on two\n    promise: The counter counts, and goes on to count wherever the vCPU\n"
                 "        is. (Arm ARM, PMCCNTR_EL0)\n    before: passed\n    after: failed: fails: 3 cycles\n    repeat:\n",
                 "two                                2/0/0/0  1/1/0/0"):
        expect(part in text, f"no {part!r} in {text}")
    expect("By which patch: --bisect finds out" in judge(before, after)[1], "it does not say how to find the patch")
    expect("BROKEN: the patch breaks" in judge(before, after, patches=1)[1], "the only patch is not blamed")


@test()
def review_tells_new_warnings():
    """A warning counts once, wherever its lines have moved to; one that the base lacks is new, and not clean."""
    base, moved = SPLAT.format(1, 99, 610), SPLAT.format(3, 120, 644)
    other = moved.replace("kvm_pmu_load", "kvm_pmu_put")
    newer = "WARNING: arch/arm64/kvm/pmu-emul.c:{} at f+0x1/0x2, CPU#{}: pmu-regress/{}\n"
    expect_equal(len(kernel_log.warnings(base + moved + other + "perf: hello\n")), 2, "warnings")
    expect_equal(len(kernel_log.warnings(newer.format(1, 2, 3) + newer.format(4, 5, 6))), 1, "warnings of Linux 7.3")
    board = {"b": results(a__x="")}
    for logs, is_clean in (((base, moved), True), ((base, moved + other), False), ((base, ""), True), (("", base), False)):
        judged, text = judge(board, board, logs)
        expect_equal(judged.clean(), is_clean, f"clean with {logs}")
        expect_equal("Kernel warnings: 1 new one." in text, not is_clean, f"a new warning in {text}")


@test()
def review_blames_no_series_for_a_slow_machine():
    """Where base and series both did not come to their end, and all else is the same, the verdict is not BROKEN."""
    board = {"b": results(a__x="", a__y="dies")}
    judged = judgement_of(board, board)
    expect_equal(judged.verdict(), "NOT COMPLETE: not all cases of the series have a result.", "the verdict")
    expect(not judged.clean(), "it counts as clean")
    judged = judgement_of({"b": results(a__x="", a__z="")}, board)
    expect(judged.verdict().startswith("BROKEN: "), judged.verdict())


@test()
def review_tells_what_debug_kernels_say():
    """--debug: only what the series' kernels say and the base's do not, with the case; who did not finish is told."""
    lockdep, race = "WARNING: possible circular locking dependency detected", "BUG: KCSAN: data-race in kvm_vcpu_load / kvm_vcpu_put"
    said = {"stock-debug": "", "stock-debug,patched": f"# the kernel says: {lockdep}\n", "stock-kcsan": f"# {race}\n",
            "stock-kcsan,patched": f"# {race}\n"}

    def boot(kernel, _board, command, _options):
        family = command[-1].removeprefix("--run=").removesuffix(".*")
        note = said[kernel] if family == "many" else ""
        verdict = "not ok" if note else "ok"
        if family == "storm" and kernel == "stock-debug":
            return 122, "1..1\n", "board: not done in 900 s"
        return (1 if note else 0), f"1..1\n{note}{verdict} 1 {family}.x\n# Totals: pass:0\n", note

    fake = SimpleNamespace(patches=[SimpleNamespace(diff="")], kernel=lambda _role, first, flavor: f"stock-{flavor}" + (",patched" if first else ""))
    original, cache.boot = cache.boot, boot
    try:
        watched = watching.watch(fake, SimpleNamespace(topology=["b"]), progress.Progress("test"))
    finally:
        cache.boot = original
    expect_equal([(splat.flavor, splat.said, splat.cases) for splat in watched.new], [("debug", lockdep, ["many.x"])], "new ones")
    expect_equal((watched.old, watched.incomplete, len(watched.unjudged)), (1, [], 1), "old ones, and who did not finish")
    board = {"b": results(a__x="")}
    judged = judgement_of(board, board)
    expect(judged.clean() and "Debug kernels" not in judged.letter(), judged.letter())
    judged.found = judged.found._replace(watched=watched)
    expect(not judged.clean() and "its debug kernels log 1 new warning" in judged.verdict(), judged.verdict())
    expect(f"  {lockdep}" in judged.letter() and "debug, in many.x" in judged.letter(), judged.letter())


@test()
def review_blames_no_series_for_a_race_by_chance():
    """A race counts against a series that names one of its functions, if the base has none in that one."""
    base = {f"BUG: KCSAN: data-race in {race}": ("", []) for race in ("load / put", "tick+0x1/0x2 / load")}
    for race, diff, expected in (("a / b", "", True), ("a / b", "+\ta(1);", False), ("b / a", "+\ta(1);", False), ("a", "+\ta(1);", False),
                                 ("a / load", "+\tload();", True), ("a / load", "+\tload(a());", False), ("aa / b", "+\ta(1);", True),
                                 ("a.isra.0 / b", "+\ta(1);", False)):
        said = f"BUG: KCSAN: data-race in {race}"
        expect_equal(watching.by_chance(said, base, ["", diff]), expected, f"{said} and {diff}")
    expect(not watching.by_chance("WARNING: possible circular locking dependency detected", base, []), "a lock's order is by chance")
    board = {"b": results(a__x="")}
    judged = judgement_of(board, board)
    race = watching.Splat("kcsan", "BUG: KCSAN: data-race in a / b", ["many.x"])
    judged.found = judged.found._replace(watched=watching.Watched([], [race], 0, [], []))
    expect(judged.clean() and "1 data race more: a / b. KCSAN" in judged.letter(), judged.letter())
    expect_equal(json.loads(exports.as_json(judged))["debug"]["sampled"], [race._asdict()], "for machines")


@test()
def review_runs_the_trees_own_tests():
    """--selftests: each status is a verdict, a slow machine is no fault, and what only the series has is skipped on the base."""
    failure = ("==== Test Assertion Failure ====\n  arm64/x.c:12: !ret\n  pid=48 tid=48 errno=19 - No such device\n"
               "     1\t(stack trace empty)\n  It failed, rc: -1\n")
    said = {"./good": (0, "Random seed: 1\n", ""), "./bad": (254, "", failure), "./new": (0, "", ""),
            "./left": (4, "1..0 # SKIP - Requirement not met: x\n", ""), "./dead": (206, "", "")}

    def boot(kernel, _board, command, _options, files):
        name = command[1]
        expect_equal(files, [f"/{kernel.role}{name[1:]}"], "program")
        if name == "./slow":
            return 122, "", ""
        if name == "./panics":
            return 121, "", ""
        status, out, err = said[name] if kernel.role == "base" or name != "./good" else said["./bad"]
        return 0, f"{status} {len(out)} {len(err)} 0 0\n{out}{err}" * 2, ""

    names = ("good", "bad", "left", "dead", "slow", "panics")
    programs = [{name: f"/{role}/{name}" for name in some} for role, some in (("base", names), ("series", (*names, "new")))]
    found = {role: {"b": results(a__x="")} for role in ("base", "series")}
    selftests.run_all([FakeKernel("base", "1"), FakeKernel("series", "2")], programs, found,
                      SimpleNamespace(topology=["b"], jobs=1, timeout=900), boot)
    base = found["base"]["b"].cases
    expect_equal(base["selftests.bad/free"], ("failed", "status 254; arm64/x.c:12: !ret; It failed, rc: -1"), "a failure")
    expect_equal(base["selftests.left/pinned"], ("skipped", "Requirement not met: x"), "what cannot run")
    expect_equal(base["selftests.dead/pinned"], ("failed", "signal 6"), "what a signal ended")
    expect_equal(base["selftests.slow/pinned"], ("skipped", "not done in 120 s"), "what is not done")
    expect_equal(base["selftests.panics/free"], ("failed", "the board's kernel panicked"), "what ends the board")
    changes = comparison.compare(found["base"], found["series"])
    names = {name: [change.case for change in some] for name, some in changes.items() if some}
    expect_equal(names.pop(comparison.BROKEN), ["selftests.good/free", "selftests.good/pinned"], "broken")
    expect_equal(names.pop(comparison.RUN), ["selftests.new/free", "selftests.new/pinned"], "newly run")
    expect_equal((list(names), len(names[comparison.STILL])), ([comparison.STILL], 6), "what fails on both")
    judged = judgement_of(found["base"], found["series"])
    expect("By which patch is not known" in judged.letter(), judged.letter())


@test()
def review_fits_a_mail():
    """Whatever is in it, the text has at most 72 columns and no control characters."""
    long = "a" * 30 + "/composite/sync/" + "b" * 60
    before = {"biglittle": results(**{f"c__{long}": "", "a__y": "x" * 200, "a__z": "words " * 40})}
    after = {"biglittle": results(**{f"c__{long}": "fails: " + "why " * 40, "a__y": "", "a__z": "fails"})}
    prices = ({("exit to the VMM " * 9, "default"): 12345678.0}, {("exit to the VMM " * 9, "default"): 12345679.0})
    judged, text = judge(before, after, (SPLAT.format(1, 2, 3) * 2, SPLAT.format(4, 5, 6) + "BUG: " + "x" * 100), 21,
                         {f"c.{long}": (4, 9), "a.z": (20, 21)}, prices)
    expect(len(text.splitlines()) > 40, text)
    for line in [*text.splitlines(), *judged.letter().splitlines()]:
        expect(len(line) <= 72 and line.isprintable(), f"{len(line)} columns: {line!r}")


def one_line_fault(tests=9, cases=20, boards=3):
    """(before, after) of a fault that many cases on all boards show, each with numbers of its own."""
    names = [f"family_{chr(97 + test)}__promise/composite/sync/row-{case}" for test in range(tests) for case in range(cases)]
    before = {f"board{board}": results(**dict.fromkeys(names, "")) for board in range(boards)}
    after = {f"board{board}": results(**{name: f"fails: PMCR_EL0.N: got {n} (0x{n:x}), expected {n + 1} (0x{n + 1:x})"
                                         for n, name in enumerate(names)}) for board in range(boards)}
    return before, after


@test()
def review_letter_has_sixty_lines():
    """However many cases, promises, patches, warnings and reasons there are, a letter has at most 60 lines of 72 columns."""
    before, after = one_line_fault()
    more = {f"more__{n}": f"reason {'very ' * 20}{n}" for n in range(30)}
    for results_of, said in ((before, more), (after, dict.fromkeys(more, ""))):
        for board in results_of:
            extra = results(**said)
            results_of[board].cases.update(extra.cases)
    logs = ("", "".join(SPLAT.format(1, 2, 3).replace("kvm_pmu_load", f"kvm_pmu_function_{chr(97 + n)}") for n in range(9)))
    for culprits in ({}, {case: (1, 2) for case in before["board0"].cases}, {case: None for case in before["board0"].cases},
                     {case: (n % 3, n % 3 + 1) for n, case in enumerate(before["board0"].cases)}):
        judged = judgement_of(before, after, logs, culprits=culprits)
        lines = judged.letter().splitlines()
        expect(len(lines) <= 60, f"{len(lines)} lines:\n" + "\n".join(lines))
        expect(any(line.startswith("  family") for line in lines) and "    repeat:" in lines, "no fault is told in full")
        expect(any("--verbose has all" in line for line in lines), "what is left out is not named")
        expect(lines[3].startswith("BROKEN: "), f"the verdict is not the first line but {lines[3]!r}")
        expect(not any("Tested-by" in line for line in lines), "a broken series is said to be tested")
    splats = [watching.Splat("kcsan", f"BUG: KCSAN: data-race in a{n} / b", [f"many.{n}" for n in range(9)]) for n in range(9)]
    judged.found = judged.found._replace(watched=watching.Watched(splats, splats, 9, ["many on the series: x"] * 9, []))
    expect(len(judged.letter().splitlines()) <= 60, judged.letter())
    few = judgement_of(*one_line_fault(tests=1), culprits={case: (1, 2) for case in one_line_fault(tests=1)[0]["board0"].cases})
    text = few.letter()
    expect(text.count("repeat:") == 1 and "family_a.promise: 20 cases on board0, board1" in text, text)
    expect(len(text.splitlines()) < 30, text)


@test()
def review_letter_repeats_the_fault():
    """The command in a letter is one that a shell takes, and runs the case on its board with the series' kernel."""
    long = f"a__x/composite/{'z' * 90}"
    for case in ("a__x", long):
        text = judgement_of({"b": results(**{case: ""})}, {"b": results(**{case: "fails"})}, patches=1).letter()
        command = re.search(r"repeat:\n((?:.*\\\n)*.*)\n", text)[1]
        with tempfile.TemporaryDirectory() as folder:
            for script, line in (("board", 'printf "%s\\n" "$@"'), ("kernel", 'echo "Image:$*"')):
                path = os.path.join(folder, "scripts", script)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(f"#!/bin/sh\n{line}\n")
                os.chmod(path, 0o755)
            said = subprocess.run(["sh", "-euc", command], cwd=folder, capture_output=True, text=True, check=False)
        expect_equal((said.stdout.split("\n"), said.stderr), ([
            "--icount", "--topology=b", "--kernel=Image:--version=6.12", "--flavor=stock", "--patches=build/review/series", "--",
            "pmu-regress", "--seed=1", f"--run={case.replace('__', '.')}", ""], ""), f"what {command} runs")


@test()
def review_letter_says_how_it_was_tested():
    """A clean series: the verdict, the cost, what tested it, and the line for a reply."""
    board = {"b": results(a__x="")}
    text = judgement_of(board, board).letter()
    for part in ("NOTHING IS BROKEN; no case says anything else.", "Kernel warnings: none is new.",
                 "minivmm 0123456789ab, QEMU 7.2.22, cc 1.2; pmu-regress", "806 s.",
                 "Tested-by: A. Reviewer <a@example.org> # minivmm 0123456789ab"):
        expect(part in " ".join(text.split()), f"no {part!r} in {text}")


@test()
def review_page_has_the_letters_order():
    """The page: the verdict first and loudest, then the letter's sections in its order, links to each, faults folded."""
    before, after = one_line_fault(tests=2, cases=2)
    for base, series_of in ((before, after), (before, before)):
        judged = judgement_of(base, series_of, culprits={case: (1, 2) for case in base["board0"].cases})
        text = layout.html(judged.sections())
        titles = re.findall(r'<h2 id="([^"]*)">([^<]*)</h2>', text)
        said = re.findall(r"(?m)^([A-Z][a-z ,]*):(?: |$)", judged.letter())
        expect_equal([title for _, title in titles if title != "Cases"], [title for title in said if title != "Tested-by"], "sections")
        expect_equal(re.findall(r'<a href="#([^"]*)">', text), [anchor for anchor, _ in titles], "links")
        kind = "good" if judged.clean() else "bad"
        expect(text.startswith(f'<p class="verdict {kind}">{"NOTHING IS BROKEN" if judged.clean() else "BROKEN: patch 2/3"}'), text[:200])
        expect_equal(text.count("class=\"verdict"), 1, "verdicts")
        expect_equal(text.count("<details><summary>family"), 0 if judged.clean() else 2, "folded faults")
    largest = re.search(r"\.verdict\{font-size:([\d.]+)rem", page.STYLE)
    others = re.findall(r"(?:^|\n)(?:h1|h2|h3|body)\{[^}]*?font(?:-size)?:([\d.]+)rem", page.STYLE)
    expect(len(others) >= 3 and all(float(largest[1]) > float(size) for size in others), f"{largest} and {others}")


@test()
def review_is_written_for_machines():
    """--json has every case on every board with its change, culprit and command; --junit fails for what is broken only."""
    before = {"b": results(a__x="", a__y="fails: old", a__z="no mode", a__w=FAULT)}
    after = {"b": results(a__x="fails: <&\x01>", a__y="fails: old", a__z="", a__w=FAULT)}
    judged = judgement_of(before, after, ("", SPLAT.format(1, 2, 3)), culprits={"a.x": (1, 2)}, prices=({("read", "off"): 1.5}, {}))
    data = json.loads(exports.as_json(judged))
    expect_equal([(case["case"], case["base"]["kind"], case["series"]["kind"], case["change"]) for case in data["cases"]],
                 [("a.x", "passed", "failed", "Broken"), ("a.y", "failed", "failed", "Still failing"),
                  ("a.z", "skipped", "passed", "Newly run, passed"), ("a.w", "known fault", "known fault", None)], "cases")
    expect_equal((data["cases"][0]["culprit"], data["clean"], len(data["warnings"]), data["warnings"][0]["new"]),
                 ([1, 2], False, 1, True), "the rest")
    expect(data["cases"][0]["repeat"].endswith("--run=a.x"), data["cases"][0]["repeat"])
    expect_equal(data["instructions"], [{"what": "read", "mode": "off", "base": 1.5, "series": None}], "prices")
    with open(os.path.join(TOP, "docs", "review.md"), encoding="utf-8") as file:
        documented = re.findall(r"(?m)^\| `(\w+)` \|", file.read())
    expect_equal(sorted(documented), sorted(data), "keys that docs/review.md has")
    board, log = ElementTree.fromstring(exports.as_junit(judged))
    expect_equal([(suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("skipped")) for suite in (board, log)],
                 [("b", "4", "1", "2"), ("kernel log", "1", "1", "0")], "suites")
    expect_equal([case.get("name") for case in board if case.find("failure") is not None], ["a.x"], "failures")


@test()
def review_counts_families():
    """Cases that come to run are counted under the reason that they had; a letter names the first, the page all."""
    names = [f"{family}__{n}" for family in ("counting", "state") for n in range(6)]
    board = [{"b": results(**dict.fromkeys(some, "no such mode"), **dict.fromkeys(rest, ""))}
             for some, rest in ((names, []), ([], names), (names[2:], names[:2]))]
    judged, text = judge(board[0], board[1])
    expect("  were skipped: no such mode\n      12 results (12 cases on 1 board): counting.0, counting.1,\n" in text, text)
    expect("12 results (12 cases on 1 board): counting.0, counting.1,\n      counting.2 and 9 more\n" in judged.letter(),
           judged.letter())
    expect(judged.clean() and "NOTHING IS BROKEN; newly run, passed: 12 results" in text, text)
    expect("no case says anything else." in judge(board[0], board[0])[1], "nothing changed, and it does not say so")


@test()
def review_finds_the_first_patch():
    """Of 21 patches, each can be found, with at most 5 kernels; where some do not build, those between are said."""
    for culprit in range(1, 22):
        asked = []

        def changed(first, culprit=culprit, asked=asked):
            asked.append(first)
            return first >= culprit
        expect_equal(comparison.first_patch(21, changed), (culprit - 1, culprit), f"patch {culprit}")
        expect(len(asked) <= 5 and 0 not in asked and 21 not in asked, f"asked for {asked}")
    expect_equal(comparison.first_patch(1, None), (0, 1), "of one patch")
    expect_equal(comparison.first_patch(9, lambda first: None if 3 <= first <= 5 else first >= 5), (2, 6), "3 to 5 untold")
    expect_equal(comparison.first_patch(9, lambda first: None if first == 5 else first >= 8), (7, 8), "5 untold")
    expect_equal(comparison.first_patch(4, lambda _: None), (0, 4), "all untold")


class FakeSeries:
    """Kernels of a series that are their own Images: the digest is the Image, and equal ones are equal kernels."""
    two_images = False

    def __init__(self, images):
        """IMAGES: what the first 0, 1, 2... patches make; None cannot be built."""
        self.images, self.patches, self.built, self.booted = images, range(len(images) - 1), [], []

    def kernel(self, _, first):
        """Remembers what was asked for."""
        self.built.append(first)
        return self.images[first] and SimpleNamespace(digest=self.images[first])

    def bisect(self, before, after, outcomes, glob=""):
        """What bisection finds; OUTCOMES(image, board, cases) gives what boot() gives."""
        def boot(of, board, command, _options):
            self.booted.append(of.digest)
            return outcomes(of.digest, board, [word.removeprefix("--run=") for word in command if word.startswith("--run=")])
        kernels = [SimpleNamespace(digest=self.images[number]) for number in (0, -1)]
        return bisection.bisect(self, kernels, comparison.compare(before, after), SimpleNamespace(bisect=glob, jobs=2),
                                progress.Progress("review", out=io.StringIO()), boot)


BROKEN_BY = {"a.two": 2, "a.five": 5, "b.six": 6, "b.dies": 4}


def fake_boot(image, board, cases):
    """Each case fails from its patch on; the one that dies ends the board, and shows no output.

    On board one, what three patches make is not done in time.
    """
    if image == 3 and board == "one":
        return ktap.TIMEOUT, "", "board: stopped: --timeout ran out"
    bad = {case for case in cases if image >= BROKEN_BY[case]}
    if "b.dies" in bad:
        return ktap.PANIC, "", "board: the board's kernel panicked"
    expect(board == ("one" if cases[0][0] == "a" else "two"), f"{cases} on {board}")
    return 0, "\n".join(f"1 2 3\n1..1\n{'not ok' if case in bad else 'ok'} 1 {case}" for case in cases), ""


@test()
def review_bisects_cases_together():
    """All cases are looked at with each kernel, one that ends the board alone; no kernel twice, no case that did not change."""
    before = {"one": results(a__two="", a__five="", a__same=""), "two": results(b__six="", b__dies="")}
    after = {"one": results(a__two="fails", a__five="fails", a__same=""), "two": results(b__six="fails", b__dies="dies")}
    # What died took the results of its board along; here they are known.
    after["two"].cases["b.six"] = ktap.Outcome(ktap.FAILED, "why")
    patches = FakeSeries([0, 1, 2, 3, 4, None, 6, 7])
    found = patches.bisect(before, after, fake_boot)
    expect_equal(found, {"a.two": (1, 2), "a.five": (4, 6), "b.six": (4, 6), "b.dies": (3, 4)}, "culprits")
    expect_equal(sorted(patches.built), sorted(set(patches.built)), "kernels, each once")
    expect_equal(patches.bisect(before, after, fake_boot, "a.t*"), {"a.two": (1, 2)}, "of that name")
    expect_equal(patches.bisect(before, after, fake_boot, None), {}, "if nobody asked")


KINDS_SAID = {ktap.PASSED: "", ktap.FAILED: "fails", comparison.FAULT: FAULT, ktap.SKIPPED: "no such mode",
              comparison.MISSING: "dies"}


def says(case, kind):
    """What a board prints on which CASE ends in this way."""
    if kind == comparison.MISSING:
        return ktap.PANIC, "", "board: the board's kernel panicked"
    said = KINDS_SAID[kind]
    line = f"not ok 1 {case}" if said == "fails" else f"ok 1 {case}{f' # SKIP {said}' if said else ''}"
    return 0, f"1..1\n{line}\n", ""


@test()
def review_blames_the_patch_that_changes_a_case():
    """Every kind of outcome on base, prefix and series: the first patch is blamed if, and only if, it makes another kind."""
    for base, prefix, end in itertools.product(KINDS_SAID, repeat=3):
        before, after = ({"b": results(a__x=KINDS_SAID[kind])} for kind in (base, end))
        for results_of, kind in ((before, base), (after, end)):
            if kind == comparison.MISSING:  # the case is known, and has no result
                results_of["b"].cases["a.x"] = ktap.Outcome(comparison.MISSING)
        patches = FakeSeries(["base", "prefix", "end"])
        kinds = {"base": base, "prefix": prefix, "end": end}
        what = f"{base}, {prefix}, {end}"
        if base == end:
            try:
                patches.bisect(before, after, lambda image, _, cases, kinds=kinds: says(cases[0], kinds[image]), "*")
                raise Failed(f"{what}: a patch is blamed for a case that did not change")
            except command_line.Failure:
                continue
        found = patches.bisect(before, after, lambda image, _, cases, kinds=kinds: says(cases[0], kinds[image]), "*")
        expect_equal(found, {"a.x": (0, 1) if prefix != base else (1, 2)}, what)


@test()
def review_runs_no_equal_kernel():
    """A prefix whose Image is that of the base, the series or another prefix is not run, and its last patch is not blamed."""
    before, after = {"b": results(a__x=FAULT)}, {"b": results(a__x="fails")}

    def outcomes(image, _, cases):
        return says(cases[0], comparison.FAULT if image in ("base", "still") else ktap.FAILED)
    for images, culprit, runs in ((["base", "base", "end", "end"], (1, 2), ["base", "end"]),
                                  (["base", "base", "base", "end"], (2, 3), ["base", "end"]),
                                  (["base", "still", "still", "end"], (2, 3), ["base", "end", "still"])):
        patches = FakeSeries(images)
        expect_equal(patches.bisect(before, after, outcomes), {"a.x": culprit}, f"culprit of {images}")
        expect_equal(sorted(patches.booted), runs, f"runs of {images}")


@test()
def review_blames_nobody_for_what_it_cannot_repeat():
    """A case that alone does the same on base and series is blamed on no patch, and the report says so."""
    before, after = {"b": results(a__x="")}, {"b": results(a__x="fails")}
    found = FakeSeries(["base", "one", "end"]).bisect(before, after, lambda _, __, cases: says(cases[0], ktap.PASSED))
    expect_equal(found, {"a.x": None}, "culprit")
    expect("no patch is blamed" in judge(before, after, culprits=found)[1], "the report does not say so")


@test()
def review_finds_what_ends_a_board_among_others():
    """Cases that another case takes along, on a prefix, are run again without it."""
    names = [f"a__{n}" for n in range(5)]
    before, after = {"b": results(**dict.fromkeys(names, ""))}, {"b": results(**dict.fromkeys(names, "fails"))}

    def outcomes(image, _, cases):
        if image == "one" and "a.3" in cases:
            return ktap.PANIC, "", "board: the board's kernel panicked"
        return 0, "\n".join(f"1..1\n{'not ok' if image == 'end' else 'ok'} 1 {case}" for case in cases), ""
    found = FakeSeries(["base", "one", "end"]).bisect(before, after, outcomes)
    expect_equal(found, {f"a.{n}": (0, 1) if n == 3 else (1, 2) for n in range(5)}, "culprits")


@test()
def review_says_what_others_pay():
    """A VM that asks for nothing new: the same, or by how much not; a mode that only one kernel has is no difference."""
    output = "exit 0x0000000000001000 0x0040\nhop 0x0000000000000100 0x0002\n"
    more = output.replace("1000", "1200")
    base = costs.read([output] * 5 + ["", ""])
    same, dearer = costs.read([output] * 7), costs.read([more] * 7)
    expect_equal(base["exit to the VMM", "default"], 64.0, "an exit")
    expect_equal(costs.read([output.replace("0x", "")] * 7), {}, "costs of what is no number")
    expect("0 instructions per exit and per counter read, as expected" in costs.sentence(base, same), costs.sentence(base, same))
    for one, other, text in ((base, dearer, "default: costs 8 more instructions per exit to the VMM (64 to 72; expected: 0 more)"),
                             (dearer, base, "default: saves 8 instructions per exit to the VMM (72 to 64; expected: 0 more)")):
        expect(text in costs.sentence(one, other), costs.sentence(one, other))
    expect(["exit to the VMM, default", "64", "72", "+8"] in costs.rows(base, dearer), costs.rows(base, dearer))
    expect(["exit to the VMM, composite", "-", "64", ""] in costs.rows(base, same), costs.rows(base, same))


@test()
def review_is_never_silent():
    """While something takes long, what it is at is said whenever there was silence, and only then."""
    errors = io.StringIO()
    says = progress.Progress("review", silence=0.4, out=errors)
    with says.during(lambda: "builds"):
        for _ in range(3):
            says("something")
        time.sleep(1.4)
    lines = errors.getvalue().splitlines()
    expect_equal(lines[:3], ["review: something"] * 3, "what was said while there was no silence")
    expect(2 <= len(lines[3:]) <= 3 and all(re.fullmatch(r"review: builds \(\d+ s\)", line) for line in lines[3:]), f"{lines}")


@test()
def review_says_how_far_boards_are():
    """Boards and cases done of how many, with names, and about how long the rest takes."""
    now = [0]
    boards = progress.Boards(["base on a", "series on a", "base on b", "series on b"], clock=lambda: now[0])
    expect_equal(boards.text(), "0 of 4 boards are done; boards start", "at first")
    now[0] = 100
    boards.hear("base on a", "[   12.3] pmu-regress: 400 of 800 cases\n")
    boards.hear("series on a", "pmu-regress: 400 of 800 cases")
    boards.hear("base on a", "perf: interrupt took too long")
    expect_equal(boards.text(), "0 of 4 boards are done; base on a: 400 of 800 cases, series on a: 400 of 800 cases; "
                 "about 5 min left", "in between")
    now[0] = 200
    boards.hear("series on a", "pmu-regress: 800 of 800 cases")
    for name in ("base on a", "series on a", "base on b"):
        boards.end(name)
    boards.hear("series on b", "pmu-regress: 600 of 800 cases")
    expect_equal(boards.text(), "3 of 4 boards are done; series on b: 600 of 800 cases; about 22 s left", "at the end")


@test(boots=True)
def review_hears_boards():
    """pmu-regress --progress: the board's console says how many cases are done of how many, while the board runs."""
    heard = []
    status, output, errors = jobs.run("scripts/board", "--icount", "--verbose", "--append=loglevel=5 printk.devkmsg=on", "--",
                                      "pmu-regress", "--progress", "--run=interface.irq/*",
                                      stderr=subprocess.PIPE, heard=heard.append)
    expect_equal(status, 0, f"status, with {errors[-300:]!r}")
    total = len([line for line in output.splitlines() if line.startswith("ok ")])
    expect_equal(progress.CASES.findall("".join(heard))[-1:], [(str(total), str(total))], "what was said last")
    expect_equal("".join(heard), errors, "what was heard, and what is kept")


@test()
def review_says_which_kernel():
    """An Image is named by its version and by what sha256sum prints of it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"...Linux version 6.99.1-rc2 (minivmm@board)...")
        file.flush()
        printed = subprocess.run(["sha256sum", file.name], capture_output=True, text=True, check=True).stdout
        said = str(cache.Kernel("base", file.name))
        expect(said.startswith("Linux 6.99.1-rc2, ") and f"(sha256 {printed[:12]})" in said, said)


def refused(*arguments):
    """What scripts/review says when it cannot use its arguments."""
    done = subprocess.run([os.path.join(TOP, "scripts", "review"), *arguments], capture_output=True, text=True, check=False)
    expect_equal((done.returncode, done.stdout, len(done.stderr.splitlines())), (2, "", 1), f"of {arguments}")
    return done.stderr


@test()
def review_refuses_what_it_cannot_compare():
    """No series, another board, an Image on a version, a base that is nothing: status 2 and a line that says why."""
    with tempfile.TemporaryDirectory() as folder:
        image, patch = os.path.join(folder, "Image"), os.path.join(folder, "a.patch")
        with open(image, "wb") as file:
            file.write(bytes(56) + b"ARM\x64")
        with open(patch, "w", encoding="utf-8") as file:
            file.write("no diff\n")
        expect("SERIES" in refused(), "no series")
        expect("biglittle" in refused("--topology=mars", patch), "no board")
        expect("another one" in refused("--base=6.12", image), "an Image on a version")
        expect("another one" in refused("--base=6.12", "--bisect", image), "--bisect took the series for a name")
        expect("has no patch" in refused("--base=6.12", patch), "no patch")
        with open(patch, "w", encoding="utf-8") as file:
            file.write("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-x\n+y\n")
        for base in ("mars", "v6.12", "6.12.117", "next"):
            expect(f"--base={base} is no base: it can be 6.12 or 7.3, the folder" in refused(f"--base={base}", patch), base)
        expect("b4 am -o- a@b.org | scripts/review -" in refused("<a@b.org>"), "a message id")
        expect("another one" in refused(f"--base={image}", image, image), "three Images")


@test()
def series_can_be_cut_short():
    """The first patches of a series: as many as asked for, and no more than there are."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as out:
        for name in "abc":
            with open(os.path.join(folder, f"{name}.patch"), "w", encoding="utf-8") as file:
                file.write(f"--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-x\n+y\n")
        run_module("kernels.series", folder, out, "2").check_returncode()
        expect_equal(sorted(os.listdir(out)), ["0001.patch", "0002.patch"], "files")
        done = run_module("kernels.series", folder, out, "4", capture_output=True, text=True)
        expect(done.returncode == 1 and "has 3 patches, not 4" in done.stderr, done.stderr)
