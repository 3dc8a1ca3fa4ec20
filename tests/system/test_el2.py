# SPDX-License-Identifier: MIT
"""Guests that begin at EL2, which takes KVM's nested virtualization: topology nested and Linux 7.3.

Under instruction counting they count exactly what they count at EL1.
"""
import json
import re

from system import guests
from system.harness import Skipped, expect, expect_equal, machine, minivmm, test
from system.schema import expect_valid
from system.test_console import talk
from system.test_exact import A53, A72, CPU_CYCLES, INST_RETIRED, SW_INCR, TWICE, one_count, payload
from system.test_tree import cells, check_tree, dump, parse, strings_of

NESTED = {"topology": "nested", "kernel": "stock-7.3", "icount": True, "slow": True}
KINDS = ("--el2", "--el2=e2h0")  # with VHE, and without


def levels(result):
    """The levels that the guest says its windows ran at; records have none for EL1."""
    return {window.get("el", 1) for window in result.expect_status(0).windows}


@test(payload("default", TWICE, 24), *(payload("default", TWICE, 24, kind) for kind in KINDS), **NESTED)
def el2_counts_what_el1_counts(el1, *at_el2):
    """--el2, --el2=e2h0: guest.bin says that it runs at EL2, and each of its windows counts exactly what it counts at EL1."""
    expect_equal(levels(el1), {1}, "levels without --el2")
    expect("EL2" not in el1.stderr, el1.stderr)
    for result in at_el2:
        expect_equal(levels(result), {2}, "levels")
        expect("The windows ran at EL2.\n" in result.stderr, result.stderr)
        for line in result.raw_record.splitlines():
            expect_valid(json.loads(line), "record")
        for pmu, least in ((A53, 40000), (A72, 0)):
            counts = [[one_count([w for w in one.windows if w["pmu"] == pmu and not w["hops"]], what)
                       for what in ("cycles", CPU_CYCLES, INST_RETIRED, SW_INCR)] for one in (el1, result)]
            expect_equal(counts[1], counts[0], f"counts on {pmu}")
            expect(min(counts[1][:3]) >= least, f"counts on {pmu}: {counts[1]}")


@test(*(payload("explicit", "step:0,0,2,2", 12, kind, "--on-refusal=return", "--pmu-counters=2") for kind in KINDS),
      *(payload("strict:" + A53, "none", 12, kind, "--cpus=2") for kind in KINDS),
      *(payload("off", "none", 3, kind) for kind in KINDS), **NESTED)
def el2_in_the_other_modes(*results):
    """--el2 in explicit, strict and off, with refusals, fewer counters and a second vCPU, which begins at EL2 too."""
    explicit, strict, off = results[:2], results[2:4], results[4:]
    for result in results:
        expect_equal(levels(result), {2}, "levels")
    for result in explicit:
        expect(result.refusals, "no refusals")
        expect_equal({w["pmcr"] >> 11 & 31 for w in result.windows}, {2}, "PMCR_EL0.N")
        expect_equal(one_count(result.windows, SW_INCR), 1, "SW_INCR, one per window")
    for result in (*explicit, *strict):
        expect(min(w["cycles"] for w in result.windows) >= 40000, f"{[w['cycles'] for w in result.windows]}")
    for result in strict:
        expect_equal({w["vcpu"] for w in result.windows}, {0, 1}, "vCPUs")
    for result in off:
        expect_equal({w["pmcr"] for w in result.windows}, {0}, "PMCR_EL0")


@test(*(minivmm("--pmu=explicit", "--settle", "--migrate=step:0,0", f"--append=windows=8 mmu={mmu}", kind, "guest.bin")
        for kind in KINDS for mmu in (0, 1)), **NESTED)
def el2_with_an_mmu(*results):
    """guest.bin at EL2 with page tables and caches of EL2 counts the same as without."""
    for result in results:
        expect_equal(levels(result), {2}, "levels")
    expect_equal(len({one_count(result.windows) for result in results}), 1, "different counts")


@test(*(minivmm("--cpus=4", "--pmu=off", kind, "smp.bin") for kind in KINDS),
      *(minivmm("--pmu=explicit", kind, "overflow.bin") for kind in KINDS),
      *(minivmm("--pmu=off", kind, "crash.bin") for kind in KINDS), **NESTED)
def el2_has_psci_interrupts_and_vectors(*results):
    """At EL2 PSCI by SMC turns CPUs on and off, SGIs and overflow interrupts come, and a crash is told with EL2's syndrome."""
    for result in results[:2]:
        expect_equal(result.expect_status(0).stdout, "cpus 0x0004\n", "CPUs")
    for result in results[2:4]:
        expect_equal({w["interrupts"] for w in result.expect_status(0).windows}, {1}, "interrupts per window")
    for result in results[4:]:
        result.expect_status(72).expect_one_line("vector 4 ESR 0x2000000 ", "ELR 0x4008")


@test(minivmm("--timeout=1", "--el2", "hang.bin"),
      minivmm("--timeout=1", "--el2=e2h0", "--append=do=sleep", "hostile.bin"),
      *(talk("pipe", ["type=R", "expect=> ", "type=o"], kind) for kind in KINDS), **NESTED)
