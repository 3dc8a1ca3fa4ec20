# SPDX-License-Identifier: MIT
"""The console, resets, and unmapped addresses, with talk.bin as the guest.

tests/system/drive.c types the letters that guest/talk.c obeys.
"""
from system.harness import expect, expect_equal, test

FRESH = "ram 0x00000000 gic 0x00000000 cpu1 0x00000001"  # AFFINITY_INFO: 1 is off
CHANGED = "ram 0x00001234 gic 0x00000002 cpu1 0x0000000"  # CPU 1 is on, or coming (2)


def talk(how, steps, *options):
    """Drives talk.bin on two vCPUs, from its first prompt on."""
    return ["drive", how, "expect=> ", *steps, "minivmm", "--pmu=off", "--quiet", "--cpus=2", *options,
            "talk.bin"]


@test(talk("pty", ["raw", "type=q", "expect=key 0x00000071", "type=^A^A", "expect=key 0x00000001",
                   "type=^Ab", "expect=break 0x00000400", "type=^Ah", "expect=Ctrl-A Ctrl-A",
                   "type=^Aq^M", "expect=key 0x0000000d", "type=^Ax", "cooked"]),
      talk("pty", ["raw", "type=^C", "cooked"]),
      talk("pty", ["type=i", "expect=listens", "type=^C", "expect=key 0x00000003", "type=^Z",
                   "expect=key 0x0000001a", "type=^Ax", "cooked"]), host=True)
def keys_are_as_documented(keys, interrupted, listening):
    """At a terminal: Ctrl-A and its commands, a BREAK, and whose Ctrl-C it is."""
    for result in (keys, interrupted, listening):
        result.expect_status(130)
    expect("0x00000071\r\n" in keys.stdout, "no key in the output")
    expect_equal(keys.stdout.count("key"), 3 + keys.stdout.count("keys"), "keys of the guest")


@test(talk("pty", ["raw", "type=o", "cooked"]),
      talk("pty", ["raw", "type=d", "cooked"]),
      talk("pty", ["raw", "cooked"], "--timeout=5"),
      *(talk("pty", ["raw", f"signal={signal}", "cooked"]) for signal in (1, 2, 3, 15)), host=True)
def terminal_is_restored(off, crash, timeout, *signals):
    """However a run ends, the terminal is as it was: off, crash, timeout, HUP, INT, QUIT, TERM."""
    off.expect_status(0)
    crash.expect_status(72)
    timeout.expect_status(124)
    for result, signal in zip(signals, (1, 2, 3, 15)):
        result.expect_status(128 + signal)


@test(talk("pty", ["raw", "signal=20", "stopped", "cooked", "signal=18", "raw", "type=q",
                   "expect=key 0x00000071", "type=^Az", "stopped", "cooked", "signal=18", "raw",
                   "type=o", "cooked"]), host=True)
def stops_and_goes_on(result):
    """SIGTSTP and Ctrl-A z give the terminal back and stop; SIGCONT takes it again and goes on."""
    result.expect_status(0)


@test(talk("pipe", ["type=^A^C^Zx", "expect=key 0x00000001", "expect=key 0x00000003",
                    "expect=key 0x0000001a", "expect=key 0x00000078", "eof", "sleep=300", "signal=15"]),
      talk("pipe", [f"type={'.' * 1500}Do"]), host=True)
def pipes_carry_everything(binary, many):
    """Piped input is nobody's but the guest's, however much; its end does not end the guest."""
    binary.expect_status(143)
    expect("dots 0x000005dc\n" in many.expect_status(0).stdout, many.stdout)


@test(talk("pipe", ["type=no", "sleep=500"]), talk("pipe", ["type=po", "sleep=3500"]),
      talk("pipe", ["type=n", "sleep=500", "signal=15", "gone"]), slow=True, host=True)
def a_slow_reader_gets_all(lines, rest, ended):
    """Output to a full pipe is whole and in order when the guest has ended; SIGTERM does not wait."""
    lines = lines.expect_status(0).stdout.splitlines()[1:]
    expect_equal(len(lines), 101, "lines")
    for number, line in enumerate(lines[:-1]):
        expect(f"line 0x{number:08x} of" in line, f"line {number} is {line!r}")
    expect_equal(lines[-1], "without a newline", "the last line")
    expect(rest.expect_status(0).stdout.endswith("x\nwithout a newline"), rest.stdout[-50:])
    ended.expect_status(143)


