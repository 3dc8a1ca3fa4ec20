# SPDX-License-Identifier: MIT
"""Draws a run's timeline with gnuplot: the cycle counter over the guest's time, and below it
the cycles of each window. One gnuplot draws all the pictures of a report."""
import os
import re
import shutil
import subprocess
from html import escape

from reports import scales
from reports.records import Broken

WIDTH, HEIGHT = 480, 400
LEFT, RIGHT, BOTTOM, TOP = 0.15, 0.97, 0.13, 0.87  # of both panels together

# Okabe and Ito's colours, which colour-blind readers tell apart; for a dark ground the lighter
# ones. Shapes and hatching say the same again, for a print without colours.
INK, PAPER, FAINT = "#000000", "#ffffff", "#6e6e6e"
LINE, HOP, REFUSED, INTERRUPT = "#0072b2", "#333333", "#d55e00", "#007a59"
GROUNDS = (("#d9a441", 4), ("#7fa8c9", 5), ("#b58aa5", 2), ("#999999", 1))
DARK = {INK: "#e6e6e6", PAPER: "#16181c", FAINT: "#9a9a9a", LINE: "#56b4e9", HOP: "#cccccc",
        REFUSED: "#ff8c42", INTERRUPT: "#2fd0a5", "#d9a441": "#80621f", "#7fa8c9": "#3f617d",
        "#b58aa5": "#7a4f69"}


