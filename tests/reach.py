"""oom_review.search.outcomes, with every run held to the ledger."""

from __future__ import annotations

from functools import partial

from kernel_model.variant import Variant
from oom_review.claims import BY_ID, HOLDS
from oom_review.search import outcomes as product
from oom_review.search.outcomes import (
    AnySchedule,
    Items,
    Look,
    Outcome,
    Projection,
    Until,
    WatchedSession,
    stands_at,
)

__all__ = ["AnySchedule", "Items", "Look", "Until", "WatchedSession", "outcomes", "stands_at"]


def _keeps_the_ledger(variant: Variant, session: WatchedSession) -> None:
    """What is claimed to hold for this variant was not broken in this run."""
    broken = [v for v in session.violations.values() if BY_ID[v.claim].expected.get(variant.name) == HOLDS]
    assert not broken, broken


def outcomes(
    items: Items, variant: Variant, project: Projection[Outcome], *, seed: int = 1, tries: int = 120
) -> dict[Outcome, Items]:
    """See there."""
    check = partial(_keeps_the_ledger, variant)
    return product.outcomes(items, variant, project, seed=seed, tries=tries, check=check)
