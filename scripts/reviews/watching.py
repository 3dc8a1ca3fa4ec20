# SPDX-License-Identifier: MIT
"""A series on kernels that watch themselves: what only the series' say there, and in which case."""
import re
from typing import NamedTuple

from runs import cache, kernel_log, ktap
from runs.command_line import Failure

# The flavors of scripts/kernel: locks, RCU, memory and undefined behaviour; data races.
FLAVORS = ("debug", "kcsan")
FAMILIES = ("interface", "state", "many", "host", "storm")
RACE = re.compile("BUG: KCSAN: (?:data-race|assert: race) in (.*)")


class Splat(NamedTuple):
    """What a kernel says of itself."""
    flavor: str
    said: str
    cases: list  # that it was said in; none if it was between two


class Watched(NamedTuple):
    """What came of it."""
    new: list  # [Splat], of the series only
    sampled: list  # [Splat]: data races that only the series' kernel has logged, by chance
    old: int  # how many the base has too
    incomplete: list  # families that came to their end on the base only, in words
    unjudged: list  # those that did not on the base


def racing(said):
    """The functions of a data race; none if it is another warning."""
    return set(re.findall(r"[\w.]+", match[1])) if (match := RACE.match(said)) else set()


def by_chance(said, base, patches):
    """Whether a data race may be the base's as well: KCSAN watches a few accesses of many, others in each run.

    It counts against a series that names one of its functions, unless the base has a race in that one too.
    """
    functions = racing(said)
    named = {name for name in functions if any(re.search(rf"\b{re.escape(name.partition('.')[0])}\b", patch) for patch in patches)}
    return bool(functions) and not named - set().union(*map(racing, base))


def splats(runs):
    """{what makes two of them the same: (what was said, [case])}, of [(Results, log)]."""
    found = {}
    for results, log in runs:
        for key, said in kernel_log.warnings(log).items():
            found.setdefault(key, (said, []))
        for case, outcome in results.cases.items():
            for key, said in kernel_log.warnings(outcome.said).items():
                found.setdefault(key, (said, []))[1].append(case)
    return found


def run(kernel, board, options):
    """[(Results, log)], of each family."""
    runs = []
    for family in FAMILIES:
        status, output, errors = cache.boot(kernel, board, ["pmu-regress", "--seed=1", f"--run={family}.*"], options)
        runs.append((ktap.Results(status, output, errors), errors))
    return runs


def watch(series, options, progress):
    """Watched, on the first board. Verdicts of cases are not compared: such a kernel is too slow for some."""
    board, new, sampled, old, incomplete, unjudged = options.topology[0], [], [], 0, [], []
    diffs = [patch.diff for patch in series.patches]
    for flavor in FLAVORS:
        said, reasons = {}, {}
        for role, first in (("base", 0), ("series", len(series.patches))):
            with progress.during(lambda role=role, flavor=flavor: f"builds the {role}'s {flavor} kernel"):
                kernel = series.kernel(role, first, flavor)
            if not kernel:
                raise Failure(f"cannot build the {role}'s {flavor} kernel (see above)")
            with progress.during(lambda role=role, flavor=flavor: f"runs {', '.join(FAMILIES)} on the {role}'s {flavor} kernel"):
                runs = run(kernel, board, options)
            said[role] = splats(runs)
            reasons[role] = {family: f"{family} on the {role}'s {flavor} kernel: {results.reason}"
                             for family, (results, _) in zip(FAMILIES, runs) if results.reason}
        for key, (text, cases) in said["series"].items():
            if key not in said["base"]:
                (sampled if by_chance(text, said["base"], diffs) else new).append(Splat(flavor, text, cases))
        old += len(said["series"].keys() & said["base"].keys())
        unjudged += reasons["base"].values()
        incomplete += [text for family, text in reasons["series"].items() if family not in reasons["base"]]
    return Watched(new, sampled, old, incomplete, unjudged)
