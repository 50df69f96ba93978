"""A real kernel against its model: every outcome that came out has to be one that the model reaches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from oom_review.observed.outcome import Seen
from oom_review.observed.prediction import Prediction
from oom_review.observed.rows import Observed

WITHIN, MISMATCH, BOUNDED, NOTHING = "within", "mismatch", "bounded", "no run counts"


@attrs.define(frozen=True)
class Verdict:
    """``verdict``: MISMATCH if the kernel did what the model can't; BOUNDED if it did what the model did not reach before a limit.

    ``outside``: these outcomes; ``unreached``: what the model reaches and the kernel never showed; ``lost``: why runs did not count.
    """

    prediction: Prediction
    observed: Observed
    lost: tuple[str, ...] = ()

    @property
    def outside(self) -> tuple[Seen, ...]:
        """What the model was not seen to reach."""
        return tuple(sorted(set(self.observed.outcomes) - set(self.prediction.outcomes)))

    @property
    def unreached(self) -> tuple[Seen, ...]:
        """What no run of the kernel showed."""
        return tuple(sorted(set(self.prediction.outcomes) - set(self.observed.outcomes)))

    @property
    def verdict(self) -> str:
        """WITHIN, MISMATCH, BOUNDED or NOTHING."""
        if not self.observed.runs:
            return NOTHING
        if not self.outside:
            return WITHIN
        return BOUNDED if self.prediction.bounded else MISMATCH


def both_sides(verdict: Verdict) -> str:
    """What a mismatch is, for people: what the kernel did and what the model can do."""
    lines = [
        f"{verdict.observed.situation} on {verdict.observed.version}, held against {verdict.prediction.variant}:"
    ]
    lines += [
        f"  the kernel, {verdict.observed.outcomes[seen]} of {verdict.observed.runs}: {seen}"
        for seen in verdict.outside
    ]
    lines += [f"  the model: {seen}" for seen in verdict.prediction.outcomes]
    return "\n".join(lines)


def never_shown(verdicts: Iterable[Verdict]) -> list[str]:
    """Lines: what models reach and the kernels never showed, with the number of runs."""
    return [
        f"{v.observed.situation} on {v.observed.version}, not in {v.observed.runs} runs: {seen}"
        for v in verdicts
        if v.observed.runs
        for seen in v.unreached
    ]


def failed(verdicts: Sequence[Verdict]) -> bool:
    """Something is not as it should be."""
    return any(v.verdict in (MISMATCH, NOTHING) for v in verdicts)
