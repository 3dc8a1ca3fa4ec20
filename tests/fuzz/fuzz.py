# SPDX-License-Identifier: MIT
"""Fuzzes what needs no KVM, under ASan and UBSan: each target of tests/fuzz, two at a time."""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time

from boards.times import minutes
from fuzz.seeds import SEEDS
from runs.command_line import Failure, Parser, main_of, positive

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build-fuzz")
TOTALS = os.path.join(BUILD, "totals.json")
DOCUMENT = os.path.join(TOP, "docs", "security.md")
MAX_INPUT = 2048  # bytes; of longer ones none finds more
REPORT_EVERY = 10  # seconds

HELP = f"""\
usage: tests/run fuzz [options] [TARGET...]

Fuzzes what needs no KVM, under ASan and UBSan: each target of tests/fuzz, two
at a time. TARGET is one of (default: all)
{", ".join(SEEDS)}.

  --minutes=M  fuzz each target for M minutes, or 90s, 2h (default: 1)
  --runs=N     until each has had N executions in all, or --minutes are over
  --seed=N     of what is tried (default: another each time)
  --replay     only the seeds, and what fuzzing has kept in build-fuzz/corpus
  --save       write what was executed into docs/security.md
  -h, --help   this text

Exit status: 0, 1 if a target failed or could not be built, 2 if the command
line is wrong.
"""
lock = threading.Lock()


def build():
    """The targets, in build-fuzz/; all that a compiler says is shown if it fails."""
    commands = [["ninja", "-C", BUILD]]
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        commands.insert(0, ["meson", "setup", BUILD, TOP, "-Dfuzz=true", "-Dwerror=true",
                            "-Db_sanitize=address,undefined", "-Db_lundef=false"])
    for command in commands:
        try:
            done = subprocess.run(command, env=dict(os.environ, CC="clang"), stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
        except FileNotFoundError:
            raise Failure(f"there is no {command[0]}; scripts/setup --ci installs what is needed")
        if done.returncode:
            sys.stderr.buffer.write(done.stdout)
            raise Failure("the targets do not build; scripts/setup --ci installs what they need")


def program(target):
    return os.path.join(BUILD, "tests", "fuzz", "fuzz-" + target)


def corpus(target):
    """The folder of inputs that libFuzzer found worth keeping; the seeds are put there too."""
    folder = os.path.join(BUILD, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    for number, seed in enumerate(SEEDS[target]):
        with open(os.path.join(folder, f"seed-{number}"), "wb") as file:
            file.write(seed)
    return folder


def read_totals():
    """What was executed so far; it counts as long as it is the same program."""
    try:
        with open(TOTALS, encoding="utf-8") as file:
            totals = json.load(file)
    except FileNotFoundError:
        totals = {}
    for target in SEEDS:
        with open(program(target), "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        if totals.get(target, {}).get("program") != digest:
            totals[target] = {"program": digest, "runs": 0, "seconds": 0}
    return totals


def add_total(target, runs, seconds):
    with lock:
        totals = read_totals()
        totals[target]["runs"] += runs
        totals[target]["seconds"] += seconds
        with open(TOTALS, "w", encoding="utf-8") as file:
            json.dump(totals, file, indent=1)


def say(line):
    with lock:
        print(line, flush=True)


def fuzz(target, seconds, runs, seed):
    """One target until a limit; True if it found nothing. Its last lines are shown otherwise."""
    limits = [f"-seed={seed}"] + ([f"-max_total_time={seconds}"] if seconds else [])
    if runs is not None:
        with lock:
            done = read_totals()[target]["runs"]
        if 0 < runs <= done:
            say(f"ok fuzz: {target}: had {done} executions already")
            return True
        limits.append(f"-runs={max(0, runs - done)}")
    folder = os.path.join(BUILD, "findings")
    os.makedirs(folder, exist_ok=True)
    command = [program(target), f"-max_len={MAX_INPUT}", "-timeout=20", "-rss_limit_mb=2048",
               "-print_final_stats=1", f"-artifact_prefix={folder}/{target}-", *limits, corpus(target)]
    began = reported = time.monotonic()
    tail, runs = [], 0
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                          errors="replace") as process:
        for line in process.stderr:
            count = re.match(r"#(\d+)\s", line) or re.match(r"stat::number_of_executed_units: (\d+)", line)
            if count:
                runs = int(count[1])
            if not re.match(r"#\d+\s|stat::|INFO:", line):
                tail = tail[-40:] + [line.rstrip()]
            if time.monotonic() - reported > REPORT_EVERY:
                reported = time.monotonic()
                say(f"# fuzz: {target}: {runs} executions in {reported - began:.0f} s")
    seconds = time.monotonic() - began
    if process.returncode:
        say("\n".join([f"not ok fuzz: {target}: status {process.returncode} after {runs} executions"]
                      + [f"# {line}" for line in tail]))
        return False
    add_total(target, runs, seconds)
    say(f"ok fuzz: {target}: {runs} executions in {seconds:.0f} s")
    return True


def table():
    """The table of docs/security.md: a row a target, of the programs that are there now."""
    rows = ["| target | executions | minutes |", "| --- | --- | --- |"]
    rows += [f"| {target} | {total['runs']:,} | {total['seconds'] / 60:.0f} |"
             for target, total in sorted(read_totals().items()) if total["runs"]]
    return "\n".join(rows)


def save():
    """Puts the table between its marks in docs/security.md."""
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    begin, end = "<!-- tests/run fuzz --save -->\n", "\n<!-- end -->"
    head, rest = text.split(begin)
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(head + begin + table() + end + rest.split(end, 1)[1])


def main():
    parser = Parser(HELP)
    parser.add_argument("--minutes", type=minutes)
    parser.add_argument("--runs", type=positive)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    for target in options.targets:
        if target not in SEEDS:
            parser.error(f"{target}: no such target; there are {', '.join(SEEDS)}")
    if options.replay:
        length, runs = None, 0
    else:
        length, runs = options.minutes or (None if options.runs else 1), options.runs
    seconds = length and max(1, round(60 * length))
    build()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        good = list(pool.map(lambda target: fuzz(target, seconds, runs, options.seed), options.targets or SEEDS))
    if options.save:
        save()
    print(f"{good.count(True)} passed, {good.count(False)} failed")
    return 0 if all(good) else 1


if __name__ == "__main__":
    main_of("fuzz", main)
