# SPDX-License-Identifier: MIT
"""scripts/board itself: its statuses, its streams, and that it leaves nothing behind."""
import os
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import time

from boards import each
from kernels.named import NAMED_KERNELS
from system.harness import PATIENCE, TOP, expect, expect_equal, test, started

DATA = bytes(range(256)) * 2048


def board(*args):
    """A command line; --topology asks for an emulated board on an Arm host too."""
    return [os.path.join(TOP, "scripts", "board"), "--topology=biglittle", *args]


def run(*args, **options):
    """Runs it to its end."""
    return subprocess.run(board(*args), capture_output=True, check=False, **options)


def processes_with(text):
    """Those that have TEXT on their command line: a board's kernel arguments are on QEMU's."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                found += [int(pid)] if text.encode() in file.read() else []
        except OSError:
            pass  # it has ended since
    return found


def end(process, number, status):
    """Sends the signal to the script alone."""
    process.send_signal(number)
    expect_equal(process.wait(), status, f"status after {number.name}")


def wait_for(condition):
    """For what the kernel does soon after something else."""
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def expect_nothing_left(folder, mark):
    """Starts two boards that hang and ends them by a signal to the script alone."""
    command = board(f"--append={mark}", f"--timeout={PATIENCE}", "--", "minivmm", "hang.bin")
    boards = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               env=dict(os.environ, TMPDIR=folder)) for _ in range(2)]
    for process in boards:
        line = process.stderr.readline()
        expect(line.startswith(b"not explicit: "), f"no line of minivmm: {line!r}")
    expect_equal(len(processes_with(mark)), 4, "processes, of which two are QEMU")
    end(boards[0], signal.SIGINT, 130)
    # Stopped, so that it cannot end by itself when its script has gone.
    for pid in set(processes_with(mark)) - {boards[1].pid}:
        os.kill(pid, signal.SIGSTOP)
    end(boards[1], signal.SIGKILL, -signal.SIGKILL)
    wait_for(lambda: not processes_with(mark))
    expect_equal(processes_with(mark), [], "processes left")
    expect_equal(os.listdir(folder), [], "files left")


@test(boots=True)
def board_leaves_nothing_behind():
    """Two boards at once, one gets SIGINT, one SIGKILL: no process and no file is left."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        mark = os.path.basename(folder)
        try:
            expect_nothing_left(folder, mark)
        finally:
            for pid in processes_with(mark):
                os.kill(pid, signal.SIGKILL)


def image_too_large(folder):
    """An arm64 Image that claims more memory than there is, so that QEMU gives up at once."""
    path = os.path.join(folder, "Image")
    with open(path, "wb") as file:
        file.write(struct.pack("<IIQQQQQQ4sI", 0, 0, 0, 1 << 62, 0, 0, 0, 0, b"ARM\x64", 0))
        file.write(bytes(4096))
    return path


@test()
def kernels_have_their_names_everywhere():
    """Each kernel that scripts/board makes by name is in its --help, tests/run matrix's and docs/boards.md."""
    texts = [run("--help", text=True).stdout]
    texts.append(subprocess.run([os.path.join(TOP, "tests", "run"), "matrix", "--help"], capture_output=True, text=True,
                                check=True).stdout)
    with open(os.path.join(TOP, "docs", "boards.md"), encoding="utf-8") as file:
        texts.append(file.read())
    expect_equal([name for name in NAMED_KERNELS for text in texts if name not in text], [], "names that are missing")


@test(boots=True)
def board_says_which_command_gets_a_newer_qemu():
    """A topology that needs a newer QEMU than there is: status 123, and one line with the command that gets one."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        for version, status, words in (
                ("7.2.22", 123, "is version 7: scripts/debian/qemu --newer downloads one, and installs nothing"),
                ("8.2.1", 123, "is version 8: scripts/debian/qemu --newer downloads one, and installs nothing"),
                ("10.0.2", 120, "QEMU ended with status 1 before it could start the command")):
            path = os.path.join(folder, "qemu-system-aarch64")
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\n[ $1 != --version ] || echo 'QEMU emulator version {version} (Debian)'\nexit 1\n")
            os.chmod(path, 0o755)
            # Of two --topology the second counts.
            process = run("--topology=nested", f"--kernel={image_too_large(folder)}", "--", "minivmm", text=True, env={
                **os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "XDG_CACHE_HOME": folder})
            expect_equal(process.returncode, status, process.stderr)
            expect(process.stderr.endswith(f"{words}\n") and process.stderr.count("\n") == 1, process.stderr)


CHOOSE = "import sys; from boards import machine; print(machine.emulator(sys.argv[1], sys.argv[2] == 'exact'))"


@test()
def board_takes_the_newer_qemu_in_wall_time():
    """In wall time a board takes the cache's newer QEMU where the installed one is too old; an exact one where it must."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        installed, cached = os.path.join(folder, "bin"), os.path.join(folder, "cache", "minivmm", "qemu-newer")
        for place in (installed, cached):
            os.makedirs(place)
        for version, newer, topology, clock, wanted in (
                ("7.2.22", False, "biglittle", "live", installed), ("7.2.22", True, "biglittle", "live", cached),
                ("7.2.22", True, "biglittle", "exact", installed), ("7.2.22", True, "nested", "exact", cached),
                ("10.0.2", True, "biglittle", "live", installed), ("10.0.2", True, "nested", "live", installed)):
            for place in (installed, cached):
                with open(os.path.join(place, "qemu-system-aarch64"), "w", encoding="utf-8") as file:
                    file.write(f"#!/bin/sh\necho 'QEMU emulator version {version} (Debian)'\n")
                os.chmod(file.name, 0o755 if newer or place == installed else 0o644)
            done = subprocess.run([sys.executable, "-BPSs", "-c", CHOOSE, topology, clock], capture_output=True, text=True, check=True,
                                  env={"PATH": f"{installed}:{os.environ['PATH']}", "XDG_CACHE_HOME": os.path.join(folder, "cache"),
                                       "PYTHONPATH": os.path.join(TOP, "scripts")})
            expect_equal(os.path.dirname(done.stdout.strip()), wanted, f"the QEMU for {topology}, {clock}, {version}, newer {newer}")


