# SPDX-License-Identifier: MIT
"""The few figures that docs/performance.md begins with: a table with a unit per column, and bars beside the floor."""
from reports.plot import FAINT, INK, LINE, PAPER, REFUSED, adapt, gnuplot

# (heading, unit, divisor, digits)
COLUMNS = (("start", "million instructions", 1e6, 2), ("exit to the lab device", "instructions", 1, 0),
           ("exit to an unmapped address", "instructions", 1, 0), ("byte on the console", "instructions", 1, 0),
           ("private memory", "KB", 1e3, 0), ("program file", "KB", 1e3, 0), ("system calls of a run", "calls", 1, 0))
UNMAPPED, BYTE, CALLS = "exit to an unmapped address", "byte on the console", "system calls of a run"
BARE = "startup, 1 vCPU: minivmm, explicit / without a C library"
OURS = ("startup, explicit, 1 vCPU", "exit to the lab device", UNMAPPED, BYTE, "private memory, 1 vCPU",
        "program file, stripped", CALLS)
JAILED = ("startup in the jail, explicit, 1 vCPU", "exit to the lab device, in the jail") + (None,) * 5
BESIDE = tuple(name and f"{name}: minivmm / QEMU" for name in ("startup, 1 vCPU", None, UNMAPPED, BYTE, "private memory",
                                                               None, CALLS))
# (program, the row of each column, which of the row's two figures)
PROGRAMS = (("floor without a C library", (BARE,) + (None,) * 6, "floor"), ("floor", OURS, "floor"), ("minivmm", OURS, "minivmm"),
            ("minivmm in the jail", JAILED, "minivmm"), ("QEMU", BESIDE, "floor"))
BARS = tuple(column for column, name in enumerate(BESIDE) if name)


def figure(results, name, who):
    """None where nothing was measured."""
    return results[name].get(who) if name in results else None


def cell(results, name, who, column):
    value = figure(results, name, who)
    _, _, divisor, digits = COLUMNS[column]
    return "" if value is None else f"{value / divisor:,.{digits}f}"


def markdown(results):
    """The table and the two pictures."""
    yield "| program | " + " | ".join(f"{name}<br>({unit})" for name, unit, *_ in COLUMNS) + " |\n"
    yield "| --- |" + " --: |" * len(COLUMNS) + "\n"
    for program, names, who in PROGRAMS:
        yield f"| {program} | " + " | ".join(cell(results, name, who, column) for column, name in enumerate(names)) + " |\n"
    yield f"\n![{in_words(results)}](pictures/bars.svg)\n"
    yield "\n![Startup and private memory over vCPUs and RAM, minivmm and the floor](pictures/scale.svg)\n"


def times(results):
    """[(heading, minivmm, QEMU)], each as a multiple of the floor."""
    for column in BARS:
        base = figure(results, OURS[column], "floor")
        yield COLUMNS[column][0], figure(results, OURS[column], "minivmm") / base, figure(results, BESIDE[column], "floor") / base


def in_words(results):
    return "Times the floor, minivmm and QEMU: " + ", ".join(f"{name} {ours:.2f} and {theirs:.3g}" for name, ours, theirs in
                                                            times(results))


def draw(results, path):
    """Writes the bars as SVG if all of their rows are in RESULTS."""
    if any(figure(results, names[column], "floor") is None for names in (OURS, BESIDE) for column in BARS):
        return
    bars = list(times(results))
    lines = ["$data << EOD", *(f'"{name.replace("exit to an ", "")}" {ours:.4f} {theirs:.4f}' for name, ours, theirs in bars), "EOD",
             f'set terminal svg size 960,300 font "sans-serif,14" noenhanced background rgb "{PAPER}"',
             f'set border 3 lc rgb "{FAINT}"', f'set tics nomirror tc rgb "{INK}"', "set logscale y", "set yrange [1:1000]",
             f'set ylabel "times the floor" tc rgb "{INK}"', "set key at graph 0.5,0.98 center top samplen 1.5",
             "set xtics scale 0",
             f"set xrange [-0.5:{len(bars) - 0.5}]", "set style fill solid",
             f'plot $data using ($0-0.16):2:(0.3):xtic(1) with boxes lc rgb "{LINE}" title "minivmm", '
             f'$data using ($0+0.16):3:(0.3) with boxes fill pattern 4 lc rgb "{REFUSED}" title "QEMU", '
             f'$data using ($0-0.16):2:(sprintf("%.2f", $2)) with labels offset 0,0.6 tc rgb "{INK}" notitle, '
             f'$data using ($0+0.16):3:(sprintf("%.3g", $3)) with labels offset 0,0.6 tc rgb "{INK}" notitle']
    done = gnuplot(input="\n".join(lines) + "\n")
    if done.returncode or not done.stdout.startswith("<?xml"):
        raise OSError(f"gnuplot failed with status {done.returncode}: {done.stderr.strip()}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(adapt(done.stdout, "bars", "What minivmm and QEMU cost, in multiples of the floor", in_words(results)))
