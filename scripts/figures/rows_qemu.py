# SPDX-License-Identifier: MIT
"""minivmm beside Debian's QEMU with KVM, where both can do the same; QEMU is in the floor's place.

Both name no PMU, so that KVM takes the default one; neither is in a jail.
"""
from figures.rows import LOOPS, VCPUS, Aim, Cost, Row, Run, counted, loop, one, ours

QEMU = "qemu-system-aarch64"
MACHINE = (QEMU, "-M", "virt,gic-version=3", "-accel", "kvm", "-cpu", "host", "-nodefaults", "-display", "none",
           "-serial", "stdio")
DEFAULT = ("--pmu=default",)
BOARD_CPUS = 4  # QEMU warns of more vCPUs


def qemu(guest, *arguments, flags=()):
    return Run((*flags, *MACHINE, *(arguments or ("-m", "64M")), "-kernel", guest))


def beside(name, unit, make, theirs):
    return Row(f"{name}: minivmm / QEMU", unit, make, theirs, Aim(1))


def qemu_loop(name):
    return Cost((qemu(f"{name}.bin", flags=("-n2",)),), (qemu("off.bin", flags=("-n2",)),), LOOPS[name])


def startup(vcpus):
    flags = ("-i", "-n2")
    return beside(f"startup, {counted(vcpus)}", "instructions",
                  one(ours(*DEFAULT, f"--cpus={vcpus}", "off.bin", flags=flags)),
                  one(qemu("off.bin", "-m", "64M", "-smp", str(vcpus), flags=flags)))


def memory(column):
    return (one(ours(*DEFAULT, "--mem=512M", "hang.bin", flags=("-m",), column=column)),
            one(qemu("hang.bin", "-m", "512M", flags=("-m",))._replace(column=column)))


ROWS = [
    *(startup(vcpus) for vcpus in VCPUS if vcpus <= BOARD_CPUS),
    beside("byte on the console", "instructions", loop(ours, "bytes", before=DEFAULT), qemu_loop("bytes")),
    beside("exit to an unmapped address", "instructions", loop(ours, "unmapped", before=DEFAULT),
           qemu_loop("unmapped")),
    beside("private memory", "bytes", *memory(0)),
    beside("peak of resident memory", "bytes", *memory(2)),
    beside("system calls of a run", "calls", one(ours(*DEFAULT, "off.bin", flags=("-s",))),
           one(qemu("off.bin", flags=("-s",)))),
]
