# SPDX-License-Identifier: MIT
"""A kernel tree's own tests of KVM on a board, as cases: `selftests.NAME/pinned`, where the VM's threads start on CPU 0
and stay there unless the test moves them, and `selftests.NAME/free`."""
import re
from types import SimpleNamespace

from boards import each
from runs import cache, ktap
from runs.jobs import workers

FAMILY = "selftests"
PLACES = {"free": [], "pinned": ["with", "cpu=0"]}
SKIP = 4  # the status of a test that cannot run here
ABSENT = "the base has no such selftest"
SECONDS = 120  # for one program; arch_timer_edge_cases waits for longer
KILLED = 200  # and the signal: tests/system/each.c


def is_ours(case):
    """Whether a case is of here."""
    return case.startswith(f"{FAMILY}.")


def command(case):
    """What runs it, where its program is in /root."""
    name, _, place = case.removeprefix(f"{FAMILY}.").partition("/")
    return [*PLACES[place], f"./{name}"]


def outcome(status, output, errors):
    """Of a test that came to its end."""
    if status == 0:
        return ktap.Outcome(ktap.PASSED)
    if status == SKIP:
        said = re.search(r"SKIP -? ?(.*)", output + errors)
        return ktap.Outcome(ktap.SKIPPED, said[1] if said else "it does not say why")
    failure = re.search(r"Test Assertion Failure ====\n((?:  .*\n?)+)", errors + output)
    said = [line.strip() for line in failure[1].splitlines()] if failure else (output + errors).strip().splitlines()[-1:]
    # Process ids and the stack vary.
    said = [line for line in said if not re.match(r"pid=|\d+\t|\(stack trace", line)]
    end = f"signal {status - KILLED}" if KILLED < status < KILLED + 32 else f"status {status}"
    return ktap.Outcome(ktap.FAILED, "; ".join([end, *filter(None, said)]))


def run(kernel, board, item, options, boot):
    """{case: Outcome} of one program, ITEM = (name, path), in both places in one boot."""
    name, path = item
    cases = [f"{FAMILY}.{name}/{place}" for place in PLACES]
    limit = SimpleNamespace(timeout=min(options.timeout, SECONDS))
    status, output, _ = boot(kernel, board, each.command_line([command(case) for case in cases]), limit, files=[path])
    found = {case: outcome(*ended[:3]) for case, ended in zip(cases, each.results(output.encode()))}
    for case in cases[len(found):]:
        # Of what ends a board, only a panic says something about the kernel.
        why = f"not done in {limit.timeout} s" if status == ktap.TIMEOUT else ktap.BOARD_SAYS.get(status, f"status {status}")
        found[case] = ktap.Outcome(ktap.FAILED if status == ktap.PANIC else ktap.SKIPPED, why)
    return found


def run_all(kernels, programs, results, options, boot=cache.boot):
    """Adds the cases of PROGRAMS, of base and series, to the RESULTS of both; what only the series has is skipped on the base."""
    wanted = [(kernel, board, item) for kernel, some in zip(kernels, programs) for board in options.topology
              for item in some.items()]
    with workers(options.jobs) as pool:
        found = list(pool.map(lambda words: run(*words, options, boot), wanted))
    for (kernel, board, _), cases in zip(wanted, found):
        results[kernel.role][board].cases.update(cases)
    for board, of_series in results["series"].items():
        for case in filter(is_ours, of_series.cases):
            results["base"][board].cases.setdefault(case, ktap.Outcome(ktap.SKIPPED, ABSENT))
