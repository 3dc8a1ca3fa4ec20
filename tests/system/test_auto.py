# SPDX-License-Identifier: MIT
"""What --pmu=auto picks, seen in a guest that runs, and what --probe says of it."""
import json
import os
import re

from system.harness import expect, expect_equal, minivmm, test
from system.test_debian import CACHE


def auto(*args):
    """The two commands whose results expect_auto() compares."""
    return minivmm(*args, "guest.bin"), ["minivmm", "--probe=json", *args]


def expect_auto(result, probe, mode, pmu):
    """auto ran the payload in MODE on host PMU, with a reason for it, and --probe agrees."""
    expect_equal(result.expect_status(0).run["mode"], mode, "mode")
    expect_equal(result.run["pmu"], pmu, "host PMU")
    expect(f"auto chose {mode}" in result.stderr, f"no reason in {result.stderr!r}")
    expect_equal(json.loads(probe.expect_status(0).stdout)["auto"], mode, "what --probe says")


@test(*auto(), host=True)
def auto_runs_the_guest(result, probe):
    """auto, wherever it is: the guest ends well, in the mode that --probe says."""
    expect_auto(result, probe, result.expect_status(0).run["mode"], result.run["pmu"])


@test(*auto())
def auto_takes_composite_on_all_cpus(result, probe):
    """auto, all CPUs of a mixed-core board: composite."""
    expect_auto(result, probe, "composite", None)


@test(*auto("--affinity=2-3"))
def auto_takes_explicit_inside_a_cluster(result, probe):
    """auto, --affinity inside one cluster: explicit on its host PMU."""
    expect_auto(result, probe, "explicit", "armv8_cortex_a72")


@test(*auto(), topology="dynamiq", kernel="stock")
def auto_narrows_on_a_stock_kernel(result, probe):
    """auto, no composite mode in the kernel: explicit on the largest host PMU, narrowed."""
    expect_auto(result, probe, "explicit", "armv8_cortex_a55")
    expect("keeps the vCPUs on cpus 0-3" in result.stderr, result.stderr)
    expect(all(window["cpu"] <= 3 for window in result.windows), "a vCPU left the PMU's CPUs")
    expect(all(window["cycles"] for window in result.windows), "a window stood still")


@test(*auto(), topology="symmetric")
def auto_takes_explicit_on_one_pmu(result, probe):
    """auto, one host PMU covers every CPU: explicit, with all its counters."""
    expect_auto(result, probe, "explicit", "armv8_cortex_a76")
    expect(all(window["events"] for window in result.windows), "no event counters")


@test(*auto(), topology="partial")
def auto_leaves_cpus_without_a_pmu(result, probe):
    """auto where only some CPUs have a PMU: explicit, narrowed to those."""
    expect_auto(result, probe, "explicit", "armv8_cortex_a53")
    expect("not composite: cpus 2-3 have no host PMU" in result.stderr, result.stderr)
    expect(all(window["cpu"] <= 1 for window in result.windows), "a vCPU left the PMU's CPUs")
    expect(all(window["cycles"] for window in result.windows), "a window stood still")


@test(*auto("--affinity=2-3"), topology="partial")
def auto_goes_without_a_pmu_where_there_is_none(result, probe):
    """auto kept to CPUs without a PMU: off; --probe still says what KVM offers elsewhere."""
    expect_equal(result.expect_status(0).run["mode"], "off", "mode")
    host = json.loads(probe.expect_status(0).stdout)
    expect_equal((host["auto"], host["kvm"]["set_pmu"], host["kvm"]["composite"]),
                 ("off", True, True), "what --probe says")


@test(minivmm("--pmu=composite", "guest.bin"),
      minivmm("--pmu=composite", "--migrate=step:0,2", "--on-refusal=return", "guest.bin"),
      minivmm("--pmu=composite", "--migrate=step:0,2", "guest.bin"),
      minivmm("--pmu=composite", "--affinity=2-3", "guest.bin"), topology="partial")
def composite_counts_or_is_refused(kept, returned, refused, outside):
    """composite on CPUs without a PMU: never a counter that stands still, and a clear error."""
    for result in (kept, returned):
        result.expect_status(0)
        expect(result.windows and all(w["cycles"] for w in result.windows), "a window stood still")
        expect_equal({window["cpu"] > 1 for window in result.windows}, {False}, "off the PMU")
    expect_equal({refusal["cpu"] for refusal in returned.refusals}, {2}, "refused on CPUs")
    refused.expect_status(71).expect_one_line("CPU 2", "host PMUs cover cpus 0-1")
    outside.expect_status(69).expect_one_line("CPU 2", "--affinity", "armv8_cortex_a53 (cpus 0-1)")


