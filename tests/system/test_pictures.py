# SPDX-License-Identifier: MIT
"""scripts/report's pictures fit any payload's numbers; its links and comparisons are those of the runs."""
import html
import json
import os
import re
import urllib.parse
from types import SimpleNamespace

from reports import plot, scales, verdicts
from reports.loading import load_files
from reports.picture import Picture
from system.harness import expect, expect_equal, test
from system.test_report import folder, read, record, script, write

NUMBER = re.compile(r"-?\d+(\.\d+)?[kMGTPE]?")


def changed(text, change):
    """A record in which CHANGE(window, its number) has set members of each window."""
    lines = [json.loads(line) for line in text.splitlines()]
    windows = [line for line in lines if line["type"] == "window"]
    for number, window in enumerate(windows):
        window.update(change(window, number))
    return "".join(json.dumps(line) + "\n" for line in lines)


# What a payload may hand over, and what the page has to say of it.
RECORDS = {
    "plain": (record(20), ()),
    "far": (changed(record(20), lambda window, _: {"cycles_end": window["cycles_end"] + 2 ** 45}), (f"began at {2 ** 45};",)),
    "outlier": (changed(record(20), lambda _, i: {"cycles": 40165 * 5000} if i == 7 else {}),
                ("Not drawn to scale: window 7 (200825000 cycles, 80 µs).",)),
    "back": (changed(record(20), lambda _, i: {"cycles": 2 ** 64 - 5} if i == 7 else {}),
             ("window 7 (-5 cycles", "went back in 1 of 20")),
    "late": (changed(record(20), lambda _, i: {"cntvct": 5000 + 10 ** 7 * (i == 7),
                                               "cntvct_end": 5000 * (i + 1) + 10 ** 7 * (i >= 7)}),
             ("window 7 (40165 cycles, 160.1 ms)",)),
    "huge": (changed(record(20, 7 * 10 ** 14), lambda _, i: {"cntvct": 10 ** 12, "cntvct_end": 10 ** 12 * (i + 1)}), ("at the right edge",)),
    "tiny": (changed(record(20, 3), lambda _, i: {"cntvct": 2, "cntvct_end": 2 * (i + 1)}), ("at the right edge",)),
    "timeless": (changed(record(20), lambda *_: {"cntvct": 0, "cntvct_end": 0}), ("so the host&#x27;s is drawn",)),
    "no-frequency": (record(20).replace(', "cntfrq": 62500000', ""), ()),
}


@test()
def pictures_fit_any_numbers():
    """Counters that begin far from 0, count much, little, backwards or no time: most windows are seen, in few letters."""
    with folder() as work:
        paths = [write(text, work, f"{name}.jsonl") for name, (text, _) in RECORDS.items()]
        site = load_files(paths)
        for run in site.runs:
            picture = Picture(run, 0, site.groups)
            end, low, high, most = plot.axes([picture])
            usual = sorted(piece[1] - piece[0] for piece in picture.pieces)[10]
            expect(usual > 0.02 * end, f"{run.name}: a window is {usual} of {end} wide")
            expect(sorted(picture.bars)[10] > 0.2 * most, f"{run.name}: bars of {sorted(picture.bars)[10]}, up to {most}")
            rise = sorted(piece[3] - piece[2] for piece in picture.pieces)[10]
            expect(rise > 0.02 * (high - low), f"{run.name}: the line rises by {rise} of {high - low} in a window")
        done = script("report", f"--out={work}/out", *paths)
        expect_equal((done.returncode, done.stderr), (0, ""), "status and errors")
        page = read(work, "out", "report.html")
        for name, (_, sentences) in RECORDS.items():
            svg = read(work, "out", f"{name}.svg")
            tics = [text for text in re.findall(r"<text>\s*([^<]*?)\s*</text>", svg) if re.match(r"[-.\d]", text)]
            expect(len(tics) > 6 and all(NUMBER.fullmatch(text) and len(text) < 6 for text in tics), f"{name}: tics {tics}")
            for sentence in sentences:
                expect(sentence in page, f"{name}: no {sentence!r} on the page")
        expect_equal(page.count("Not drawn to scale"), 2 * 3, "outliers: of cycles, of time and backwards, in text and alternative")


