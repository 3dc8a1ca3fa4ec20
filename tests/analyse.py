#!/usr/bin/env -S python3 -BESs
# SPDX-License-Identifier: MIT
"""Static analysers on what goes into minivmm and its guests.

A finding is a failure. What each does not look for, and why, is below and in .clang-tidy."""
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
import tempfile

from arguments import arguments

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ("vmm", "fdt", "guest")

# gcc 12 takes memory for lost that is kept through a pointer (stats.c); LeakSanitizer looks for leaks.
GCC = ["-fanalyzer", "-Wno-analyzer-malloc-leak", "-Werror", "-fdiagnostics-color=never"]
# The ends of a guest's image are symbols of the linker's, which are no one object.
CPPCHECK = ["--enable=warning,performance,portability", "--suppress=comparePointers:*guest/mmu.c"]


HELP = """\
usage: tests/analyse.py BUILD-FOLDER

Runs gcc -fanalyzer, clang-tidy and cppcheck on what goes into minivmm and its
guests, as the build folder compiles it. A finding is a failure.

  -h, --help  this text

Exit status: 0, 1 if there is a finding, 2 if the command line is wrong.
"""


def sources(build):
    """path: (folder, command) of each C source, as Meson compiles it."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        for entry in json.load(file):
            path = os.path.abspath(os.path.join(entry["directory"], entry["file"]))
            if path.endswith(".c") and os.path.relpath(path, TOP).split(os.sep)[0] in FOLDERS:
                yield path, entry["directory"], shlex.split(entry["command"])


def gcc(folder, words):
    """The compiler's own analysis: the same command with its object thrown away."""
    command = list(words)
    for option in ("-MQ", "-MF"):
        at = command.index(option)
        del command[at:at + 2]
    command.remove("-MD")
    command[command.index("-o") + 1] = "/dev/null"
    return command + GCC, folder


def database(folder, found):
    """For clang-tidy, each source once: version 14 takes a va_list for unset in a file that it reads again."""
    with open(os.path.join(folder, "compile_commands.json"), "w", encoding="utf-8") as file:
        json.dump([{"directory": entry[0], "arguments": entry[1], "file": path} for path, entry in found.items()], file)


def analyse(build, once):
    """Whether the sources that BUILD compiles are without a finding; ONCE is an empty folder."""
    found = {path: (folder, command) for path, folder, command in sources(build)}
    database(once, found)
    commands = [("gcc -fanalyzer", *gcc(*entry)) for entry in found.values()]
    commands += [("clang-tidy", ["clang-tidy", "-p", once, "--quiet", path], TOP)
                 for path in found if "/guest/" not in path]  # which are all addresses made of numbers
    commands += [("cppcheck", ["cppcheck", "--quiet", "--error-exitcode=1", *CPPCHECK,
                               *(f"--file-filter={TOP}/{folder}/*" for folder in FOLDERS),
                               f"--project={build}/compile_commands.json"], TOP)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda command: subprocess.run(
            command[1], cwd=command[2], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False),
            commands))
    failed = False
    for tool in dict.fromkeys(command[0] for command in commands):
        bad = [result.stdout for command, result in zip(commands, results) if command[0] == tool and result.returncode]
        failed |= bool(bad)
        print(f"{'not ok' if bad else 'ok'} analyse: {tool} finds nothing")
        for text in bad:
            print("\n".join(f"# {line}" for line in text.splitlines()))
    return found and not failed


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(0 if analyse(os.path.abspath(arguments(HELP, 1)[0]), temporary) else 1)
