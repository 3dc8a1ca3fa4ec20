# SPDX-License-Identifier: MIT
"""Bare-metal programs as others link and write them: images, PSCI, self-modifying code, MMU.

On both GICs: a GICv2 host is as good a place for them. On an Arm host, with the GIC that it has.
"""
import os

from system.guests import BUILD
from system.harness import PATIENCE, Board, debian_program, expect, expect_equal, minivmm, test
from system.test_console import talk

RAM = 0x40000000
STACK = [("biglittle", 3), ("gicv2", 2)]  # topologies, and the GIC that each has


def bare(*args):
    """A guest without a PMU: none of this is about one."""
    return ["minivmm", "--pmu=off", "--quiet", "--timeout=300", *args]


def told(result):
    """{what: number} that image.bin said."""
    lines = (line.rpartition(" ") for line in result.expect_status(0).stdout.splitlines())
    return {what: int(number, 16) for what, _, number in lines}


def checksum(data):
    """As guest/image.c computes it."""
    total = 0
    for byte in data:
        total = (total * 31 + byte) & (1 << 64) - 1
    return total


def bare_images(flat, pie, header, parts):
    """Flat, position-independent, with an Image's header, ELF with segments apart: all run where they should."""
    for result, code, data in ((flat, 0x40080000, None), (pie, 0x40080000, None),
                               (header, RAM + 0x123000, None), (parts, 0x40200000, 0x41000000)):
        said = told(result)
        expect_equal(said["code at"], code, f"{result.command}: the code's address")
        expect_equal(said["data at"], data or said["data at"], "the data's address")
        expect_equal((said["data"], said["bss"]), (0x600dda7a, 0), "data and BSS")
        expect_equal((said["ram at"], said["ram size"]), (RAM, 64 << 20), "RAM")
        expect("initrd at" not in said, "an initrd that nobody gave")


def bare_environment(*results):
    """What --initrd names comes whole, where /chosen says, above the image and below RAM's end."""
    for result in results:
        initrd = next(word for word in result.command if word.startswith("--initrd="))[9:]
        with open(os.path.join(BUILD, initrd), "rb") as file:
            data = file.read()
        said = told(result)
        expect_equal((said["initrd size"], said["initrd sum"]), (len(data), checksum(data)),
                     "the initrd")
        expect(said["data at"] < said["initrd at"] <= RAM + said["ram size"] - len(data), f"{said}")


def bare_cpus(*results):
    """CPU_ON gives each CPU its context id, interrupts reach it, CPU_OFF ends it; and once more."""
    for result in results:
        count = int(next(word for word in result.command if word.startswith("--cpus="))[7:])
        expect_equal(result.expect_status(0).stdout, f"cpus {count:#06x}\n", "CPUs")


def bare_memory(*results):
    """Self-modifying code and both ends of RAM, MMU off and on, from 2M to beyond 4 GB of guest space."""
    for result, size in zip(results, (2 << 20, 64 << 20, 4 << 30)):
        expect_equal(result.expect_status(0).stdout,
                     f"ram to {RAM + size:#014x}, sctlr 0x1005\n", "what it said")


def bare_ends(off2, reset2, lines):
    """SYSTEM_OFF2 ends well where KVM has it, SYSTEM_RESET2 is a reset; the last words are seen."""
    expect("SYSTEM_OFF2\n" in off2.expect_status(0).stdout, off2.stdout)
    expect_equal(off2.stdout.count("without a newline"), "no SYSTEM_OFF2" in off2.stdout,
                 "ends by SYSTEM_OFF")
    expect_equal(reset2.expect_status(0).stdout.count("ram 0x00000000"), 2, "starts")
    expect(lines.expect_status(0).stdout.endswith("without a newline"), lines.stdout)


@test(slow=True, boots=True)
def debian_u_boot_has_a_prompt():
    """Debian's U-Boot for QEMU's virt board finds its device tree and RAM, and obeys what was piped to it."""
    board = Board(put=[f"{debian_program('u-boot')}:u-boot.bin"])
    result, = board.boot([["drive", "pipe", "type=xfdt addr ${fdtcontroladdr}^Mfdt print / model^Mpoweroff^M",
                           "minivmm", "--pmu=off", "--mem=256M", f"--timeout={PATIENCE - 150}", "u-boot.bin"]])
    said = result.expect_status(0).stdout
    for text in ("DRAM:  256 MiB", "=> fdt addr ${fdtcontroladdr}", 'model = "minivmm"', "=> poweroff"):
        expect(text in said, f"no {text!r} in {said!r}")
    expect_equal(result.stderr.count("mmio: "), 32, "notes of its absent flash")


@test(["with", "rss", *bare("--mem=2G", "off.bin")], ["with", "rss", *bare("--mem=512G", "off.bin")],
      ["with", "rss", *bare("--mem=256M", "cached.bin")])
def ram_costs_nothing_untouched(*results):
    """RAM that the guest does not touch costs the host nothing, however much; it may exceed the host's."""
    for result in results:
        last = result.expect_status(0).stdout.splitlines()[-1]
        # A page of image, tree and RAM's end each, or a huge one of 2 MiB.
        expect(0 < int(last.split()[1]) < 12 << 10, f"{result.command}: {last}")


for _topology, _gic in STACK:
    for _function, _commands in (
            (bare_images, [bare("image.bin"), bare("image-pie.bin"), bare("image-header.bin"),
                           bare("image-parts.elf")]),
            (bare_environment, [bare("--initrd=guest.bin", image) for image in
                                ("image.bin", "image-pie.bin", "image-header.bin", "image-parts.elf")]
             + [bare("--initrd=guest.bin", "--mem=2M", "image.bin")]
             + [bare("--initrd=hang.bin", "image.bin")]),
            (bare_cpus, [bare(f"--cpus={count}", "smp.bin") for count in
                         ((1, 2, 8) if _gic == 2 else (1, 4, 64))]),
            (bare_memory, [bare(f"--mem={size}", "cached.bin") for size in ("2M", "64M", "4G")]),
            (bare_ends, [talk("pipe", ["type=ho"]), talk("pipe", ["type=R", "expect=> ", "type=o"]),
                         talk("pipe", ["type=o"])])):
        def _on_board(*results, check=_function):
            check(*results)

        _on_board.__name__ = f"{_function.__name__}_gicv{_gic}"
        _on_board.__doc__ = f"GICv{_gic}: {_function.__doc__}"
        # How many vCPUs there can be is the GIC's.
        test(*_commands, topology=_topology, host=_gic == 3 and _function is not bare_cpus)(_on_board)


@test(bare("--cpus=130", "smp.bin"), slow=True)
def second_redistributor_region(result):
    """130 vCPUs, more than one region of redistributors has room for: as bare_cpus."""
    bare_cpus(result)


@test(*(minivmm("--pmu=composite", "--migrate=step:0,0,2,2", "--settle", f"--append=windows=20 {mmu}",
                "guest.bin") for mmu in ("mmu=0", "mmu=1")), icount=True)
def an_mmu_changes_no_count(off, on):
    """Windows with page tables and caches on count the same cycles as without, hops included."""
    counts = [{window["cycles"] for window in result.expect_status(0).windows} for result in (off, on)]
    expect_equal(len(on.windows), 20, "windows")
    expect(len(counts[0]) == 1 and counts[0] == counts[1], f"cycles of windows: {counts}")
