# SPDX-License-Identifier: MIT
"""perf_event_open() in a Linux guest that hops between clusters: what each mode counts.

The board counts instructions, and a cycle is one: fixed work has a least count, and no
round counts more than its nanoseconds. The guest says what it saw (linux_perf.c).
"""
from system import guests
from system.harness import expect, expect_equal, test

# The host's CPUs 0 and 2 are of different host PMUs; a round takes 2 ms of --icount's time.
HOPS = "--migrate=every:7ms:0,2"
ALL_EVENTS = ("cycles", "instructions", "r11", "r08")


def run_perf(*options, image=None, append="quiet do=perf", **board):
    """Boots the guest; returns its lines, how much work a round is, and vCPU 0's hops."""
    result, = guests.run(image or guests.board_kernel(),
                         [guests.command(append, HOPS, "--record=record", *options)], **board)
    lines = result.expect_status(0).stdout.splitlines()
    work = int(guests.said(lines, "work ").split()[0])
    hops = [hop for hop in result.hops if hop["vcpu"] == 0]
    expect(len(hops) > 20, f"only {len(hops)} hops of vCPU 0")
    return lines, work, result


def rounds(lines, event):
    """(count, nanoseconds) of each round; the event had a counter all the time."""
    share, numbers = guests.said(lines, f"{event} running ").split(":")
    expect_equal(share, "100%", f"{event} had a counter")
    return [tuple(int(number) for number in pair.split("/")) for pair in numbers.split()]


def check_all_counted(lines, event, work):
    """No round lost anything, none counted twice."""
    for count, took in rounds(lines, event):
        expect(work <= count <= took, f"{event}: {count} in {took} ns, work {work}")


def samples(lines):
    """(samples, those in the work, cycles that the sampled event counted, its period)."""
    words = guests.said(lines, "samples ").split()
    expect_equal(words[1::2], ["inside", "count", "period"], "the line of samples")
    return [int(word) for word in words[::2]]


def check_samples(lines):
    """A sample each period: no overflow interrupt was lost, or came twice; returns the cycles."""
    number, inside, count, period = samples(lines)
    expect(abs(number - count // period) <= 1, f"{number} samples, {count} cycles / {period}")
    expect(inside >= number - 1, f"only {inside} of {number} samples are in the work")
    return count


@test(slow=True, boots=True)
def linux_perf_composite():
    """perf in a Linux guest, composite: cycles (as r11) count and sample on both clusters, the rest is not offered."""
    lines, work, _ = run_perf("--pmu=composite", icount=True)
    guests.check_kernel_log(lines, 1)
    # Linux takes perf's own names from PMCEID0_EL0, which is 0.
    for event in ("cycles", "instructions", "r08"):
        guests.said(lines, f"no {event}: ")
    check_all_counted(lines, "r11", work)
    total = sum(count for count, _ in rounds(lines, "r11"))
    expect(check_samples(lines) >= 40 * work, f"the sampled event lost cycles: {lines!r}")
    expect(total >= 40 * work, f"{total} cycles")


@test(slow=True, boots=True)
def linux_perf_default():
    """perf in a Linux guest, default: off the PMU's cluster all counters stand still, and perf does not know."""
    lines, work, _ = run_perf("--pmu=default", icount=True)
    guests.check_kernel_log(lines, 7)
    for event in ALL_EVENTS:
        counted = rounds(lines, event)
        still = sum(count == 0 for count, _ in counted)
        whole = sum(count >= work for count, _ in counted)
        expect(still >= 10 and whole >= 10, f"{event}: {still} rounds still, {whole} whole")
        expect(all(count <= took for count, took in counted), f"{event}: {counted!r}")
    count = check_samples(lines)
    expect(0.25 * work < count / 40 < 0.75 * work, f"sampled {count} cycles, work {40 * work}")


@test(slow=True, boots=True)
def linux_perf_explicit():
    """perf in a Linux guest, explicit: refused hops return, and all events count and sample as if there were none."""
    lines, work, result = run_perf("--pmu=explicit", "--on-refusal=return", icount=True)
    guests.check_kernel_log(lines, 7)
    refused = sum(refusal["vcpu"] == 0 for refusal in result.refusals)
    expect(refused > 10, f"only {refused} refusals of vCPU 0")
    for event in ALL_EVENTS:
        check_all_counted(lines, event, work)
    expect(check_samples(lines) >= 40 * work, f"the sampled event lost cycles: {lines!r}")


@test(slow=True, boots=True)
def linux_perf_gicv2():
    """perf in a Linux guest through a GICv2, explicit: all events count and sample, hops included."""
    lines, work, _ = run_perf("--pmu=explicit", icount=True, topology="gicv2")
    guests.check_kernel_log(lines, 7)
    for event in ALL_EVENTS:
        check_all_counted(lines, event, work)
    expect(check_samples(lines) >= 40 * work, f"the sampled event lost cycles: {lines!r}")


for _series, _image in guests.debian_kernels():
    def debian_guest_perf(image=_image):
        """Debian's own kernel as the guest, composite: r11 counts in every round, and samples come."""
        lines, _, _ = run_perf("--pmu=composite", "--migrate=every:30ms:0,2", image=image)
        guests.check_kernel_log(lines, 1)
        counted = rounds(lines, "r11")
        expect(all(0 < count <= took for count, took in counted), f"a round stood still: {counted!r}")
        number, inside, count, period = samples(lines)
        expect(0 < inside <= number <= count // period + 1, f"samples of {lines!r}")

    debian_guest_perf.__name__ += f"_{_series.replace('.', '_')}"
    test(slow=True, boots=True)(debian_guest_perf)
