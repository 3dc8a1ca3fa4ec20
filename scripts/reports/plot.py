# SPDX-License-Identifier: MIT
"""Draws a run's timeline with gnuplot: the cycle counter over the guest's time, and below it
the cycles of each window. One gnuplot draws all the pictures of a report."""
import math
import os
import re
import shutil
import subprocess

from reports.records import Broken

WIDTH, HEIGHT = 480, 400
SIGN = 1 << 63

# Okabe and Ito's colours, which colour-blind readers tell apart; for a dark ground the lighter
# ones. Shapes and hatching say the same again, for a print without colours.
INK, PAPER, FAINT = "#000000", "#ffffff", "#6e6e6e"
LINE, HOP, REFUSED, INTERRUPT = "#0072b2", "#333333", "#d55e00", "#007a59"
GROUNDS = (("#d9a441", 4), ("#7fa8c9", 5), ("#b58aa5", 2), ("#999999", 1))
DARK = {INK: "#e6e6e6", PAPER: "#16181c", FAINT: "#9a9a9a", LINE: "#56b4e9", HOP: "#cccccc",
        REFUSED: "#ff8c42", INTERRUPT: "#2fd0a5", "#d9a441": "#80621f", "#7fa8c9": "#3f617d",
        "#b58aa5": "#7a4f69"}


class Picture:
    """One vCPU's part of a run, in the units of the axes: milliseconds and thousands of cycles."""

    def __init__(self, run, vcpu, groups):
        self.run, self.vcpu = run, vcpu
        self.name = re.sub(r"[^a-z0-9]+", "-", run.name.lower()).strip("-") or "record"
        if run.head["vcpus"] > 1:
            self.name += f"-vcpu{vcpu}"
        self.pmus = {cpu: pmu for group, pmu in groups for cpu in group}
        self.order = list(dict.fromkeys(pmu for _, pmu in groups))
        mine = [window for window in run.windows if window["vcpu"] == vcpu]
        self.windows = mine[:run.shown]
        self.of = len(mine)
        self.frequency = run.head.get("cntfrq")
        self.unit = "ms" if self.frequency else "ticks"
        self.first = self.windows[0]["cntvct_end"] - self.windows[0]["cntvct"]
        self.pieces = [self.piece(window) for window in self.windows]
        self.end = self.pieces[-1][1]
        self.place_marks()

    def x(self, ticks):
        """Ticks of the counter-timer since the first window's start, on the axis."""
        return ticks * 1000 / self.frequency if self.frequency else ticks

    def piece(self, window):
        """(x from, x to, y from, y to). A counter that was set to overflow soon is negative."""
        end = window["cycles_end"] - (2 * SIGN if window["cycles_end"] >= SIGN else 0)
        stop = window["cntvct_end"] - self.first
        return (self.x(stop - window["cntvct"]), self.x(stop), (end - window["cycles"]) / 1000,
                end / 1000)

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


def quoted(text):
    """A string for gnuplot, in which nothing is special."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return "'" + text.replace("'", "''") + "'"


def data(name, rows):
    """A block of numbers."""
    return "\n".join([f"${name} << EOD", *(" ".join(f"{number:.6f}" for number in row)
                                           for row in rows), "EOD"])


def short_names(pmus):
    """armv8_cortex_a53 as a53, if what all begin with can go."""
    pmus = list(dict.fromkeys(pmus))
    common = os.path.commonprefix(pmus)
    cut = common.rfind("_") + 1 if len(pmus) > 1 else 0
    return {pmu: pmu[cut:] for pmu in pmus}


def tics(low, high, most, named=True):
    """At most so many, at round numbers, in few letters: 0, 500k, 1M, 1.5M; or without letters."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    values = [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
    names = [f"{value / 1000:g}M" if abs(value) >= 1000 else f"{value:g}k" if value else "0"
             for value in values]
    return "set ytics nomirror (" + ", ".join(
        f'"{name if named else ""}" {value:.6f}' for name, value in zip(names, values)) + ")"


