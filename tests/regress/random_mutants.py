# SPDX-License-Identifier: MIT
"""Mutants that nobody wrote: random changes to lines of KVM's PMU code that pmu-regress executes."""
import os
import random
import tempfile
import threading

from regress import coverage, gcov, mutate
from regress.judging import PASSED, build, harness, said_of, unmutated
from runs.command_line import Failure
from runs.jobs import script, workers

HEADER = """\
SPDX-License-Identifier: GPL-2.0-only
{what}: {old}
Tests: *

"""
# All but model's; a glob has no other way to say so.
OTHERS = ("[!m]*", "many.*")


BOARD = threading.Lock()  # one at a time, while the next mutant is built


def executed_lines(tree):
    """[(file, number)] of lines that any family executes."""
    measured = [gcov.measure(tree, "biglittle", coverage.patterns(family)) for family in coverage.FAMILIES]
    return sorted(coverage.executed(gcov.together(measured)))


def make(tree, folder, number, seed):
    """{name: path} of so many in that folder, each of another change: first a line is chosen, then a change to it."""
    chance, made = random.Random(seed), {}
    choices = {place: mutate.mutants(tree.text[place[0]], place[1]) for place in executed_lines(tree)}
    while len(made) < number and any(choices.values()):
        file, line = chance.choice([place for place, changes in choices.items() if changes])
        changes = choices[file, line]
        what, new = changes.pop(chance.randrange(len(changes)))
        name = f"{len(made) + 1:03}-{file.removesuffix('.c')}-{line}-{what.replace(' ', '-')}"
        made[name] = os.path.join(folder, f"{name}.patch")
        with open(made[name], "w", encoding="utf-8") as patch:
            patch.write(HEADER.format(what=what, old=tree.text[file][line - 1].strip()))
            patch.write(mutate.patch(f"{gcov.FOLDER}/{file}", tree.text[file], line, new))
    return made


def by_others(image):
    """What all other families say."""
    for pattern in OTHERS:
        judged = harness(image, pattern, failures=1)
        if judged.status != PASSED:
            break
    return judged


def judge(name, patch, base):
    """What the other families say of a mutant, and what the model does; None: it is none."""
    image = build(name, patch)
    if image is None:
        return None, "cannot be built"
    with open(image, "rb") as mutant, open(base, "rb") as original:
        same = mutant.read() == original.read()
    if same:
        os.unlink(image)
        return None, "the compiler makes the same code of it"
    with BOARD:
        judged = by_others(image), harness(image, "model.*", failures=1)
    os.unlink(image)
    return judged, ""


def caught(judged):
    """A board that hangs or panics is noticed too."""
    return judged.status != PASSED


def row(name, judged, why):
    """Of the table."""
    if not judged:
        return f"{name}: {why}"
    others, model = judged
    return (f"{name}: {said_of(others)[0] if caught(others) else 'not caught'}; "
            f"model: {said_of(model)[0] if caught(model) else 'not caught'}")


def print_table(number, seed, first):
    """A row per mutant, the shares, and the survivors as diffs. True if there is none."""
    image = script("kernel", "--flavor=composite-gcov")
    if image is None:
        raise Failure("there is no kernel that counts what is executed (see above)")
    base, counts, survivors = unmutated(), {"others": 0, "model": 0, "either": 0, "all": 0}, []
    with tempfile.TemporaryDirectory(prefix="minivmm-mutants-") as folder:
        patches = make(gcov.Tree(image), folder, number, seed)
        patches = dict(list(patches.items())[first - 1:])
        with workers(2) as pool:  # one is built while another one runs
            for name, (judged, why) in zip(patches, pool.map(lambda item: judge(*item, base), patches.items())):
                print(row(name, judged, why), flush=True)
                if not judged:
                    continue
                found = [caught(one) for one in judged]
                counts["all"] += 1
                counts["others"] += found[0]
                counts["model"] += found[1]
                counts["either"] += any(found)
                if not any(found):
                    with open(patches[name], encoding="utf-8") as patch:
                        survivors.append(patch.read())
    print(f"\n{counts['all']} mutants of seed {seed}: {counts['others']} caught by the other families, {counts['model']} by "
          f"model alone, {counts['either']} by either")
    for patch in survivors:
        print(f"\n{patch}")
    return not survivors
