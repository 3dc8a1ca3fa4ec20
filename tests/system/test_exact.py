# SPDX-License-Identifier: MIT
"""Under instruction counting a guest's cycles are exact: these tests demand equality.

Every window of the payload is the same work. The plans visit each CPU twice in a
row, so that windows with and without a hop alternate. --settle makes equality hold
on any kernel: a CPU that has just been left has a tick or two to come.
"""
import re

from system.harness import Board, expect, expect_equal, minivmm, test

TWICE = "step:0,0,2,2"
CPU_CYCLES, SW_INCR, INST_RETIRED = "0x11", "0x00", "0x08"
A53, A72 = "armv8_cortex_a53", "armv8_cortex_a72"
A55, A78, X1 = "armv8_cortex_a55", "armv8_cortex_a78", "armv8_cortex_x1"
TICK = 16  # cycles of 1 GHz in a tick of the 62.5 MHz counter-timer


def payload(mode, plan, windows, *args):
    """A recorded run of the payload."""
    settle = ["--settle"] if plan.startswith("step:") else []
    return minivmm(f"--pmu={mode}", f"--migrate={plan}", *settle, f"--append=windows={windows}",
                   *args, "guest.bin")


def counts(windows, what="cycles"):
    """The set of values that WINDOWS counted."""
    if what == "cycles":
        return {window["cycles"] for window in windows}
    return {window["events"][what] for window in windows}


def one_count(windows, what="cycles"):
    """The value that all of WINDOWS share: the spread is 0."""
    seen = counts(windows, what)
    expect_equal(len(seen), 1, f"different values of {what} in {len(windows)} windows ({seen})")
    return seen.pop()


@test(payload("composite", TWICE, 202), icount=True)
def composite_counts_the_same_everywhere(result):
    """composite: through 100 hops every window counts exactly the same cycles."""
    result.expect_status(0)
    expect_equal(len(result.windows), 202, "windows")
    expect(len(result.hops) >= 100, f"only {len(result.hops)} hops")
    expect_equal({w["pmu"] for w in result.windows}, {A53, A72}, "PMUs under the windows")
    expect_equal({w["hops"] for w in result.windows}, {0, 1}, "hops in a window")
    expect(one_count(result.windows) > 40000, "fewer cycles than the loop's instructions")
    expect_equal({w["pmcr"] >> 11 & 31 for w in result.windows}, {0}, "PMCR_EL0.N")


@test(payload("default", TWICE, 24), icount=True)
def default_stands_still_off_its_pmu(result):
    """default: off the PMU that KVM took nothing counts but SW_INCR, and back on it exactly."""
    result.expect_status(0)
    home = [w for w in result.windows if w["pmu"] == A53 and not w["hops"]]
    away = [w for w in result.windows if w["pmu"] == A72 and not w["hops"]]
    leaving = [w for w in result.windows if w["pmu"] == A72 and w["hops"]]
    expect(len(home) >= 5 and len(away) >= 5 and len(leaving) >= 5, "too few windows of a kind")
    for what in ("cycles", CPU_CYCLES, INST_RETIRED):
        expect(one_count(home, what) > 40000, f"{what} on the PMU's own CPUs")
        expect_equal(one_count(away, what), 0, f"{what} off the PMU")
        expect(one_count(leaving, what) < one_count(home, what) // 10,
               f"{what} in the windows that leave: {counts(leaving, what)}")
    expect_equal(one_count(result.windows, SW_INCR), 1, "SW_INCR, one a window everywhere")


@test(payload("default", TWICE, 24), payload("default", "step:0,0,2,3", 24),
      minivmm("--pmu=default", "--migrate=step:0,2", "calibrate.bin"), icount=True)
def summary_and_record_say_the_same(*results):
    """default: the summary's "stopped" are the record's windows without a cycle, and its sentence names their PMU."""
    for result in results:
        stopped = [w for w in result.windows if not w["cycles"]]
        rows = re.findall(r"^ +0  (?:armv8_cortex_a\d\d|several or unknown)((?: +\d+){6})", result.stderr, re.M)
        expect_equal(sum(int(row.split()[0]) for row in rows), len(result.windows), f"windows of {result.stderr}")
        expect_equal(sum(int(row.split()[4]) for row in rows), len(stopped), f"stopped windows of {result.stderr}")
        expect_equal({(w["pmu"], w["stayed"]) for w in stopped}, {(A72, True)}, "where windows stopped")
    for result in results[:2]:
        expect(f"default: the cycle counter stopped on {A72} (" in result.stderr, result.stderr)
        expect(f"and counted on {A53}. --pmu=composite and" in result.stderr, result.stderr)


@test(payload("explicit", TWICE, 24), icount=True)
def explicit_stops_at_the_first_refusal(result):
    """explicit: a hop outside ends the run with status 71 and a line that names the CPU."""
    result.expect_status(71).expect_one_line("CPU 2", A53, "0-1", "--on-refusal=return")
    expect_equal([r["cpu"] for r in result.refusals], [2], "CPUs of the refusals")


@test(payload("explicit", TWICE, 24, "--on-refusal=return"), icount=True)
def explicit_returns_and_goes_on(result):
    """explicit, --on-refusal=return: each hop outside is a refusal, and no cycle is lost."""
    result.expect_status(0)
    outside = [hop for hop in result.hops if hop["to"] == 2]
    expect_equal(len(result.refusals), len(outside), "refusals, one a hop outside")
    expect(len(outside) >= 5, f"only {len(outside)} hops outside")
    expect_equal({r["cpu"] for r in result.refusals}, {2}, "CPUs of the refusals")
    expect_equal({w["pmu"] for w in result.windows}, {A53}, "PMUs under the windows")
    for what in ("cycles", CPU_CYCLES, INST_RETIRED):
        expect(one_count(result.windows, what) > 40000, what)


