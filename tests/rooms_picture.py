# SPDX-License-Identifier: MIT
"""Draws rooms and the arrows between them as SVG: each room stands above all that it uses.

What uses nothing is the ground. It reaches below all, and arrows to it are not drawn."""
import html
import textwrap

WIDTH, HEIGHT = 176, 62  # of a room
ACROSS, DOWN = 22, 54    # between rooms, and between floors
NARROW = 8               # where an arrow passes a floor
LINE = 27                # characters

STYLE = """text{font:12px sans-serif;fill:#000000}.name{font-weight:bold;font-size:14px}
rect{fill:#ffffff;stroke:#0072b2;stroke-width:1.5}path{fill:none;stroke:#6e6e6e;stroke-width:1.3}
marker path{fill:#6e6e6e;stroke:none}
@media (prefers-color-scheme:dark){text{fill:#e6e6e6}rect{fill:#16181c;stroke:#56b4e9}
path{stroke:#9a9a9a}marker path{fill:#9a9a9a}}"""


def direct(arrows):
    """The arrows that no way over other rooms stands for."""
    below = {}
    for start, end in arrows:
        below.setdefault(start, set()).add(end)

    def reach(room):
        return set().union(*({other} | reach(other) for other in below.get(room, ())))

    return {(start, end) for start, end in arrows
            if not any(end in reach(other) for other in below[start] - {end})}


def floors(rooms, arrows):
    """room: its floor, as high as the rooms that use it let it be; the ground is 0."""
    above, below = ({room: [pair[1 - end] for pair in sorted(arrows) if pair[end] == room] for room in rooms}
                    for end in (1, 0))

    def least(room):
        return 1 + max((least(other) for other in below[room]), default=-1)

    top = max(rooms, key=least)

    def most(room):
        if above[room]:
            return min(most(other) for other in above[room]) - 1
        return least(top) if room == top else least(room)

    return {room: most(room) for room in rooms}


def crossings(rows, links):
    """How many of the links between neighbouring rows cross."""
    place = {name: at for row in rows for at, name in enumerate(row)}
    floor = {name: at for at, row in enumerate(rows) for name in row}
    ends = sorted((floor[start], place[start], place[end]) for start, end in links)
    return sum(a[0] == b[0] and a[1] < b[1] and a[2] > b[2] for at, a in enumerate(ends) for b in ends[at:])


def arrange(rooms, arrows):
    """The rows, from the ground up, in an order of few crossings, and each arrow's way through them."""
    floor = floors(rooms, arrows)
    rows = [[room for room in rooms if floor[room] == at] for at in range(max(floor.values()) + 1)]
    ways = []
    for start, end in sorted(arrows):
        passes = [(start, end, at) for at in range(floor[start] - 1, floor[end], -1)]
        for name in passes:
            rows[name[2]].append(name)
        ways.append([start, *passes, end])
    links = [pair for way in ways for pair in zip(way, way[1:])]
    best = [list(row) for row in rows]
    for sweep in range(24):
        order = range(len(rows)) if sweep % 2 else range(len(rows) - 1, -1, -1)
        place = {name: at / max(len(row) - 1, 1) for row in rows for at, name in enumerate(row)}
        for at in order:
            near = {name: [place[pair[1 - end]] for pair in links for end in (0, 1)
                           if pair[end] == name and (end == sweep % 2)] for name in rows[at]}
            rows[at].sort(key=lambda name: sum(near[name]) / len(near[name]) if near[name] else place[name])
            place.update({name: spot / max(len(rows[at]) - 1, 1) for spot, name in enumerate(rows[at])})
        if crossings(rows, links) < crossings(best, links):
            best = [list(row) for row in rows]
    return best, ways


def width_of(name):
    """A room's width, or that of an arrow that passes."""
    return WIDTH if isinstance(name, str) else NARROW


