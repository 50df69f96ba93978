"""The ledger: each promise of the changelog about OOM victims, and what everybody takes for granted of every task."""

from __future__ import annotations

from oom_review.claims.claim import HOLDS, REFUTED, Claim, group_name
from oom_review.claims.everyone import OF_EVERYONE
from oom_review.claims.victims import OF_VICTIMS

__all__ = ["BY_ID", "CLAIMS", "HOLDS", "REFUTED", "Claim", "group_name"]

CLAIMS: tuple[Claim, ...] = (*OF_VICTIMS, *OF_EVERYONE)

BY_ID = {c.id: c for c in CLAIMS}
