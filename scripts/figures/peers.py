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
HOW = ("-y", "-n16")  # kvm-host starts at a terminal only
# kvm-host's guest has as much RAM as the board.
APPEND = "--append=sysctl.vm.overcommit_memory=1"


class Peer(NamedTuple):
    """FILES: what the board needs of here; COMMAND: what is typed on the board."""
    name: str
    files: tuple
    command: tuple


def is_here(word):
    """A name without a folder, as off.bin, is the board's."""
    return "/" in word and os.path.isfile(word)


def parse(text):
    """NAME=COMMAND, where COMMAND begins with a file; None if it does not."""
    name, _, command = text.partition("=")
    words = shlex.split(command)
    if not name or name in OWN or not words or not is_here(words[0]):
        return None
    return Peer(name, tuple(filter(is_here, words)), tuple(os.path.basename(word) if is_here(word) else word for word in words))


def board_arguments(peers):
    """For scripts/board: a boot that prints a line for each of OWN, and for each peer."""
    commands = [*OWN.values(), *(peer.command for peer in peers)]
    words = [word for command in commands for word in (":::", *HOW, *command)]
    files = dict.fromkeys(path for peer in peers for path in peer.files)
    return ["--icount", f"--kernel={KERNEL}", APPEND, "--timeout=580", *(f"--put={path}" for path in files), "--", "bench", *words[1:]]


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