def places(rows):
    """name: the middle of its top, and the picture's size."""
    wide = max(sum(width_of(name) + ACROSS for name in row) for row in rows) + ACROSS
    spots = {}
    for at, row in enumerate(rows):
        x = (wide - sum(width_of(name) + ACROSS for name in row) + ACROSS) / 2
        for name in row:
            spots[name] = (x + width_of(name) / 2, DOWN / 2 + (len(rows) - 1 - at) * (HEIGHT + DOWN))
            x += width_of(name) + ACROSS
    return spots, (wide, len(rows) * (HEIGHT + DOWN))


def curve(way, spots, ports):
    """An arrow's way as an SVG path: straight past the rooms of a floor, bent between floors."""
    x, y = spots[way[0]][0] + ports[way[0], way[1]], spots[way[0]][1] + HEIGHT
    path = f"M{x:.0f} {y:.0f}"
    for name, before in zip(way[1:], way):
        last = name == way[-1]
        to = spots[name][0] + (ports[name, before] if last else 0), spots[name][1] - (4 if last else 0)
        path += f"C{x:.0f} {y + DOWN / 2:.0f} {to[0]:.0f} {to[1] - DOWN / 2:.0f} {to[0]:.0f} {to[1]:.0f}"
        x, y = to[0], to[1] + HEIGHT
        path += "" if last else f"V{y:.0f}"
    return path


def spread(ways, spots):
    """(room, neighbour): where along the room's edge that arrow starts or ends, from its middle."""
    ports = {}
    for room in {way[end] for way in ways for end in (0, -1)}:
        for sides in ([way[1] for way in ways if way[0] == room], [way[-2] for way in ways if way[-1] == room]):
            for at, other in enumerate(sorted(sides, key=lambda name: spots[name][0])):
                ports[room, other] = (at - (len(sides) - 1) / 2) * min(18, (WIDTH - 30) / len(sides))
    return ports


def box(room, what, spot, wide):
    """A room: its name, and what belongs there."""
    x, y = spot
    lines = textwrap.wrap(what.split(":")[0], LINE)
    text = f'<text class="name" x="{x:.0f}" y="{y + 20:.0f}">{html.escape(room)}</text>'
    for at, line in enumerate(lines):
        text += f'<text x="{x:.0f}" y="{y + 37 + 15 * at:.0f}">{html.escape(line)}</text>'
    return f'<rect x="{x - wide / 2:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{HEIGHT}" rx="6"/>{text}'


def svg(rooms, arrows):
    """The picture of rooms, {name: what belongs there}, and arrows, {(from, to)}."""
    ground = [room for room in rooms if not any(start == room for start, _ in arrows)]
    arrows = direct({(start, end) for start, end in arrows if end not in ground})
    rows, ways = arrange([room for room in rooms if room not in ground], arrows)
    spots, (wide, high) = places(rows)
    ports = spread(ways, spots)
    share = (wide - (len(ground) + 1) * ACROSS) / len(ground)
    boxes = [box(room, rooms[room], spot, WIDTH) for room, spot in spots.items() if room in rooms]
    boxes += [box(room, rooms[room], (ACROSS + share / 2 + at * (share + ACROSS), high + DOWN / 2 - 8), share)
              for at, room in enumerate(ground)]
    text = "; ".join(f"{room} above {', '.join(end for start, end in sorted(arrows) if start == room) or 'the ground'}"
                     for room in spots if room in rooms)
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="rooms-title rooms-desc"'
        f' width="{wide:.0f}" height="{high + HEIGHT + DOWN:.0f}" viewBox="0 0 {wide:.0f} {high + HEIGHT + DOWN:.0f}"'
        ' text-anchor="middle">',
        f'<title id="rooms-title">The rooms of the C files</title><desc id="rooms-desc">{html.escape(text)}.</desc>',
        f"<style>{STYLE}</style>",
        '<marker id="head" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker>',
        *(f'<path marker-end="url(#head)" d="{curve(way, spots, ports)}"/>' for way in ways), *boxes, "</svg>\n"))
