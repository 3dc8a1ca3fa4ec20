# SPDX-License-Identifier: MIT
"""Tests of minivmm on emulated boards: declared with what they run, run boot by boot.

A boot costs more than most commands, so all commands that need the same board
run in one boot of it, and the tests then look at what they left behind.

An Arm host with /dev/kvm is a board itself: tests whose promise holds on any host run there, one after the
other, and the rest on emulated boards if there is a QEMU.
"""
import concurrent.futures
import fnmatch
import json
import os
import subprocess
import sys
import threading
import time
import traceback

from boards import direct, each, machine
from runs.colours import painted

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = []
# Seconds for a board, or for what drives one, until it counts as hung: beside other work they take several times
# what they take alone.
PATIENCE = 600
# What scripts/board ends with where the board stopped, or its kernel panicked. On a busy machine QEMU 7.2 makes a sound kernel do
# both in wall time (docs/qemu-faults.md).
BOARD_FAILED = (120, 121)
MOST = 50  # commands of a boot: two CPUs share equal parts, and none takes so long that it is stopped


class Failed(Exception):
    """A promise was not kept."""


def started(start, again):
    """The process that START() gives; where AGAIN, a board that failed is started once more, and what it said is printed."""
    process = start()
    if process.returncode not in BOARD_FAILED or not again:
        return process
    said = process.stderr if isinstance(process.stderr, str) else process.stderr.decode(errors="replace")
    print("# a board is started again:", *said.splitlines(), sep="\n# ", flush=True)
    return start()


def run_board(*arguments, timeout=PATIENCE, run=subprocess.run, **options):
    """The finished process of scripts/board ARGUMENTS. Only in wall time it may be its second: under instruction counting
    a board does the same again."""
    command = [os.path.join(TOP, "scripts", "board"), f"--timeout={timeout}", *arguments]
    options = {"capture_output": True, "check": False, **options}
    return started(lambda: run(command, **options), "--icount" not in arguments)


