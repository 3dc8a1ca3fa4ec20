# SPDX-License-Identifier: MIT
"""Runs the cross build's unit tests, in one boot of an emulated board, and says in TAP what became of each."""
import os
import subprocess
import sys

from boards import each, machine
from runs.command_line import Failure, Parser, main_of
from runs.jobs import TOP

HELP = """\
usage: tests/run units PROGRAM...

Runs unit tests that were built for arm64, in one boot of an emulated board,
with the shared libraries that they need, and prints TAP: `meson test -C
build-arm64` does that.

  -h, --help  this text

Exit status: 0; 1 if a test failed or the board did; 2 if the command line is
wrong.
"""
# Where Debian has arm64's libraries: its cross compiler's, and its packages for arm64.
LIBRARIES = ("/usr/aarch64-linux-gnu/lib", "/usr/lib/aarch64-linux-gnu", "/lib/aarch64-linux-gnu")
LIMIT = 900  # seconds for all
TERMINALS = ["drive", "pty", "bench-true"]  # a board has no /dev/pts until this has mounted it


def needed(path):
    """The names of the libraries that it is linked with."""
    said = subprocess.run(["aarch64-linux-gnu-readelf", "-d", path], capture_output=True, text=True, check=True).stdout
    return [line.partition("[")[2].rstrip("]") for line in said.splitlines() if "(NEEDED)" in line]


def libraries(programs):
    """Paths of all that they load, directly or not, with the loader."""
    wanted, found = ["ld-linux-aarch64.so.1", *(name for program in programs for name in needed(program))], {}
    for name in wanted:
        if name not in found:
            path = next((path for path in (os.path.join(folder, name) for folder in LIBRARIES) if os.path.exists(path)), None)
            if not path:
                raise Failure(f"{name} for arm64 is in none of {', '.join(LIBRARIES)}: scripts/setup --ci installs it")
            found[name] = path
            wanted += needed(path)
    return found


def main():
    """Whether all passed."""
    parser = Parser(HELP)
    parser.add_argument("programs", nargs="+")
    programs = parser.parse_args().programs
    if missing := machine.missing_program():
        print(f"1..0 # SKIP {missing} is not installed: scripts/setup --all installs it")
        return 0
    puts = [f"--put={path}:/lib/{name}" for name, path in libraries(programs).items()]
    puts += [f"--put={path}" for path in programs]
    commands = [[f"./{os.path.basename(path)}"] for path in programs]
    done = subprocess.run([os.path.join(TOP, "scripts", "board"), "--topology=biglittle", f"--timeout={LIMIT}", *puts, "--",
                           *each.command_line([TERMINALS, *commands])], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    results = list(each.results(done.stdout))[1:]
    print(f"1..{len(commands)}")
    for number, (command, (status, output, errors, *_)) in enumerate(zip(commands, results), 1):
        print(f"{'not ' if status else ''}ok {number} {os.path.basename(command[0])}")
        if status:
            print("\n".join(f"# {line}" for line in f"status {status}\n{output}{errors}".splitlines()))
    if done.returncode:
        print(f"Bail out! the board ended with status {done.returncode}")
    sys.stdout.flush()
    return 0 if not done.returncode and all(not status for status, *_ in results) else 1


if __name__ == "__main__":
    main_of("units", main)
