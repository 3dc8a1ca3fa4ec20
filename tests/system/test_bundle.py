# SPDX-License-Identifier: MIT
"""The bundle, untarred where there is nothing but a busybox: it runs, and its results are complete."""
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import xml.etree.ElementTree

from system.harness import Skipped, TOP, debian_program, expect, expect_equal, once, run_board, test
from system.test_report import read, script

BUNDLE = os.path.join(TOP, "tests", "real-boards", "bundle")
# What a board's owner types; the arguments are run's.
INSIDE = """
/bin/busybox --install -s /bin
mkdir -p /somewhere/else && cd /somewhere/else && tar -xJf /root/bundle.tar.xz || exit 99
mkdir /desk && cd /desk
/somewhere/else/minivmm-*/run --results=results "$@"
status=$?
tar -cf /root/results.tar results
exit $status
"""
LEFT = {"host.json", "host.txt", "kernel-before.log", "kernel.log", "probe.txt", "regress.ktap", "regress.xml",
        "runs.tsv", "status"}


@once
def bundle(build):
    """Made of what is built."""
    subprocess.run(["ninja", "-C", build, "bundle"], capture_output=True, check=True)
    return max(glob.glob(os.path.join(build, "minivmm-*-aarch64.tar.xz")), key=os.path.getmtime)


