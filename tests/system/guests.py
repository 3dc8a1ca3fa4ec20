#!/usr/bin/env -S python3 -BESs
# SPDX-License-Identifier: MIT
"""Linux guests: their kernels, their root file system (which it writes as a command), and boots of a board that has both."""
import os
import stat
import subprocess
import tempfile

from boards import initramfs
from runs.command_line import Failure, Parser, main_of
from system.harness import PATIENCE, TOP, Board, expect

BUILD = os.path.join(TOP, "build" if os.uname().machine == "aarch64" else "build-arm64")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "minivmm")
# What the kernel of a guest that is well may warn of: that its device tree has no optional
# parts, and that a busy machine emulates the board slowly.
HARMLESS = ("KASLR disabled due to lack of seed", "Unable to detect cache hierarchy",
            "hrtimer: interrupt took", "sched: DL replenish lagged too much")


def board_kernel(*options):
    """The kernel that the boards run, which is the quickest guest too, or another one of scripts/kernel OPTIONS."""
    return subprocess.run([os.path.join(TOP, "scripts", "kernel"), *options], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def debian_kernels():
    """(series, Image) of those that scripts/debian/kernel has: a download is not for every run."""
    for series in ("6.1", "6.12"):
        image = os.path.join(CACHE, f"debian-{series}", "Image")
        if os.path.exists(image):
            yield series, image


def write_initrd(path, *programs):
    """A root file system with nothing but the guest's init, its console and PROGRAMS of the build folder."""
    with open(path, "wb") as out:
        cpio = initramfs.Cpio(out)
        for folder in ("dev", "proc", "sys"):
            cpio.add(folder, stat.S_IFDIR | 0o755)
        cpio.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
        cpio.add("init", stat.S_IFREG | 0o755,
                 initramfs.board_program(os.path.join(BUILD, "linux-guest")))
        for program in programs:
            cpio.add(program, stat.S_IFREG | 0o755, initramfs.read(os.path.join(BUILD, program)))
        cpio.end()


def write_shell(path, shell):
    """A root file system with nothing but busybox, SHELL, as /bin/sh; rdinit=/bin/sh starts it."""
    with open(path, "wb") as out:
        cpio = initramfs.Cpio(out)
        for folder in ("bin", "dev", "proc", "sys"):
            cpio.add(folder, stat.S_IFDIR | 0o755)
        cpio.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
        cpio.add("bin/busybox", stat.S_IFREG | 0o755, initramfs.read(shell))
        cpio.add("bin/sh", stat.S_IFLNK | 0o777, b"busybox")
        cpio.end()


def command(append, *options):
    """A command line on the board; APPEND says what the guest does (linux_guest.c).

    It ends a guest that hangs before each or the board is, which would say less.
    """
    return ["minivmm", "--cpus=4", "--mem=256M", "--quiet", f"--timeout={PATIENCE - 150}", *options,
            "--initrd=initrd", f"--append=console=ttyAMA0 {append}", "Image"]


def run(image, commands, programs=(), **board):
    """Boots a board that has the kernel IMAGE; returns the Results of COMMANDS. The guests have PROGRAMS."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        initrd = os.path.join(folder, "initrd")
        write_initrd(initrd, *programs)
        return Board(put=[f"{image}:Image", initrd], **board).boot(commands)


def said(lines, start):
    """What the guest said after START, once."""
    found = [line.removeprefix(f"guest: {start}").strip() for line in lines
             if line.startswith(f"guest: {start}")]
    expect(len(found) == 1, f"{len(found)} lines 'guest: {start}' in {lines!r}")
    return found[0]


def check_kernel_log(lines, counters):
    """The guest's kernel found COUNTERS counters (None: no PMU), and warned of nothing."""
    log = [line.removeprefix("guest: kernel: ") for line in lines
           if line.startswith("guest: kernel: ")]
    pmu = [line for line in log if "hw perfevents: enabled with armv8_pmuv3 PMU driver, " in line]
    warnings = [line for line in log if "hw perfevents" not in line
                and not any(text in line for text in HARMLESS)]
    expect(not warnings, f"the guest's kernel warned: {warnings!r}")
    if counters is None:
        expect(not pmu, f"a PMU where there is none: {pmu!r}")
        return
    expect(len(pmu) == 1, f"not one line about the PMU: {log!r}")
    expect(f"driver, {counters} " in pmu[0] and pmu[0].endswith("counters available"), pmu[0])


HELP = """\
usage: tests/run guests [--add=NAME]... FILE [SHELL]

Writes the tests' root file system for Linux guests to FILE, an initrd that
holds one program; or one with a SHELL, which scripts/debian/program gets.

  --add=NAME  a program of the build folder too, e.g. minivmm
  -h, --help  this text

Exit status: 0, 1 if it cannot be written, 2 if the command line is wrong.
"""


def main():
    """Either of the two."""
    parser = Parser(HELP)
    parser.add_argument("file")
    parser.add_argument("shell", nargs="?")
    parser.add_argument("--add", action="append", default=[])
    options = parser.parse_args()
    try:
        if options.shell:
            write_shell(options.file, options.shell)
        else:
            write_initrd(options.file, *options.add)
    except OSError as error:
        raise Failure(f"{error.filename or options.file}: {error.strerror}") from None
    except initramfs.Missing as missing:
        raise Failure(missing) from None


if __name__ == "__main__":
    main_of("guests", main)