class Board:
    """A board to boot; equal ones share a boot, but for those that name another with boot=."""

    def __init__(self, topology="biglittle", kernel="composite", icount=False, append="", put=(),
                 stdin=None, boot=None, host=False):
        self.on_host = host and direct.possible()
        self.topology = topology
        self.options = [f"--topology={topology}", f"--kernel={kernel}"]
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
        try:
            if not self.on_host:
                machine.emulator(self.topology)
        except machine.Missing as missing:
            raise Skipped(str(missing)) from missing
        # Without an option that asks for an emulated board, it runs them on the host.
        options = [] if self.on_host else self.options
        start = time.monotonic()
        process = run_board(*options, "--", *each.command_line(commands), input=(self.stdin or "").encode())
        if process.returncode:
            raise Failed(f"the board failed with status {process.returncode}: "
                         f"{process.stderr.decode(errors='replace')}")
        print(f"# scripts/board {' '.join(options)}: {len(commands)} commands{took(start)}", file=sys.stderr)
        return [Result(command, *result[:4])
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
        try:
            lines = [json.loads(line) for line in record.splitlines() if record[0] == "{"]
        except json.JSONDecodeError as error:
            raise Failed(f"{' '.join(command)}: status {status}, and a record that is cut: {error}; {stderr}") from error
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


def test(*commands, slow=False, boots=False, **board):
    """Registers a test that gets the Results of COMMANDS, which run on Board(**board).

    The docstring's first line is the promise that it checks. A slow one runs only where
    all tests are asked for. host=True: the promise holds on any host with KVM, whatever its PMUs and
    time. boots=True: a test without commands boots emulated boards itself.
    """
    def register(function):
        function.slow = slow
        function.boots = boots
        TESTS.append((function, list(commands), Board(**board)))
        return function
    return register


def once(function):
    """For what several tests look at: made by the first that asks, the others wait for it."""
    lock, made = threading.Lock(), []

    def wrapper(*args):
        with lock:
            if not made:
                made.append(function(*args))
        return made[0]
    return wrapper


def debian_program(name):
    """The path of what scripts/debian/program NAME gets; without a network there may be none."""
    done = subprocess.run([os.path.join(TOP, "scripts", "debian", "program"), name], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise Skipped(f"there is no {name} for the board: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.strip()


def run_module(name, *arguments, **options):
    """A module of scripts/ as a program, as scripts/kernel runs it; the finished process."""
    return subprocess.run([sys.executable, "-BPSs", "-m", name, *arguments], check=False,
                          env={**os.environ, "PYTHONPATH": os.path.join(TOP, "scripts")}, **options)


def no_emulation():
    """Why no board can be emulated here, and what would help; None if one can."""
    missing = machine.missing_program()
    if not missing:
        return None
    reason = f"needs an emulated board, and {missing} is not installed (scripts/setup --all installs it)"
    obstacle = direct.obstacle()
    return f"{reason}; {obstacle}" if obstacle else reason


def took(start):
    """The time since START, if it is long enough to matter."""
    seconds = time.monotonic() - start
    return f" ({seconds:.0f} s)" if seconds >= 10 else ""


def boot_all(tests, pool, host):
    """Starts every boot; returns for each one's future its tests: (function, start, end) of results."""
    boots, open_boots, on_host = [], {}, {}
    for function, commands, board in tests:
        if not commands:
            continue
        if board.on_host:
            on_host[host.submit(board.boot, commands)] = [(function, 0, len(commands))]
            continue
        boot = open_boots.get(board.key())
        if not boot or len(boot[1]) + len(commands) > MOST:
            boot = open_boots[board.key()] = (board, [], [])
            boots.append(boot)
        _, all_commands, members = boot
        members.append((function, len(all_commands), len(all_commands) + len(commands)))
        all_commands += commands
    # The longest first, so that the last one to end is a short one.
    return on_host | {pool.submit(board.boot, commands): members
                      for board, commands, members in sorted(boots, key=lambda boot: -len(boot[1]))}


def judge(function, boot=None, start=0, end=0):
    """(reason, time): None if the test passed, else why not; Skipped if it did not run; and how long it took."""
    begin = time.monotonic()
    return outcome(function, boot, start, end), took(begin)


def outcome(function, boot, start, end):
    """The reason of judge()."""
    try:
        function(*(boot.result()[start:end] if boot else ()))
    except Failed as failure:
        return str(failure) or "it does not say why"  # a reason is what makes it fail
    except Skipped as reason:
        return reason
    except Exception:  # a broken test is a failed one, with its trace
        return traceback.format_exc()
    return None


def judge_all(tests, pool, host):
    """Yields (function, reason, time) of each test when it is known; judge() says what they are."""
    boots = boot_all(tests, pool, host)
    # Those that boot for themselves, if at all; the slow ones first, for the same reason.
    own = {pool.submit(judge, function): function for function, commands, _ in
           sorted(tests, key=lambda entry: not entry[0].slow) if not commands}
    for future in concurrent.futures.as_completed([*boots, *own]):
        if future in own:
            yield own[future], *future.result()
        else:
            yield from ((function, *judge(function, future, start, end)) for function, start, end in boots[future])


def promise(function):
    """What it checks."""
    return (function.__doc__ or "").splitlines()[0].rstrip(".")


def run(pattern, slow):
    """Runs the tests whose names match, slow ones only if SLOW; returns (passed, failed, skipped)."""
    chosen = [entry for entry in TESTS if fnmatch.fnmatch(entry[0].__name__, pattern)]
    left = [entry[0] for entry in chosen if entry[0].slow and not slow]
    chosen = [entry for entry in chosen if entry[0] not in left]
    unable = no_emulation()
    needy = [entry[0] for entry in chosen if unable and (entry[0].boots or entry[1] and not entry[2].on_host)]
    chosen = [entry for entry in chosen if entry[0] not in needy]
    failed = skipped = 0
    start = time.monotonic()
    # One more than CPUs, as a board's start and a page's browser wait for a disk. The host itself is one board.
    with (concurrent.futures.ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool,
          concurrent.futures.ThreadPoolExecutor(1) as host):
        for function, reason, time_taken in judge_all(chosen, pool, host):
            line = f"{function.__name__}: {promise(function)}{time_taken}"
            if isinstance(reason, Skipped):
                skipped += 1
                print(f"skip {line}: {reason}", flush=True)
            elif reason:
                failed += 1
                print(painted(f"not ok {line}", False), *reason.splitlines(), sep="\n# ", flush=True)
            else:
                print(painted(f"ok {line}", True), flush=True)
    for function, reason in ([(function, "slow, scripts/test --all runs it") for function in left]
                             + [(function, unable) for function in needy]):
        print(f"skip {function.__name__}: {promise(function)}: {reason}")
    print(f"# {len(chosen)} board tests in {time.monotonic() - start:.0f} s", file=sys.stderr)
    return len(chosen) - failed - skipped, failed, skipped + len(left) + len(needy)