def stop_run(folder, number):
    """A run whose pmu-regress has one case done, ended by a signal to all its processes; returns its status."""
    for name in ("run", "runs"):
        shutil.copy(os.path.join(BUNDLE, name), folder)
    for name, text in (("minivmm", '[ "$1" = --help ]'),
                       ("pmu-regress", '[ "$1" = --help ] && exit; echo "KTAP version 1\n1..2\nok 1 one"; exec sleep 100')):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(os.path.join(folder, name), 0o755)
    # Under nohup the signal would be ignored, and a shell cannot change that.
    with subprocess.Popen([os.path.join(folder, "run"), f"--results={folder}/results"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                          preexec_fn=lambda: signal.signal(number, signal.SIG_DFL)) as running:
        said = []
        for line in running.stdout:
            said.append(line)
            if line == "ok 1 one\n":
                os.killpg(running.pid, number)
    expect("ok 1 one\n" in said, f"no case: {said}")
    return running.returncode


@test()
def bundle_run_broken_off_can_be_read():
    """The bundle's run, ended by HUP, INT or TERM in pmu-regress: its status, and a folder that scripts/report reads."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
            status = stop_run(folder, number)
            expect_equal((status, read(f"{folder}/results", "status")), (128 + number, f"{128 + number}\n"), number.name)
            done = script("report", f"--out={folder}/page", f"{folder}/results")
            expect_equal((done.returncode, done.stderr), (0, ""), f"the report after {number.name}")


def run_bundle(folder, *arguments, board=()):
    """Runs it in a bare root; returns the finished process, and the folder with its results."""
    build = os.path.join(TOP, "build" if os.uname().machine == "aarch64" else "build-arm64")
    bare = os.path.join(folder, "bare")
    os.mkdir(bare)
    os.symlink(os.path.join(build, "board-init"), os.path.join(bare, "board-init"))
    with open(os.path.join(folder, "inside"), "w", encoding="utf-8") as file:
        file.write(INSIDE)
    done = run_board("--topology=biglittle", *board, f"--build={bare}", f"--put={debian_program('shell')}:/bin/busybox",
                     f"--put={bundle(build)}:bundle.tar.xz", f"--put={folder}/inside",
                     f"--get=results.tar:{folder}/results.tar", "--", "/bin/busybox", "sh", "inside", *arguments,
                     text=True, stdin=subprocess.DEVNULL)
    if os.path.exists(f"{folder}/results.tar"):
        subprocess.run(["tar", "-xf", "results.tar"], cwd=folder, check=True)
    return done, os.path.join(folder, "results")


def check_results(done, results):
    """Two cases of pmu-regress, and every run of the demonstration, as the files say it."""
    expect_equal(done.returncode, 0, f"status ({done.stdout[-2000:]} {done.stderr})")
    ktap = read(results, "regress.ktap")
    expect("# Totals: pass:2 fail:0 skip:0" in ktap, ktap)
    expect(ktap in done.stdout, "KTAP on stdout is another one than in the folder")
    expect_equal([line for line in done.stdout.replace(ktap, "").splitlines() if not line.startswith("# ")], [],
                 "lines that are no comments")
    expect_equal(LEFT - set(os.listdir(results)), set(), "files that lack")
    expect_equal(read(results, "status"), "0\n", "kept status")
    suite = xml.etree.ElementTree.parse(f"{results}/regress.xml").getroot()
    expect_equal(len(list(suite.iter("testcase"))), 2, "cases in JUnit")
    runs = [line.split("\t") for line in read(results, "runs.tsv").splitlines()]
    for name, title, chapter, _, status, *_ in runs:
        allowed = {"0", "69"} | ({"9"} if chapter == "calibrate" else set()) | ({"71"} if "without" in title else set())
        expect(status in allowed, f"{name}: status {status}")
        expect(status == "69" or all(os.path.exists(f"{results}/{name}{kind}") for kind in (".jsonl", ".trace.json")),
               f"no record or trace of {name}")
    expect("host PMU: armv8_cortex_a72, CPUs 2-3" in read(results, "host.txt"), read(results, "host.txt"))
    return runs


@test(slow=True, boots=True)
def bundle_runs_in_a_bare_root():
    """Untarred beside a busybox alone: run tests, demonstrates, keeps all; scripts/report makes a page."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        done, results = run_bundle(folder, "--run=interface.refused/[fi]*")
        runs = check_results(done, results)
        expect_equal(len({run[0] for run in runs}), 17, "runs of the demonstration")
        page = script("report", f"--out={folder}/page", results)
        expect_equal(page.returncode, 0, f"status of scripts/report ({page.stderr})")
        text = read(folder, "page", "report.html")
        for words in ("failed at calibration ", "minivmm biglittle board", "2 pass, 0 fail, 0 skip (status 0)"):
            expect(words in text, f"no {words!r} on the page")
        expect("pmu-regress</b>: 2 pass" in text[:text.index("<nav>")], "pmu-regress's totals are not at the top of the page")
        expect_equal(text.count("<svg"), 13, "pictures")


@test(boots=True)
def check_says_that_there_is_no_pmu():
    """run --check on a board whose device tree has no PMU: a warning that says why, and what helps."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        done, results = run_bundle(folder, "--check", board=["--topology=nopmu"])
        expect_equal(done.returncode, 0, f"status ({done.stdout} {done.stderr})")
        for text in (done.stdout, read(results, "host.txt")):
            expect("warning: there is no host PMU" in text and "No PMU node" in text, text)


@test(boots=True)
def bundle_says_what_lacks():
    """On a board without EL2 run warns, keeps what it can, and exits with pmu-regress's 4; wrong options 2."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        done, results = run_bundle(folder, board=["--append=kvm-arm.mode=none"])
        expect_equal(done.returncode, 4, f"status ({done.stdout} {done.stderr})")
        expect("# warning: there is no /dev/kvm" in done.stdout, done.stdout)
        expect("ok 1 pmu-regress # SKIP " in read(results, "regress.ktap"), "no skip with a reason")
        page = script("report", f"--out={folder}/page", results)
        expect_equal(page.returncode, 0, f"status of scripts/report ({page.stderr})")
        expect("nothing could run: " in read(folder, "page", "report.html"), "the page does not say that nothing ran")
    done = subprocess.run([os.path.join(BUNDLE, "run"), "--no-such"], capture_output=True, text=True, check=False)
    expect_equal((done.returncode, done.stderr), (2, "run: --no-such: no such option or value; --help lists them\n"),
                 "a wrong option")


@test(slow=True, boots=True)
def bundle_runs_on_debians_kernel():
    """The same on Debian's own arm64 kernel, which has no composite mode."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not os.path.exists(os.path.join(cache, "minivmm", "debian-6.12", "Image")):
        raise Skipped("scripts/debian/kernel 6.12 has not been run here")
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        done, results = run_bundle(folder, "--run=interface.refused/[fi]*", board=["--kernel=debian-6.12"])
        check_results(done, results)
        expect("Debian" in read(results, "host.txt"), "another kernel")
