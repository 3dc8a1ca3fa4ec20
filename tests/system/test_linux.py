# SPDX-License-Identifier: MIT
"""A Linux guest on minivmm on the board: interrupts, timers, PSCI and the console work."""
import os
import stat
import subprocess
import sys
import tempfile

from harness import TOP, expect, expect_equal, test

sys.path.insert(0, os.path.join(TOP, "tests", "board"))
import initramfs  # noqa: E402

BUILD = os.path.join(TOP, "build" if os.uname().machine == "aarch64" else "build-arm64")


def write_initrd(path):
    """A root file system with nothing but the guest's init and its console."""
    with open(path, "wb") as out:
        cpio = initramfs.Cpio(out)
        for folder in ("dev", "sys"):
            cpio.add(folder, stat.S_IFDIR | 0o755)
        cpio.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
        cpio.add("init", stat.S_IFREG | 0o755,
                 initramfs.board_program(os.path.join(BUILD, "linux-guest")))
        cpio.end()


def run_guest(folder, *args):
    """Boots the board's own kernel as the guest; types a line when its init is up."""
    image = subprocess.run([os.path.join(TOP, "scripts", "kernel")], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.strip()
    command = [os.path.join(TOP, "scripts", "board"), "--timeout=120", f"--put={image}:Image",
               f"--put={folder}/initrd", "--", "minivmm", "--cpus=2", "--mem=256M", "--quiet",
               "--initrd=initrd", "--append=console=ttyAMA0 quiet", *args, "Image"]
    lines = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("guest: ") and "cpus" in line:
                process.stdin.write("hello there\n")
                process.stdin.flush()
        errors = process.stderr.read()
    expect_equal(process.returncode, 0, f"status; stderr: {errors!r}; stdout: {lines!r}")
    return lines


@test()
def linux_guest_boots_and_talks():
    """A Linux guest sees its 2 vCPUs and its PMU, reads its console and powers off."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        write_initrd(os.path.join(folder, "initrd"))
        lines = run_guest(folder)
        expect("guest: 2 cpus, 1 pmus" in lines, f"not in {lines!r}")
        expect("guest: read hello there" in lines, f"not in {lines!r}")
        lines = run_guest(folder, "--pmu=off")
        expect("guest: 2 cpus, 0 pmus" in lines, f"not in {lines!r}")
