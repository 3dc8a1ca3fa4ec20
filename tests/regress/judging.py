# SPDX-License-Identifier: MIT
"""Builds kernels with a mutant, and runs pmu-regress on them."""
import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

from runs import kernel_log
from runs.command_line import Failure
from runs.jobs import STOPPING, TOP, run, script

# Of pmu-regress, and of scripts/board.
PASSED, FAILED, NOTHING_JUDGED = 0, 1, 4
PANIC, TIMEOUT = 121, 122
# After so many failures there is no more to learn, but minutes to wait: a test that hangs is
# ended by pmu-regress only when its time on the board is over.
ENOUGH = 3
LIMIT = 900  # seconds; more than a slow machine needs for all tests
BUILDING = threading.Lock()  # there is one tree

# KERNEL: options of scripts/kernel; FIXED: with the fixes, as the kernel's faults would hide what a mutant breaks.
# WATCHED: by what the kernel says of itself; its counts mean nothing. TOPOLOGY, TESTS: where, and by which.
# BOARD: more options of scripts/board.
Judge = collections.namedtuple("Judge", "kernel fixed watched topology tests board", defaults=[()])
USUAL = Judge((), False, False, "biglittle", "*")
NESTED = Judge(("--version=7.3", "--flavor=stock"), True, False, "nested", "el2.*")
DEBUG = Judge(("--version=7.3", "--flavor=composite-debug"), False, True, "biglittle", "interface.*",
              ("--verbose", "--append=loglevel=5"))  # warnings, and the names of cases
NVHE = Judge((), False, False, "biglittle", "host.*", ("--append=kvm-arm.mode=nvhe",))
FIXES = os.path.join(TOP, "tests", "regress", "fixes")

# FAILED: names of tests, SAID: of the first of them; CASE: the last one that the console names, if the board ended early.
Judged = collections.namedtuple("Judged", "status failed complete said case")


def progress(text):
    """Goes to stderr, so that the table can be piped."""
    print(f"mutants: {text}", file=sys.stderr, flush=True)


def harness(image, pattern="*", failures=ENOUGH, by=USUAL):
    """Those tests on that kernel. One with all fixes has no known fault: what looks like one is the mutant's."""
    # A fixed seed, so that a table can be compared with the one before.
    status, output, errors = run("scripts/board", "--icount", f"--topology={by.topology}", *by.board,
                                 f"--kernel={image}", f"--timeout={LIMIT}", "--", "pmu-regress",
                                 "--seed=1", f"--failures={failures}", f"--run={pattern}", stderr=subprocess.PIPE)
    failed = re.findall(r"^not ok \d+ (\S+)", output, re.M)
    failed += re.findall(r"^ok \d+ (\S+) # SKIP known fault", output, re.M) if by.fixed else []
    if by.watched:
        failed = [f'"{said}"' for said in kernel_log.warnings(errors).values()]
    if failed and status in (PASSED, NOTHING_JUDGED):
        status = FAILED
    elif by.watched and not failed and status == FAILED:
        status = PASSED
    said = re.search(r"((?:^# .*\n)+)not ok", output, re.M)
    begun = re.findall(r"pmu-regress: (\S+\.\S+)$", errors, re.M)
    return Judged(status, failed, bool(re.search("^# Totals: pass:", output, re.M)), said[1].rstrip() if said else "",
                  begun[-1] if begun else "the first case")


def said_of(judged):
    """What is to be said of that, and whether it is as it should be: some tests failed, and all came to an end."""
    if judged.status == FAILED and judged.failed and judged.complete:
        others = f" and {len(judged.failed) - 1} more" if judged.failed[1:] else ""
        return f"caught by {judged.failed[0]}{others}", True
    if judged.status == PASSED and judged.complete:
        return "NOT CAUGHT", False
    if judged.status == TIMEOUT:
        return f"HANGS for more than {LIMIT} s in {judged.case}", False
    if judged.status == PANIC:
        return f"KILLS the board's kernel in {judged.case}", False
    return f"ENDS pmu-regress with status {judged.status}", False


def fixed_kernel(options, patch=None):
    """The Image with the fixes, and then with that mutant."""
    with tempfile.TemporaryDirectory(prefix="minivmm-mutants-") as folder:
        for path in [*sorted(glob.glob(os.path.join(FIXES, "*.patch"))), *([patch] if patch else [])]:
            shutil.copy(path, os.path.join(folder, f"{len(os.listdir(folder)):02}.patch"))
        return script("kernel", *options, f"--patches={folder}")


def build(name, patch, by=USUAL):
    """The Image of a mutant, None if there is none; one is built while others run."""
    with BUILDING:
        if STOPPING.is_set():
            return None
        progress(name)
        return fixed_kernel(by.kernel, patch) if by.fixed else script("kernel", *by.kernel, f"--mutant={patch}")


def unmutated(pattern="*", by=USUAL):
    """The Image without a mutant. Whatever fails there would seem to catch them all."""
    progress("running pmu-regress on the kernel without a mutant")
    image = fixed_kernel(by.kernel) if by.fixed else script("kernel", *by.kernel)
    if image is None:
        raise Failure("there is no kernel to start from (see above)")
    judged = harness(image, pattern, by=by)
    if judged.status != PASSED or not judged.complete:
        raise Failure(f"pmu-regress must pass without a mutant; its status is {judged.status}, and "
                      f"these of its tests fail: {', '.join(judged.failed) or 'none'}")
    return image
