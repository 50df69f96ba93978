"""What a review has found so far: by programs, on the board; by exploring, situation by situation."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from oom_review.claims import HOLDS, REFUTED
from oom_review.review.jobs import Watched
from oom_review.search.one_claim import Found
from oom_review.situations import job as exploring
from oom_review.situations.expectations import Expectations
from oom_review.situations.job import Outcome
from oom_review.situations.verdicts import Explored, bound_of, endless, unexpected, verdicts
from oom_review.workers.pool import Lost


@attrs.define
class Board:
    """What was found so far; a refutation is final, what was tried adds up.

    By variant and claim.  ``batches``: how many were finished in which the claim was watched; ``lost``: whose worker died of what.
    """

    found: dict[tuple[str, str], Found] = attrs.Factory(dict)
    batches: dict[tuple[str, str], int] = attrs.Factory(dict)
    lost: dict[tuple[str, str], str] = attrs.Factory(dict)

    def add(self, new: Found) -> None:
        """One more answer, in an order that does not depend on who was faster: the first refutation stays."""
        key = (new.variant, new.claim)
        old = self.found.get(key)
        if old is None:
            self.found[key] = new
        elif old.verdict == HOLDS:
            self.found[key] = attrs.evolve(
                new,
                examples=old.examples + new.examples,
                interleavings=old.interleavings + new.interleavings,
                endless=old.endless + new.endless,
                seconds=old.seconds + new.seconds,
            )

    def shrunk(self, new: Found) -> None:
        """A refutation that is known by now, smaller."""
        key = (new.variant, new.claim)
        old = self.found[key]
        self.found[key] = attrs.evolve(
            new,
            examples=old.examples,
            interleavings=old.interleavings,
            seed=old.seed,
            seconds=old.seconds + new.seconds,
        )

    def watched(self, variant: str, seen: Watched) -> None:
        """A batch."""
        for one in seen.found:
            key = (variant, one.claim)
            self.add(one)
            self.batches[key] = self.batches.get(key, 0) + seen.whole

    def refuted(self, variant: str, claim: str) -> bool:
        """The claim is."""
        known = self.found.get((variant, claim))
        return known is not None and known.verdict == REFUTED


@attrs.define(frozen=True)
class Explorations:
    """What was explored to the end, or to a limit; what there was no time for is not in it.  ``lost``: whose worker died."""

    outcomes: tuple[Outcome, ...] = ()
    lost: tuple[tuple[exploring.Job, Lost], ...] = ()

    def cells(self, variants: Sequence[str]) -> dict[tuple[str, str], Explored]:
        """By claim and variant, where anything was explored that bears on the claim."""
        found = {}
        for variant in variants:
            mine = self._of(variant)
            for cell in verdicts([o.job.situation for o in mine], [variant], mine):
                found[cell.claim.id, variant] = cell
        return found

    def _of(self, variant: str) -> list[Outcome]:
        return [o for o in self.outcomes if o.job.variant == variant]

    def bound(self, variant: str) -> str:
        """Of all that was explored to the end on the variant; empty for nothing."""
        whole = [o for o in self._of(variant) if not o.bounded]
        return bound_of(whole) if whole else ""

    def answered(self, variant: str) -> int:
        """How many situations came to an end, whatever it was."""
        return len(self._of(variant)) + sum(job.variant == variant for job, _lost in self.lost)

    def stopped(self, variant: str) -> list[str]:
        """Where, and why.  The limit is one for all claims: each of them may be broken beyond it."""
        stopped = [f"{o.bounded} in {o.job.situation}" for o in self._of(variant) if o.bounded]
        return stopped + [
            f"a worker died ({lost.reason}) in {job.situation}"
            for job, lost in self.lost
            if job.variant == variant
        ]

    def endless(self, expectations: Expectations) -> dict[str, str]:
        """By variant the smallest situation's run that never comes to rest, if nobody expected one."""
        found: dict[str, str] = {}
        for outcome in sorted(endless(self.outcomes, expectations), key=lambda o: o.states):
            found.setdefault(outcome.job.variant, outcome.endless)
        return found

    def surprises(
        self,
        expectations: Expectations = Expectations(),  # noqa: B008 - frozen
    ) -> dict[tuple[str, str], str]:
        """By claim and variant: what nobody expected of an exploration."""
        found = {}
        for claim, outcome, wanted in unexpected(self.outcomes, expectations):
            verdict = outcome.verdict(claim.id)
            found[claim.id, outcome.job.variant] = (
                f"exploring {outcome.job.situation} says {verdict}, expected {wanted}"
            )
        return found
