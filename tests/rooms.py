#!/usr/bin/env -S python3 -BESs
# SPDX-License-Identifier: MIT
"""Checks that files include, and objects use, what their room may; draws the rooms."""
import json
import os
import re
import subprocess
import sys

import rooms_picture
from files import TOP, files

PICTURE = os.path.join(TOP, "docs", "pictures", "rooms.svg")
HELP = """usage: tests/rooms.py [--nm=BUILD | --picture]

Checks that each file includes only what its room may, by the table of rooms in
docs/architecture.md, that no files depend on each other in a circle, and that
docs/pictures/rooms.svg shows the rooms as they are. A .c and the header of its
name are one file here.

  --nm=BUILD  checks instead which symbols the objects in BUILD take from each
              other
  --picture   draws docs/pictures/rooms.svg
  -h, --help  this text

Exit status: 0, 1 if it does not, 2 if the command line is wrong.
"""
SEARCHED = ("", "vmm/")  # where includes are looked for, beside the file's own folder


def table():
    """room: (what belongs there, the rooms that it may include), from docs/architecture.md, the lowest first."""
    with open(os.path.join(TOP, "docs", "architecture.md"), encoding="utf-8") as file:
        text = file.read()
    rooms = {}
    for line in text[text.index("## Rooms"):text.index("## Files")].splitlines():
        if line.startswith("| ") and line[2:6] not in ("room", "--- "):
            room, what, below = (cell.strip() for cell in line.strip("|").split(" | "))
            below = list(rooms) if below == "all above" else [name for name in below.split(", ") if name != "nothing"]
            rooms[room.rstrip("/")] = (what.replace("`", ""), below)
    return rooms


def room_of(path, rooms):
    """The room that a file is in; its folder if that is none, as those of tests, which may include all."""
    folder = os.path.dirname(path)
    short = folder.removeprefix("vmm/")
    return short if short in rooms else folder


def sources():
    """Every C and assembler file."""
    return [path for path in files() if path.endswith((".c", ".h", ".S"))]


def includes(paths):
    """(file, included file) of all includes by quotes."""
    known = set(paths)
    for path in paths:
        with open(os.path.join(TOP, path), encoding="utf-8") as file:
            names = re.findall(r'^#include "([^"]+)"', file.read(), re.M)
        for name in names:
            places = [os.path.normpath(place + name) for place in (os.path.dirname(path) + "/", *SEARCHED)]
            yield from ((path, place) for place in [place for place in places if place in known][:1])


def objects(build):
    """object: (its source, the folder that tells its program), as BUILD compiles them; not of what BUILD has written."""
    ours = set(sources())
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        for entry in json.load(file):
            source = os.path.relpath(os.path.join(entry["directory"], entry["file"]), TOP)
            target = os.path.join(entry["directory"], entry["output"])
            if source in ours and os.path.exists(target):
                yield target, (source, os.path.dirname(target))


def symbols(names, option):
    """object: the global symbols that it defines, or does not."""
    listed = subprocess.run(["nm", "-A", "-P", "-g", option, *names], capture_output=True, text=True, check=True)
    found = {name: set() for name in names}
    for line in listed.stdout.splitlines():
        name, symbol = line.split()[:2]
        found[name.rstrip(":")].add(symbol)
    return found


def uses(build):
    """(file, the file of which it uses a symbol). A program's entry, in assembler, calls up."""
    made = {name: (source, program) for name, (source, program) in objects(build) if not source.endswith(".S")}
    defined, wanted = symbols(list(made), "--defined-only"), symbols(list(made), "--undefined-only")
    homes = {(made[name][1], symbol): made[name][0] for name in made for symbol in defined[name]}
    ours = {symbol: source for (_, symbol), source in homes.items() if source.startswith(("vmm/", "fdt/"))}
    for name, (source, program) in made.items():
        for symbol in wanted[name]:
            home = homes.get((program, symbol)) or ours.get(symbol)
            if home and home != source:
                yield source, home


def upward(arrows, rooms):
    """What is wrong with the arrows' direction, a line per arrow."""
    for start, end in sorted(set(arrows)):
        here, there = room_of(start, rooms), room_of(end, rooms)
        if here == there or (here not in rooms and start != end):
            continue
        if there not in rooms[here][1]:
            yield f"{start} uses {end}: {here} may use {', '.join(rooms[here][1]) or 'nothing'}"


def circle(arrows):
    """The files of one circle, in order; none: an empty list."""
    below = {}
    for start, end in arrows:
        start, end = os.path.splitext(start)[0], os.path.splitext(end)[0]
        if start != end:
            below.setdefault(start, set()).add(end)
    done = set()

    def walk(name, way):
        if name in way:
            return way[way.index(name):] + [name]
        if name not in done:
            for other in sorted(below.get(name, ())):
                found = walk(other, way + [name])
                if found:
                    return found
            done.add(name)
        return []

    return next(filter(None, (walk(name, []) for name in sorted(below))), [])


def picture():
    """The rooms and the arrows between them, as SVG."""
    rooms = table()
    arrows = {(room_of(start, rooms), room_of(end, rooms)) for start, end in includes(sources())}
    return rooms_picture.svg({room: what for room, (what, _) in rooms.items()},
                             {arrow for arrow in arrows if set(arrow) <= set(rooms) and len(set(arrow)) == 2})


def draw():
    """Makes the picture of docs/architecture.md."""
    with open(PICTURE, "w", encoding="utf-8") as file:
        file.write(picture())
    return 0


def wrong_with(arrows):
    """What is wrong with the arrows between files, a line each."""
    arrows = list(arrows)
    yield from upward(arrows, table())
    around = circle(arrows)
    if around:
        yield "a circle of files: " + " -> ".join(around)
    if not arrows:
        yield "no file uses another one: nothing was checked"


def outdated():
    """Whether the picture shows something else."""
    with open(PICTURE, encoding="utf-8") as file:
        return file.read() != picture()


def main(arguments):
    """Prints what is wrong; the exit status says whether anything is."""
    if arguments in (["-h"], ["--help"]):
        print(HELP, end="")
        return 0
    if arguments == ["--picture"]:
        return draw()
    build = arguments[0].removeprefix("--nm=") if len(arguments) == 1 and arguments[0].startswith("--nm=") else None
    if arguments and not build:
        print("tests/rooms.py: it takes --nm=BUILD, --picture or nothing; --help says more", file=sys.stderr)
        return 2
    wrong = list(wrong_with(uses(build) if build else includes(sources())))
    if not wrong and not build and outdated():
        wrong = ["docs/pictures/rooms.svg is not what tests/rooms.py --picture draws"]
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
