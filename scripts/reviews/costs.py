# SPDX-License-Identifier: MIT
"""What exits and hops cost on a kernel, in instructions, by the guest cost.bin."""
import re

from boards.topology import TOPOLOGIES, cpu_numbers

# Modes of a VM that asks KVM for nothing that a series may add, and those that may be added.
PLAIN, ADDED = ("off", "default", "explicit"), ("composite",)
NEAR, FAR = "in a cluster", "to another cluster"
WHAT = {"exit": "exit to the VMM", "read": "read of PMCCNTR_EL0", "hop": "hop"}
# An explicit VM may not run on another cluster.
RUNS = [(mode, where) for mode in PLAIN + ADDED for where in (NEAR, FAR) if (mode, where) != ("explicit", FAR)]


def commands(topology):
    """One for each of RUNS."""
    clusters = cpu_numbers(TOPOLOGIES[topology])
    plans = {NEAR: list(clusters[0])[:2], FAR: [clusters[0][0], clusters[1][0]]}
    return [["minivmm", "--quiet", f"--pmu={mode}", f"--migrate=step:{plans[where][0]},{plans[where][1]}", "cost.bin"]
            for mode, where in RUNS]


def read(outputs):
    """{(what, mode): instructions}, of what the commands printed; a mode that there is not prints nothing."""
    costs = {}
    for (mode, where), output in zip(RUNS, outputs):
        for name, ns, times in re.findall(r"^(exit|read|hop) 0x([0-9a-f]+) 0x([0-9a-f]+)$", output, re.M):
            what = f"{WHAT[name]} {where}" if name == "hop" else WHAT[name]
            costs.setdefault((what, mode), int(ns, 16) / int(times, 16))
    return costs


def difference(base, series):
    """As text; what is not there on both differs by nothing that can be said."""
    if base is None or series is None:
        return ""
    return f"{round(series - base):+,}" if round(series - base) else "0"


def rows(base, series):
    """[what, on the base, on the series, the difference]"""
    keys = sorted(base.keys() | series.keys(), key=lambda key: ((*PLAIN, *ADDED).index(key[1]), key[0]))
    return [[f"{what}, {mode}", *("-" if costs.get((what, mode)) is None else f"{costs[what, mode]:,.0f}"
                                  for costs in (base, series)),
             difference(base.get((what, mode)), series.get((what, mode)))] for what, mode in keys]


def paid(key, base, series):
    """In words, of an exit or a read whose price differs."""
    what, mode = key
    more = round(series[key] - base[key])
    price = f"costs {more:,} more instructions" if more > 0 else f"saves {-more:,} instructions"
    return f"{mode}: {price} per {what} ({base[key]:,.0f} to {series[key]:,.0f}; expected: 0 more)"


def sentence(base, series):
    """What a VM pays that asks for nothing new."""
    both = [key for key in base if key[1] in PLAIN and key in series]
    if not both:
        return "nothing could be measured on both kernels."
    # A hop's way through the host's scheduler is not the same each time, the others' ways are.
    hops = [round(series[key] - base[key]) for key in both if key[0].startswith("hop")]
    changed = [paid(key, base, series) for key in both if not key[0].startswith("hop") and round(series[key] - base[key])]
    text = f"for a VM that asks for nothing new: {'; '.join(changed)}." if changed else (
        "0 instructions per exit and per counter read, as expected, for a VM that asks for nothing new.")
    return text + (f" Hops differ by {min(hops):+,} to {max(hops):+,}, as the host's scheduler varies." if hops else "")
