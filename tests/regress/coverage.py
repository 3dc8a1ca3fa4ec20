# SPDX-License-Identifier: MIT
"""Says which lines and branches of KVM's code for the guest's PMU each family of pmu-regress executes."""
import os
import re
import sys

from regress import gcov
from runs.command_line import Failure, Parser, listed
from runs.jobs import TOP, guarded, script

REASONS = os.path.join(TOP, "tests", "regress", "cold.txt")
FAMILIES = ("interface", "counting", "overflow", "registers", "state", "many", "host", "storm", "model")

HELP = """\
usage: tests/run coverage [options]

Runs each family of pmu-regress on an emulated board, on a kernel that counts
with gcov which lines of KVM's PMU code it executes: pmu-emul.c, pmu.c, the
PMU's part of sys_regs.c, and what the kernel series adds to arm.c. Prints how
many lines and branches each family executes, how many only it does, and each
line that none executes, with its reason from tests/regress/cold.txt. Results
are kept beside the kernel.

  --families=LIST  only these of interface, counting, overflow, registers,
                   state, many, host, storm, model
  --topology=T     the board (default: biglittle)
  --source=FILE    print this file of those above instead, each line with how
                   often it was executed, and its branches
  -h, --help       this text

Exit status: 0, or 1 if a line without a reason is not executed, or one with a
reason is (of all families).
"""


def progress(text):
    """Goes to stderr, so that the table can be piped."""
    print(f"coverage: {text}", file=sys.stderr, flush=True)


def patterns(family):
    """Globs of its cases. With the model random numbers decide what is executed: their seed is fixed."""
    return [f"{family}.*"]


def executed(lines):
    """The lines that were, as (file, number)."""
    return {(name, number) for name, found in lines.items() for number, line in found.items() if line.count}


def share(part, whole):
    """As a column."""
    return f"{part:5} {100 * part / whole if whole else 100:5.1f} %"


def row(title, lines, only=""):
    """Lines and branches of them."""
    found = [line for of_file in lines.values() for line in of_file.values()]
    branches = [count for line in found for count in line.branches]
    return (f"{title:12}{share(sum(line.count > 0 for line in found), len(found))}"
            f"  {share(sum(count > 0 for count in branches), len(branches))}  {only:>5}")


def print_table(measured, total):
    """A row per family, then per file."""
    print(f"{'family':12}{'lines':>13}  {'branches':>13}  {'only':>5}")
    for family, lines in measured.items():
        others = set().union(*(executed(other) for name, other in measured.items() if name != family))
        print(row(family, lines, len(executed(lines) - others)))
    for name, lines in total.items():
        print(row(name, {name: lines}))
    print(row("all", total))
    print(f"\nof {sum(map(len, total.values()))} lines and "
          f"{sum(len(line.branches) for lines in total.values() for line in lines.values())} branches")


def read_reasons():
    """{(file, function, text): reason}."""
    reasons, reason = {}, ""
    with open(REASONS, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            found = re.match(r"\s+(\S+) (\w+): (.+)$", line)
            if found:
                reasons[found.groups()] = reason
            elif line.strip() and not line.startswith("#"):
                reason = line.strip()
                if line[0].isspace():
                    raise Failure(f"{REASONS}:{number}: neither a reason nor FILE FUNCTION: TEXT")
    return reasons


def judge_cold(tree, total):
    """Prints lines that nothing executes, by reason. True if each has one, and each reason a line."""
    reasons, by_reason = read_reasons(), {}
    unused = set(reasons)
    for name, lines in total.items():
        for number, line in sorted(lines.items()):
            key = (name, line.function, tree.text[name][number - 1].strip())
            if line.count:
                continue
            unused.discard(key)
            by_reason.setdefault(reasons.get(key, "NO REASON"), []).append((number, *key))
    for reason, lines in by_reason.items():
        print(f"\n{reason}")
        for number, name, function, text in lines:
            print(f"    {name}:{number} {function}: {text}")
    for name, function, text in sorted(unused):
        print(f"\nhas a reason, and is executed or gone: {name} {function}: {text}")
    return "NO REASON" not in by_reason and not unused


def print_source(tree, name, lines):
    """As gcov prints it: '-' is no code, '#####' was not executed; of branches how often each was taken."""
    for number, text in enumerate(tree.text[name], 1):
        line = lines.get(number)
        print(f"{'-' if not line else line.count or '#####':>10}:{number:5}:{text}")
        if line and line.branches:
            print(f"{'':10}  branches: {' '.join(map(str, line.branches))}")


def main():
    """0 if each line that is not executed has a reason."""
    parser = Parser(HELP)
    parser.add_argument("--families", type=listed(FAMILIES), default=FAMILIES)
    parser.add_argument("--topology", default="biglittle")
    parser.add_argument("--source", choices=gcov.SOURCES)
    options = parser.parse_args()
    if script("build") is None:
        raise Failure("building did not work (see above)")
    image = script("kernel", "--flavor=composite-gcov")
    if image is None:
        raise Failure("there is no kernel that counts (see above)")
    tree, measured = gcov.Tree(image), {}
    for family in options.families:
        progress(family)
        measured[family] = gcov.measure(tree, options.topology, patterns(family))
    total = gcov.together(measured.values())
    if options.source:
        print_source(tree, options.source, total[options.source])
        return 0
    print_table(measured, total)
    complete = judge_cold(tree, total)
    return 0 if complete or len(options.families) < len(FAMILIES) else 1


if __name__ == "__main__":
    guarded("coverage", main)
