# SPDX-License-Identifier: MIT
"""scripts/demo and scripts/report: every number comes from the records, every failure is a line."""
import html
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from system.harness import PATIENCE, Skipped, TOP, expect, expect_equal, once, test
from system.test_board import image_too_large, processes_with

WIDTHS = (360, 800, 1600)
# Texts must neither overlap nor leave the window or their picture.
LAYOUT = """<script>
const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const bad = [], rootWidth = document.documentElement.scrollWidth;
while (walker.nextNode()) {
  const node = walker.currentNode, parent = node.parentElement;
  if (!node.data.trim() || parent.closest('style,title,desc,script')) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  const svg = parent.closest('svg'), box = svg && svg.getBoundingClientRect();
  for (const r of range.getClientRects()) {
    if (r.width < 1) continue;
    texts.push([r, node.data.trim()]);
    if (r.left < -1 || r.right > innerWidth + 1) bad.push('outside: ' + node.data);
    if (box && (r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 ||
                r.bottom > box.bottom + 1)) bad.push('cut by its picture: ' + node.data);
  }
}
for (let i = 0; i < texts.length; i++)
  for (let j = 0; j < i; j++) {
    const [a, s] = texts[i], [b, t] = texts[j];
    if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5 &&
        Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3)
      bad.push('overlap: ' + s + ' | ' + t);
  }
if (rootWidth > innerWidth + 1) bad.push('the page is ' + rootWidth + ' wide');
const out = document.createElement('pre');
out.textContent = JSON.stringify({width: innerWidth, texts: texts.length, bad: bad});
parent.document.body.append(out);
</script>"""


def script(name, *args, **options):
    """Runs one of scripts/ to its end."""
    return subprocess.run([os.path.join(TOP, "scripts", name), *args], capture_output=True,
                          text=True, check=False, stdin=subprocess.DEVNULL, **options)


def folder():
    """A temporary one."""
    return tempfile.TemporaryDirectory(prefix="minivmm-test-")


def read(*path):
    """A file's text."""
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def write(text, *path):
    """Makes a file; returns its path."""
    with open(os.path.join(*path), "w", encoding="utf-8") as file:
        file.write(text)
    return os.path.join(*path)


def record(windows=4, cycles=40165, ended=True):
    """A record as minivmm writes it: every second window is on the other cluster."""
    lines = [{"type": "run", "mode": "default", "pmu": None, "vcpus": 1, "cntfrq": 62500000}]
    for i in range(windows):
        lines += [{"type": "hop", "vcpu": 0, "from": 2 * ((i + 1) % 2), "to": 2 * (i % 2),
                   "time_ns": 1000 + i * 80000}] if i else []
        lines += [{"type": "window", "vcpu": 0, "window": i, "cpu": 2 * (i % 2),
                   "pmu": f"armv8_cortex_a{(53, 72)[i % 2]}", "stayed": i == 0, "hops": int(i > 0),
                   "time_ns": (i + 1) * 80000, "cntvct": 5000, "cycles": cycles,
                   "cntvct_end": 5000 * (i + 1), "cycles_end": cycles * (i + 1), "overflow": 0,
                   "interrupts": 0, "pmcr": 0, "events": {}}]
    lines += [{"type": "end", "status": 0, "time_ns": 80000 * (windows + 1)}] if ended else []
    return "".join(json.dumps(line) + "\n" for line in lines)


@once
def demo():
    """One demonstration for all tests that look at what it leaves: (its end, its folder)."""
    kept = folder()
    demo.keep = kept  # until the tests end
    return script("demo", "--topology=biglittle", f"--out={kept.name}"), kept.name


