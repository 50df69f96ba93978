"""What a review says of the RFC's change as a whole: the kinds of ends that only one of the two kernels has, by their names.

Over the quick situations alone, without what takes long: no programs, no smallest scripts, no windows.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from oom_review.compare import accepted
from oom_review.compare.comparison import Bounds, Comparison, compare, jobs
from oom_review.compare.text import described
from oom_review.situations.families import QUICK, SITUATIONS
from oom_review.variants.loading import PAIR, title_of

COMMAND = "oom-review compare legacy rfc --accept rfc"


@attrs.define(frozen=True)
class Brief:
    """``lines``: for people; ``unexpected``: what is not as the accepted differences say, in one line, or empty."""

    lines: tuple[str, ...]
    unexpected: str


def brief(states: int, workers: int | None, tell: Callable[[str], None]) -> Brief:
    """Of legacy and the RFC."""
    bounds = Bounds(0, 0, 1)
    todo = jobs(PAIR, [SITUATIONS[n] for n in QUICK], (), bounds, states=states)
    return told(compare(todo, bounds, workers, tell, smallest=False), accepted.ours(PAIR))


def told(c: Comparison, known: accepted.Accepted) -> Brief:
    """A line for each kind, what most situations show first."""
    base, patch = (title_of(name) for name in c.variants)
    tried = sum(c.tried.values())
    lines = [
        f"{base} -> {patch}: all interleavings of {tried} small situations, and {len(c.groups)} kinds of ends that only one of them has"
    ]
    for g in c.groups:
        names = ", ".join(known.get(accepted.known(g, c.variants), ())) or "NEW"
        side = (base, patch)[g.side]
        only = "; ".join(g.difference.only) or f"no {'; no '.join(g.difference.instead)}"
        lines.append(f"{sum(g.shown.values()):8} only on {side}: {only} ({names})")
    lines.append(f"each with its smallest script and both runs: {COMMAND}")
    checked = accepted.check(known, c.groups, c.variants)
    wrong = [f"not accepted: {described(*row)}" for row in checked.new]
    wrong += [f"accepted, and gone: {described(*row)}" for row in checked.vanished]
    wrong += [f"bounded: {why}" for why in c.bounded]
    return Brief(tuple(lines), f"UNEXPECTED: {base} -> {patch}: {'; '.join(wrong)}" if wrong else "")
