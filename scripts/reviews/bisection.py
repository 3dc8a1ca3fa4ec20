# SPDX-License-Identifier: MIT
"""Which patch of a series makes a change: builds its first patches, and runs only the cases that change."""
import fnmatch

from boards import each
from reports.records import plural
from reviews import comparison, report, selftests
from runs import cache, ktap
from runs.command_line import Failure
from runs.jobs import workers


class Bisection:
    """Looks for the patch that makes each of some changes; runs only their cases.

    A case may do something else here than among all cases, so the base and the whole series are
    run in this way too, and what does not change between these two is blamed on no patch.
    """

    def __init__(self, series, kernels, changes, options, progress, boot):
        self.series, self.changes, self.options = series, changes, options
        self.progress, self.run_on_board = progress, boot
        self.images = {0: kernels[0], len(series.patches): kernels[1]}  # {number of patches: Kernel or None}
        self.outcomes = {}  # {digest of an Image: {Change: Outcome, or None if it is not known}}

    def at(self, first):
        """What the first patches make of all the cases; None if they cannot be built."""
        if first not in self.images:
            self.progress(f"builds the first {first} of {report.patches(self.series.patches)}")
            with self.progress.during(lambda: f"builds the first {first} patches"):
                self.images[first] = self.series.kernel("prefix", first)
        kernel = self.images[first]
        if not kernel:
            return None
        # Patches that leave the Image as it was change nothing, and need not be run.
        if kernel.digest not in self.outcomes:
            self.progress(f"runs {plural(len(self.changes), 'case')} with the first {first} of "
                          f"{report.patches(self.series.patches)}")
            with self.progress.during(lambda: f"runs {plural(len(self.changes), 'case')} with the first {first} patches"):
                self.outcomes[kernel.digest] = self.run(kernel)
        return self.outcomes[kernel.digest]

    def run(self, kernel):
        """Each board's cases in one boot; one that may end the board has its own."""
        boots = {}
        for change in self.changes:
            lonely = change.case if change.after.kind == comparison.MISSING else None
            boots.setdefault((change.board, lonely), []).append(change)
        found = {}
        with workers(self.options.jobs) as pool:
            for some in pool.map(lambda changes: self.boot(kernel, changes), boots.values()):
                found.update(some)
        return found

    def boot(self, kernel, changes):
        """{Change: Outcome}, of one board. What one case takes along is asked again without it, by halves."""
        commands = [["pmu-regress", "--seed=1", f"--run={change.case}"] for change in changes]
        status, output, errors = self.run_on_board(kernel, changes[0].board, each.command_line(commands), self.options)
        results = ktap.Results(status, output, errors)
        found = {change: results.cases[change.case] for change in changes if change.case in results.cases}
        left = [change for change in changes if change not in found]
        if len(changes) == 1 and left:
            # A machine that is too slow says nothing about the kernel, unless the series is like that.
            known = status not in (ktap.TIMEOUT, ktap.NO_BOOT) or changes[0].after.kind == comparison.MISSING
            return {changes[0]: ktap.Outcome(comparison.MISSING, results.reason) if known else None}
        half = (len(left) + 1) // 2 if not found else len(left)
        for some in filter(None, (left[:half], left[half:])):
            found.update(self.boot(kernel, some))
        return found

    def changed(self, change, first):
        """For comparison.first_patch(): whether the first patches change the case; None if that is not known."""
        before, outcome = ((self.at(number) or {}).get(change) for number in (0, first))
        return None if not before or not outcome else comparison.has_changed(before, outcome)

    def culprit(self, change):
        """(last number of patches without the change, first with it); None if the case alone does not change."""
        total = len(self.series.patches)
        return comparison.first_patch(total, lambda first: self.changed(change, first)) if self.changed(change, total) else None

    def results(self):
        """{case: culprit()}"""
        return {change.case: self.culprit(change) for change in self.changes}


def bisect(series, kernels, changes, options, progress, boot=cache.boot):
    """{case: where its change comes from}, {} if nobody asked."""
    if options.bisect is None:
        return {}
    if series.two_images:
        raise Failure("--bisect needs the patches, and there are only two Images")
    wanted = changes[comparison.BROKEN] + changes[comparison.LOST]
    if options.bisect:
        wanted = [change for some in changes.values() for change in some
                  if fnmatch.fnmatchcase(change.case, options.bisect)
                  and comparison.has_changed(change.before, change.after)]
        if not wanted:
            raise Failure(f"--bisect={options.bisect}: the series changes no case of such a name")
    wanted = [change for change in wanted if not selftests.is_ours(change.case)]
    # A case is looked at on the first board where it changed, of a lost board only its first.
    first, lost = {}, set()
    for change in wanted:
        if change.after.kind == comparison.MISSING and change.board in lost:
            continue
        lost |= {change.board} if change.after.kind == comparison.MISSING else set()
        first.setdefault(change.case, change)
    return Bisection(series, kernels, list(first.values()), options, progress, boot).results()
