# SPDX-License-Identifier: MIT
"""Guests that mean harm: minivmm lives, or ends them with the documented status and one line.

guest/hostile.c has the cases. The jail is on, as it is by default. tests/run security puts what
came of each group into docs/security.md.
"""
import json

from system.harness import expect, expect_equal, test

INPUT, INTERNAL, CRASH, TIMEOUT = 65, 70, 72, 124
MOST_KB = 4 << 10  # of the VMM, its guest's pages too: most cases touch few of these
RAM, END = 0x40000000, 0x44000000
UART = 0x09000000
RECORD = 200  # bytes
LIMIT = 4096
RACES = 4  # of two, one shows a VMM that checks one thing and uses another
RECORD_LINE = 500  # more than any has


def hostile(case, *options):
    """A run of hostile.bin, and how much memory it took."""
    return ["with", "rss", "minivmm", "--pmu=off", "--quiet", "--timeout=60", *options, f"--append=do={case}",
            "hostile.bin"]


def said_and_rss(result):
    """The guest's output, and the kB that "with rss" says behind it."""
    said, _, rss = result.stdout.rpartition("rss ")
    return said, int(rss.split()[0])


class Group:
    """Runs that do the same kind of thing and must end the same way; how, tests/run security tells."""

    def __init__(self, text, status, parts, *commands):
        self.text = text
        self.status = status
        self.parts = parts  # of the error line
        self.commands = commands

    def check(self, results):
        """The status, one line or none, memory; and that all was done."""
        for result in results:
            result.expect_status(self.status)
            if self.status:
                result.expect_one_line(*self.parts)
            else:
                expect_equal(result.stderr, "", f"{result.command}: stderr")
                expect("survived\n" in result.stdout, f"{result.command}: {result.stdout!r}")
            rss = said_and_rss(result)[1]
            expect(0 < rss < MOST_KB, f"{result.command}: {rss} kB")


OUTSIDE = (0, UART, RAM - RECORD, RAM - 1, END - RECORD + 1, END - 1, END, 1 << 63, (1 << 64) - RECORD, (1 << 64) - 1)
GROUPS = [
    Group("pokes at UART, lab device, GIC and unmapped addresses: each width at each byte, across their ends", 0, (),
          hostile("pokes")),
    Group("executes from devices, unmapped addresses and behind RAM", 0, (), hostile("execute")),
    Group("cache maintenance and prefetch on a device", 0, (), *(hostile(f"odd at={how}") for how in (7, 8))),
    Group("instructions on a device that KVM cannot emulate: pairs, write-back, SIMD, exclusives, DC ZVA", CRASH,
          ("vCPU 0 accessed a device in a way that KVM cannot emulate",),
          *(hostile(f"odd at={how}") for how in range(7))),
    Group("the same on 4 vCPUs at once", CRASH, ("in a way that KVM cannot emulate",),
          hostile("together", "--cpus=4")),
    Group("hands over records outside RAM, across its ends, and where the address wraps", CRASH,
          ("the guest's record at 0x", "is outside RAM or malformed"),
          *(hostile(f"ring at={at}") for at in OUTSIDE)),
    Group("hands over records with a wrong size or number of events", CRASH, ("malformed",),
          *(hostile(f"ring {what}") for what in ("size=0", "size=199", "size=4294967295", "nevents=7",
                                                 "nevents=65535"))),
    Group("rewrites a record on another vCPU while it is read", CRASH, ("malformed",),
          *[hostile("race", "--cpus=2", "--record=record")] * RACES),
    Group("reports a fault outside RAM", CRASH, ("vCPU 0 took an unexpected exception: vector 0 ESR 0x0",),
          *(hostile(f"fault at={at}") for at in (0, END - 39, (1 << 64) - 8))),
    Group("hands over records unaligned, overlapping, at RAM's very end", 0, (), hostile("rings", "--record=record")),
    Group("PSCI: itself, twice, CPUs that are not there, garbage for code, every function with every argument", 0, (),
          hostile("psci", "--cpus=4")),
    Group("HVC and SMC: functions of every owner, 32 and 64 bits, fast and yielding", 0, (), hostile("calls")),
    Group("sleeps on every vCPU: WFI, WFE, CPU_SUSPEND", TIMEOUT, ("--timeout",),
          hostile("sleep", "--cpus=3", "--timeout=1")),
    Group("resets itself for ever", TIMEOUT, ("--timeout",),
          ["with", "rss", "minivmm", "--pmu=off", "--timeout=1", "--record=record", "reset.bin"]),
    Group("prints for ever, with and without lines", INPUT, ("stdout: ", "limit of 4096 bytes"),
          *(hostile(case, "--limit=4K") for case in ("lines", "line"))),
    Group("records for ever", INPUT, ("--record=record: ", "limit of 4096 bytes"),
          hostile("records", "--record=record", "--limit=4K")),
    Group("hops for ever", INPUT, ("--record=-: ", "limit of 4096 bytes"),
          hostile("hops", "--migrate=step:0,2", "--record=-", "--limit=4K")),
    Group("records for ever, into a timeline", INPUT, ("--trace=trace: ", "limit of 4096 bytes"),
          hostile("records", "--trace=trace", "--limit=4K")),
    Group("prints, records, hops, storms PSCI and resets itself, all at once", INPUT, ("limit of 32768 bytes",),
          hostile("riot", "--cpus=4", "--migrate=step:0,1,2,3", "--record=record", "--limit=32K")),
]


