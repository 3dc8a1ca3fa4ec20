# SPDX-License-Identifier: MIT
"""Tests of minivmm on emulated boards: a decorator, a board run, and a runner."""
import concurrent.futures
import fnmatch
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = []
WORKERS = max(2, os.cpu_count() or 2)


class Failed(Exception):
    """A promise was not kept."""


def test(function):
    """Registers a test; its docstring's first line is the promise that it checks."""
    TESTS.append(function)
    return function


def expect(condition, text):
    """Fails the test, with what was seen."""
    if not condition:
        raise Failed(text)


def expect_equal(got, wanted, what):
    """The commonest expectation."""
    expect(got == wanted, f"{what}: {got!r}, expected {wanted!r}")


class Result:
    """What a command on the board left behind."""

    def __init__(self, process, record):
        self.status = process.returncode
        self.stdout = process.stdout
        self.stderr = process.stderr
        self.raw_record = record
        lines = [json.loads(line) for line in record.splitlines()]
        self.run = next((line for line in lines if line["type"] == "run"), None)
        self.windows = [line for line in lines if line["type"] == "window"]
        self.hops = [line for line in lines if line["type"] == "hop"]
        self.refusals = [line for line in lines if line["type"] == "refusal"]

    def expect_status(self, status):
        """Fails with the command's own words."""
        expect(self.status == status,
               f"status {self.status}, expected {status}; stderr:\n{self.stderr}")
        return self

    def expect_one_line(self, *parts):
        """A refusal of minivmm: one clear line that holds all PARTS."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("minivmm: ")]
        expect_equal(len(lines), 1, f"lines of error in {self.stderr!r}")
        for part in parts:
            expect(part in lines[0], f"no {part!r} in {lines[0]!r}")
        return self


def board(*command, topology="biglittle", kernel="composite", icount=False, put=(), append="",
          stdin=None, record=False):
    """Runs COMMAND on a board; with record=True it is given --record and the lines are read."""
    args = [os.path.join(TOP, "scripts", "board"), f"--topology={topology}",
            f"--kernel={kernel}", "--timeout=150"]
    args += ["--icount"] if icount else []
    args += [f"--append={append}"] if append else []
    args += [f"--put={path}" for path in put]
    command = list(command)
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        path = os.path.join(folder, "record")
        if record:
            args.append(f"--get=record:{path}")
            command.insert(1, "--record=record")
        process = subprocess.run([*args, "--", *command], capture_output=True, text=True,
                                 input=stdin, check=False,
                                 stdin=None if stdin is not None else subprocess.DEVNULL)
        text = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                text = file.read()
    return Result(process, text)


def minivmm(*args, **how):
    """minivmm on a board, its payload last unless args name another image."""
    return board("minivmm", *args, **how)


def run_one(function):
    """None if it passed, else the reason."""
    try:
        function()
    except Failed as failure:
        return str(failure)
    except Exception:  # a broken test is a failed one, with its trace
        return traceback.format_exc()
    return None


def run(pattern):
    """Runs the tests whose names match; returns (passed, failed)."""
    chosen = [t for t in TESTS if fnmatch.fnmatch(t.__name__, pattern)]
    passed = failed = 0
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for function, reason in zip(chosen, pool.map(run_one, chosen)):
            promise = (function.__doc__ or "").splitlines()[0].rstrip(".")
            if reason is None:
                passed += 1
                print(f"ok {function.__name__}: {promise}", flush=True)
            else:
                failed += 1
                print(f"not ok {function.__name__}: {promise}", flush=True)
                print("\n".join(f"# {line}" for line in reason.splitlines()), flush=True)
    print(f"# {len(chosen)} board tests in {time.monotonic() - start:.0f} s", file=sys.stderr)
    return passed, failed
