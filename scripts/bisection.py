# SPDX-License-Identifier: MIT
"""Which patch of a series makes a change: builds its first patches, and runs only the cases that change."""
import fnmatch

import each
import judgement
import ktap
import verdict
from jobs import Failure, workers
from kept import Kernel, boot
from records import plural


class Bisection:
    """Looks for the patch that makes each of some changes; runs only their cases."""

    def __init__(self, series, changes, options, progress):
        self.series, self.changes, self.options, self.progress = series, changes, options, progress
        self.outcomes = {}  # {number of patches: {Change: Outcome}, None if they cannot be built}

    def at(self, first):
        """What the first patches make of all the cases."""
        if first not in self.outcomes:
            self.progress(f"tries the first {first} of {judgement.patches(self.series.patches)} on "
                          f"{plural(len(self.changes), 'case')}")
            image = self.series.build(first)
            self.outcomes[first] = image and self.run(Kernel("prefix", image))
        return self.outcomes[first]

    def run(self, kernel):
        """Each board's cases in one boot; one that may end the board has its own."""
        boots = {}
        for change in self.changes:
            lonely = change.case if change.after.kind == verdict.MISSING else None
            boots.setdefault((change.board, lonely), []).append(change)

        def outcomes(item):
            (board, _), changes = item
            commands = [["pmu-regress", "--seed=1", f"--run={change.case}"] for change in changes]
            status, output, errors = boot(kernel, board, each.command_line(commands), self.options)
            cases = ktap.Results(status, output, errors).cases
            return {change: cases.get(change.case, ktap.Outcome(verdict.MISSING)) for change in changes}
        found = {}
        with workers(self.options.jobs) as pool:
            for some in pool.map(outcomes, boots.items()):
                found.update(some)
        return found

    def changed(self, change, first):
        """For verdict.first_patch()."""
        outcome = (self.at(first) or {}).get(change)
        lost = outcome and outcome.kind == verdict.MISSING
        if not outcome or lost and change.after.kind != verdict.MISSING:
            return None
        return verdict.has_changed(outcome, change.after)

    def results(self):
        """{case: (last number of patches without the change, first with it)}"""
        return {change.case: verdict.first_patch(len(self.series.patches), lambda first, of=change:
                                                 self.changed(of, first)) for change in self.changes}


def bisect(series, changes, options, progress):
    """{case: where its change comes from}, {} if nobody asked."""
    if options.bisect is None:
        return {}
    if series.two_images:
        raise Failure("--bisect needs the patches, and there are only two Images")
    wanted = changes[verdict.BROKEN] + changes[verdict.LOST]
    if options.bisect:
        wanted = [change for some in changes.values() for change in some
                  if fnmatch.fnmatchcase(change.case, options.bisect)]
        if not wanted:
            raise Failure(f"--bisect={options.bisect}: the series changes no case of such a name")
    # A case is looked at on the first board where it changed, of a lost board only its first.
    first, lost = {}, set()
    for change in wanted:
        if change.after.kind == verdict.MISSING and change.board in lost:
            continue
        lost |= {change.board} if change.after.kind == verdict.MISSING else set()
        first.setdefault(change.case, change)
    return Bisection(series, list(first.values()), options, progress).results()
