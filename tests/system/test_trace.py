# SPDX-License-Identifier: MIT
"""--trace keeps the rules of the Chrome trace-event format, and tells what the record tells."""
import json

from system.harness import expect, expect_equal, minivmm, test

PHASES = {"M": {"name", "args"}, "X": {"name", "dur"}, "C": {"name", "args"}, "i": {"name", "s"}}
NAMES = {"0x00": "SW_INCR", "0x08": "INST_RETIRED", "0x11": "CPU_CYCLES"}  # the Arm ARM's, of what guest/payload.c counts


def expect_rules(event):
    """What the format demands of an event of its phase."""
    needed = PHASES[event["ph"]] | {"pid", "tid", "ts"}
    expect(needed <= set(event), f"{needed - set(event)} is missing from {event}")
    expect(isinstance(event["ts"], (int, float)) and event["ts"] >= 0, f"ts of {event}")
    expect(event["ph"] != "X" or event["dur"] >= 0, f"dur of {event}")
    expect(event["ph"] != "i" or event["s"] in ("g", "p", "t"), f"scope of {event}")
    expect(event["ph"] != "C" or all(isinstance(value, int) for value in event["args"].values()),
           f"counter values of {event}")


def expect_no_overlap(slices):
    """A vCPU is on one CPU at a time."""
    slices = sorted(slices, key=lambda event: event["ts"])
    for earlier, later in zip(slices, slices[1:]):
        expect(earlier["ts"] + earlier["dur"] <= later["ts"] + 0.001, f"{earlier} and {later}")


def of_kind(slices, kind):
    """Those slices."""
    return [event for event in slices if event["cat"] == kind]


@test(minivmm("--trace=trace", "--pmu=explicit", "--migrate=step:0,0,2", "--on-refusal=return", "guest.bin"),
      ["copy", "0", "trace"], icount=True)
def trace_keeps_the_format(result, trace):
    """--trace: events have what the format demands; slices, refusals, counters are the run's."""
    result.expect_status(0)
    events = json.loads(trace.stdout)["traceEvents"]
    for event in events:
        expect_rules(event)
    slices = [event for event in events if event["ph"] == "X"]
    for kind in ("cpu", "window"):
        expect_no_overlap(of_kind(slices, kind))
    names = {event["name"] for event in of_kind(slices, "cpu")}
    # A refused vCPU goes back to the PMU's CPUs, whichever of them the scheduler takes.
    one, other, refused = ("CPU 0, armv8_cortex_a53", "CPU 1, armv8_cortex_a53", "CPU 2, armv8_cortex_a72")
    expect({one, refused} <= names <= {one, other, refused}, f"slices of {names}")
    expect_windows(of_kind(slices, "window"), result)
    expect_equal([event["name"] for event in events if event["ph"] == "i"],
                 [f"refused on CPU {refusal['cpu']}" for refusal in result.refusals], "instants")
    expect_equal([event["args"]["cycles"] for event in events
                  if event["ph"] == "C" and "PMCCNTR" in event["name"]],
                 [window["cycles_end"] for window in result.windows], "cycle counters")


def expect_windows(slices, result):
    """The slices tell what the record tells of the windows; none is longer than its window."""
    expect_equal([(event["name"], event["args"]) for event in slices],
                 [(f"window {window['window']}", {"cycles": window["cycles"], "hops": window["hops"],
                                                  "host PMU at its end": window["pmu"]})
                  for window in result.windows], "windows")
    for event, window in zip(slices, result.windows):
        expect(abs(event["ts"] + event["dur"] - window["time_ns"] / 1000) < 0.002, f"{event} does not end at {window['time_ns']} ns")
        expect(0 < event["dur"] * 1000 <= window["cntvct"] * 1e9 / result.run["cntfrq"] + 1, f"{event} is longer than {window['cntvct']} ticks")


@test(minivmm("--trace=trace", "--pmu=explicit", "guest.bin"), ["copy", "0", "trace"], icount=True)
def trace_names_events(result, trace):
    """--trace: the events that the guest counts have the architecture's names beside their numbers."""
    names = {event["name"] for event in json.loads(trace.stdout)["traceEvents"] if event["ph"] == "C"}
    expect(len(result.windows[0]["events"]) >= 2, f"events: {result.windows[0]}")
    expect_equal(names, {"vCPU 0 PMCCNTR_EL0"} | {f"vCPU 0 event {event} {NAMES[event]}" for event in result.windows[0]["events"]}, "names")


@test(minivmm("--trace=/nowhere/trace.json", "guest.bin"), host=True)
def trace_that_cannot_be_written(result):
    """--trace to a folder that does not exist: status 65, and the option is named."""
    result.expect_status(65).expect_one_line("--trace=/nowhere/trace.json")