@test()
def one_outlier_is_cut():
    """A tenth of the windows at most, and never all that are long, are outliers."""
    for lengths, wanted in (([5] * 9 + [500], 5 * scales.MARGIN), ([5] * 9 + [30], 30), ([5] * 8 + [500, 600], 600),
                            ([5] * 18 + [500, 600], 5 * scales.MARGIN), ([0, 0, 0, 5], 5), ([1, 100], 100), ([0], 0), ([], 0)):
        expect_equal(scales.limit(lengths), wanted, f"limit of {lengths}")
    names = [scales.short(value) for value in (0, 999, 1500, -20000, 16e18)]
    expect_equal(names, ["0", "999", "1.5k", "-20k", "16E"], "letters")


@test()
def a_window_tells_its_values():
    """Each window has a bar over it that a pointer gets the values from, without a script; links lead to record and trace."""
    with folder() as work:
        events = changed(record(4), lambda *_: {"events": {"0x08": 77}})
        os.mkdir(os.path.join(work, "the records"))
        path = write(events, work, "the records", "some.jsonl")
        other = write(record(4, 5), work, "the records", "other.jsonl")
        trace = write("{}", work, "the records", "some.trace.json")
        done = script("report", f"--out={work}/out", path, other)
        expect_equal((done.returncode, done.stderr), (0, ""), "status and errors")
        page = read(work, "out", "report.html")
        figures = page.split("<figure>")[1:]
        titles = [html.unescape(title) for title in re.findall(r"<rect [^>]*><title>([^<]*)</title></rect>", figures[0])]
        expect_equal(len(titles), 4, "windows with a title")
        expect_equal(titles[1], "window 1 on CPU 2 (armv8_cortex_a72): 40165 cycles in 80 µs, to 80330; 1 hop; event 0x08: 77", "title")
        expect("<script" not in page, "the page needs JavaScript")
        links = [[os.path.join(work, "out", urllib.parse.unquote(link)) for link in re.findall('<a href="([^"#]*)">', figure)]
                 for figure in figures]
        # Behind the last picture, the facts have those of all runs.
        expect_equal([[os.path.realpath(link) for link in one] for one in links],
                     [[os.path.realpath(one) for one in paths] for paths in ((path, trace), (other, path, trace, other))], "links")


@test()
def comparison_says_same_or_different():
    """Two folders: for each mode the page says same, same verdict, different, or which of them has it."""
    runs = {"same": (40165, 40165), "counts": (40165, 40100), "other": (40165, 0), "first": (40165, None)}
    with folder() as work:
        for number in (0, 1):
            os.mkdir(os.path.join(work, f"{number}"))
            for mode, cycles in runs.items():
                if cycles[number] is not None:
                    write(record(cycles=cycles[number]), work, f"{number}", f"{mode}.jsonl")
            facts = {"short": f"on kernel {number}", "chapters": [{"id": "table", "kind": "table", "title": "All"}], "runs": [
                {"name": mode, "title": mode, "chapter": "table", "record": f"{mode}.jsonl"}
                for mode, cycles in runs.items() if cycles[number] is not None]}
            write(json.dumps(facts), work, f"{number}", "facts.json")
        done = script("report", f"--out={work}/out", os.path.join(work, "0"), os.path.join(work, "1"))
        expect_equal((done.returncode, done.stderr), (0, ""), "status and errors")
        page = read(work, "out", "report.html")
        table = page[page.index("the two compared"):]
        cells = re.findall("<span>([^<]*)</span>", table[:table.index("</table>")])
        expect_equal(cells, ["same", "same", "counts", "same verdict, other counts", "other", "different", "first", "only on kernel 0"],
                     "the table")


@test()
def no_verdict_is_no_good_one():
    """A run that did not happen is neither good nor bad, and says why; one that could not be read is bad."""
    expect_equal(verdicts.verdict_of(SimpleNamespace(entries=[], problem=None, said="no composite PMU")),
                 ("no composite PMU", verdicts.UNKNOWN), "verdict of a run that did not happen")
    expect_equal(verdicts.verdict_of(SimpleNamespace(entries=[], problem="it is empty", said="")),
                 ("it is empty", verdicts.BAD), "verdict of a record that cannot be read")