@test(talk("pty", ["type=s", f"expect={CHANGED}", "type=r", f"expect={FRESH}", "expect=> ",
                   "type=s", f"expect={CHANGED}", "type=r", f"expect={FRESH}", "expect=> ", "raw",
                   "type=o", "cooked"], "--record=record"),
      ["drive", "pipe", "expect=> ", "type=r", "expect=> ", "type=o", "minivmm", "--pmu=off",
       "talk.bin"],
      talk("pipe", ["type=r"], "--no-reboot"),
      talk("pipe", ["type=r", "expect=> ", "type=o"], "--mem=256M"),
      ["minivmm", "--pmu=off", "--quiet", "--timeout=2", "reset.bin"], host=True)
def reset_starts_the_guest_anew(result, noted, ended, large, forever):
    """SYSTEM_RESET: RAM, GIC and vCPUs are as at first; --no-reboot ends; --timeout is for all."""
    result.expect_status(0)
    expect(result.stdout.startswith(FRESH), result.stdout)
    expect_equal(result.raw_record.count('{"type":"reset",'), 2, "resets in the record")
    expect_equal(result.raw_record.count('{"type":"run",'), 1, "runs in the record")
    expect_equal(noted.expect_status(0).stderr.count("reset 1: the guest restarts"), 1, "notes")
    ended.expect_status(0)
    expect_equal(ended.stdout.count("ram"), 1, "starts with --no-reboot")
    large.expect_status(0)
    forever.expect_status(124).expect_one_line("--timeout")


NOTED = ["drive", "pipe", "expect=> ", "type=uo", "minivmm", "--pmu=off", "talk.bin"]


@test(talk("pipe", ["type=fo"], "--timeout=2"), talk("pipe", ["type=fo"], "--timeout=2", "--jail=off"),
      talk("pipe", ["type=frf", "expect=flash", "expect=flash", "type=o"], "--timeout=2"),
      talk("pipe", ["type=f"], "--strict-mmio"), icount=True)
def absent_flash_is_read_quickly(once, unjailed, again, strict):
    """A megabyte of absent flash, read byte by byte, takes less than 2 s of 1 instruction per ns, after a reset too."""
    for result in (once, unjailed):
        expect("flash 0x00000000\n" in result.expect_status(0).stdout, result.stdout)
    expect_equal(again.expect_status(0).stdout.count("flash 0x00000000\n"), 2, "times it was read")
    strict.expect_status(72).expect_one_line("read 1 bytes at 0x4000000", "PC 0x40")


@test(NOTED, [("type=UUo" if word == "type=uo" else word) for word in NOTED],
      talk("pipe", ["type=uo"]), talk("pipe", ["type=u"], "--strict-mmio"),
      talk("pipe", ["type=w"]), host=True)
def nothing_reads_as_zero(noted, many, quiet, strict, pair):
    """An unmapped address reads as zero and is reported once, not for ever; --strict-mmio: 72."""
    for result in (noted, many, quiet):
        expect("read 0x00000000" in result.expect_status(0).stdout, result.stdout)
    notes = [line for line in noted.stderr.splitlines() if line.startswith("mmio: ")]
    expect_equal(len(notes), 3, f"notes in {notes}")
    expect("vCPU 0 read 4 bytes at 0x10000000" in notes[0] and "PC 0x40" in notes[0], notes[0])
    expect("vCPU 0 wrote 4 bytes at 0x10000004" in notes[1], notes[1])
    expect("vCPU 0 read 4 bytes at 0x4010000000" in notes[2], notes[2])
    expect_equal(many.stderr.count("mmio: "), 32, "notes for 100 addresses")
    expect_equal(quiet.stderr, "", "stderr with --quiet")
    strict.expect_status(72).expect_one_line("read 4 bytes at 0x10000000", "PC 0x40")
    pair.expect_status(72).expect_one_line("vCPU 0", "a pair", "PC 0x40")
