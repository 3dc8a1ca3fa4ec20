# SPDX-License-Identifier: MIT
"""The modes side by side: the cycle counter of a guest that hops, one panel per mode, as one SVG for a document."""
import os

from reports import plot, scales
from reports.plot import FAINT, HOP, INK, LINE, PAPER, REFUSED

CHAPTER, MODES = "sync", ("default", "explicit", "composite")
WIDTH, HEIGHT, NAME = 960, 300, "modes"


def chosen(pictures):
    """The picture of each mode, in MODES' order; [] unless all are there."""
    of_mode = {}
    for picture in pictures.get(CHAPTER, []):
        of_mode.setdefault(picture.run.title, picture)
    return [of_mode[mode] for mode in MODES] if set(MODES) <= set(of_mode) else []


def panel(index, picture, scale, names):
    """What gnuplot is to do for one mode."""
    end, low, high, _ = scale
    top = high + (high - low) * 0.22
    left = 0.07 + index * 0.315
    times, unit = plot.time_axis(picture, end)
    lines = plot.ground(picture, names, (end * 0.9, *scale[1:]), 0)
    lines += [plot.data("line", picture.pieces), plot.data("hops", [(x, top) for x in picture.hops]),
              plot.data("refused", [(x, picture.y(x)) for x in picture.refused]),
              f"set lmargin at screen {left}", f"set rmargin at screen {left + 0.29}",
              f"set xrange [0:{end:.6f}]", f"set yrange [{low:.6f}:{top:.6f}]", times,
              scales.tics("y", low, top, 5, lambda value: "" if index else scales.short(value), least=1),
              f'set label {plot.quoted(MODES[index])} at screen {left + 0.145}, screen 0.92 center font ",16" tc rgb "{INK}"',
              f'set label "time, {unit}" at screen {left + 0.145}, screen 0.04 center tc rgb "{INK}"']
    if not index:
        lines.append(f'set label "PMCCNTR_EL0" at screen 0.012, screen 0.5 center rotate tc rgb "{INK}"')
    drawn = [f'$line using 1:3:($2-$1):($4-$3) with vectors nohead lw 3 lc rgb "{LINE}" notitle']
    if picture.hops:
        drawn.append(f'$hops with impulses lw 1 dt 2 lc rgb "{HOP}" notitle')
    if picture.refused:
        drawn.append(f'$refused with points pt 2 ps 1.3 lw 2.5 lc rgb "{REFUSED}" notitle')
    return lines + ["plot " + ", ".join(drawn)]


def in_words(picture):
    """A panel, for readers who cannot see it."""
    return (f"{picture.run.title}: {len(picture.windows)} windows, {len(picture.hops)} hops, "
            f"{len(picture.refused)} refusals, {len(picture.stopped)} windows without a cycle.")


def draw(pictures, folder, names):
    """Writes the SVG if the demonstration's hops are among PICTURES in every mode; returns its path or None."""
    modes = chosen(pictures)
    if not modes:
        return None
    lines = [f'set terminal svg size {WIDTH},{HEIGHT} font "sans-serif,14" noenhanced background rgb "{PAPER}"',
             "set multiplot", f'set border 3 lc rgb "{FAINT}"', f'set tics tc rgb "{INK}"',
             "set tmargin at screen 0.86", "set bmargin at screen 0.19"]
    scale = plot.axes(modes)
    for index, picture in enumerate(modes):
        lines += panel(index, picture, scale, names)
    done = plot.gnuplot(input="\n".join(lines) + "\nunset multiplot\n")
    if done.returncode or not done.stdout.startswith("<?xml"):
        raise plot.Broken(f"gnuplot failed with status {done.returncode}: {done.stderr.strip()}")
    path = os.path.join(folder, f"{NAME}.svg")
    with open(path, "w", encoding="utf-8") as file:
        file.write(plot.adapt(done.stdout, NAME, "The cycle counter in each mode, hops in between",
                              " ".join(in_words(picture) for picture in modes)))
    return path