def upright(text, middle):
    """An axis' name: where gnuplot puts its own depends on how wide the numbers are."""
    return f'set label "{text}" at screen 0.03, screen {middle} center rotate tc rgb "{INK}"'


def axes(pictures):
    """(x, lowest y, highest y, most cycles of a window) that all of PICTURES share."""
    values = [value for picture in pictures for piece in picture.pieces for value in piece[2:]]
    most = max(window["cycles"] for picture in pictures for window in picture.windows) / 1000
    low, high = min(0, *values), max(values)
    return max(picture.end for picture in pictures) or 1, low, max(high, low + .01), most or 1


def ground(picture, names, scale, panel):
    """The coloured and hatched ground, and on it the names where they fit."""
    lines = ["unset object", "unset label"]
    for start, end, pmu in picture.ground:
        kind = picture.order.index(pmu) if pmu in picture.order else len(picture.order)
        if kind:
            colour, pattern = GROUNDS[(kind - 1) % len(GROUNDS)]
            lines.append(f"set object rect from {start:.6f}, graph 0 to {end:.6f}, graph 1 behind "
                         f'fc rgb "{colour}" fs transparent pattern {pattern} noborder')
        name = names.get(pmu, pmu)
        if panel == 0 and (end - start) / scale[0] > 0.028 * len(name) + 0.03:
            lines.append(f"set label {quoted(name)} at {(start + end) / 2:.6f}, graph 0.93 center "
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
            lines.append(f"set label {quoted(picture.died)} at {picture.end:.6f}, "
                         f"{picture.pieces[-1][3]:.6f} offset 1.2,0 left front")
    return lines + [data("line", picture.pieces), data("gaps", gaps),
            data("hops", [(x, top, low + (top - low) * .985) for x in picture.hops]),
            data("refused", [(x, picture.y(x)) for x in picture.refused]),
            data("interrupts", picture.interrupts),
            f"set yrange [{low:.6f}:{top:.6f}]", tics(low, top, 6),
            upright("PMCCNTR_EL0", 0.68), 'set format x ""', "set tmargin at screen 0.87",
            "set bmargin at screen 0.46", "plot " + ", ".join(drawn)]


def window_panel(picture, scale):
    """Cycles of each window; none at all is a ring, so that it is seen."""
    drawn = ["$bars using 1:(0):1:2:(0):3 with boxxyerror fs solid 0.55 border "
             f'lw 1 lc rgb "{LINE}" notitle']
    if picture.stopped:
        drawn.append(f'$stopped with points pt 6 ps 1 lw 2 lc rgb "{REFUSED}" title "stopped"')
    bars = [(piece[0], piece[1], window["cycles"] / 1000)
            for piece, window in zip(picture.pieces, picture.windows)]
    return [data("bars", bars), data("stopped", picture.stopped),
            f"set yrange [{-0.06 * scale[3]:.6f}:{scale[3] * 1.4:.6f}]",
            tics(0, scale[3] * 1.4, 4), upright("cycles per window", 0.265), "set format x",
            f'set label "the guest\'s time, {picture.unit}" at screen 0.555, screen 0.035 center '
            f'tc rgb "{INK}"',
            "set tmargin at screen 0.4", "set bmargin at screen 0.13",
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
                  f"set xrange [0:{scale[0]:.6f}]", "set multiplot", "set lmargin at screen 0.14",
                  "set rmargin at screen 0.97", "set xtics nomirror",
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


def adapt(svg, name, title, description):
    """An SVG that follows a dark background, has a text alternative, and whose ids are its own."""
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
    return re.sub(r"<svg\s(.*?)>", lambda match: tag + match.group(1) + ">" + head, svg, count=1,
                  flags=re.DOTALL)


def draw(charts, folder, names):
    """Draws CHARTS, [(picture, axes)], as SVG and PNG files in FOLDER."""
    text = "\n".join(script(picture, scale, names) for picture, scale in charts)
    done = gnuplot(input=text, cwd=folder)
    if done.returncode or done.stderr.strip():
        said = [line for line in done.stderr.splitlines() if line.strip(" ^")]
        raise Broken(f"gnuplot failed with status {done.returncode}: {' '.join(said[-2:])}")
