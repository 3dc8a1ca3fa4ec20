# SPDX-License-Identifier: MIT
"""scripts/review: what it makes of results, by made-up ones; the real ones take minutes."""
import itertools
import os
import subprocess
import sys
import tempfile
from types import SimpleNamespace

from harness import TOP, Failed, expect, expect_equal, test

sys.path.insert(0, os.path.join(TOP, "scripts"))
import bisection  # noqa: E402
import costs  # noqa: E402
import jobs  # noqa: E402
import judgement  # noqa: E402
import kept  # noqa: E402
import ktap  # noqa: E402
import letter  # noqa: E402
import series  # noqa: E402
import verdict  # noqa: E402

FAULT = verdict.FAULT_SAYS + "it forgets"
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
    """Only its name."""

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return f"{self.name}, Image of a name that has as many characters as there are in those of real ones"


def judge(base, after, logs=("", ""), patches=3, culprits=(), prices=({}, {})):
    """(Judgement, its text) of {board: Results} on both kernels."""
    names = [f"[PATCH {n}/{patches}] KVM: arm64: PMU: {'Make something different ' * 4}{n}" for n in range(1, patches + 1)]
    roles = {"base": base, "series": after}
    judged = judgement.Judgement(
        [series.Patch(name, "") for name in names], [FakeKernel("Linux 1.0"), FakeKernel("Linux 1.0")], roles,
        {role: dict.fromkeys(of, log) for (role, of), log in zip(roles.items(), logs)},
        verdict.compare(base, after), dict(culprits), prices, list(base))
    return judged, letter.plain(judged.sections())


@test()
def review_names_each_change():
    """What was and is of a case gives one verdict: broken, lost, fixed, still failing, run, not run, or none."""
    skip = "not here"
    wanted = {
        ("", "fails"): verdict.BROKEN, ("", FAULT): verdict.BROKEN, ("", skip): verdict.NOT_RUN, ("", ""): None,
        (skip, "fails"): verdict.BROKEN, (skip, ""): verdict.RUN, (skip, FAULT): verdict.RUN_FAULT,
        (skip, "nor now"): None, (FAULT, "fails"): verdict.BROKEN, (FAULT, ""): verdict.FIXED, (FAULT, FAULT): None,
        (FAULT, skip): verdict.NOT_RUN, ("fails", ""): verdict.FIXED, ("fails", "fails otherwise"): verdict.STILL,
        ("fails", FAULT): verdict.STILL, ("fails", skip): verdict.NOT_RUN, ("", "dies"): verdict.LOST,
        (skip, "dies"): verdict.LOST, ("dies", ""): verdict.FIXED, ("dies", "fails"): verdict.STILL}
    for (was, now), name in wanted.items():
        changes = verdict.compare({"b": results(a__x=was)}, {"b": results(a__x=now)})
        got = [key for key, some in changes.items() if some]
        expect_equal(got, [name] if name else [], f"{was!r} that becomes {now!r}")
        bad = name in (verdict.BROKEN, verdict.LOST) or now == "dies"
        judged, _ = judge({"b": results(a__x=was)}, {"b": results(a__x=now)})
        expect_equal(judged.clean(), not bad, f"clean, where {was!r} becomes {now!r}")


@test()
def review_compares_board_by_board():
    """The same case on two boards is two cells; one that only one board breaks is broken there."""
    before = {name: results(a__x="", a__y="") for name in ("one", "two")}
    after = {"one": results(a__x="", a__y=""), "two": results(a__x="fails: 3 cycles", a__y="")}
    broken = verdict.compare(before, after)[verdict.BROKEN]
    expect_equal([(change.case, change.board) for change in broken], [("a.x", "two")], "broken")
    _, text = judge(before, after, culprits={"a.x": (1, 2)})
    for part in ("a.x\n      on two\n      was passed\n      is failed: fails: 3 cycles\n      since 2/3 KVM: arm64",
                 "By patch\n--------\n\n  2/3 KVM: arm64", "different 2\n      a.x\n",
                 "NOT CLEAN. Broken: 1 result, 1 case on 1 board.", "two                                2/0/0/0  1/1/0/0"):
        expect(part in text, f"no {part!r} in {text}")


@test()
def review_tells_new_warnings():
    """A warning counts once, wherever its lines have moved to; one that the base lacks is new, and not clean."""
    base, moved = SPLAT.format(1, 99, 610), SPLAT.format(3, 120, 644)
    other = moved.replace("kvm_pmu_load", "kvm_pmu_put")
    newer = "WARNING: arch/arm64/kvm/pmu-emul.c:{} at f+0x1/0x2, CPU#{}: pmu-regress/{}\n"
    expect_equal(len(verdict.warnings(base + moved + other + "perf: hello\n")), 2, "warnings")
    expect_equal(len(verdict.warnings(newer.format(1, 2, 3) + newer.format(4, 5, 6))), 1, "warnings of Linux 7.3")
    board = {"b": results(a__x="")}
    for logs, is_clean in (((base, moved), True), ((base, moved + other), False), ((base, ""), True), (("", base), False)):
        judged, text = judge(board, board, logs)
        expect_equal(judged.clean(), is_clean, f"clean with {logs}")
        expect_equal("NEW" in text, not is_clean, f"NEW in {text}")


