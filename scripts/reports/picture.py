# SPDX-License-Identifier: MIT
"""One vCPU's part of a run, as it is drawn: windows, hops, refusals and interrupts, at their places on the axes."""
import re

from reports import scales
from reports.records import SIGN, counted, plural

NAMED = 3  # windows that the text names as not to scale
EVENTS = 4  # event counters that a window's text has room for


def with_time(windows, frequency):
    """The windows, their frequency and whose time it is. A guest need not hand over its time: then it is the host's."""
    ends = [window["cntvct_end"] for window in windows]
    if all(later > earlier for earlier, later in zip(ends, ends[1:])) and all(0 < window["cntvct"] < SIGN for window in windows):
        return windows, frequency, "guest"
    starts = [0] + [window["time_ns"] for window in windows[:-1]]
    return [{**window, "cntvct_end": window["time_ns"], "cntvct": max(0, window["time_ns"] - start)}
            for window, start in zip(windows, starts)], 10 ** 9, "host"


class Picture:
    """In the units of the axes: seconds, or ticks of a counter-timer without a frequency, and cycles."""

    def __init__(self, run, vcpu, groups):
        self.run, self.vcpu = run, vcpu
        self.scale = None  # plot.axes(), once it is known what else is drawn
        self.name = re.sub(r"[^a-z0-9]+", "-", run.name.lower()).strip("-") or "record"
        if run.head["vcpus"] > 1:
            self.name += f"-vcpu{vcpu}"
        self.pmus = {cpu: pmu for group, pmu in groups for cpu in group}
        self.order = list(dict.fromkeys(pmu for _, pmu in groups))
        mine = [window for window in run.windows if window["vcpu"] == vcpu]
        self.of = len(mine)
        self.windows, self.frequency, self.whose = with_time(mine[:run.shown], run.head.get("cntfrq"))
        self.first = self.windows[0]["cntvct_end"] - self.windows[0]["cntvct"]
        self.place_windows()
        self.end, self.late = self.pieces[-1][1], False
        self.place_marks()

    def place_windows(self):
        """[(x from, x to, y from, y to)] and [the height of each window's bar]. What is much longer than all others is cut,
        and then, or if the counter began far from 0, the line shows what has been counted since."""
        longest = scales.limit([window["cntvct"] for window in self.windows])
        self.cuts = [(window["cntvct_end"] - window["cntvct"] - self.first, window["cntvct"], longest)
                     for window in self.windows if window["cntvct"] > longest]
        counts = [counted(window) for window in self.windows]
        most = scales.limit(counts)
        self.bars = [most if count < 0 else min(count, most) for count in counts]
        self.cut = [count != bar or window["cntvct"] > longest for count, bar, window in zip(counts, self.bars, self.windows)]
        ends = [window["cycles_end"] - (2 * SIGN if window["cycles_end"] >= SIGN else 0) for window in self.windows]
        far = 4 * max(1, sum(self.bars))
        self.since = counts != self.bars or any(max(abs(end), abs(end - count)) > far for end, count in zip(ends, counts))
        if self.since:
            ends = [sum(self.bars[:i + 1]) for i in range(len(self.bars))]
        self.pieces = []
        for window, end, bar in zip(self.windows, ends, self.bars):
            stop = window["cntvct_end"] - self.first
            self.pieces.append((self.x(stop - window["cntvct"]), self.x(stop), end - bar, end))

    def x(self, ticks):
        """Ticks of the counter-timer since the first window's start, on the axis."""
        for start, length, drawn in self.cuts:
            ticks -= min(max(0, ticks - start), length) * (1 - drawn / length)
        return ticks / self.frequency if self.frequency else ticks

    def at(self, time_ns):
        """Where the host's time is on the axis. Both clocks are the counter-timer; a window is
        handed over just after its end, so the smallest distance is the true one."""
        if len(self.windows) < 2 and not self.frequency:
            return self.pieces[0][0]
        first, last = self.windows[0], self.windows[-1]
        rate = (self.frequency / 1e9 if self.frequency else
                (last["cntvct_end"] - first["cntvct_end"])
                / max(1, last["time_ns"] - first["time_ns"]))
        behind = min(window["time_ns"] * rate - window["cntvct_end"] for window in self.windows)
        return self.x(time_ns * rate - behind - self.first)

    def y(self, x):
        """The counter's value there."""
        for start, end, low, high in self.pieces:
            if x <= start:
                return low
            if x <= end:
                return low + (high - low) * (x - start) / (end - start)
        return self.pieces[-1][3]

    def events(self):
        """[(x, entry)] of this vCPU in order, and where it starts. A window counts at its end."""
        events = [(self.at(entry["time_ns"]), entry) for entry in self.run.entries
                  if entry["type"] in ("hop", "refusal") and entry["vcpu"] == self.vcpu]
        hops = [(x, entry) for x, entry in events if entry["type"] == "hop"]
        earlier = [entry["to"] for x, entry in hops if x < 0]
        start = earlier[-1] if earlier else hops[0][1]["from"] if hops else self.windows[0]["cpu"]
        # A refusal that ends the run comes after its last window.
        whole = self.of == len(self.windows)
        events = [(x, entry) for x, entry in events if 0 <= x and (whole or x <= self.end)]
        most = self.end * scales.MARGIN
        self.late = any(x > most for x, _ in events)
        events = [(min(x, most), entry) for x, entry in events]
        events += [(piece[1], dict(window, start=piece[0]))
                   for piece, window in zip(self.pieces, self.windows)]
        return sorted(events, key=lambda event: event[0]), start

    def place_marks(self):
        """Hops, refusals, and the ground: [from, to, host PMU]. The thread that moves a vCPU may
        get its turn to record the hop late; a window on another CPU tells of it before."""
        events, cpu = self.events()
        self.hops, self.refused, moves = [], [], [(0, cpu)]
        for x, entry in events:
            kind = entry["type"]
            target = {"hop": "to", "refusal": "back", "window": "cpu"}[kind]
            x = max(moves[-1][0], entry.get("start", x))
            if kind == "refusal":
                self.refused.append(x)
            elif entry[target] != cpu:
                self.hops.append(x)
            if entry[target] not in (cpu, -1):
                cpu = entry[target]
                moves.append((x, cpu))
        self.end = max(self.end, events[-1][0])
        pmu_at = [(x, self.pmus.get(cpu, f"CPU {cpu}")) for x, cpu in moves]
        self.ground = [(x, to, pmu) for (x, pmu), (to, _)
                       in zip(pmu_at, [*pmu_at[1:], (self.end, None)]) if to > x]

    @property
    def died(self):
        """How the run ended, if it ended badly and the picture reaches to its end."""
        if self.of > len(self.windows) or not self.run.status:
            return ""
        return f"the end: status {self.run.status}"

    @property
    def interrupts(self):
        """The ends of windows in which an overflow interrupt came."""
        return [(piece[1], piece[3]) for piece, window in zip(self.pieces, self.windows)
                if window["interrupts"]]

    @property
    def stopped(self):
        """The middles of windows that counted nothing."""
        return [((piece[0] + piece[1]) / 2, 0) for piece, window in zip(self.pieces, self.windows)
                if not window["cycles"]]

    def in_words(self, index):
        """A window's values."""
        window, count = self.windows[index], counted(self.windows[index])
        pmu = window.get("pmu") or self.pmus.get(window["cpu"], "no host PMU")
        parts = [f"window {window['window']} on CPU {window['cpu']} ({pmu}): {plural(count, 'cycle')} in "
                 f"{self.duration(window['cntvct'])}, to {window['cycles_end']}"]
        parts += [plural(window[key], noun) for key, noun in (("hops", "hop"), ("interrupts", "overflow interrupt")) if window[key]]
        events = list(window.get("events", {}).items())
        parts += [f"event {event}: {number}" for event, number in events[:EVENTS]]
        return "; ".join(parts) + (f"; {len(events) - EVENTS} more events" if len(events) > EVENTS else "")

    def duration(self, ticks):
        """80 µs, or 5000 ticks where nobody knows how long one is."""
        if not self.frequency:
            return plural(ticks, "tick")
        size, name = scales.unit_of(ticks / self.frequency)
        return f"{ticks / self.frequency / size:.4g} {name}"

    def span(self):
        """How long all windows took."""
        return self.duration(self.windows[-1]["cntvct_end"] - self.first)

    def notes(self):
        """[sentence]: how the picture differs from the plain numbers."""
        cut = [window for window, is_cut in zip(self.windows, self.cut) if is_cut]
        texts = []
        if cut:
            names = ", ".join(f"window {window['window']} ({plural(counted(window), 'cycle')}, {self.duration(window['cntvct'])})"
                              for window in cut[:NAMED])
            texts.append(f"Not drawn to scale: {names}" + (f" and {len(cut) - NAMED} more." if len(cut) > NAMED else "."))
        if self.since:
            texts.append(f"The counter began at {self.begin}; the line shows the cycles of the windows since.")
        if self.late:
            texts.append("What came long after the last window is drawn at the right edge.")
        if self.whose == "host":
            texts.append("The guest's own time does not advance from window to window, so the host's is drawn.")
        return texts

    @property
    def begin(self):
        """The counter before the first window."""
        return (self.windows[0]["cycles_end"] - self.windows[0]["cycles"]) % (2 * SIGN)

    @property
    def marks(self):
        """The tops of the bars that are not to scale."""
        return [((piece[0] + piece[1]) / 2, bar) for piece, bar, cut in zip(self.pieces, self.bars, self.cut) if cut]