def commands():
    """Of all groups."""
    return [command for group in GROUPS for command in group.commands]


def expect_whole(text, most):
    """JSON lines, none of them cut, and as many as there is room for."""
    expect(text.endswith("\n"), f"a cut line: {text[-80:]!r}")
    for line in text.splitlines():
        json.loads(line)
    expect(most - RECORD_LINE < len(text) <= most, f"{len(text)} bytes of records, of {most}")


@test(*commands(), boot="hostile", slow=True)
def hostile_guests_do_no_harm(*results):
    """Pokes, odd instructions, bad and racing records, floods, storms: the status, one line, little memory."""
    left, of = list(results), {}
    for group in GROUPS:
        of[group.text] = [left.pop(0) for _ in group.commands]
        group.check(of[group.text])
    odd, = of["hands over records unaligned, overlapping, at RAM's very end"]
    expect_equal([window["window"] for window in odd.windows], list(range(65)), "odd records that were taken")
    for race in of["rewrites a record on another vCPU while it is read"]:
        expect(all(line.count('"0x') <= 6 for line in race.raw_record.splitlines()),
               f"events that no record has: {race.raw_record[:2000]}")
    # Up to its limit all is kept, and no line is cut.
    expect_whole(of["records for ever"][0].raw_record, LIMIT)
    expect_whole(said_and_rss(of["hops for ever"][0])[0], LIMIT)
    expect_whole(of["prints, records, hops, storms PSCI and resets itself, all at once"][0].raw_record, 8 * LIMIT)
    lines, line = (said_and_rss(result)[0] for result in of["prints for ever, with and without lines"])
    # What has no newline for long leaves in time, a line's beginning too, and what is due when there is no
    # room for all of it is dropped; that lines stay whole else, tests/unit/test_output.c sees.
    for said, unit, least in ((lines, "all work and no play makes a guest a dull boy\n", LIMIT - 50),
                              (line, "all work and no play ", LIMIT // 2)):
        expect_equal(said, (unit * LIMIT)[:len(said)], "the output")
        expect(least < len(said) <= LIMIT, f"{len(said)} bytes of output")
    notes = of["resets itself for ever"][0].stderr.count("reset ")
    expect(1 < notes <= 32, f"{notes} notes of resets")


# Not by the guest, whose vCPUs hardly fail at the same moment, but all of them at their first KVM_RUN.
@test(*[["fault", "--call=ioctl:KVM_RUN", "--nth=1", "--every=1", "--errno=EIO", "minivmm", "--jail=off", "--pmu=off",
         "--quiet", "--cpus=4", "hang.bin"]] * 6, boot="hostile", slow=True)
def many_failures_one_line(*results):
    """Where several vCPUs fail at once there is still one line of error, and the status is its own."""
    for result in results:
        result.expect_status(INTERNAL).expect_one_line("KVM_RUN of vCPU ", "Input/output error")
