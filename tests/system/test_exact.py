# SPDX-License-Identifier: MIT
"""Under instruction counting a guest's cycles are exact: these tests demand equality.

Every window of the payload is the same work. The plans visit each CPU twice in a
row, so that windows with and without a hop alternate.
"""
from harness import expect, expect_equal, minivmm, test

TWICE = "step:0,0,2,2"
CPU_CYCLES, SW_INCR, INST_RETIRED = "0x11", "0x00", "0x08"
A53, A72 = "armv8_cortex_a53", "armv8_cortex_a72"
TICK = 16  # cycles of 1 GHz in a tick of the 62.5 MHz counter-timer


def payload(mode, plan, *args, windows=20, topology="biglittle", **how):
    """A recorded run of the payload that must end well."""
    return minivmm(f"--pmu={mode}", f"--migrate={plan}", f"--append=windows={windows}", *args,
                   "guest.bin", topology=topology, icount=True, record=True, **how).expect_status(0)


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


@test
def composite_counts_the_same_everywhere():
    """composite: through 100 hops every window counts exactly the same cycles."""
    result = payload("composite", TWICE, windows=202)
    expect_equal(len(result.windows), 202, "windows")
    expect(len(result.hops) >= 100, f"only {len(result.hops)} hops")
    expect_equal({w["pmu"] for w in result.windows}, {A53, A72}, "PMUs under the windows")
    expect_equal({w["hops"] for w in result.windows}, {0, 1}, "hops in a window")
    expect(one_count(result.windows) > 40000, "fewer cycles than the loop's instructions")
    expect_equal({w["pmcr"] >> 11 & 31 for w in result.windows}, {0}, "PMCR_EL0.N")


@test
def default_stands_still_off_its_pmu():
    """default: off the PMU that KVM took nothing counts but SW_INCR, and back on it exactly."""
    result = payload("default", TWICE, windows=24)
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


@test
def explicit_stops_at_the_first_refusal():
    """explicit: a hop outside ends the run with status 71 and a line that names the CPU."""
    result = minivmm("--pmu=explicit", f"--migrate={TWICE}", "guest.bin", icount=True, record=True)
    result.expect_status(71).expect_one_line("CPU 2", A53, "0-1", "--on-refusal=return")
    expect_equal([r["cpu"] for r in result.refusals], [2], "CPUs of the refusals")


@test
def explicit_returns_and_goes_on():
    """explicit, --on-refusal=return: each hop outside is a refusal, and no cycle is lost."""
    result = payload("explicit", TWICE, "--on-refusal=return", windows=24)
    outside = [hop for hop in result.hops if hop["to"] == 2]
    expect_equal(len(result.refusals), len(outside), "refusals, one a hop outside")
    expect(len(outside) >= 5, f"only {len(outside)} hops outside")
    expect_equal({r["cpu"] for r in result.refusals}, {2}, "CPUs of the refusals")
    expect_equal({w["pmu"] for w in result.windows}, {A53}, "PMUs under the windows")
    for what in ("cycles", CPU_CYCLES, INST_RETIRED):
        expect(one_count(result.windows, what) > 40000, what)


@test
def two_boots_are_identical():
    """Two boots of one command record the same to the nanosecond."""
    first, second = (payload("composite", TWICE).raw_record for _ in range(2))
    expect(first and first == second, f"records differ:\n{first}\n---\n{second}")


@test
def composite_on_three_pmus():
    """composite on dynamiq: the same cycles on all three host PMUs, hops included."""
    result = payload("composite", "step:0,0,4,4,7,7,0,7,4", windows=36, topology="dynamiq")
    expect_equal(len({w["pmu"] for w in result.windows}), 3, "host PMUs visited")
    expect(one_count(result.windows) > 40000, "fewer cycles than the loop's instructions")


@test
def default_on_three_pmus():
    """default on dynamiq: nothing counts on either of the two other host PMUs."""
    result = payload("default", "step:4,4,0,0,7,7", windows=30, topology="dynamiq")
    still = [w for w in result.windows if not w["hops"]]
    own = [w for w in still if w["pmu"] == "armv8_cortex_a78"]
    expect(one_count(own) > 40000, "cycles on the PMU's own CPUs")
    expect_equal(one_count([w for w in still if w not in own]), 0, "cycles off the PMU")


@test
def explicit_on_three_pmus():
    """explicit on dynamiq: both other clusters are refused, and the counts go on exactly."""
    result = payload("explicit:armv8_cortex_x1", "step:7,7,0,0,4,4", "--on-refusal=return",
                     windows=30, topology="dynamiq")
    expect_equal({r["cpu"] for r in result.refusals}, {0, 4}, "CPUs of the refusals")
    expect(one_count(result.windows) > 40000, "cycles")


def expect_bounds(result, exact):
    """Nothing lost, nothing counted twice: the rule for windows in which other CPUs work."""
    for window in result.windows:
        expect(exact <= window["cycles"] <= (window["cntvct"] + 1) * TICK,
               f"cycles outside {exact} and CNTVCT's bound in {window}")


@test
def asynchronous_hops_lose_nothing():
    """composite, every:2ms: no window below the exact count, none above CNTVCT's bound."""
    exact = one_count(payload("composite", TWICE).windows)
    result = payload("composite", "every:2ms", windows=1000)
    expect(len(result.hops) >= 15, f"only {len(result.hops)} hops")
    expect_bounds(result, exact)
    equal = sum(window["cycles"] == exact for window in result.windows)
    expect(equal > len(result.windows) * 9 // 10, f"only {equal} of 1000 windows are exact")


@test
def four_vcpus_lose_nothing():
    """composite, 4 vCPUs each from its own place in the plan: the same bounds for each."""
    exact = one_count(payload("composite", TWICE).windows)
    for plan in ("step:0,1,2,3", "every:2ms:0,1,2,3"):
        result = payload("composite", plan, "--cpus=4", windows=60)
        expect_equal(len(result.windows), 240, "windows of 4 vCPUs")
        expect_equal({w["vcpu"] for w in result.windows}, {0, 1, 2, 3}, "vCPUs")
        expect_equal({h["vcpu"] for h in result.hops}, {0, 1, 2, 3}, "vCPUs that hop")
        expect_bounds(result, exact)