@test(boots=True)
def board_failures_have_statuses():
    """No boot, a panic, a timeout, wrong arguments, no such command: a status and a line each."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        for status, words, args in (
                (120, "QEMU ended", [f"--kernel={image_too_large(folder)}", "--", "minivmm"]),
                (121, "the board's kernel panicked", ["--append=rdinit=/none", "--", "minivmm"]),
                (122, "--timeout ran out", ["--timeout=0.5", "--", "minivmm", "hang.bin"]),
                (123, "--timeout: 'nan' is not a time above 0", ["--timeout=nan", "--", "minivmm"]),
                (123, "--topology=mixed has no --icount", ["--topology=mixed", "--icount", "--", "minivmm"]),
                (123, "not an arm64 Image", [f"--kernel={__file__}", "--", "minivmm"]),
                (127, "the board has no shell", ["--", "sh"])):
            process = run(*args, text=True)
            expect_equal(process.returncode, status, f"status of {args}")
            *console, last = process.stderr.splitlines()
            expect(last.startswith("board: ") and words in last, f"no {words!r} in {last!r}")
            expect(all(line.startswith("board: console: ") for line in console), process.stderr)
            expect(console or status > 121, f"no lines of the console with status {status}")


@test(boots=True)
def board_that_hangs_tells_what_its_kernel_said():
    """A board that hangs shows the console's last lines: at --timeout, at a second report of a stall, and after a panic."""
    stall, panic = "rcu: INFO: rcu_sched self-detected stall on CPU", "Kernel panic - not syncing: Oops: Fatal exception"
    for said, limit, status, last in (
            ([stall], 8, 122, "stopped: --timeout ran out"),
            ([stall] * 2, 8, 120, "its kernel hangs: for over a minute it has not run on all CPUs"),
            ([panic], 60, 121, "the board's kernel panicked, and did not turn the board off")):
        with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
            path = os.path.join(folder, "qemu-system-aarch64")
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n[ $1 != --version ] || { echo QEMU emulator version 10.0.2; exit; }\n"
                           f"printf '%s\\n' {shlex.join(said)}; exec sleep 1000\n")
            os.chmod(path, 0o755)
            process = run(f"--timeout={limit}", "--", "minivmm", text=True,
                          env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
        expect_equal((process.returncode, process.stderr.splitlines()),
                     (status, [*[f"board: console: {line}" for line in said], f"board: {last}"]), f"status and errors after {said}")


@test()
def board_that_stopped_is_started_again():
    """Tests start a board once more that stopped or panicked in wall time: not under instruction counting."""
    for statuses, again, last in (((120, 0), True, 0), ((120, 120, 0), True, 120), ((121, 0), True, 0), ((122, 0), True, 122),
                                  ((120, 0), False, 120)):
        ends = iter(statuses)
        process = started(lambda: subprocess.CompletedProcess((), next(ends), b"", b"board: it stopped\n"), again)
        expect_equal(process.returncode, last, f"status after {statuses}")


@test(boots=True)
def board_streams_are_clean():
    """Input, output, errors and files pass through unchanged, and so does the status."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        there, back = os.path.join(folder, "there"), os.path.join(folder, "back")
        with open(there, "wb") as file:
            file.write(DATA)
        process = run(f"--put={there}:sub/file", f"--get=sub/file:{back}", "--", "copy", "42",
                      input=DATA)
        expect_equal(process.returncode, 42, "status")
        expect(process.stdout == DATA, f"{len(process.stdout)} bytes of output differ")
        expect(process.stderr == bytes(byte ^ 255 for byte in DATA), "stderr differs")
        with open(back, "rb") as file:
            expect(file.read() == DATA, "a file that went there and back differs")


@test(boots=True)
def board_ends_with_its_reader():
    """When the output's reader goes, as head does, the board ends without a word."""
    with subprocess.Popen(board("--", "copy"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        process.stdin.write(DATA[:256])
        process.stdin.flush()
        expect_equal(process.stdout.read(256), DATA[:256], "output")
        process.stdout.close()
        process.stdin.write(DATA[:256])
        process.stdin.close()
        errors = process.stderr.read()
    expect_equal(process.returncode, 128 + signal.SIGPIPE, "status")
    expect(b"board:" not in errors and b"Traceback" not in errors, errors)


@test(boots=True)
def board_takes_long_commands():
    """A command line of 300 KiB reaches the board whole."""
    filler = ["x" * 99] * 3000
    process = run("--", *each.command_line([["copy", "1", *filler], ["copy", "2", *filler[:100]], ["copy", "3"]]), stdin=subprocess.DEVNULL)
    expect_equal(process.returncode, 0, f"status ({process.stderr[-500:]})")
    expect_equal([status for status, *_ in each.results(process.stdout)], [1, 2, 3], "statuses")
