# SPDX-License-Identifier: MIT
"""Budgets: what startup and exits may cost beyond the floor, counted in instructions."""
import json
import os
import re
import subprocess

from harness import TOP, Failed, expect, test

# At most factor * floor + plus; a little above what tests/bench/results.json has.
BUDGETS = {
    "startup, explicit, 1 vCPU": (1.3, 0),
    "startup in the jail, explicit, 1 vCPU": (1.85, 0),
    "exit to the lab device": (1, 150),
    "byte on the console": (1, 190),
}


@test(slow=True, boots=True)
def startup_and_exits_keep_their_budget():
    """Startup takes at most 1.3 x the floor, 1.85 x in the jail, an exit 150 instructions more, a byte 190."""
    done = subprocess.run([os.path.join(TOP, "scripts", "bench"), "--emulated", "--json=-",
                           *(f"--only={name}" for name in BUDGETS)],
                          capture_output=True, check=False, text=True)
    if not done.stdout:
        raise Failed(f"scripts/bench ended with status {done.returncode}: {done.stderr}")
    results = json.loads(done.stdout)
    for name, (factor, plus) in BUDGETS.items():
        floor, ours = results[name]["floor"], results[name]["minivmm"]
        expect(floor <= ours <= factor * floor + plus,
               f"{name}: {ours}, {floor} for the floor, allowed are {factor} x + {plus}")


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