@test(boots=True)
def demo_makes_the_report():
    """scripts/demo: the guest that divides dies in default mode only; the last line is the page."""
    done, out = demo()
    expect_equal(done.returncode, 0, f"status ({done.stderr})")
    for words in ("default: failed at calibration ", "explicit: completed 1000 calibrations",
                  "composite: completed 1000 calibrations",
                  "cycles per window: no hop / after a hop"):
        expect(words in done.stdout, f"no {words!r} in {done.stdout}")
    *lines, last = done.stdout.splitlines()
    expect_equal(last, f"report: {out}/report.html", "last line")
    expect_equal([line for line in lines if len(line) > 80], [], "lines too wide for a terminal")
    page = read(out, "report.html")
    strip = page[page.index('<ul class="strip">'):page.index("<nav>")]
    expect("stops on armv8_cortex_a72 in 5 of 20 windows" in strip and "KVM refused 10 times" in strip, f"the strip: {strip}")
    expect("Emulated board biglittle, kernel composite" in page[:page.index("</title>")], "the title")
    expect("http" not in page.replace("http://www.w3.org/", ""), "the page needs a network")
    expect("<script" not in page, "the page needs JavaScript")
    for name in ("sync-default", "async-composite", "overflow-explicit"):
        expect(all(os.path.getsize(f"{out}/{name}.{kind}") > 1000 for kind in ("svg", "png")), name)
    trace = json.loads(read(out, "records-1", "sync-default.trace.json"))["traceEvents"]
    expect_equal(sum(event.get("cat") == "window" for event in trace), 20, "windows of a trace")
    expect('href="records-1/sync-default.trace.json"' in page, "no link to the trace")
    modes = read(out, "modes.svg")
    expect(re.search(r"default: 20 windows, \d+ hops, 0 refusals, [1-9]\d* windows without", modes)
           and re.search(r"composite: 20 windows, \d+ hops, 0 refusals, 0 windows without", modes), "the picture of the modes")
    expect_equal(page.count("<svg"), len(re.findall(r'role="img" aria-labelledby', page)),
                 "pictures with a text alternative")


@test(boots=True)
def report_follows_the_records():
    """scripts/report: when a number of a record changes, table, text and picture change with it."""
    done, out = demo()
    expect_equal(done.returncode, 0, "status of the demo")
    with folder() as changed:
        records = shutil.copytree(os.path.join(out, "records-1"), os.path.join(changed, "records"))
        for name in ("table-default.jsonl", "sync-default.jsonl"):
            text = read(records, name)
            count = re.search(r'"cycles":(4\d+)', text).group(1)
            write(text.replace(f'"cycles":{count}', '"cycles":31337', 1), records, name)
        done = script("report", f"--out={changed}", records)
        expect_equal(done.returncode, 0, f"status ({done.stderr})")
        before, after = read(out, "report.html"), read(changed, "report.html")
        expect("31337" not in before, "31337 is there before")
        table = after[after.index('<table class="rows"'):]
        expect("31337-" in table[:table.index("</table>")], "the table is the old one")
        expect(re.search(r"<desc[^>]*>[^<]*windows of [^<]*31337|<desc[^>]*>[^<]* to 31337", after)
               or "<td data-head=\"least\"><span>31337" in after, "the figure's numbers are old")
        expect(read(out, "sync-default.svg") != read(changed, "sync-default.svg"), "same picture")
        expect_equal(read(out, "async-default.svg"), read(changed, "async-default.svg"), "others")


def expect_line(done, *words):
    """Status 1, nothing on stdout, one line of error with all WORDS."""
    expect_equal((done.returncode, done.stdout), (1, ""), f"status and stdout ({done.stderr})")
    expect_equal(done.stderr.count("\n"), 1, f"lines of {done.stderr!r}")
    expect(all(word in done.stderr for word in words), f"no {words} in {done.stderr!r}")


@test()
def report_refuses_what_it_cannot_read():
    """Empty, broken or missing records and facts: one line, status 1, nothing written."""
    good = record()
    with folder() as work:
        out = os.path.join(work, "out")
        for text, words in (
                ("", ("empty",)), ("{\n", (":1:", "not a line")), (good[:20], ("does not begin",)),
                (good.replace('"cycles": 40165', '"cycles": "many"', 1), (":2:", '"cycles"')),
                (good.replace('"window"', "[]", 1), (":2:",)), ("[1]\n", (":1:",)),
                ("\0\xff\n", (":1:",))):
            path = write(text, work, "some.jsonl")
            expect_line(script("report", f"--out={out}", path), path, *words)
            expect_equal(read(path), text, "the record afterwards")
        os.mkdir(os.path.join(work, "none"))
        expect_line(script("report", f"--out={out}", f"{work}/none"), "no records")
        expect_line(script("report", f"--out={out}", f"{work}/nowhere"), "nowhere", "No such file")
        for facts in ("{", "[]", '{"runs": [1]}', '{"runs": [{"record": "gone"}]}'):
            write(facts, work, "facts.json")
            expect_line(script("report", f"--out={out}", work), work)
        expect(not os.path.exists(out), "something was written")


