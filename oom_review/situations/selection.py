"""Which situations: by the words of the command line.  An empty selection is a mistake."""

from __future__ import annotations

from fnmatch import fnmatchcase

from oom_review.claims import find
from oom_review.errors import BadInput
from oom_review.situations.dimensions import MAX_THREADS
from oom_review.situations.families import FAMILIES, LARGE, SITUATIONS
from oom_review.situations.situation import Situation


def select(patterns: list[str], claims: list[str], threads: int | None) -> list[Situation]:
    """All that match one of the patterns, are in the family of one of the claims and have no more threads; raises BadInput.

    Without patterns the large ones are left out.
    """
    for claim in claims:
        find(claim)
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        raise BadInput(f"--threads {threads}: victims have 1 to {MAX_THREADS} threads")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in SITUATIONS):
            raise BadInput(f"no such situation: {pattern!r} (oom-review explore --list names them all)")
    wanted = {name for claim in claims or FAMILIES for name in FAMILIES[claim].names}
    chosen = [
        s
        for name, s in SITUATIONS.items()
        if name in wanted
        and (any(fnmatchcase(name, p) for p in patterns) if patterns else name not in LARGE)
        and (threads is None or s.threads <= threads)
    ]
    if not chosen:
        raise BadInput(
            "no situation is in all of what was asked for (oom-review explore --list names them all)"
        )
    return chosen
