# SPDX-License-Identifier: MIT
"""Tests of minivmm on emulated boards: declared with what they run, run boot by boot.

A boot costs more than most commands, so all commands that need the same board
run in one boot of it, and the tests then look at what they left behind.
"""
import concurrent.futures
import fnmatch
import json
import os
import subprocess
import sys
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = []
sys.path.insert(0, os.path.join(TOP, "tests", "board"))

import each  # noqa: E402


class Failed(Exception):
    """A promise was not kept."""


class Board:
    """A board to boot; equal ones share a boot, but for those that name another with boot=."""

    def __init__(self, topology="biglittle", kernel="composite", icount=False, append="", put=(),
                 stdin=None, boot=None):
        self.options = [f"--topology={topology}", f"--kernel={kernel}", "--timeout=240"]
        self.options += ["--icount"] if icount else []
        self.options += [f"--append={append}"] if append else []
        self.options += [f"--put={path}" for path in put]
        self.stdin = stdin
        self.boot_name = boot

    def key(self):
        """What makes two boards the same."""
        return (*self.options, self.stdin, self.boot_name)

    def boot(self, commands):
        """Runs COMMANDS, one after the other; returns a Result each."""
        process = subprocess.run(
            [os.path.join(TOP, "scripts", "board"), *self.options, "--",
             *each.command_line(commands)],
            capture_output=True, check=False, input=(self.stdin or "").encode())
        if process.returncode:
            raise Failed(f"the board failed with status {process.returncode}: "
                         f"{process.stderr.decode(errors='replace')}")
        return [Result(command, *result)
                for command, result in zip(commands, each.results(process.stdout))]


class Result:
    """What a command on the board left behind."""

    def __init__(self, command, status, stdout, stderr, record):
        self.command = command
        self.status = status
        self.stdout = stdout
        self.stderr = stderr
        self.raw_record = record
        # A test may have a command write something else there.
        lines = [json.loads(line) for line in record.splitlines() if record[0] == "{"]
        self.run = next((line for line in lines if line["type"] == "run"), None)
        self.windows = [line for line in lines if line["type"] == "window"]
        self.hops = [line for line in lines if line["type"] == "hop"]
        self.refusals = [line for line in lines if line["type"] == "refusal"]

    def record_bytes(self):
        """What a command wrote to the file "record", where that is no record."""
        return self.raw_record.encode(errors="surrogateescape")

    def expect_status(self, status):
        """Fails with the command's own words."""
        expect(self.status == status, f"{' '.join(self.command)}: status {self.status}, "
                                      f"expected {status}; stderr:\n{self.stderr}")
        return self

    def expect_one_line(self, *parts):
        """An error of minivmm: one clear line that holds all PARTS."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("minivmm: ")]
        expect_equal(len(lines), 1, f"lines of error in {self.stderr!r}")
        for part in parts:
            expect(part in lines[0], f"no {part!r} in {lines[0]!r}")
        return self


class Skipped(Exception):
    """What the test needs is not on this machine, and need not be."""


def expect(condition, text):
    """Fails the test, with what was seen."""
    if not condition:
        raise Failed(text)


def expect_equal(got, wanted, what):
    """The commonest expectation."""
    expect(got == wanted, f"{what}: {got!r}, expected {wanted!r}")


def minivmm(*args):
    """A command line for a test that reads the record."""
    return ["minivmm", "--record=record", *args]


def test(*commands, slow=False, **board):
    """Registers a test that gets the Results of COMMANDS, which run on Board(**board).

    The docstring's first line is the promise that it checks. A slow one runs only where
    all tests are asked for.
    """
    def register(function):
        function.slow = slow
        TESTS.append((function, list(commands), Board(**board)))
        return function
    return register


def boot_all(tests, pool):
    """Starts every boot; returns a future of results for each test's place in its boot."""
    boots = {}
    for index, (_, commands, board) in enumerate(tests):
        if commands:
            boots.setdefault(board.key(), (board, []))[1].append(index)
    places = {}
    # The longest first, so that the last one to end is a short one.
    for board, members in sorted(boots.values(), key=lambda boot: -len(boot[1])):
        commands = [command for index in members for command in tests[index][1]]
        future = pool.submit(board.boot, commands)
        start = 0
        for index in members:
            places[index] = (future, start, start + len(tests[index][1]))
            start = places[index][2]
    return places


def judge(function, place):
    """None if the test passed, else the reason; Skipped if it did not run."""
    try:
        if place is None:
            function()
        else:
            future, start, end = place
            function(*future.result()[start:end])
    except Failed as failure:
        return str(failure)
    except Skipped as reason:
        return reason
    except Exception:  # a broken test is a failed one, with its trace
        return traceback.format_exc()
    return None


def promise(function):
    """What it checks."""
    return (function.__doc__ or "").splitlines()[0].rstrip(".")


def run(pattern, slow):
    """Runs the tests whose names match, slow ones only if SLOW; returns (passed, failed)."""
    chosen = [entry for entry in TESTS if fnmatch.fnmatch(entry[0].__name__, pattern)]
    left = [entry[0] for entry in chosen if entry[0].slow and not slow]
    # First those that boot for themselves, if at all: the others' boots go on meanwhile.
    chosen = sorted((entry for entry in chosen if entry[0] not in left),
                    key=lambda entry: bool(entry[1]))
    failed = skipped = 0
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
        places = boot_all(chosen, pool)
        for index, (function, _, _) in enumerate(chosen):
            reason = judge(function, places.get(index))
            if isinstance(reason, Skipped):
                skipped += 1
                print(f"skip {function.__name__}: {promise(function)}: {reason}", flush=True)
                continue
            print(f"{'not ok' if reason else 'ok'} {function.__name__}: {promise(function)}",
                  flush=True)
            if reason:
                failed += 1
                print("\n".join(f"# {line}" for line in reason.splitlines()), flush=True)
    for function in left:
        print(f"skip {function.__name__}: {promise(function)}: slow, scripts/test --all runs it")
    print(f"# {len(chosen)} board tests in {time.monotonic() - start:.0f} s", file=sys.stderr)
    return len(chosen) - failed - skipped, failed
