# SPDX-License-Identifier: MIT
"""The picture in docs/performance.md: startup and memory over vCPUs and over RAM, from the results."""

from figures.rows import MANY_VCPUS, RAM, VCPUS, counted
from reports.plot import FAINT, INK, LINE, PAPER, REFUSED, adapt, gnuplot

MEGABYTES = {"64M": 64, "256M": 256, "1G": 1024, "4G": 4096}
SERIES = (("minivmm", f'lc rgb "{LINE}" pt 7'), ("floor", f'lc rgb "{REFUSED}" pt 6'))
# (title, x axis, unit, divisor, where the key is, [(x, row)])
PANELS = (
    ("startup", "vCPUs", "million instructions", 1e6, "left top",
     [(vcpus, f"startup, explicit, {counted(vcpus)}") for vcpus in VCPUS + MANY_VCPUS]),
    ("private memory", "vCPUs", "KB", 1e3, "left top",
     [(vcpus, f"private memory, {counted(vcpus)}") for vcpus in VCPUS + MANY_VCPUS]),
    ("startup, 1 vCPU", "MB of RAM", "million instructions", 1e6, "left bottom",
     [(MEGABYTES[size], f"startup, explicit, {size} of RAM") for size in RAM]),
)
NAMES = [name for *_, points in PANELS for _, name in points]


def panel(index, results):
    """What gnuplot is to do for one of the three, beside each other."""
    title, axis, unit, divisor, key, points = PANELS[index]
    lines = [f"$data{index} << EOD"]
    lines += [f"{x} " + " ".join(f"{results[name][who] / divisor:.6f}" for who, _ in SERIES) for x, name in points]
    curves = ", ".join(f'$data{index} using 1:{column} with linespoints lw 2 {style} title "{who}"'
                       for column, (who, style) in enumerate(SERIES, 2))
    return lines + ["EOD", f"set key {key} samplen 1.5", f'set title "{title}" tc rgb "{INK}"', f'set xlabel "{axis}" tc rgb "{INK}"',
                    f'set ylabel "{unit}" tc rgb "{INK}"', f"set xrange [0:{points[-1][0] * 1.04:.0f}]",
                    "set yrange [0:*]", f"set xtics 0,{points[-1][0] // 4}", f"plot {curves}"]


def in_words(results):
    """The picture's text alternative: what grows by how much."""
    values = [[results[name]["minivmm"] for _, name in points] for *_, points in PANELS]
    startup, memory = ((series[-1] - series[0]) / (MANY_VCPUS[-1] - 1) for series in values[:2])
    return (f"minivmm from 1 to {MANY_VCPUS[-1]} vCPUs: {startup:,.0f} instructions and {memory:,.0f} bytes for each "
            f"further one; from {RAM[0]} to {RAM[-1]} of RAM: {values[2][-1] / values[2][0] - 1:.1%} more instructions.")


def draw(results, path):
    """Writes the picture as SVG if all of its rows are in RESULTS."""
    if not all(name in results for name in NAMES):
        return
    lines = [f'set terminal svg size 960,320 font "sans-serif,14" noenhanced background rgb "{PAPER}"',
             "set multiplot layout 1,3", f'set border 3 lc rgb "{FAINT}"', "set tics nomirror",
             f'set tics tc rgb "{INK}"']
    for index in range(len(PANELS)):
        lines += panel(index, results)
    done = gnuplot(input="\n".join(lines) + "\nunset multiplot\n")
    if done.returncode or not done.stdout.startswith("<?xml"):
        raise OSError(f"gnuplot failed with status {done.returncode}: {done.stderr.strip()}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(adapt(done.stdout, "scale", "Startup and memory, minivmm and the floor", in_words(results)))