@test(*auto(), topology="nopmu")
def auto_goes_without_a_pmu(result, probe):
    """auto on a board without a PMU: off, and the guest runs without one."""
    expect_auto(result, probe, "off", None)
    expect_equal({window["pmcr"] for window in result.windows}, {0}, "PMCR_EL0")


@test(*auto(), topology="gicv2")
def gicv2_board_works(result, probe):
    """A host whose GIC can give guests only a GICv2: the payload runs on that."""
    expect_auto(result, probe, "explicit", "armv8_cortex_a76")


# A CPU of each cluster, twice in a row: the second window there has no hop in it.
HALVES = "0,0,2,2"
PLACES = {"biglittle": HALVES, "dynamiq": "0,0,4,4,7,7", "partial": HALVES, "symmetric": HALVES, "gicv2": HALVES,
          "nopmu": HALVES}
# Of the modes that run where KVM has them, the feature in --probe=json.
NEEDS = {"default": "pmu", "explicit": "set_pmu", "composite": "composite", "strict": "strict"}


def cpu_set(text):
    """The CPUs of a list such as 0-1,4."""
    ranges = [part.split("-") for part in text.split(",")]
    return {cpu for part in ranges for cpu in range(int(part[0]), int(part[-1]) + 1)}


def expect_one_pmu(result, host):
    """Default mode counts on one host PMU and no other: the one that its reason names, if it names one."""
    where = {pmu["name"]: cpu_set(pmu["cpus"]) for pmu in host["pmus"]}
    stayed = [window for window in result.expect_status(0).windows if not window["hops"]]
    counted = {window["cpu"] for window in stayed if window["cycles"]}
    stopped = {window["cpu"] for window in stayed if not window["cycles"]}
    named = re.match(r"default: asked for; KVM takes .*?(\w+) \(cpus \S+?\)", result.stderr)
    fits = [name for name, cpus in where.items() if counted <= cpus and not stopped & cpus]
    expect(counted and len(fits) == 1, f"counted on {counted}, stopped on {stopped}, host PMUs {where}")
    expect(named or "by a rule of its own" in result.stderr, result.stderr)
    expect_equal(named[1] if named else fits[0], fits[0], "the host PMU that counted, and the one named")


def said_is_done(probe, auto, hopped, *named):
    """What --probe says, a run does: auto counts, a mode runs exactly where KVM has it, default counts where it says."""
    host = json.loads(probe.expect_status(0).stdout)
    has_pmu = bool(host["pmus"]) and host["kvm"]["pmu"]
    expect_equal(auto.expect_status(0).run["mode"], host["auto"], "auto's mode, and what --probe says")
    expect_equal(auto.stderr.splitlines()[:len(host["reasons"])], host["reasons"], "the reasons of both")
    expect_equal({bool(window["cycles"]) for window in auto.windows}, {has_pmu}, f"auto counts: {auto.stderr}")
    expect_equal(host["auto"] == "off", not has_pmu, f"auto takes off: {auto.stderr}")
    for mode, result in zip(NEEDS, named):
        if not has_pmu or not host["kvm"][NEEDS[mode]]:
            result.expect_status(69).expect_one_line("use --pmu=")
            continue
        result.expect_status(0)
        expect(mode == "default" or all(window["cycles"] for window in result.windows), f"{mode}: a window stood still")
    if has_pmu:
        expect_one_pmu(hopped, host)


# The slow ones under instruction counting: such boards can run beside others. In wall time QEMU 7.2 also goes on now and then with the
# code of Linux 7.3's context switch from before a patch (docs/qemu-faults.md).
def register_said_is_done(topology, kernel, slow):
    """The test on this board; those of topologies that other tests boot anyway are quick."""
    def check(*results):
        said_is_done(*results)
    check.__name__ = f"said_is_done_{topology}_{kernel}".replace("-", "_").replace(".", "_")
    check.__doc__ = f"{said_is_done.__doc__[:-1]} ({topology}, {kernel})."
    test(["minivmm", "--probe=json"], minivmm("guest.bin"),
         minivmm("--pmu=default", f"--migrate=step:{PLACES[topology]}", "--append=windows=20", "guest.bin"),
         *(minivmm(f"--pmu={mode}", "guest.bin") for mode in NEEDS),
         topology=topology, kernel=kernel, slow=slow, icount=slow)(check)


for _topology in PLACES:
    for _kernel in ("composite", "stock", "composite-7.3", "stock-7.3", "debian-5.10", "debian-6.1", "debian-6.12"):
        if not _kernel.startswith("debian") or os.path.exists(os.path.join(CACHE, _kernel, "Image")):
            register_said_is_done(_topology, _kernel, _kernel != "composite" and (_topology, _kernel) != ("dynamiq", "stock"))


