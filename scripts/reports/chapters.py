# SPDX-License-Identifier: MIT
"""The demonstration's chapters, and the runs of each, which tests/real-boards/bundle/runs lists."""
import os

RUNS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "real-boards", "bundle", "runs")
MODES = ("default", "explicit", "composite", "strict")

CHAPTERS = (
    {"id": "calibrate", "kind": "verdict", "title": "A guest that divides by its cycle counter",
     "text": "Windows does this when it boots: it counts the cycles of a span of time and divides by their number. The "
             "guest calibrates four times on each CPU of its plan, then hops. It ends where it would have to divide by "
             "zero. Spans interrupted by host work, such as a hop, count fewer cycles."},
    {"id": "table", "kind": "table", "title": "Cycles of the same work, in every mode",
     "text": "A window is a fixed piece of guest work between two counter readings. The second number is for windows that "
             "contain a hop and end on these CPUs, the first for all others. After each hop minivmm waits until the CPU "
             "just left is idle (--settle), so that other work does not count."},
    {"id": "sync", "kind": "pictures", "title": "Hops that the guest asks for",
     "text": "The guest runs the same work again and again: four windows on each cluster, with a hop between. In hatched "
             "spans the vCPU is not on the first cluster. All axes are alike."},
    {"id": "async", "kind": "pictures", "title": "Hops in time, while the guest runs",
     "text": "minivmm moves the vCPU every 2 ms, wherever the guest is in its work. A window may begin on one cluster and "
             "end on another."},
    {"id": "overflow", "kind": "pictures", "title": "An overflow after each hop",
     "text": "The guest sets its cycle counter shortly before the overflow, hops, and waits for the interrupt. A diamond "
             "marks a window in which the interrupt came."},
)


def runs(host, clusters):
    """Yields each chapter's id and [(title, arguments, windows to draw)] on this host."""
    # Those that are worth a try: only a host that knows strict has it.
    modes = MODES if host["kvm"].get("strict") else MODES[:-1]
    with open(RUNS, encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("|") for line in file if not line.startswith("#")]
    for chapter in CHAPTERS:
        entries = []
        for _, title, shown, arguments in (line for line in lines if line[0] == chapter["id"]):
            for times in (4, 2, 1):
                plan = ",".join(str(cpus[0]) for cpus, _ in clusters for _ in range(times))
                arguments = arguments.replace(f":{times}x", f":{plan}")
            for mode in modes if "MODE" in arguments else [""]:
                entries.append((title.replace("MODE", mode),
                                arguments.replace("MODE", mode).split(), int(shown)))
        yield chapter["id"], entries
