# SPDX-License-Identifier: MIT
"""Makes each system call of minivmm's runs fail, with each errno that it can give, on emulated boards."""
import concurrent.futures
import os
import subprocess

from runs.command_line import Parser, main_of
from system import faults

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENT = os.path.join(TOP, "docs", "security.md")

HELP = f"""\
usage: tests/run faults [options] [RUN...]

Makes each system call of minivmm's runs fail, with each errno that it can give,
on emulated boards, and prints each problem.
RUN is one of {", ".join(faults.RUNS)} (default: all).

  --share=N   only about one of N faults, but each kind of call (default: all)
  --seed=N    which ones
  --save      write the counts into docs/security.md
  -h, --help  this text

Exit status: 0, 1 if there was a problem, 2 if the command line is wrong.
"""
LIMIT = 7200  # seconds that a sweep may take


def sweep(name, share, seed):
    """Prints what it found; returns its counts, None if there are none."""
    process = subprocess.run(
        [os.path.join(TOP, "scripts", "board"), "--icount", f"--timeout={LIMIT}", "--",
         *faults.sweep(name, share, seed)], capture_output=True, text=True, check=False)
    counts = faults.counts(process.stdout)
    print(f"{name}: {process.stdout}{process.stderr}", end="", flush=True)
    return counts


def table(found):
    """The table of docs/security.md."""
    rows = ["| run | calls | faults | ended with a line | continued | killed | not reached | wrong |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name, counts in found.items():
        rows.append(f"| `{' '.join(faults.RUNS[name])}` | " +
                    " | ".join(str(counts[count]) for count in faults.COUNTS) + " |")
    return "\n".join(rows)


def save(found):
    """Puts the table between its marks in docs/security.md."""
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    begin, end = "<!-- tests/run faults --save -->\n", "\n<!-- end -->"
    head, rest = text.split(begin)
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(head + begin + table(found) + end + rest.split(end, 1)[1])


def main():
    parser = Parser(HELP)
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("runs", nargs="*")
    options = parser.parse_args()
    for name in options.runs:
        if name not in faults.RUNS:
            parser.error(f"{name}: no such run; there are {', '.join(faults.RUNS)}")
    if options.share < 1 or options.save and (options.runs or options.share > 1):
        parser.error("--save takes all runs, and --share a number from 1 on")
    names = options.runs or list(faults.RUNS)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = dict(zip(names, pool.map(lambda name: sweep(name, options.share, options.seed), names)))
    good = all(counts and not counts["wrong"] for counts in found.values())
    if options.save and good:
        save(found)
    return 0 if good else 1


if __name__ == "__main__":
    main_of("faults", main)
