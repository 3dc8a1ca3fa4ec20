# SPDX-License-Identifier: MIT
"""Outputs that nobody reads, that are slow, full or closed: each run ends, and says what is lost."""
import json

from system.harness import expect, expect_equal, test

INPUT, TIMEOUT, TERM = 65, 124, 143
PLANS = ("none", "step:0,2", "random:5ms")
COUNTS = ["--append=windows=1000000 loops=1", "guest.bin"]
PRINTS = ["--append=do=lines", "hostile.bin"]
# What is stuck, what the run is given for it, and which guest fills it.
STUCK = {
    "--record=f: its first": (["full=f"], ["--record=f"], COUNTS),
    "--trace=f: its first": (["full=f"], ["--trace=f"], COUNTS),
    "stdout: the guest's output was not read to its end": (["stuck=1"], [], PRINTS),
    "": (["stuck=2"], ["--record=record-of-stuck"], COUNTS),
}


def stuck(how, plan, *end):
    """A run with an output that is full and that nobody reads."""
    arranged, options, guest = STUCK[how]
    return ["with", *arranged, *[word for word in end if not word.startswith("--")], "minivmm", "--pmu=off",
            f"--migrate={plan}", "--cpus=2", *[word for word in end if word.startswith("--")], *options, *guest]


# Each output with a timed plan, whose hops the main thread makes, and the record with each plan.
RUNS = [(how, "every:5ms") for how in STUCK] + [(next(iter(STUCK)), plan) for plan in PLANS]


@test(*(stuck(how, plan, "--timeout=1") for how, plan in RUNS), slow=True)
def timeout_ends_what_is_stuck(*results):
    """Record, trace, stdout or stderr full and unread, with each plan: --timeout ends the run and says what is lost."""
    for result, how in zip(results, (how for how, _ in RUNS)):
        result.expect_status(TIMEOUT)
        expect(not how or how in result.stderr, f"{result.command}: not {how!r} in {result.stderr}")


@test(*(stuck(how, "every:5ms", f"signal={signal}") for how, signal in zip(STUCK, (2, 15, 2, 15))))
def signals_end_what_is_stuck(*results):
    """SIGINT and SIGTERM end such a run too."""
    for result in results:
        result.expect_status(130 if "signal=2" in result.command else TERM)


@test(["with", "slow=f", "minivmm", "--pmu=off", "--quiet", "--migrate=every:1ms", "--cpus=2", "--record=f",
       "--append=windows=600 loops=100", "guest.bin"],
      ["with", "gone=f", "minivmm", "--pmu=off", "--record=f", "--append=windows=1000 loops=100", "guest.bin"],
      ["with", "unread=f", "minivmm", "--pmu=off", "--timeout=1", "--record=f", "guest.bin"],
      ["with", "unread=f", "minivmm", "--pmu=off", "--timeout=1", "--trace=f", "guest.bin"],
      ["with", "unread=f", "minivmm", "--pmu=off", "--timeout=1", "--dtb-out=f", "guest.bin"])
def fifos_are_waited_for(slow, gone, *unread):
    """A record into a FIFO: a slow reader gets all; one that leaves, or never comes, is told."""
    slow.expect_status(0)
    gone.expect_status(INPUT).expect_one_line("--record=f", "whole lines", "Broken pipe")
    for result, option in zip(unread, ("--record=f", "--trace=f", "--dtb-out=f")):
        result.expect_status(TIMEOUT).expect_one_line(option, "nobody opened this FIFO", "1 s")


@test(["with", "closed=1", "minivmm", "--pmu=off", "--record=record", "guest.bin"],
      ["with", "closed=1", "closed=2", "minivmm", "--pmu=off", "--record=record", "guest.bin"],
      ["with", "closed=0", "closed=1", "minivmm", "--pmu=off", "--record=record", "bytes.bin"],
      ["with", "closed=0", "minivmm", "--pmu=off", "--record=record", "guest.bin"])
def closed_descriptors_stay_closed(out, both, written, into):
    """Closed standard descriptors: no file of minivmm's takes their place."""
    for result in (out, both, into):
        result.expect_status(0)
    written.expect_status(INPUT).expect_one_line("stdout", "Bad file descriptor")
    for result in (out, both, written, into):
        for line in result.raw_record.splitlines():
            json.loads(line)


@test(["with", "fsize=8", "minivmm", "--pmu=off", "--record=record", "--append=windows=1000 loops=1", "guest.bin"],
      ["with", "fsize=8", "minivmm", "--pmu=off", "--record=record", "--trace=t", "--append=windows=1000 loops=1",
       "guest.bin"])
def a_limit_of_file_sizes_is_told(record, trace):
    """RLIMIT_FSIZE: whole lines are kept, and the reason is told; no signal ends minivmm."""
    record.expect_status(INPUT).expect_one_line("--record=record", "whole lines", "File too large")
    expect(7000 < len(record.raw_record) <= 8192, f"{len(record.raw_record)} bytes")
    expect(record.raw_record.endswith("}\n"), record.raw_record[-50:])
    trace.expect_status(INPUT)
    expect("--trace=t:" in trace.stderr and "--record=record" in trace.stderr, trace.stderr)


@test(["with", "ignore=2", "signal=2", "minivmm", "--timeout=2", "hang.bin"],
      ["with", "ignore=3", "signal=3", "minivmm", "--timeout=2", "hang.bin"],
      ["with", "ignore=15", "signal=15", "minivmm", "--timeout=2", "--jail=off", "hang.bin"])
def ignored_signals_stay_ignored(*results):
    """SIGINT, SIGQUIT and SIGTERM that were ignored at the start do not end the run."""
    for result in results:
        result.expect_status(TIMEOUT)


# What is left after the first signal takes the reader several times the 300 ms until the second one.
@test(["with", "slow=f", "signal=15", "again=15", "minivmm", "--pmu=off", "--quiet", "--cpus=2", "--record=f", *COUNTS])
def a_second_signal_changes_nothing(result):
    """A second SIGTERM while the last output leaves does not cut it short."""
    expect_equal(result.status, TERM, "status")
    expect("minivmm: " not in result.stderr, result.stderr)


@test(["minivmm", "--record=guest.bin", "guest.bin"], ["minivmm", "--trace=./new", "--record=new", "guest.bin"],
      ["with", "out=record", "minivmm", "--record=record", "guest.bin"])
def outputs_do_not_overwrite(image, both, out):
    """An output that is the guest or another output: status 64, and nothing is overwritten."""
    image.expect_status(64).expect_one_line("--record=guest.bin would overwrite the guest guest.bin")
    both.expect_status(64).expect_one_line("same file")
    out.expect_status(64).expect_one_line("would overwrite stdout")
