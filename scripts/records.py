# SPDX-License-Identifier: MIT
"""Reads minivmm's records (--record) and the facts that scripts/demo writes beside them.

Everything that a report says in numbers is computed here, from the records alone.
"""
import itertools
import json
import os
import statistics

import results

FACTS = "facts.json"
KEYS = {
    "run": {"mode": str, "vcpus": int},
    "window": {"vcpu": int, "window": int, "cpu": int, "stayed": bool, "hops": int, "time_ns": int, "cntvct": int,
               "cycles": int, "cntvct_end": int, "cycles_end": int, "interrupts": int},
    "hop": {"vcpu": int, "from": int, "to": int, "time_ns": int},
    "refusal": {"vcpu": int, "cpu": int, "back": int, "time_ns": int},
    "reset": {"time_ns": int},
    "end": {"status": int, "time_ns": int},
}
SEVERAL = "several or unknown"  # host PMUs, of a window: vmm/stats_print.c
DIVIDED_BY_ZERO = 9  # EXIT_DIVIDED_BY_ZERO in guest/calibrate.c


class Broken(Exception):
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
    counts = sorted(window["cycles"] for window in windows)
    if not counts:
        return "-"
    return str(counts[0]) if counts[0] == counts[-1] else f"{counts[0]}-{counts[-1]}"


def stopped(windows):
    """How many of them counted no cycles: what minivmm's summary calls so."""
    return sum(window["cycles"] == 0 for window in windows)


def plural(number, noun):
    """1 hop, 2 hops."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class Run:
    """One record, with what the facts say of it."""

    def __init__(self, entries, facts):
        self.entries = entries
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
            "refusals"]


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
    backing = {"default": "KVM's pick", "composite": "the CPU's own"}.get(mode, "none")
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
        counts = [window["cycles"] for window in windows]
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
        self.reasons = facts.get("host", {}).get("reasons", [])
        self.groups = clusters(facts["host"]) if "host" in facts else clusters_seen(runs)
        self.chapters = facts.get("chapters") or [{"id": None, "title": "Records",
                                                   "kind": "pictures"}]

    def of_chapter(self, chapter):
        """The runs of one chapter, in order."""
        return [run for run in self.runs if run.chapter == chapter["id"]]


def read_text(path):
    """A file's text."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise Broken(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Broken(f"{path}: not a text file") from None


def check(entry, where):
    """A line must have what its type promises, or the report could not be trusted."""
    kind = entry.get("type") if isinstance(entry, dict) else None
    if not isinstance(kind, str):
        raise Broken(f"{where}: not a line of a minivmm record")
    for key, wanted in KEYS.get(kind, {}).items():
        if type(entry.get(key)) is not wanted:  # a bool is an int too
            raise Broken(f"{where}: the {kind} has no usable \"{key}\"")


def read_entries(path):
    """A record's lines. The last one may be cut, where a run was broken off."""
    text = read_text(path)
    if not text:
        raise Broken(f"{path}: empty, so the run recorded nothing")
    entries = []
    *lines, cut = text.split("\n")
    for number, line in enumerate(lines, 1):
        try:
            entries.append(json.loads(line))
        except (ValueError, RecursionError):
            raise Broken(f"{path}:{number}: not a line of a minivmm record") from None
        check(entries[-1], f"{path}:{number}")
    if not entries or entries[0]["type"] != "run":
        raise Broken(f"{path}: does not begin with the run line of a minivmm record"
                     f"{' (it is cut)' if cut else ''}")
    return entries


def read_facts(folder):
    """facts.json, or what a bundle's run has left instead, or {} if there is neither."""
    path = os.path.join(folder, FACTS)
    if results.is_one(folder):
        try:
            return results.facts(folder)
        except (KeyError, ValueError):
            raise Broken(f"{folder}: not the results of a bundle's run") from None
    if not os.path.exists(path):
        return {}
    try:
        facts = json.loads(read_text(path))
    except ValueError as error:
        raise Broken(f"{path}: not JSON: {error}") from None
    if not isinstance(facts, dict) or not isinstance(facts.get("runs"), list):
        raise Broken(f"{path}: not the facts of scripts/demo")
    return facts


def load_folder(folder):
    """The site that a folder holds: with facts what they list, else every *.jsonl."""
    facts = read_facts(folder)
    if not facts:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".jsonl"))
        if not names:
            raise Broken(f"{folder}: no records (*.jsonl) here")
        return load_files([os.path.join(folder, name) for name in names])
    try:
        return Site([Run(read_entries(os.path.join(folder, os.path.basename(run["record"])))
                         if run.get("record") else [], run) for run in facts["runs"]], facts)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Broken(f"{os.path.join(folder, FACTS)}: not the facts of scripts/demo") from None


def load_files(paths):
    """A site of records without facts."""
    return Site([Run(read_entries(path), {"name": os.path.splitext(os.path.basename(path))[0]})
                 for path in paths], {})


def load(paths):
    """The sites of the command line: one a folder, one of all single records."""
    sites = [load_folder(path) for path in paths if os.path.isdir(path)]
    files = [path for path in paths if not os.path.isdir(path)]
    return sites + ([load_files(files)] if files else [])
