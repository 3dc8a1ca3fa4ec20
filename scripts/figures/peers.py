# SPDX-License-Identifier: MIT
"""Other VMMs, of which the user has programs: what a start of off.bin costs, beside the floor and minivmm in the same boot."""
import json
import os
import shlex
from typing import NamedTuple

# Others ask for what the boards' own kernels lack, such as sockets.
KERNEL = "debian-6.12"
RESULTS = "peers.json"
BARE = "floor without a C library"
OWN = {BARE: ("floor-bare", "off.bin"),
       "floor": ("floor", "off.bin"),
       "minivmm": ("minivmm", "--quiet", "--jail=off", "--pmu=default", "off.bin"),
       "minivmm in the jail": ("minivmm", "--quiet", "--pmu=default", "off.bin")}
TIMES = "-n16"


class Peer(NamedTuple):
    """PROGRAM: the file here; COMMAND: what is typed on the board."""
    name: str
    program: str
    command: tuple


def parse(text):
    """NAME=COMMAND, where COMMAND begins with a file; None if it does not."""
    name, _, command = text.partition("=")
    words = shlex.split(command)
    if not name or name in OWN or not words or not os.path.isfile(words[0]):
        return None
    return Peer(name, words[0], (os.path.basename(words[0]), *words[1:]))


def board_arguments(peers):
    """For scripts/board: a boot that prints a line for each of OWN, and for each peer."""
    commands = [*OWN.values(), *(peer.command for peer in peers)]
    words = [word for command in commands for word in (":::", TIMES, *command)]
    return ["--icount", f"--kernel={KERNEL}", "--timeout=580", *(f"--put={peer.program}" for peer in peers), "--", "bench",
            *words[1:]]


def results_of(output, peers):
    """{name: instructions}; others print too, bench a number alone on each line. None if one is missing."""
    numbers = [int(line) for line in output.splitlines() if line.isdigit()]
    names = [*OWN, *(peer.name for peer in peers)]
    return dict(zip(names, numbers)) if len(numbers) == len(names) else None


def plain(results):
    """Lines for a terminal."""
    width = max(map(len, results))
    for name, value in results.items():
        yield f"{name:{width}}  {value:>12,}  {value / results['floor']:.2f} x  {value / results[BARE]:.2f} x"


def load(folder):
    try:
        with open(os.path.join(folder, RESULTS), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def save(folder, results):
    with open(os.path.join(folder, RESULTS), "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
        file.write("\n")


def markdown(results):
    """The table for docs/performance.md; nothing if nobody has measured."""
    if results:
        yield "\n| a start on Debian's 6.12 | instructions | times the floor | times the floor without a C library |\n| --- | --: | --: | --: |\n"
        for name, value in results.items():
            yield f"| {name} | {value:,} | {value / results['floor']:.2f} | {value / results[BARE]:.2f} |\n"
