# SPDX-License-Identifier: MIT
"""--trace keeps the rules of the Chrome trace-event format, and tells what the record tells."""
import json

from system.harness import expect, expect_equal, minivmm, test

PHASES = {"M": {"name", "args"}, "X": {"name", "dur"}, "C": {"name", "args"}, "i": {"name", "s"}}


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


@test(minivmm("--trace=trace", "--pmu=explicit", "--migrate=step:0,0,2", "--on-refusal=return", "guest.bin"),
      ["copy", "0", "trace"], icount=True)
def trace_keeps_the_format(result, trace):
    """--trace: events have what the format demands; slices, refusals, counters are the run's."""
    result.expect_status(0)
    events = json.loads(trace.stdout)["traceEvents"]
    for event in events:
        expect_rules(event)
    slices = [event for event in events if event["ph"] == "X"]
    expect_no_overlap(slices)
    names = {event["name"] for event in slices}
    # A refused vCPU goes back to the PMU's CPUs, whichever of them the scheduler takes.
    expect({"CPU 0", "CPU 2"} <= names <= {"CPU 0", "CPU 1", "CPU 2"}, f"slices of {names}")
    expect_equal([event["name"] for event in events if event["ph"] == "i"],
                 [f"refused on CPU {refusal['cpu']}" for refusal in result.refusals], "instants")
    expect_equal([event["args"]["cycles"] for event in events
                  if event["ph"] == "C" and "PMCCNTR" in event["name"]],
                 [window["cycles_end"] for window in result.windows], "cycle counters")


@test(minivmm("--trace=/nowhere/trace.json", "guest.bin"), host=True)
def trace_that_cannot_be_written(result):
    """--trace to a folder that does not exist: status 65, and the option is named."""
    result.expect_status(65).expect_one_line("--trace=/nowhere/trace.json")
