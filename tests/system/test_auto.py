# SPDX-License-Identifier: MIT
"""What --pmu=auto picks, seen in a guest that runs, and what --probe says of it."""
import json

from harness import expect, expect_equal, minivmm, test


def expect_auto(mode, pmu, *args, **how):
    """auto must run the payload in MODE on host PMU, with a reason for it."""
    result = minivmm(*args, "guest.bin", record=True, **how).expect_status(0)
    expect_equal(result.run["mode"], mode, "mode")
    expect_equal(result.run["pmu"], pmu, "host PMU")
    expect(f"{mode}: chosen" in result.stderr, f"no reason in {result.stderr!r}")
    probed = json.loads(minivmm("--probe=json", *args, **how).expect_status(0).stdout)
    expect_equal(probed["auto"], mode, "what --probe says")
    return result


@test
def auto_takes_composite_on_all_cpus():
    """auto, all CPUs of a mixed-core board: composite."""
    expect_auto("composite", None)


@test
def auto_takes_explicit_inside_a_cluster():
    """auto, --affinity inside one cluster: explicit on its host PMU."""
    expect_auto("explicit", "armv8_cortex_a72", "--affinity=2-3")


@test
def auto_narrows_on_a_stock_kernel():
    """auto, no composite mode in the kernel: explicit on the largest host PMU, narrowed."""
    result = expect_auto("explicit", "armv8_cortex_a55", topology="dynamiq", kernel="stock")
    expect("narrowed to cpus 0-3" in result.stderr, result.stderr)
    expect(all(window["cpu"] <= 3 for window in result.windows), "a vCPU left the PMU's CPUs")
    expect(all(window["cycles"] for window in result.windows), "a window stood still")


@test
def auto_takes_explicit_on_one_pmu():
    """auto, one host PMU covers every CPU: explicit, with all its counters."""
    result = expect_auto("explicit", "armv8_cortex_a76", topology="symmetric")
    expect(all(window["events"] for window in result.windows), "no event counters")


@test
def auto_goes_without_a_pmu():
    """auto on a board without a PMU: off, and the guest runs without one."""
    result = expect_auto("off", None, topology="nopmu")
    expect_equal({window["pmcr"] for window in result.windows}, {0}, "PMCR_EL0")


@test
def gicv2_board_works():
    """A host whose GIC can give guests only a GICv2: the payload runs on that."""
    expect_auto("explicit", "armv8_cortex_a76", topology="gicv2")


@test
def stock_kernel_refuses_composite():
    """composite by name on a kernel without it: status 69 and what would work."""
    minivmm("--pmu=composite", "guest.bin", kernel="stock").expect_status(69).expect_one_line(
        "FIXED_COUNTERS_ONLY", "--pmu=explicit", "--pmu=auto")


@test
def probe_lists_the_host():
    """--probe names host PMUs, clusters and what KVM offers, and starts no guest."""
    host = json.loads(minivmm("--probe=json").expect_status(0).stdout)
    expect_equal([(pmu["name"], pmu["cpus"]) for pmu in host["pmus"]],
                 [("armv8_cortex_a53", "0-1"), ("armv8_cortex_a72", "2-3")], "host PMUs")
    expect_equal(host["clusters"], {"0": 0, "1": 0, "2": 1, "3": 1}, "clusters")
    expect_equal(host["kvm"], {"pmu": True, "set_pmu": True, "composite": True, "strict": False,
                               "nr_counters": False}, "what KVM offers")
    text = minivmm("--probe").expect_status(0).stdout
    expect("auto would choose: composite" in text, text)