def el2_after_a_reset_and_at_the_end(hangs, sleeps, *resets):
    """A guest with EL2 is built anew in the jail when it resets itself; when --timeout ends it, its level is told."""
    expect(re.search(r"vCPU 0: PC 0x\w+, EL2, runs, has written to no device\n", hangs.expect_status(124).stderr), hangs.stderr)
    expect(re.search(r"vCPU 0: PC 0x\w+, EL2, waits in WFI, ", sleeps.expect_status(124).stderr), sleeps.stderr)
    expect('"state":"waits",' in sleeps.raw_record and '"el":2,' in sleeps.raw_record, sleeps.raw_record)
    for result in resets:
        expect_equal(result.expect_status(0).stdout.count("ram 0x00000000"), 2, "starts")


@test(*(dump(kind) for kind in KINDS), ["minivmm", "--probe=json"], **NESTED)
def el2_has_a_tree_of_its_own(vhe, e2h0, probe):
    """The tree of a guest with EL2: PSCI by SMC, the GIC's maintenance interrupt, EL2's timers; --probe offers both."""
    for result, timers in ((vhe, [13, 14, 11, 10, 12]), (e2h0, [13, 14, 11, 10])):
        check_tree(result, 1, True, "arm,gic-v3")
        nodes = parse(result.record_bytes())
        expect_equal(strings_of(nodes["/psci"]["method"]), ["smc"], "PSCI's method")
        expect_equal(cells(nodes["/interrupt-controller@8000000"]["interrupts"]), [1, 9, 4], "maintenance interrupt")
        expect_equal(cells(nodes["/timer"]["interrupts"])[1::3], timers, "the timers' PPIs")
    host = json.loads(probe.expect_status(0).stdout)
    expect_valid(host, "probe")
    expect_equal((host["kvm"]["el2"], host["kvm"]["el2_e2h0"]), (True, True), "what KVM offers")


@test(*(["pmu-regress", f"--run=el2.{cases}"] for cases in ("levels/*", "*/composite/*")), **{**NESTED, "kernel": "composite-7.3"})
def regress_judges_guests_with_el2(*results):
    """pmu-regress, a third of family el2: none fails, and what is skipped is a fault that docs/kernel-findings.md knows."""
    cases = [line for result in results for line in result.expect_status(0).stdout.splitlines()[2:-1]]
    skipped = [line for line in cases if " # SKIP " in line]
    expect(len(cases) - len(skipped) >= 25, f"{len(skipped)} of {len(cases)} cases skipped")
    expect_equal([line for line in skipped if "known fault of this kernel" not in line], [], "skips for another reason")


@test(*(["minivmm", kind, "guest.bin"] for kind in KINDS), ["minivmm", "--el2", "--gic=2", "guest.bin"])
def no_el2(*results):
    """--el2 where KVM gives guests no EL2: status 69, and what it takes. With a GICv2: status 64."""
    for result in results[:2]:
        result.expect_status(69).expect_one_line("--el2", "KVM_CAP_ARM_EL2 is 0", "kvm-arm.mode=nested")
    results[2].expect_status(64).expect_one_line("--el2", "--gic=2")


def two_deep(kernel, *guest_lists):
    """Boots Linux on minivmm at EL2, for each list of options and command; that Linux runs the command, a minivmm of its own."""
    try:
        machine.emulator("nested")
    except machine.Missing as missing:
        raise Skipped(str(missing)) from missing
    image = guests.board_kernel("--version=7.3", f"--flavor={kernel}")
    commands = [["minivmm", "--mem=256M", "--initrd=initrd", "--timeout=60", *options,
                 f'--append=console=ttyAMA0 quiet do=run run="{command}"', "Image"] for *options, command in guest_lists]
    return guests.run(image, commands, programs=("minivmm", "guest.bin", "hostile.bin"), topology="nested", kernel=f"{kernel}-7.3",
                      icount=True)


@test(slow=True, boots=True)
def el2_linux_runs_a_guest_of_its_own():
    """Linux at EL2 has KVM, and guest.bin on a minivmm in it counts exactly, two levels deep; Linux' WFI is seen."""
    inner = "/minivmm --pmu=explicit --timeout=50 /guest.bin"
    vhe, e2h0, waits = two_deep(
        "stock", ("--el2", "--pmu=explicit", inner), ("--el2=e2h0", "--pmu=explicit", inner),
        ("--el2", "--pmu=off", "--timeout=6", "/minivmm --quiet --pmu=off --append=do=sleep /hostile.bin"))
    for result in (vhe, e2h0):
        expect("guest: ran, status 0\r\n" in result.expect_status(0).stdout, result.stdout)
        # The tick of Linux at EL2 may come in a window, and adds to it.
        cycles = re.search(r"^ +0  armv8_pmuv3 +10 +(\d+) +(\d+) ", result.stdout, re.M)
        expect(cycles and int(cycles[1]) > 40000 and cycles[1] == cycles[2], result.stdout)
    expect(re.search(r"vCPU 0: PC 0xffff\w+, EL2, waits in WFI", waits.expect_status(124).stderr), waits.stderr)


@test(slow=True, boots=True)
def el2_composite_counts_two_levels_deep():
    """Linux at EL2 in composite mode hops between clusters, and no window of the guest in it loses a cycle."""
    result, = two_deep("composite", ("--el2", "--pmu=composite", "--migrate=every:7ms:0,2",
                                     "/minivmm --pmu=composite --timeout=50 --append=windows=500 /guest.bin"))
    expect("guest: ran, status 0\r\n" in result.expect_status(0).stdout, result.stdout)
    fewest = re.search(r"all 500 windows counted (\d+)(?: to \d+)? cycles", result.stdout)
    expect(fewest and int(fewest[1]) > 40000, result.stdout)
    hops = re.search(r"^ +0  -  .* (\d+) +0\n", result.stderr, re.M)
    expect(hops and int(hops[1]) > 40, result.stderr)