@test(boots=True)
def two_boots_are_identical():
    """Two boots of one command record the same to the nanosecond."""
    command = payload("composite", TWICE, 20)
    first, second = (Board(icount=True).boot([command])[0].raw_record for _ in range(2))
    expect(first and first == second, f"records differ:\n{first}\n---\n{second}")


@test(payload("composite", "step:0,0,4,4,7,7,0,7,4", 36), icount=True, topology="dynamiq")
def composite_on_three_pmus(result):
    """composite on dynamiq: the same cycles on all three host PMUs, hops included."""
    result.expect_status(0)
    expect_equal({w["pmu"] for w in result.windows}, {A55, A78, X1}, "host PMUs visited")
    expect(one_count(result.windows) > 40000, "fewer cycles than the loop's instructions")


@test(payload("default", "step:4,4,0,0,7,7", 30), icount=True, topology="dynamiq")
def default_on_three_pmus(result):
    """default on dynamiq: nothing counts on either of the two other host PMUs."""
    result.expect_status(0)
    still = [w for w in result.windows if not w["hops"]]
    own = [w for w in still if w["pmu"] == A78]
    expect(one_count(own) > 40000, "cycles on the PMU's own CPUs")
    expect_equal(one_count([w for w in still if w not in own]), 0, "cycles off the PMU")


@test(payload(f"explicit:{X1}", "step:7,7,0,0,4,4", 30, "--on-refusal=return"), icount=True,
      topology="dynamiq")
def explicit_on_three_pmus(result):
    """explicit on dynamiq: both other clusters are refused, and the counts go on exactly."""
    result.expect_status(0)
    expect_equal({r["cpu"] for r in result.refusals}, {0, 4}, "CPUs of the refusals")
    expect(one_count(result.windows) > 40000, "cycles")


def expect_bounds(result, exact):
    """Nothing lost, nothing counted twice: the rule for windows in which other CPUs work."""
    for window in result.windows:
        expect(exact <= window["cycles"] <= (window["cntvct"] + 1) * TICK,
               f"cycles outside {exact} and CNTVCT's bound in {window}")


@test(payload("composite", TWICE, 20), payload("composite", "every:2ms", 2000), icount=True)
def asynchronous_hops_lose_nothing(calibration, result):
    """composite, every:2ms: no window below the exact count, none above CNTVCT's bound."""
    exact = one_count(calibration.expect_status(0).windows)
    result.expect_status(0)
    expect(len(result.hops) >= 15, f"only {len(result.hops)} hops")
    expect_bounds(result, exact)
    equal = sum(window["cycles"] == exact for window in result.windows)
    expect(equal > len(result.windows) * 9 // 10, f"only {equal} of 2000 windows are exact")


@test(payload("composite", TWICE, 20),
      payload("composite", "step:0,1,2,3", 60, "--cpus=4"),
      payload("composite", "every:2ms:0,1,2,3", 240, "--cpus=4"), icount=True)
def four_vcpus_lose_nothing(calibration, *results):
    """composite, 4 vCPUs each from its own place in the plan: the same bounds for each."""
    exact = one_count(calibration.expect_status(0).windows)
    for result, windows in zip(results, (60, 240)):
        result.expect_status(0)
        expect_equal(len(result.windows), 4 * windows, "windows of 4 vCPUs")
        expect_equal({w["vcpu"] for w in result.windows}, {0, 1, 2, 3}, "vCPUs")
        expect_equal({h["vcpu"] for h in result.hops}, {0, 1, 2, 3}, "vCPUs that hop")
        expect_bounds(result, exact)


OVERFLOWS = [minivmm(f"--pmu={mode}", f"--migrate={TWICE}", "--settle", "--on-refusal=return",
                     "overflow.bin") for mode in ("composite", "explicit")]


def expect_overflows(results):
    """Each window has its overflow and its interrupt, and takes what the others take."""
    for result in results:
        result.expect_status(0)
        expect_equal(len(result.windows), 20, "windows")
        expect_equal({w["interrupts"] for w in result.windows}, {1}, "interrupts in a window")
        expect_equal({w["overflow"] for w in result.windows}, {1 << 31}, "PMOVSSET_EL0")
        expect(one_count(result.windows) > 40000, "cycles, over the overflow")


@test(*OVERFLOWS, icount=True)
def overflow_interrupts_on_every_cpu(*results):
    """composite, explicit: a counter that is set, hops and overflows raises its interrupt."""
    expect_overflows(results)


# The first guest of a boot has the kernel switch perf on, while its windows go on.
@test(["minivmm", "--append=windows=1", "guest.bin"], *OVERFLOWS, topology="gicv2", icount=True)
def overflow_interrupts_through_gicv2(_, *results):
    """composite, explicit: the same through a GICv2."""
    expect_overflows(results)


@test(*(minivmm(f"--pmu={mode}", "--migrate=step:0,2", "--settle", "--on-refusal=return",
                "calibrate.bin") for mode in ("default", "explicit", "composite")), icount=True)
def calibration_dies_in_default_mode_only(default, *others):
    """A guest that divides by its cycles, as Windows does, dies in default mode only."""
    default.expect_status(9)
    expect("division by zero" in default.stdout, default.stdout)
    expect_equal(default.windows[-1]["cycles"], 0, "cycles of the last calibration")
    for result in others:
        expect_equal(len(result.expect_status(0).windows), 1000, "calibrations")
        expect(min(counts(result.windows)) > 10000, "cycles of 1000 ticks of the counter-timer")
