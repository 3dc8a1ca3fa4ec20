# SPDX-License-Identifier: MIT
"""Linux guests on minivmm on the board: interrupts, timers, PSCI, the console, the tree."""
import os
import subprocess
import tempfile

from system import guests
from system.harness import debian_program, expect, expect_equal, run_board, test

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def type_a_line(command, **_):
    """A board with a guest; types a line when the guest's init listens. The finished process, with the lines that it said."""
    lines = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("guest: listens"):
                process.stdin.write("hello there\n")
                process.stdin.flush()
        errors = process.stderr.read()
    return subprocess.CompletedProcess(command, process.returncode, lines, errors)


def talk(image, *options, topology="biglittle"):
    """Boots IMAGE as the guest, and talks to it; returns what it says."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        guests.write_initrd(os.path.join(folder, "initrd"))
        done = run_board(f"--topology={topology}", f"--put={image}:Image", f"--put={folder}/initrd", "--", *options,
                         run=type_a_line)
    expect_equal(done.returncode, 0, f"status; stderr: {done.stderr!r}; stdout: {done.stdout!r}")
    return done.stdout


def check_talk(lines, cpus=4):
    """All vCPUs are there, every byte came and went, and input raised interrupts."""
    expect_equal(guests.said(lines, f"{cpus} cpus, "), "1 pmus", "PMUs")
    expect_equal(guests.said(lines, "read "), "hello there", "what it read")
    expect_equal([line for line in lines if line.startswith("guest: line ")],
                 [f"guest: line {i:02} {ALPHABET}" for i in range(40)], "what it wrote")
    interrupts = int(guests.said(lines, "uart interrupts "))
    # Linux needs none to write: this UART never is full.
    expect(interrupts >= 1, "what it read came without an interrupt")
    expect(any("reboot: Power down" in line for line in lines), "it did not power off")
    for sign in ("WARNING:", "BUG:", "Call trace:", "Oops"):
        expect(not any(sign in line for line in lines), f"{sign} in {lines!r}")


@test(boots=True)
def linux_guest_boots_and_talks():
    """A Linux guest has earlycon, 4 vCPUs, a PMU and a console that loses nothing; it powers off."""
    lines = talk(guests.board_kernel(), *guests.command("earlycon"))
    expect(any("earlycon: pl11 at MMIO 0x0000000009000000" in line for line in lines),
           f"no earlycon in {lines!r}")
    check_talk(lines)
    guests.check_kernel_log(lines, 1)


@test(slow=True, boots=True)
def linux_guest_gets_what_was_piped():
    """What is piped to a Linux guest before it starts waits until its init reads it, however much."""
    line = "".join(f"<{i:03}>" for i in range(200))
    result, = guests.run(guests.board_kernel(), [["drive", "pipe", f"type={line}^J", *guests.command("earlycon")]])
    lines = result.expect_status(0).stdout.splitlines()
    expect_equal(guests.said(lines, "read "), line, "what it read")


@test(slow=True, boots=True)
def linux_guest_on_gicv2():
    """The same through a GICv2, with the 8 vCPUs that it has room for."""
    lines = talk(guests.board_kernel(), *guests.command("earlycon", "--cpus=8"), topology="gicv2")
    check_talk(lines, 8)
    guests.check_kernel_log(lines, 7)


@test(slow=True, boots=True)
def linux_guest_resets_and_panics():
    """reboot and a panic with panic=1 are resets, without a crash; --pmu=off has no PMU."""
    reboot, panic, off = guests.run(
        guests.board_kernel(),
        [guests.command("quiet do=nothing end=reboot", "--no-reboot"),
         guests.command("do=nothing panic=1 end=panic", "--no-reboot"),
         guests.command("quiet do=nothing", "--pmu=off")])
    lines = reboot.expect_status(0).stdout.splitlines()
    expect("reboot: Restarting system" in lines, f"not in {lines!r}")
    lines = panic.expect_status(0).stdout.splitlines()
    expect(any("Kernel panic - not syncing: Attempted to kill init!" in line for line in lines)
           and "Rebooting in 1 seconds.." in lines, f"no panic in {lines!r}")
    lines = off.expect_status(0).stdout.splitlines()
    expect_equal(guests.said(lines, "4 cpus, "), "0 pmus", "PMUs")
    guests.check_kernel_log(lines, None)


@test(slow=True, boots=True)
def linux_gets_the_tree_of_dtb_out():
    """--dtb-out writes what the guest's kernel got, byte for byte."""
    result, = guests.run(guests.board_kernel(),
                         [guests.command("quiet do=tree", "--dtb-out=record")], icount=True)
    tree = guests.said(result.expect_status(0).stdout.splitlines(), "tree ")
    expect_equal(bytes.fromhex(tree), result.record_bytes(), "the tree")


for _series, _image in guests.debian_kernels():
    def debian_guest(image=_image):
        """Debian's own kernel as the guest, as packaged: as the board's kernel does."""
        lines = talk(image, *guests.command("quiet"))
        check_talk(lines)
        guests.check_kernel_log(lines, 1)

    debian_guest.__name__ += f"_{_series.replace('.', '_')}_boots_and_talks"
    test(slow=True, boots=True)(debian_guest)


PROMPT = "expect=# "
# What is expected is nowhere in what is typed, which the shell echoes. ^A is Ctrl-A.
SESSION = [PROMPT, "type=echo $((6 * 7)) $(busybox uname -m) $(busybox nproc)^M",
           "expect=42 aarch64 4", PROMPT, "type=^Abb", "expect=sysrq: Resetting", PROMPT,
           "type=busybox poweroff -f^M", "expect=reboot: Power down"]


def use_shell(image):
    """Boots IMAGE to a shell, and does the session."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        guests.write_shell(os.path.join(folder, "initrd"), debian_program("shell"))
        process = run_board(
            "--topology=biglittle", f"--put={image}:Image", f"--put={folder}/initrd", "--", "drive", "pty", *SESSION,
            "minivmm", "--cpus=4", "--mem=512M", "--initrd=initrd", "--append=console=ttyAMA0 loglevel=1 rdinit=/bin/sh",
            "Image", text=True)
    expect_equal(process.returncode, 0, f"status; {process.stderr}\n{process.stdout}")
    expect_equal(process.stdout.count("the guest restarts"), 1, "resets")


# The boards' own kernel has no SysRq.
for _series, _image in list(guests.debian_kernels())[-1:]:
    @test(slow=True, boots=True)
    def debian_guest_has_a_shell(image=_image):
        """Debian's kernel as packaged gives its shell, typed at; BREAK and b reset it, poweroff ends it."""
        use_shell(image)
