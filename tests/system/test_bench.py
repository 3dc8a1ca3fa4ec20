# SPDX-License-Identifier: MIT
"""Budgets: what startup and exits may cost beyond the floor, counted in instructions."""
import json
import os
import re
import subprocess

from figures import peers, rows, rows_qemu, table
from system.harness import TOP, Failed, expect, expect_equal, test

EXIT, JAILED, IN_THE_JAIL = "exit to the lab device", "exit to the lab device, in the jail", 425
# At most factor * floor + plus; a little above what tests/bench/results.json has.
BUDGETS = {
    "startup, explicit, 1 vCPU": (1.27, 0),
    "startup in the jail, explicit, 1 vCPU": (1.42, 0),
    "startup in the jail, explicit, 8 vCPUs": (1.3, 0),
    EXIT: (1, 105),
    "byte on the console": (1, 185),
}


def committed():
    """tests/bench/results.json, and the rows that it has."""
    with open(os.path.join(TOP, "tests", "bench", "results.json"), encoding="utf-8") as file:
        return rows.ROWS + rows_qemu.ROWS, json.load(file)


@test()
def figures_fit_a_terminal():
    """scripts/bench prints tables of at most 80 columns, in which every row has its figures."""
    known, results = committed()
    lines = list(table.plain(known, results))
    expect_equal([line for line in lines if len(line) > 80], [], "lines that are too wide")
    words = [line.split() for line in lines]
    for row in known:
        expect(any(f"{results[row.name]['minivmm']:,}" in line for line in words), f"no figure of {row.name}")


@test()
def performance_md_has_the_committed_figures():
    """docs/performance.md is what scripts/bench --update writes of tests/bench/results.json."""
    with open(os.path.join(TOP, "docs", "performance.md"), encoding="utf-8") as file:
        text = file.read()
    others = peers.load(os.path.join(TOP, "tests", "bench"))
    expect(table.rewrite(text, *committed(), others) == text, "it is not: scripts/bench --update")


@test()
def peers_are_measured_beside_minivmm():
    """scripts/bench --peer: its files go to the board, each command has its number whatever is printed beside, and bad words are told."""
    page = os.path.join(TOP, "README.md")
    peer = peers.parse(f"other='{__file__}' run '{page}' --kernel off.bin")
    arguments = peers.board_arguments([peer, peer])
    expect_equal([word for word in arguments if word.startswith("--put=")], [f"--put={__file__}", f"--put={page}"], "files, each once")
    expect_equal(arguments[-8:], [":::", *peers.HOW, os.path.basename(__file__), "run", "README.md", "--kernel", "off.bin"],
                 "the last command")
    expect_equal(peers.results_of("0\n1\n2\n# lkvm 9\n3\n  40\n50\n", [peer]),
                 {peers.BARE: 0, "floor": 1, "minivmm": 2, "minivmm in the jail": 3, "other": 50}, "figures")
    expect_equal(peers.results_of("1\n2\n3\n", [peer]), None, "figures without the peer's")
    for words in ("other", "other=/nonexistent run", "=/bin/sh", "floor=/bin/sh"):
        done = subprocess.run([os.path.join(TOP, "scripts", "bench"), f"--peer={words}"], capture_output=True, check=False, text=True)
        expect_equal((done.returncode, "give NAME=COMMAND" in done.stderr), (2, True), f"--peer={words}: {done.stderr}")


@test(slow=True, boots=True)
def startup_and_exits_keep_their_budget():
    """Startup takes at most 1.27 x the floor, in the jail 1.42 x or 1.3 x; an exit 105 more, the jail 425 more; a byte 185."""
    done = subprocess.run([os.path.join(TOP, "scripts", "bench"), "--emulated", "--json=-",
                           *(f"--only={name}" for name in (*BUDGETS, JAILED))],
                          capture_output=True, check=False, text=True)
    if not done.stdout:
        raise Failed(f"scripts/bench ended with status {done.returncode}: {done.stderr}")
    results = json.loads(done.stdout)
    exits, jailed = results[EXIT]["minivmm"], results[JAILED]["minivmm"]
    over = [] if exits < jailed <= exits + IN_THE_JAIL else [f"an exit takes {exits}, in the jail {jailed}"]
    for name, (factor, plus) in BUDGETS.items():
        floor, ours = results[name]["floor"], results[name]["minivmm"]
        if not floor <= ours <= factor * floor + plus:
            over.append(f"{name}: {ours}, {floor} for the floor, allowed are {factor} x + {plus}")
    expect_equal(over, [], "what does not keep its budget")


@test(slow=True, boots=True)
def profiles_add_up():
    """scripts/profile: phases and functions add up to what bench counts for the same program."""
    done = subprocess.run([os.path.join(TOP, "scripts", "profile"), "--top=1000000", "bench-true"],
                          capture_output=True, check=False, text=True)
    expect(done.returncode == 0, done.stderr)
    total, *parts = (re.findall(r"^ *(-?[0-9,]+)  ", part, re.M) for part in done.stdout.split("\nby "))
    sums = [sum(int(number.replace(",", "")) for number in numbers) for numbers in (total, *parts)]
    expect(200000 < sums[0] < 600000, f"{sums[0]} instructions of a program that does nothing")
    expect(len(sums) == 4 and len(set(sums)) == 1, f"total, phases, calls and functions: {sums}")


@test(slow=True, boots=True)
def profiles_know_the_phases():
    """scripts/profile finds minivmm's own steps and functions, wherever the kernel loads it."""
    done = subprocess.run([os.path.join(TOP, "scripts", "profile"), "--top=1000000", "minivmm", "--quiet",
                           "--pmu=off", "--jail=off", "off.bin"], capture_output=True, check=False, text=True)
    expect(done.returncode == 0, done.stderr)
    phases, _, functions = done.stdout.split("\nby ")[1:]
    for step in ("main", "host_discover", "guest_fdt_write", "machine_run", "vcpu_thread"):
        expect(f"  {step}\n" in phases, f"no phase {step} in: {phases}")
    expect("  guest_fdt_write (user)\n" in functions, "none of its functions")