def the_pmu_that_kvm_takes_is_seen(elsewhere, named, probe):
    """Before Linux 5.18, started on a CPU of the other host PMU (taskset): auto sees which one KVM takes, as --probe does."""
    expect_equal(elsewhere.expect_status(0).run["mode"], "off", "auto's mode on CPU 3")
    expect_equal(named.expect_status(0).run["mode"], "default", "auto's mode with --affinity=0-1")
    expect(all(window["cycles"] for window in named.windows), "a window stood still")
    why = "not default: KVM takes armv8_cortex_a53, which covers no CPU of some vCPU"
    expect(why in elsewhere.stderr, elsewhere.stderr)
    expect_equal(json.loads(probe.expect_status(0).stdout)["reasons"][-2:], [why, "auto chose off: no other mode is left"], "--probe")


if os.path.exists(os.path.join(CACHE, "debian-5.10", "Image")):
    test(["with", "cpu=3", *minivmm("guest.bin")], ["with", "cpu=3", *minivmm("--affinity=0-1", "guest.bin")],
         ["with", "cpu=3", "minivmm", "--probe=json"], kernel="debian-5.10", slow=True)(the_pmu_that_kvm_takes_is_seen)


@test(["minivmm", "--pmu=composite", "guest.bin"], topology="dynamiq", kernel="stock")
def stock_kernel_refuses_composite(result):
    """composite by name on a kernel without it: status 69 and what would work."""
    result.expect_status(69).expect_one_line("FIXED_COUNTERS_ONLY", "--pmu=explicit", "--pmu=auto")


@test(["minivmm", "--probe=json"], ["minivmm", "--probe"])
def probe_lists_the_host(result, text):
    """--probe names host PMUs, clusters and what KVM offers, and starts no guest."""
    host = json.loads(result.expect_status(0).stdout)
    expect_equal([(pmu["name"], pmu["cpus"]) for pmu in host["pmus"]],
                 [("armv8_cortex_a53", "0-1"), ("armv8_cortex_a72", "2-3")], "host PMUs")
    expect_equal(host["clusters"], {"0": 0, "1": 0, "2": 1, "3": 1}, "clusters")
    expect_equal(host["kvm"], {"pmu": True, "set_pmu": True, "composite": True, "strict": False,
                               "nr_counters": False, "el2": False, "el2_e2h0": False}, "what KVM offers")
    expect_equal(host["advice"]["cpus"], "0-1", "CPUs advised to other VMMs")
    expect("<vcpupin vcpu='1' cpuset='1'/>\n" in host["advice"]["libvirt"], host["advice"])
    expect("taskset -c 0-1 qemu-system-aarch64" in text.stdout, text.stdout)
    expect("KVM set_pmu: yes (a VMM can choose the host PMU)" in text.stdout, text.stdout)
    expect("KVM nr_counters: no (a VMM cannot set the number of event counters)" in text.stdout, text.stdout)
    expect("auto would choose: composite" in text.expect_status(0).stdout, text.stdout)


@test(minivmm("--pmu-counters=1", "guest.bin"), minivmm("--pmu-counters=31", "guest.bin"),
      minivmm("--pmu-filter=deny:0x11", "guest.bin"), topology="symmetric")
def counters_and_filters_reach_the_guest(one, too_many, filtered):
    """--pmu-counters and --pmu-filter: the guest sees what was asked for."""
    one.expect_status(0)
    expect_equal({w["pmcr"] >> 11 & 31 for w in one.windows}, {1}, "PMCR_EL0.N")
    too_many.expect_status(69).expect_one_line("--pmu-counters=31")
    filtered.expect_status(0)
    expect_equal({w["events"]["0x11"] for w in filtered.windows}, {0}, "CPU_CYCLES, filtered")


@test(minivmm("--pmu=explicit:cpu0", "--cpus=3", "--affinity=0:2;1:3;2:5-6", "--migrate=step:1,4,6", "--on-refusal=return",
              "--append=windows=12", "guest.bin"), topology="dynamiq")
def refused_vcpus_return_to_their_own_cpus(result):
    """--on-refusal=return: to covered CPUs of the vCPU's own --affinity; where it has none, to other covered ones."""
    result.expect_status(0)
    back = {vcpu: {refusal["back"] for refusal in result.refusals if refusal["vcpu"] == vcpu} for vcpu in range(3)}
    expect_equal((back[0], back[1]), ({2}, {3}), "where vCPUs 0 and 1 returned to")
    expect(back[2] and back[2] <= {0, 1, 2, 3}, f"vCPU 2 returned to {back[2]}")
