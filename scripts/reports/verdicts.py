# SPDX-License-Identifier: MIT
"""The strip on top of the page: one verdict per run that tells whether the cycle counter counted."""
from reports.records import DIVIDED_BY_ZERO, cluster_rows, plural, went_back

# What a verdict is, and its class on the page.
GOOD, BAD, UNKNOWN = "", "bad", "unknown"


def stops(run):
    """Where windows stopped: "stops on a72 in 5 of 20 windows"."""
    where = {}
    for window in run.windows:
        if not window["cycles"]:
            where.setdefault(window.get("pmu") or "CPUs without a host PMU", []).append(window)
    return ", ".join(f"stops on {pmu} in {len(windows)} of {plural(len(run.windows), 'window')}"
                     for pmu, windows in where.items())


def verdict_of(run):
    """(the sentence, GOOD, BAD or UNKNOWN)."""
    if not run.entries:
        return run.problem or run.said or "did not run", BAD if run.problem else UNKNOWN
    parts = [stops(run)] if stops(run) else []
    back = went_back(run.windows)
    parts += [f"the cycle counter went back in {back} of {plural(len(run.windows), 'window')}"] if back else []
    bad = bool(parts)
    if run.windows and not parts:
        hops = f", across {plural(len(run.hops), 'hop')}" if run.hops else ""
        parts.append(f"counts in all {plural(len(run.windows), 'window')}{hops}")
    if run.refusals:
        parts.append(f"KVM refused {plural(len(run.refusals), 'time')}")
    if not run.windows:
        parts.append("no windows, so its counters are unknown")
    if run.broken_off or run.problem:
        parts.append("interrupted")
        bad = True
    if run.status and run.status != DIVIDED_BY_ZERO:
        parts.append(f"ended with status {run.status}")
    return "; ".join(parts), BAD if bad else GOOD if run.windows else UNKNOWN


def shown_on_top(site):
    """The runs that the strip is about: those of the table, or all where there is none."""
    tables = [chapter["id"] for chapter in site.chapters if chapter["kind"] == "table"]
    runs = [run for run in site.runs if run.chapter in tables]
    return runs or site.runs


def compared(sites):
    """[(mode, what two kernels have in common)]: same, same but for the counts, different, or only one has it."""
    if len(sites) != 2:
        return []
    first, second = ({run.title: run for run in shown_on_top(site)} for site in sites)
    return [(title, in_common(first.get(title), second.get(title), sites)) for title in dict.fromkeys([*first, *second])]


def in_common(before, after, sites):
    """What the runs of one mode, or None, have in common."""
    if not (before and after):
        return f"only {sites[0 if before else 1].short}"
    if verdict_of(before) != verdict_of(after):
        return "different"
    counts = [cluster_rows(run, site.groups) for run, site in zip((before, after), sites)]
    return "same" if counts[0] == counts[1] else "same verdict, other counts"
