# SPDX-License-Identifier: MIT
"""Where tests and demonstrations run: on an Arm host itself, on emulated boards, or not at all; and what they say."""
import contextlib
import errno
import grp
import os
import subprocess
import sys
import tempfile

from boards import machine
from system.harness import TOP, expect, expect_equal, test

# Runs a script as on an Arm host whose /dev/kvm is a file, opening which fails with an errno (0: it does not).
ON_AN_ARM_HOST = """
import os, platform, runpy, sys
from boards import direct
opens, direct.KVM, error = os.open, sys.argv[1], int(sys.argv[2])
def opened(path, *arguments, **options):
    if path == direct.KVM and error:
        raise OSError(error, os.strerror(error))
    return opens(path, *arguments, **options)
os.open, platform.machine = opened, lambda: "aarch64"
del sys.argv[:3]
(runpy.run_path if "/" in sys.argv[0] else runpy.run_module)(sys.argv[0], run_name="__main__")
"""


@contextlib.contextmanager
def path_without(*programs):
    """A PATH that has everything but these."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        for place in os.environ["PATH"].split(":"):
            for entry in os.scandir(place) if os.path.isdir(place) else ():
                if entry.name not in programs and not os.path.lexists(f"{folder}/{entry.name}"):
                    os.symlink(entry.path, f"{folder}/{entry.name}")
        yield folder


@test(slow=True)
def no_emulation_no_boots():
    """Without QEMU, dtc, make and so on, each test that needs an emulated board says what installs it; the others pass."""
    with path_without(*machine.PROGRAMS, *machine.BUILDERS) as path:
        done = subprocess.run([os.path.join(TOP, "tests", "run"), "system", "[!n]*"], capture_output=True, text=True,
                              check=False, env=dict(os.environ, PATH=path))
    reason = ": needs an emulated board, and qemu-system-aarch64 is not installed (scripts/setup --all installs it)"
    lines = done.stdout.splitlines()
    expect_equal((done.returncode, [line for line in lines if line.startswith("not ok ")]), (0, []), "status and failures")
    expect(sum(line.endswith(reason) for line in lines) > 60, f"too few skips for want of QEMU in {done.stdout}")
    expect(sum(line.startswith("ok ") for line in lines) > 20, f"too few tests without a board in {done.stdout}")


def on_an_arm_host(error, *command, path=os.environ["PATH"]):
    """The status and stderr of a script there, and the group that owns /dev/kvm."""
    with tempfile.NamedTemporaryFile(prefix="minivmm-test-") as kvm:
        os.chmod(kvm.name, 0o660)
        group = os.getgid() or 1  # root's own would be nobody else's
        os.chown(kvm.name, -1, group)
        done = subprocess.run([sys.executable, "-BP", "-c", ON_AN_ARM_HOST, kvm.name, str(error), *command], capture_output=True,
                              text=True, check=False, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, PATH=path, PYTHONPATH=os.path.join(TOP, "scripts")))
    return done.returncode, done.stderr.replace(kvm.name, "/dev/kvm"), grp.getgrgid(group).gr_name


BOARD = [os.path.join(TOP, "scripts", "board"), "--", "no-such-program"]


@test(boots=True)
def closed_kvm_is_told_and_emulated():
    """An Arm host's /dev/kvm that this user may not open: one line says which group may; an emulated board does."""
    status, said, group = on_an_arm_host(errno.EACCES, *BOARD)
    first, last = said.splitlines()
    expect(first.startswith(f"board: cannot open /dev/kvm: Permission denied; group {group} may: sudo usermod -aG {group} ")
           and first.endswith(", and log in again. Uses an emulated board instead"), said)
    expect(status == 127 and "no-such-program" in last, f"{status}: {said}")


@test()
def setup_is_for_the_machine():
    """scripts/setup: an Arm host with /dev/kvm gets what bundle and tests take there; --all and --ci add emulated boards."""
    packages = [subprocess.run([os.path.join(TOP, "scripts", "setup"), "--print=arm-host", *options], capture_output=True,
                               text=True, check=True).stdout.split() for options in ([], ["--all"], ["--ci"])]
    wanted = {"xz-utils": (1, 1, 1), "patch": (1, 1, 1), "libfdt-dev": (1, 1, 1), "libseccomp-dev": (1, 1, 1), "qemu-system-arm": (0, 1, 1), "make": (0, 1, 1),
              "chromium": (0, 0, 1), "gcc-aarch64-linux-gnu": (0, 0, 0)}
    for package, counts in wanted.items():
        expect_equal(tuple(names.count(package) for names in packages), counts, package)


@test()
def bundle_without_xz_says_so():
    """scripts/bundle without xz: one line, and no bundle."""
    with path_without("xz") as path, tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        done = subprocess.run([os.path.join(TOP, "scripts", "bundle"), folder, "0", "strip"], capture_output=True, text=True,
                              check=False, env=dict(os.environ, PATH=path))
        expect_equal((done.returncode, os.listdir(folder)), (1, []), "status and files")
        expect_equal(done.stderr, "scripts/bundle: xz is not installed: scripts/setup installs it (Debian package xz-utils)\n",
                     "stderr")


@test()
def closed_kvm_is_told_without_emulation():
    """The same without QEMU: one line that says that too; what asks for an emulated board says only that."""
    with path_without("qemu-system-aarch64") as path:
        for command, wanted in ((BOARD, 123), (["reports.demo"], 1)):
            status, said, group = on_an_arm_host(errno.EACCES, *command, path=path)
            expect_equal((status, said.count("\n")), (wanted, 1), f"status and lines of {command}: {said}")
            expect(f"group {group} may: " in said and "but qemu-system-aarch64 is not installed: scripts/setup --all" in said, said)
        # As a container's cgroup refuses it: no group helps.
        status, said, _ = on_an_arm_host(errno.EPERM, *BOARD, path=path)
        expect(status == 123 and "cannot open /dev/kvm: Operation not permitted. An emulated" in said, f"{status}: {said}")
        # Who asks for an emulated board need not hear of it.
        status, said, _ = on_an_arm_host(errno.EACCES, BOARD[0], "--icount", "--", "minivmm", path=path)
        expect(status == 123 and "/dev/kvm" not in said and "scripts/setup --all" in said, f"{status}: {said}")
        status, said, _ = on_an_arm_host(0, *BOARD, path=path)
        expect_equal((status, said.count("emulated")), (127, 0), f"status and lines where it can be opened: {said}")
