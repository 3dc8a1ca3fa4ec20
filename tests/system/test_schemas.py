# SPDX-License-Identifier: MIT
"""docs/schemas describes what is written: records, traces, --probe=json and the figures of scripts/bench."""
import copy
import json
import os

from system.harness import TOP, expect, minivmm, test
from system.schema import errors, expect_valid, schema


def lines(result):
    """A record's lines."""
    return [json.loads(line) for line in result.raw_record.splitlines()]


@test(minivmm("--pmu=explicit", "--migrate=step:0,2", "--on-refusal=return", "--cpus=2", "guest.bin"),
      minivmm("--pmu=composite", "--migrate=step:0,2", "guest.bin"),
      ["minivmm", "--trace=trace", "--pmu=explicit", "--migrate=step:0,2", "--on-refusal=return", "guest.bin"], ["copy", "0", "trace"],
      ["minivmm", "--trace=trace", "--migrate=step:0,2", "overflow.bin"], ["copy", "0", "trace"], ["minivmm", "--probe=json"], icount=True)
def schemas_describe_what_is_written(*results):
    """Each line of a record, each event of a trace and --probe=json are what docs/schemas says.

    Lines of types reset and vcpu, which take a run of a second, are not among them."""
    *records, _, trace, _, overflow, probe = results
    kinds = set()
    for line in (line for record in records for line in lines(record)):
        expect_valid(line, "record")
        kinds.add(line["type"])
    wanted = {one["properties"]["type"]["const"] for one in schema("record")["oneOf"]} - {"reset", "vcpu"}
    expect(kinds == wanted, f"types seen: {kinds}, in the schema: {wanted}")
    phases = set()
    for one in (trace, overflow):
        expect_valid(json.loads(one.stdout), "trace")
        phases |= {event["ph"] for event in json.loads(one.stdout)["traceEvents"]}
    expect(phases == set("MXCi"), f"phases of events: {phases}")
    expect_valid(json.loads(probe.stdout), "probe")
    window = next(line for line in lines(records[0]) if line["type"] == "window")
    for change in ({"cycles": "1"}, {"cycles": -1}, {"stayed": 1}, {"more": 1}, {"type": "windows"}, {"events": {"17": 1}}):
        expect(list(errors({**window, **change}, schema("record"))), f"{change} passes")
    expect(list(errors({key: window[key] for key in window if key != "pmu"}, schema("record"))), "a window without pmu passes")


@test()
def schema_of_results():
    """tests/bench/results.json is what docs/schemas says; a figure that is a text is not."""
    with open(os.path.join(TOP, "tests", "bench", "results.json"), encoding="utf-8") as file:
        results = json.load(file)
    expect_valid(results, "results")
    wrong = copy.deepcopy(results)
    next(iter(wrong.values()))["minivmm"] = "1"
    expect(list(errors(wrong, schema("results"))), "a text passes for a figure")