def quoted(text):
    """A string for gnuplot, in which nothing is special."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return "'" + text.replace("'", "''") + "'"


def data(name, rows):
    """A block of numbers."""
    return "\n".join([f"${name} << EOD", *(" ".join(f"{number:.12g}" for number in row)
                                           for row in rows), "EOD"])


def short_names(pmus):
    """armv8_cortex_a53 as a53, if what all begin with can go."""
    pmus = list(dict.fromkeys(pmus))
    common = os.path.commonprefix(pmus)
    cut = common.rfind("_") + 1 if len(pmus) > 1 else 0
    return {pmu: pmu[cut:] for pmu in pmus}


def time_axis(picture, end, named=True):
    """(gnuplot's line for the axis of time, its unit)."""
    size, unit = scales.unit_of(end) if picture.frequency else (1, "ticks")
    names = (lambda value: scales.short(value / size)) if named else lambda value: ""
    return scales.tics("x", 0, end, 8 if picture.frequency else 5, names), unit


def upright(text, middle):
    """An axis' name: where gnuplot puts its own depends on how wide the numbers are."""
    return f'set label "{text}" at screen 0.025, screen {middle} center rotate tc rgb "{INK}"'


def axes(pictures):
    """(x, lowest y, highest y, most cycles of a window) that all of PICTURES share."""
    values = [value for picture in pictures for piece in picture.pieces for value in piece[2:]]
    low, high = min(0, *values), max(values)
    most = max(bar for picture in pictures for bar in picture.bars)
    return max(picture.end for picture in pictures) or 1, low, max(high, low + 10), most or 10


def ground(picture, names, scale, panel):
    """The coloured and hatched ground, and on it the names where they fit."""
    lines = ["unset object", "unset label"]
    for start, end, pmu in picture.ground:
        kind = picture.order.index(pmu) if pmu in picture.order else len(picture.order)
        if kind:
            colour, pattern = GROUNDS[(kind - 1) % len(GROUNDS)]
            lines.append(f"set object rect from {start:.12g}, graph 0 to {end:.12g}, graph 1 behind "
                         f'fc rgb "{colour}" fs transparent pattern {pattern} noborder')
        name = names.get(pmu, pmu)
        if panel == 0 and (end - start) / scale[0] > 0.028 * len(name) + 0.03:
            lines.append(f"set label {quoted(name)} at {(start + end) / 2:.12g}, graph 0.93 center "
                         f'tc rgb "{INK}" front')
    return lines


def counter_panel(picture, scale):
    """PMCCNTR_EL0 over time."""
    _, low, high, _ = scale
    top = high + (high - low) * 0.22
    gaps = [(before[1], after[0], before[3], after[2])
            for before, after in zip(picture.pieces, picture.pieces[1:]) if after[0] > before[1]]
    lines = [data("died", [(picture.end, picture.pieces[-1][3])])]
    drawn = ["$line using 1:3:($2-$1):($4-$3) with vectors nohead lw 3 "
             f'lc rgb "{LINE}" title "PMCCNTR"']
    if gaps:
        drawn.append("$gaps using 1:3:($2-$1):($4-$3) with vectors nohead lw 1 dt 3 "
                     f'lc rgb "{LINE}" notitle')
    if picture.hops:
        drawn += ["$hops using 1:2 with impulses lw 1 dt 2 "
                  f'lc rgb "{HOP}" notitle',
                  f'$hops using 1:3 with points pt 11 ps 0.9 lc rgb "{HOP}" title "hop"']
    if picture.refused:
        drawn.append(f'$refused with points pt 2 ps 1.3 lw 2.5 lc rgb "{REFUSED}" title "refused"')
    if picture.interrupts:
        drawn.append(f'$interrupts with points pt 13 ps 1.3 lc rgb "{INTERRUPT}" '
                     'title "interrupt"')
    if picture.died:
        drawn.append(f'$died with points pt 7 ps 1 lc rgb "{REFUSED}" notitle')
        if picture.end < 0.7 * scale[0]:
            lines.append(f"set label {quoted(picture.died)} at {picture.end:.12g}, "
                         f"{picture.pieces[-1][3]:.12g} offset 1.2,0 left front")
    return lines + [data("line", picture.pieces), data("gaps", gaps),
            data("hops", [(x, top, low + (top - low) * .985) for x in picture.hops]),
            data("refused", [(x, picture.y(x)) for x in picture.refused]),
            data("interrupts", picture.interrupts),
            f"set yrange [{low:.12g}:{top:.12g}]", scales.tics("y", low, top, 6, least=1),
            upright("cycles counted" if picture.since else "PMCCNTR_EL0", 0.68), time_axis(picture, scale[0], named=False)[0],
            f"set tmargin at screen {TOP}", "set bmargin at screen 0.46", "plot " + ", ".join(drawn)]


def window_panel(picture, scale):
    """Cycles of each window; none at all is a ring, so that it is seen."""
    drawn = ["$bars using 1:(0):1:2:(0):3 with boxxyerror fs solid 0.55 border "
             f'lw 1 lc rgb "{LINE}" notitle']
    if picture.stopped:
        drawn.append(f'$stopped with points pt 6 ps 1 lw 2 lc rgb "{REFUSED}" title "stopped"')
    if picture.marks:
        drawn.append(f'$cut with points pt 9 ps 1 lc rgb "{REFUSED}" title "not to scale"')
    bars = [(piece[0], piece[1], bar) for piece, bar in zip(picture.pieces, picture.bars)]
    numbers, unit = time_axis(picture, scale[0])
    return [data("bars", bars), data("stopped", picture.stopped), data("cut", picture.marks), numbers,
            f"set yrange [{-0.06 * scale[3]:.12g}:{scale[3] * 1.4:.12g}]",
            scales.tics("y", 0, scale[3] * 1.4, 4, least=1), upright("cycles per window", 0.265),
            f'set label "the {picture.whose}\'s time, {unit}" at screen 0.555, screen 0.035 center '
            f'tc rgb "{INK}"',
            "set tmargin at screen 0.4", f"set bmargin at screen {BOTTOM}",
            "plot " + ", ".join(drawn)]


def script(picture, scale, names):
    """What gnuplot is to do for one picture, in both formats."""
    lines = []
    for terminal, ending in (
            (f'svg size {WIDTH},{HEIGHT} font "sans-serif,14" noenhanced', "svg"),
            (f'pngcairo size {2 * WIDTH},{2 * HEIGHT} font "sans,11" fontscale 1.7 linewidth 2 '
             "pointscale 2 noenhanced", "png")):
        lines += [f'set terminal {terminal} background rgb "{PAPER}"',
                  f"set output {quoted(f'{picture.name}.{ending}')}",
                  f"set xrange [0:{scale[0]:.12g}]", "set multiplot", f"set lmargin at screen {LEFT}",
                  f"set rmargin at screen {RIGHT}",
                  f'set border 3 lc rgb "{FAINT}"',
                  'set key at screen 0.97, screen 0.99 right top horizontal samplen 1.2 '
                  'font ",12"']
        lines += ground(picture, names, scale, 0) + counter_panel(picture, scale)
        lines += ['set key at graph 1, graph 1 right top font ",12"']
        lines += ground(picture, names, scale, 1) + window_panel(picture, scale)
        lines += ["unset multiplot", "unset output"]
    return "\n".join(lines)


def gnuplot(*args, **options):
    """Runs it to its end."""
    if not shutil.which("gnuplot"):
        raise Broken("gnuplot is not installed: scripts/setup installs it (Debian package "
                     "gnuplot-nox)")
    return subprocess.run(["gnuplot", *args], capture_output=True, text=True, check=False,
                          **options)


def version():
    """gnuplot's own words."""
    return gnuplot("--version").stdout.strip()


def adapt(svg, name, title, description, over=""):
    """An SVG that follows a dark background, has a text alternative and OVER on top, and whose ids are its own."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<(title|desc)>.*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"rgb\(\s*(\d+),\s*(\d+),\s*(\d+)\)",
                 lambda match: "#" + "".join(f"{int(part):02x}" for part in match.groups()), svg)
    svg = re.sub(r"=(['\"])black\1", f'="{INK}"', svg).replace("#FFFFFF", PAPER)
    svg = re.sub(r"(id=['\"]|#)(gp|gnuplot_|textbox|greybox)", rf"\1{name}-\2", svg)
    rules = "".join(f'[fill="{light}"]{{fill:{dark}}}[stroke="{light}"]{{stroke:{dark}}}'
                    f'[color="{light}"]{{color:{dark}}}[style*="{light}"]{{stroke:{dark}!important}}'
                    for light, dark in DARK.items())
    head = (f'<title id="{name}-title">{title}</title><desc id="{name}-desc">{description}</desc>'
            f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>")
    tag = f'<svg role="img" aria-labelledby="{name}-title {name}-desc" '
    svg = re.sub(r"<svg\s(.*?)>", lambda match: tag + match.group(1) + ">" + head, svg, count=1, flags=re.DOTALL)
    return svg.replace("</svg>", over + "</svg>")


def overlay(picture):
    """Invisible bars over both panels, which show a window's values to a pointer that is on them."""
    left, width, top, bottom = LEFT * WIDTH, (RIGHT - LEFT) * WIDTH / picture.scale[0], (1 - TOP) * HEIGHT, (1 - BOTTOM) * HEIGHT
    bars = "".join(f'<rect x="{left + piece[0] * width:.1f}" y="{top:g}" width="{max(1, (piece[1] - piece[0]) * width):.1f}" '
                   f'height="{bottom - top:g}"><title>{escape(picture.in_words(i))}</title></rect>'
                   for i, piece in enumerate(picture.pieces))
    return f'<g class="windows" fill="{INK}" fill-opacity="0">{bars}</g>'


def draw(pictures, folder, names):
    """Draws PICTURES as SVG and PNG files in FOLDER."""
    text = "\n".join(script(picture, picture.scale, names) for picture in pictures)
    done = gnuplot(input=text, cwd=folder)
    if done.returncode or done.stderr.strip():
        said = [line for line in done.stderr.splitlines() if line.strip(" ^")]
        raise Broken(f"gnuplot failed with status {done.returncode}: {' '.join(said[-2:])}")
