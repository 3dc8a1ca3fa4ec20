#!/usr/bin/env -S python3 -BESs
# SPDX-License-Identifier: MIT
"""Checks in minivmm for arm64 itself that it is hardened.

BTI cannot be shown as a whole: the note that makes a kernel enforce it is in every object of ours,
but not in those of Debian's static glibc, and the linker drops it unless it is in all. So each
function of ours is looked at: it begins with the signing of its return address or a landing pad.
"""
import glob
import os
import re
import struct
import subprocess
import sys

from arguments import arguments

PACIASP, BTI_C = 0xd503233f, 0xd503245f
# It has an array of characters, and prints into it.
CANARY = "cpulist_format"


def readelf(option, *files):
    return subprocess.run(["readelf", "-W", option, *files], stdout=subprocess.PIPE, check=True, text=True).stdout


def functions(text):
    """(address, size, binding, name) of each function that is defined."""
    for line in text.splitlines():
        word = line.split()
        if len(word) >= 8 and word[3] == "FUNC" and word[6] != "UND":
            yield int(word[1], 16), int(word[2], 0), word[4], word[7]


class Program:
    """The instructions of each function, by name."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = file.read()
        self.loads = [[int(number, 16) for number in re.findall(r"0x[0-9a-f]+", line)]
                      for line in readelf("-l", path).splitlines() if line.split()[:1] == ["LOAD"]]
        self.symbols = {name: (address, size) for address, size, _, name in functions(readelf("-s", path))}

    def instructions(self, name):
        address, size = self.symbols[name]
        offset = next(address - load[1] + load[0] for load in self.loads if 0 <= address - load[1] < load[3])
        return address, struct.unpack_from(f"<{size // 4}I", self.bytes, offset)

    def calls(self, name):
        """The names of the functions that @name calls by BL."""
        names = {address: symbol for symbol, (address, _) in self.symbols.items()}
        address, code = self.instructions(name)
        for index, word in enumerate(code):
            if word >> 26 == 0x25:
                distance = (word & 0x3ffffff) - ((word & 0x2000000) << 1)
                yield names.get(address + 4 * (index + distance), "")


def layout(path):
    """What the headers must say, and whether they do."""
    headers, dynamic = readelf("-h", path) + readelf("-l", path), readelf("-d", path)
    flags = ["".join(line.split()[6:-1]) for line in headers.splitlines() if line.split()[:1] == ["LOAD"]]
    return {
        "is position-independent (static PIE)": "Type:                              DYN" in headers
                                                and "PIE" in dynamic and "INTERP" not in headers,
        "has no relocations in its code": "TEXTREL" not in dynamic,
        "has RELRO": "GNU_RELRO" in headers,
        "is bound at its start (-z now)": "BIND_NOW" in dynamic,
        "has a stack that is not executable": bool(re.search(r"GNU_STACK.* RW +0x", headers)),
        "has no memory both writable and executable": sorted(flags) == ["RE", "RW"],
    }


HELP = """\
usage: tests/hardened.py BUILD-FOLDER

Checks in the folder's minivmm, a program for arm64, what it is hardened with,
and prints each.

  -h, --help  this text

Exit status: 0, 1 if something is missing, 2 if the command line is wrong.
"""


def main():
    folder, = arguments(HELP, 1)
    path = os.path.join(folder, "minivmm")
    objects = glob.glob(os.path.join(folder, "minivmm.p", "*.o")) + glob.glob(
        os.path.join(folder, "libportable.a.p", "*.o"))
    program = Program(path)
    checks = layout(path)
    ours = {name for _, _, binding, name in functions(readelf("-s", *objects)) if binding == "GLOBAL"}
    ours &= set(program.symbols)
    bare = sorted(name for name in ours if program.instructions(name)[1][0] not in (PACIASP, BTI_C))
    signed = sum(program.instructions(name)[1][0] == PACIASP for name in ours)
    called = set(program.calls(CANARY))
    checks[" ".join(["begins each function with a signature or a landing pad", *bare])] = not bare and signed > 50
    checks["has BTI and PAC noted in every object"] = readelf("-n", *objects).count("BTI, PAC") == len(objects) > 0
    checks["has stack protectors"] = "__stack_chk_fail" in called
    checks["has fortified calls (FORTIFY_SOURCE)"] = "__snprintf_chk" in called
    for what, good in checks.items():
        print(f"{'yes' if good else 'NO '}: {path} {what}")
    print(f"{signed} of {len(ours)} global functions sign their return address")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
