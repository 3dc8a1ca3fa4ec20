# SPDX-License-Identifier: MIT
"""A run's record (--record), and a site's runs: everything that a report says in numbers is computed here, from the
records alone."""
import itertools
import os
import statistics

from runs.command_line import Failure

SEVERAL = "several or unknown"  # host PMUs, of a window: vmm/report/stats_print.c
DIVIDED_BY_ZERO = 9  # EXIT_DIVIDED_BY_ZERO in guest/calibrate.c
SIGN = 1 << 63
TRACE = ".trace.json"  # what a trace's name has in the place of its record's .jsonl


class Broken(Failure):
    """What cannot be used, and why, in one line."""


def cpu_set(text):
    """0-2,5 as a set."""
    ends = [part.split("-") for part in text.split(",")]
    return {cpu for part in ends for cpu in range(int(part[0]), int(part[-1]) + 1)}


def cpu_list(cpus):
    """The opposite of cpu_set(), for people."""
    runs = itertools.groupby(enumerate(sorted(cpus)), lambda pair: pair[1] - pair[0])
    ends = [[cpu for _, cpu in pairs] for _, pairs in runs]
    text = ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in ends)
    return f"CPU{'s' if len(cpus) > 1 else ''} {text}"


def clusters(host):
    """[(its CPUs, its host PMU)]: those that share a PMU; if all do, those of a cluster_id."""
    pmus = {cpu: pmu["name"] for pmu in host["pmus"] for cpu in cpu_set(pmu["cpus"])}
    cpus = cpu_set(host["allowed"])
    keys = {cpu: pmus.get(cpu) for cpu in cpus}
    if len(set(keys.values())) == 1:
        keys = {cpu: host["clusters"].get(str(cpu)) for cpu in cpus}
    groups = {}
    for cpu in sorted(cpus):
        groups.setdefault(keys[cpu], []).append(cpu)
    return [(group, pmus.get(group[0], "no host PMU")) for group in groups.values()]


def clusters_seen(runs):
    """The same, from nothing but windows."""
    groups = {}
    for window in itertools.chain.from_iterable(run.windows for run in runs):
        groups.setdefault(window.get("pmu") or "no host PMU", set()).add(window["cpu"])
    return sorted((sorted(cpus), pmu) for pmu, cpus in groups.items())


def spread(windows):
    """40167, or 40160-40175; - for none."""
    counts = sorted(window["cycles"] for window in windows if counted(window) >= 0)
    if not counts:
        return "-"
    return str(counts[0]) if counts[0] == counts[-1] else f"{counts[0]}-{counts[-1]}"


def stopped(windows):
    """How many of them counted no cycles: what minivmm's summary calls so."""
    return sum(window["cycles"] == 0 for window in windows)


def counted(window):
    """Its cycles; negative where the counter went back."""
    return window["cycles"] - (2 * SIGN if window["cycles"] >= SIGN else 0)


def went_back(windows):
    """In how many of them the counter went back: like minivmm's summary, the tables leave them out."""
    return sum(counted(window) < 0 for window in windows)


