# SPDX-License-Identifier: MIT
"""What a kernel of --flavor=...-gcov has executed of KVM's code for the guest's PMU: lines and branches."""
import collections
import difflib
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile

from boards import each
from runs.cache import digest, harness
from runs.command_line import Failure
from runs.jobs import run

FOLDER = "arch/arm64/kvm"
# Which lines of them are about the PMU: all, those of functions with such names, or those of the kernel series.
PMU_FUNCTION = re.compile(r"(^|_)(pm[a-z]|perfmon)|dfr0")
WHOLE, BY_FUNCTION, BY_SERIES = range(3)
SOURCES = {"pmu-emul.c": WHOLE, "pmu.c": WHOLE, "sys_regs.c": BY_FUNCTION, "arm.c": BY_SERIES}
LIMIT = 1500  # seconds on the board
PANIC = 121

# What makes branches in the source itself: each of them two, a switch any number.
DECISION = re.compile(r"\b(?:if|while|for|for_each_\w+|list_for_each_\w+)\b|&&|\|\||\?")

Line = collections.namedtuple("Line", "function count branches")


class Tree:
    """The kernel that was built, by its Image."""

    def __init__(self, image):
        self.image = image
        found = glob.glob(os.path.join(os.path.dirname(image), "linux-*", "arch"))
        if len(found) != 1:
            raise Failure(f"no kernel tree is beside {image}: scripts/kernel made it elsewhere")
        self.path = os.path.dirname(found[0])
        self.text = {name: self.read(name) for name in SOURCES}
        self.added = {name: self.added_lines(name) for name, part in SOURCES.items() if part == BY_SERIES}

    def read(self, name, folder=""):
        with open(os.path.join(self.path, folder, FOLDER, name), encoding="utf-8") as file:
            return file.read().splitlines()

    def added_lines(self, name):
        """Numbers of the lines that the kernel series has added."""
        original = self.read(name, ".minivmm-originals")
        blocks = difflib.SequenceMatcher(None, original, self.text[name], autojunk=False).get_opcodes()
        return {number + 1 for what, _, _, first, last in blocks if what != "equal" for number in range(first, last)}

    def is_part(self, name, function, number):
        """Whether a line is about the PMU."""
        part = SOURCES[name]
        if part == BY_FUNCTION:
            return bool(PMU_FUNCTION.search(function))
        return part == WHOLE or number in self.added[name]

    def own_branches(self, name, number, branches):
        """Those of a line, if they are the source's own: macros such as test_bit() and __vcpu_sys_reg() bring dozens, most
        of which cannot be taken."""
        text, above = self.text[name][number - 1], self.text[name][number - 2].rstrip()
        most = 2 * (len(DECISION.findall(text)) + above.endswith(("&&", "||")))
        return branches if len(branches) <= most or "switch" in text else []

    def object(self, name, kind):
        """The path of what belongs to an object: its gcno, or on the board its gcda."""
        return os.path.join(self.path, FOLDER, name.removesuffix(".c") + kind)


def gcov(tree, name, folder):
    """[(line, function, count, branches' counts)] of a file whose gcda is in the folder."""
    shutil.copy(tree.object(name, ".gcno"), folder)
    tool = "gcov" if os.uname().machine == "aarch64" else "aarch64-linux-gnu-gcov"
    data = name.removesuffix(".c") + ".gcda"
    done = subprocess.run([tool, "--json-format", "--branch-probabilities", "--stdout", data], cwd=folder,
                          capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout:
        raise Failure(f"{tool} cannot read {data}: {done.stderr.strip()}")
    for file in json.loads(done.stdout)["files"]:
        if os.path.basename(file["file"]) == name:
            for line in file["lines"]:
                yield (line["line_number"], line.get("function_name", ""), line["count"],
                       [branch["count"] for branch in line["branches"]])


def merged(lines):
    """{number: Line} of what gcov says of a line, which may be several things, and of several runs."""
    result = {}
    for number, function, count, branches in lines:
        known = result.get(number, Line(function, 0, []))
        longer = max(len(known.branches), len(branches))
        padded = [*known.branches, *[0] * (longer - len(known.branches))], [*branches, *[0] * (longer - len(branches))]
        result[number] = Line(function, known.count + count, [sum(pair) for pair in zip(*padded)])
    return result


def together(runs):
    """{file: {number: Line}} of several of these."""
    return {name: merged((number, *line) for lines in runs for number, line in lines[name].items()) for name in SOURCES}


def measure(tree, topology, patterns):
    """{file: {number: Line}} of pmu-regress with each of these patterns; kept, as it is the same each time."""
    commands = [("pmu-regress", "--seed=1", f"--run={pattern}") for pattern in patterns]
    key = f"{digest(tree.image)[:16]}-{harness(['pmu-regress'])[:16]}-{topology}-{patterns[0].partition('.')[0]}"
    path = os.path.join(os.path.dirname(tree.image), f"coverage-{key}.json")
    if not os.path.exists(path):
        with tempfile.TemporaryDirectory() as folder:
            gets = [f"--get=/sys/kernel/debug/gcov{tree.object(name, '.gcda')}:{folder}/{name.removesuffix('.c')}.gcda"
                    for name in SOURCES]
            status, _, _ = run("scripts/board", "--icount", f"--kernel={tree.image}", f"--topology={topology}",
                               f"--timeout={LIMIT}", *gets, "--", *each.command_line(commands))
            if status:
                raise Failure(f"the board ended with status {status}, so nothing is known of {', '.join(patterns)}")
            found = {name: list(gcov(tree, name, folder)) for name in SOURCES}
        with open(f"{path}~", "w", encoding="utf-8") as file:
            json.dump(found, file)
        os.replace(f"{path}~", path)
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    return {name: {number: line._replace(branches=tree.own_branches(name, number, line.branches))
                   for number, line in merged(lines).items() if tree.is_part(name, line.function, number)}
            for name, lines in found.items()}