@test()
def report_of_a_run_broken_off():
    """A record without an end, or cut in a line: shown as far as it goes, and both places say so."""
    with folder() as work:
        for text in (record(ended=False), record(ended=False)[:-30]):
            path = write(text, work, "some.jsonl")
            done = script("report", f"--out={work}", path)
            expect_equal(done.returncode, 0, f"status ({done.stderr})")
            expect_equal(done.stderr.count("\n"), 1, f"lines of {done.stderr!r}")
            expect("interrupted" in done.stderr, done.stderr)
            expect("was interrupted" in read(work, "report.html"), "the page does not say so")


@test()
def report_never_shows_the_wrong_run():
    """Records of one name, or of names that differ in case or a blank, and two runs in one file: each has its own picture."""
    with folder() as work:
        paths = []
        for name, cycles in (("before/run", 40001), ("after/run", 40002), ("RUN", 40003), ("my run", 40004), ("my-run", 40005)):
            os.makedirs(os.path.dirname(os.path.join(work, name)), exist_ok=True)
            paths.append(write(record(cycles=cycles), work, f"{name}.jsonl"))
        other = record(cycles=40007).replace('"mode": "default"', '"mode": "explicit"')
        paths.append(write(record(cycles=40006) + other, work, "two.jsonl"))
        out = os.path.join(work, "out")
        expect_equal(script("report", f"--out={out}", *paths).returncode, 0, "status")
        page = read(out, "report.html")
        figures = page.split("<figure>")[1:]
        expect_equal([sorted(set(re.findall(r"4000\d", figure))) for figure in figures],
                     [[str(40001 + i)] for i in range(7)], "what each figure and its text alternative say")
        expect_equal(len({re.search(r"<svg.*?id=\"([^\"]*)-title", figure, re.S).group(1).lower() for figure in figures}), 7,
                     "names of pictures")
        expect_equal(len([name for name in os.listdir(out) if name.endswith(".svg")]), 7, "pictures")
        heads = [re.search("<h3>(.*?)</h3>", figure).group(1) for figure in figures]
        expect_equal(len(set(heads)), 7, f"titles: {heads}")
        expect("explicit, run 2 of 2" in page or "two-2: explicit" in page, "the second run's own mode")


@test()
def report_shows_what_it_can():
    """Records that are empty, cut or full of NULs cost no other record its picture; page and stderr name each."""
    with folder() as work:
        good = write(record(), work, "good.jsonl")
        lines = record().splitlines(keepends=True)
        broken = [write(text, work, f"{name}.jsonl") for name, text in (
            ("empty", ""), ("cut", record()[:20]), ("nuls", "\0" * 4096), ("tail", "".join(lines[:4]) + "\0" * 512 + "\n"))]
        done = script("report", f"--out={work}/out", good, *broken)
        expect_equal(done.returncode, 0, f"status ({done.stderr})")
        page = read(work, "out", "report.html")
        expect_equal(page.count("<svg"), 2, "pictures: of good and of what tail begins with")
        for path in broken:
            expect(f"Cannot be shown: {path}" in page and f"report: {path}" in done.stderr, f"{path}: {done.stderr}")
        os.mkdir(os.path.join(work, "board"))
        shutil.copy(good, os.path.join(work, "board", "sync-default.jsonl"))
        for name, text in (("host.json", "\0" * 300 + "\n"), ("host.txt", "machine: a board\n"), ("status", "0\n"),
                           ("runs.tsv", "sync-default\tdefault\tsync\t20\t0\tminivmm\tsaid\n\0\0\0\n")):
            write(text, work, "board", name)
        done = script("report", f"--out={work}/out2", os.path.join(work, "board"))
        expect_equal(done.returncode, 0, f"status ({done.stderr})")
        expect("host.json: not what" in read(work, "out2", "report.html"), "the page does not name host.json")