@test()
def review_fits_a_mail():
    """Whatever is in it, the text has at most 72 columns and no control characters."""
    long = "a" * 30 + "/composite/sync/" + "b" * 60
    before = {"biglittle": results(**{f"c__{long}": "", "a__y": "x" * 200, "a__z": "words " * 40})}
    after = {"biglittle": results(**{f"c__{long}": "fails: " + "why " * 40, "a__y": "", "a__z": "fails"})}
    prices = ({("exit to the VMM " * 9, "default"): 12345678.0}, {("exit to the VMM " * 9, "default"): 12345679.0})
    _, text = judge(before, after, (SPLAT.format(1, 2, 3) * 2, SPLAT.format(4, 5, 6) + "BUG: " + "x" * 100), 21,
                    {f"c.{long}": (4, 9), "a.z": (20, 21)}, prices)
    expect(len(text.splitlines()) > 40, text)
    for line in text.splitlines():
        expect(len(line) <= 72 and line.isprintable(), f"{len(line)} columns: {line!r}")


@test()
def review_counts_families():
    """Many cases that come to run are counted by family, few are named, both under the reason that they had."""
    names = [f"{family}__{n}" for family in ("counting", "state") for n in range(6)]
    board = [{"b": results(**dict.fromkeys(some, "no such mode"), **dict.fromkeys(rest, ""))}
             for some, rest in ((names, []), ([], names), (names[2:], names[:2]))]
    judged, text = judge(board[0], board[1])
    expect("was skipped: no such mode\n      12 results, 12 cases on 1 board\n      counting 6, state 6\n" in text, text)
    expect(judged.clean() and "NOTHING IS BROKEN. Newly run, passed: 12 results" in text, text)
    expect("counting.0, counting.1\n" in judge(board[0], board[2])[1], "two cases are not named")
    expect("No case says anything else." in judge(board[0], board[0])[1], "nothing changed, and it does not say so")


@test()
def review_finds_the_first_patch():
    """Of 21 patches, each can be found, with at most 5 kernels; where some do not build, those between are said."""
    for culprit in range(1, 22):
        asked = []

        def changed(first, culprit=culprit, asked=asked):
            asked.append(first)
            return first >= culprit
        expect_equal(verdict.first_patch(21, changed), (culprit - 1, culprit), f"patch {culprit}")
        expect(len(asked) <= 5 and 0 not in asked and 21 not in asked, f"asked for {asked}")
    expect_equal(verdict.first_patch(1, None), (0, 1), "of one patch")
    expect_equal(verdict.first_patch(9, lambda first: None if 3 <= first <= 5 else first >= 5), (2, 6), "3 to 5 untold")
    expect_equal(verdict.first_patch(9, lambda first: None if first == 5 else first >= 8), (7, 8), "5 untold")
    expect_equal(verdict.first_patch(4, lambda _: None), (0, 4), "all untold")


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
        return bisection.bisect(self, kernels, verdict.compare(before, after), SimpleNamespace(bisect=glob, jobs=2), str, boot)


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


KINDS_SAID = {ktap.PASSED: "", ktap.FAILED: "fails", verdict.FAULT: FAULT, ktap.SKIPPED: "no such mode",
              verdict.MISSING: "dies"}


def says(case, kind):
    """What a board prints on which CASE ends in this way."""
    if kind == verdict.MISSING:
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
            if kind == verdict.MISSING:  # the case is known, and has no result
                results_of["b"].cases["a.x"] = ktap.Outcome(verdict.MISSING)
        patches = FakeSeries(["base", "prefix", "end"])
        kinds = {"base": base, "prefix": prefix, "end": end}
        what = f"{base}, {prefix}, {end}"
        if base == end:
            try:
                patches.bisect(before, after, lambda image, _, cases, kinds=kinds: says(cases[0], kinds[image]), "*")
                raise Failed(f"{what}: a patch is blamed for a case that did not change")
            except jobs.Failure:
                continue
        found = patches.bisect(before, after, lambda image, _, cases, kinds=kinds: says(cases[0], kinds[image]), "*")
        expect_equal(found, {"a.x": (0, 1) if prefix != base else (1, 2)}, what)


@test()
def review_runs_no_equal_kernel():
    """A prefix whose Image is that of the base, the series or another prefix is not run, and its last patch is not blamed."""
    before, after = {"b": results(a__x=FAULT)}, {"b": results(a__x="fails")}

    def outcomes(image, _, cases):
        return says(cases[0], verdict.FAULT if image in ("base", "still") else ktap.FAILED)
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
    expect("the same number of instructions" in costs.sentence(base, same), costs.sentence(base, same))
    expect("+8 for an exit to the VMM, default" in costs.sentence(base, dearer), costs.sentence(base, dearer))
    expect(["exit to the VMM, default", "64", "72", "+8"] in costs.rows(base, dearer), costs.rows(base, dearer))
    expect(["exit to the VMM, composite", "-", "64", ""] in costs.rows(base, same), costs.rows(base, same))


@test()
def review_says_which_kernel():
    """An Image is named by its version and by what sha256sum prints of it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"...Linux version 6.99.1-rc2 (minivmm@board)...")
        file.flush()
        printed = subprocess.run(["sha256sum", file.name], capture_output=True, text=True, check=True).stdout
        said = str(kept.Kernel("base", file.name))
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
        command = [sys.executable, os.path.join(TOP, "scripts", "series.py"), folder, out]
        subprocess.run([*command, "2"], check=True)
        expect_equal(sorted(os.listdir(out)), ["0001.patch", "0002.patch"], "files")
        done = subprocess.run([*command, "4"], capture_output=True, text=True, check=False)
        expect(done.returncode == 1 and "has 3 patches, not 4" in done.stderr, done.stderr)
