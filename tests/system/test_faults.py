# SPDX-License-Identifier: MIT
"""A host whose calls fail: each run ends with one clear line, or goes on, and leaves nothing."""
import json

from system import faults
from system.harness import expect, expect_equal, minivmm, test

INPUT = 65
SHARE = 40  # tests/run faults tries them all
COUNTED = ["--jail=off", "--pmu=composite", "--cpus=2", "--append=windows=30", "guest.bin"]
FULL = ["with", "small=64", "minivmm", "--pmu=default", "--append=windows=1000 loops=100"]


@test(*(faults.sweep(name, SHARE) for name in faults.RUNS), icount=True, boot="faults", slow=True)
def failing_calls_are_told(*results):
    """Each kind of system call fails: one line names it, the status is documented, nothing is left."""
    for name, result in zip(faults.RUNS, results):
        counts = faults.counts(result.stdout)
        expect(counts, f"{name}: the sweep did not come to its end:\n{result.stdout}{result.stderr}")
        expect_equal(counts["wrong"], 0, f"{name}: problems in\n{result.stdout}")
        expect(counts["told"] >= 10, f"{name}: only {counts['told']} faults ended the run")
        expect(counts["unreached"] * 4 <= counts["faults"], f"{name}: too few calls were reached: {counts}")
        result.expect_status(0)


@test(["fault", "--list", "minivmm", "--jail=off", "--timeout=1", "--pmu=default", "--quiet", "reset.bin"],
      icount=True, boot="faults", slow=True)
def resets_leak_nothing(result):
    """A guest that resets for a second: no descriptor or mapping more with each, none at the end."""
    lives = result.stdout.count("ioctl:KVM_CREATE_VM ")
    expect(lives > 20, f"only {lives} lives")
    expect("status 124" in result.stdout and "held: nothing" in result.stdout, result.stdout[-300:])


# On a board with one CPU: while another one works, an emulated guest's counters go on.
@test(minivmm(*COUNTED),
      ["with", "storm=200", *minivmm(*COUNTED)],
      *(["fault", "--call=ioctl:KVM_RUN", "--nth=1", "--every=2", f"--errno={error}",
         *minivmm(*COUNTED)] for error in ("EINTR", "EAGAIN")),
      icount=True, append="maxcpus=1")
def interrupted_runs_count_the_same(quiet, *disturbed):
    """Signals to every thread each 200 us, every other KVM_RUN EINTR or EAGAIN: the same exact counts."""
    def counts(result):
        return [sorted((w["vcpu"], w["window"], w["cycles"], *w["events"].items()) for w in result.windows)]
    quiet.expect_status(0)
    expect_equal(len(quiet.windows), 60, "windows")
    for result in disturbed:
        result.expect_status(0)
        expect_equal(counts(result), counts(quiet), f"counts of {' '.join(result.command)}")


@test([*FULL, "--record=record", "guest.bin"],
      [*FULL, "--trace=trace", "--record=record", "guest.bin"], icount=True, boot="faults")
def full_disk_keeps_whole_lines(record, both):
    """A disk that fills up: the record is whole lines as far as it goes, and the error line says so."""
    record.expect_status(INPUT).expect_one_line("--record=record", "whole lines", "No space left on device")
    both.expect_status(INPUT)
    for option in ("--record", "--trace"):
        expect(f"minivmm: {option}=" in both.stderr, f"nothing about {option} in {both.stderr}")
    for result in (record, both):
        lines = result.raw_record.splitlines(keepends=True)
        expect(result is both or len(result.raw_record) > 50000, f"only {len(result.raw_record)} bytes are left")
        expect(all(line.endswith("\n") and json.loads(line)["type"] for line in lines), "a cut line")
        expect("\"end\"" not in result.raw_record, "the disk was not full")
        expect_equal([w["window"] for w in result.windows], list(range(len(result.windows))), "windows")


@test(["with", "out=/dev/full", "minivmm", "--pmu=off", "bytes.bin"],
      ["with", "out=/dev/full", "minivmm", "--pmu=off", "--record=-", "off.bin"],
      ["with", "out=/dev/full", "minivmm", "--probe"],
      ["with", "out=/dev/full", "minivmm", "--help"], icount=True, boot="faults", host=True)
def full_stdout_is_told(guest, record, *others):
    """Output, record, --probe and --help to a stdout that takes nothing: status 65 and one line."""
    guest.expect_status(INPUT).expect_one_line("stdout", "No space left on device")
    record.expect_status(INPUT).expect_one_line("--record=-", "No space left on device")
    for result in others:
        result.expect_status(INPUT).expect_one_line("stdout", "No space left on device")


@test(*(["with", "out=/dev/full", "pmu-regress", option]
        for option in ("--list", "--help", "--run=counting.cycles/composite/s*")), icount=True, boot="faults")
def full_stdout_is_told_by_regress(*results):
    """pmu-regress to a stdout that takes nothing: status 1 and one line."""
    for result in results:
        result.expect_status(1)
        expect("pmu-regress: cannot write to stdout: No space left on device\n" in result.stderr, result.stderr)