@test()
def report_without_gnuplot():
    """Without gnuplot: one line with the Debian package, and the records are kept."""
    with folder() as work:
        os.symlink(shutil.which("python3"), os.path.join(work, "python3"))
        path = write(record(), work, "some.jsonl")
        done = script("report", f"--out={work}", path, env={"PATH": work})
        expect_line(done, "gnuplot-nox", "scripts/setup")
        expect_equal(read(path), record(), "the record")


@test(boots=True)
def demo_failures_are_a_line():
    """A kernel that panics, an Image that does not boot or is none: a last line that says it."""
    with folder() as work:
        for words, option in (("the board's kernel panicked", "--append=rdinit=/none"),
                              ("QEMU ended", f"--kernel={image_too_large(work)}"),
                              ("not an arm64 Image", f"--kernel={__file__}"),
                              ("No such file", f"--kernel={work}/none")):
            done = script("demo", option, f"--out={work}/out")
            expect_equal((done.returncode, done.stdout), (1, ""), f"{option}: status and stdout")
            last = done.stderr.splitlines()[-1]
            expect(last.startswith("demo: ") and words in last, f"no {words!r} in {last!r}")
            expect("Traceback" not in done.stderr, done.stderr)


@test(slow=True, boots=True)
def demo_broken_off_keeps_its_records():
    """Ctrl-C in the middle of a demo: status 130, no process left, and its records make a report."""
    with folder() as work:
        mark = os.path.basename(work)
        with subprocess.Popen([os.path.join(TOP, "scripts", "demo"), f"--out={work}",
                               f"--append={mark}"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            while b"demo: sync" not in process.stderr.readline() and process.poll() is None:
                pass
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            errors = process.stderr.read()
        expect_equal((process.returncode, errors), (130, b""), "status and errors")
        deadline = time.monotonic() + 5
        while processes_with(mark) and time.monotonic() < deadline:
            time.sleep(0.05)
        expect_equal(processes_with(mark), [], "processes left")
        done = script("report", f"--out={work}", os.path.join(work, "records-1"))
        expect_equal((done.returncode, done.stderr), (0, ""), "status and errors of the report")
        expect("failed at calibration" in read(work, "report.html"), "the records are not in it")


@test(slow=True, boots=True)
def page_is_legible():
    """In a browser 360, 800 and 1600 px wide no text overlaps another or is cut; on paper it has 6 pages at most."""
    browser = shutil.which("chromium")
    if not browser:
        raise Skipped("chromium is not installed")
    done, out = demo()
    expect_equal(done.returncode, 0, "status of the demo")
    with folder() as work:
        paper = os.path.join(work, "paper.pdf")
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={work}/u", "--no-pdf-header-footer",
                        f"--print-to-pdf={paper}", f"file://{out}/report.html"], capture_output=True, check=False, timeout=PATIENCE)
        with open(paper, "rb") as file:
            pages = len(re.findall(rb"/Type /Page\b", file.read()))
    expect(0 < pages <= 6, f"{pages} pages on paper")
    page = html.escape(read(out, "report.html").replace("</body>", LAYOUT + "</body>"))
    frames = "".join(f'<iframe width="{width}" height="900" style="border:0" srcdoc="{page}">'
                     "</iframe>" for width in WIDTHS)
    with folder() as work:
        path = write(f"<!DOCTYPE html><body>{frames}</body>", work, "frames.html")
        shown = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={work}/u",
             "--dump-dom", f"file://{path}"], capture_output=True, text=True, check=False,
            timeout=PATIENCE)
    layouts = [json.loads(html.unescape(text))
               for text in re.findall("<pre>(.*?)</pre>", shown.stdout)]
    expect_equal(sorted(layout["width"] for layout in layouts), list(WIDTHS), "widths")
    for layout in layouts:
        expect(layout["texts"] > 200, f"only {layout['texts']} texts")
        expect_equal(layout["bad"], [], f"at {layout['width']} px")
