"""The bounds of a review: every interleaving of the small situations, as far as the time allows, smallest first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

import attrs

from oom_review.claims import BY_ID
from oom_review.situations.families import QUICK, SITUATIONS
from oom_review.situations.job import Broke, Job, Outcome, run
from oom_review.situations.verdicts import Explored, bound_of, unexpected, verdicts

STATES = 100_000
"""Far more than any of them has on the variants that come with the project: one of your own may have no end."""


@attrs.define(frozen=True)
class Explorations:
    """What was explored to the end, or to a limit; what there was no time for is not in it."""

    outcomes: tuple[Outcome, ...] = ()

    def cells(self, variants: Sequence[str]) -> dict[tuple[str, str], Explored]:
        """By claim and variant, where anything was explored that bears on the claim."""
        found = {}
        for variant in variants:
            mine = [o for o in self.outcomes if o.job.variant == variant]
            for cell in verdicts([o.job.situation for o in mine], [variant], mine):
                found[cell.claim.id, variant] = cell
        return found

    def bound(self, variant: str) -> str:
        """Of all that was explored to the end on the variant; empty for nothing."""
        whole = [o for o in self.outcomes if o.job.variant == variant and not o.bounded]
        return bound_of(whole) if whole else ""

    def surprises(self) -> dict[tuple[str, str], str]:
        """By claim and variant: what nobody expected of an exploration, or where it stopped."""
        found = {}
        for outcome in self.outcomes:
            if outcome.bounded:
                # The limit is one for all claims: each of them may be broken beyond it.
                said = f"bounded: {outcome.bounded} in {outcome.job.situation}"
                found.update({(claim, outcome.job.variant): said for claim in BY_ID})
        for claim, outcome, expected in unexpected(self.outcomes):
            verdict = outcome.verdict(claim.id)
            found[claim.id, outcome.job.variant] = (
                f"exploring {outcome.job.situation} says {verdict}, expected {expected}"
            )
        return found


def explore_quick(
    pool: Executor,
    workers: int,
    variants: Iterable[str],
    until: float,
    tell: Callable[[int, int, str], None],
) -> Explorations | Broke:
    """Begin with the smallest, begin none when the time is up, and let every one that was begun come to its end."""
    jobs = [
        Job(name, variant, STATES)
        for name in sorted(QUICK, key=lambda name: SITUATIONS[name].size)
        for variant in variants
    ]
    waiting = iter(jobs)
    running: set[Future[Outcome | Broke]] = set()
    outcomes: list[Outcome] = []
    while True:
        while len(running) < workers and time.monotonic() < until:
            job = next(waiting, None)
            if job is None:
                break
            running.add(pool.submit(run, job))
        if not running:
            return Explorations(tuple(outcomes))
        finished, running = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            outcome = future.result()
            if isinstance(outcome, Broke):
                return outcome
            outcomes.append(outcome)
            tell(len(outcomes), len(jobs), str(outcome.job))