def plural(number, noun):
    """1 hop, 2 hops."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class Run:
    """One record, with what the facts say of it. PROBLEM is what could not be read of it."""

    def __init__(self, entries, facts, problem="", path=None):
        self.entries = entries
        self.problem = problem
        self.path = path  # of the record
        self.head = entries[0] if entries else {}
        self.windows = self.of_type("window")
        self.hops = self.of_type("hop")
        self.refusals = self.of_type("refusal")
        self.ended = next(iter(self.of_type("end")), None)
        self.name = facts.get("name", "")
        self.title = facts.get("title") or self.head.get("mode", self.name)
        self.chapter = facts.get("chapter")
        self.command = facts.get("command")
        self.said = facts.get("said")
        self.shown = facts.get("shown", 200)
        self.status = self.ended["status"] if self.ended else facts.get("status")

    def of_type(self, kind):
        """The lines of this type."""
        return [entry for entry in self.entries if entry["type"] == kind]

    @property
    def files(self):
        """[(what it is, its path)]: the record, and beside it the trace if there is one."""
        trace = f"{os.path.splitext(self.path or '')[0]}{TRACE}"
        return ([("record", self.path)] if self.entries and self.path else []) + (
            [("timeline for Perfetto", trace)] if os.path.exists(trace) else [])

    @property
    def interrupts(self):
        """Overflow interrupts that the guest took."""
        return sum(window["interrupts"] for window in self.windows)

    @property
    def broken_off(self):
        """A record without an end: minivmm was killed, or the disk was full."""
        return bool(self.entries) and not self.ended


def overview_head(groups):
    """The first line of the table over all modes."""
    return ["mode", "host PMU", "windows", *(cpu_list(group) for group, _ in groups), "stopped",
            "refused"]


def overview_row(run, groups):
    """A mode's line. What a window that hopped counts is also its old CPU's."""
    if not run.entries:
        return [run.title] + ["-"] * (4 + len(groups))
    kinds = [[window for window in run.windows if bool(window["hops"]) == hopped]
             for hopped in (False, True)]
    cells = []
    for group, _ in groups:
        here = [spread([window for window in kind if window["cpu"] in group])
                for kind in kinds]
        cells.append(" / ".join(here) if here != ["-", "-"] else "-")
    mode = run.head["mode"]
    backing = {"default": "KVM's pick", "composite": "the CPU's"}.get(mode, "none")
    return [run.title if run.title == mode else f"{run.title}: {mode}",
            run.head.get("pmu") or backing, str(len(run.windows)), *cells,
            str(stopped(run.windows)), str(len(run.refusals))]


def cluster_rows(run, groups):
    """[(host PMU, CPUs, windows, fewest cycles, median, most, stopped)]: windows that ran there
    only, then all others, as in minivmm's summary."""
    shares = [(pmu, cpu_list(group), [window for window in run.windows
                                      if window["stayed"] and window["cpu"] in group])
              for group, pmu in groups]
    shares.append((SEVERAL, "hopped", [window for window in run.windows if not window["stayed"]]))
    rows = []
    for pmu, cpus, windows in shares:
        counts = [window["cycles"] for window in windows if counted(window) >= 0]
        if counts:
            rows.append((pmu, cpus, len(counts), min(counts), statistics.median_low(counts),
                         max(counts), stopped(windows)))
    return rows


def verdict(run):
    """What became of a guest that divides by its cycle counter."""
    hops = plural(len(run.hops), "hop")
    if not run.entries:
        return run.said or "did not run"
    if run.status == DIVIDED_BY_ZERO:
        return (f"failed at calibration {len(run.windows)}, after {hops}: the cycle counter had "
                f"stopped and the guest divided by zero (status {run.status})")
    if run.status != 0:
        return f"ended with status {run.status} after {plural(len(run.windows), 'calibration')}"
    done = f"completed {plural(len(run.windows), 'calibration')}"
    if len(run.refusals) == len(run.hops) > 0:
        return f"{done}; KVM refused all {hops}"
    return f"{done} and {hops}" + (f"; KVM refused {len(run.refusals)} of them" if run.refusals else "")


class Site:
    """A kernel on a board: its runs and its facts. The facts' keys are scripts/demo's."""

    def __init__(self, runs, facts):
        self.runs = runs
        self.where = facts.get("where")
        self.short = facts.get("short") or self.where or "these records"
        self.facts = facts.get("facts", {})
        self.problems = facts.get("problems", []) + [run.problem for run in runs if run.problem]
        self.reasons = facts.get("host", {}).get("reasons", [])
        self.groups = clusters(facts["host"]) if "host" in facts else clusters_seen(runs)
        self.chapters = facts.get("chapters") or [{"id": None, "title": "Records",
                                                   "kind": "pictures"}]

    def of_chapter(self, chapter):
        """The runs of one chapter, in order."""
        return [run for run in self.runs if run.chapter == chapter["id"]]
