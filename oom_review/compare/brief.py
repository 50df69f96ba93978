"""What a review says of the RFC's change as a whole: the kinds of ends that only one of the two kernels has, by their names.

Over the quick situations alone, without what takes long: no programs, no smallest scripts, no windows.
"""

from __future__ import annotations

from collections.abc import Callable

from oom_review.compare import accepted
from oom_review.compare.comparison import Bounds, Comparison, compare, jobs
from oom_review.compare.text import described
from oom_review.situations.families import QUICK, SITUATIONS
from oom_review.variants.loading import PAIR, title_of
from oom_review.verdicts import Change, Kind
from oom_review.workers.cluster import Workers

COMMAND = "oom-review compare legacy rfc --accept rfc"


def brief(states: int, workers: Workers, tell: Callable[[str], None]) -> Change:
    """Of legacy and the RFC."""
    bounds = Bounds(0, 0, 1)
    todo = jobs(PAIR, [SITUATIONS[n] for n in QUICK], (), bounds, states=states)
    return told(compare(todo, bounds, workers, tell, smallest=False), accepted.ours(PAIR))


def told(c: Comparison, known: accepted.Accepted) -> Change:
    """Its kinds of ends, what most situations show first."""
    base, patch = c.variants
    kinds = [
        Kind(
            c.variants[g.side],
            g.difference.only,
            g.difference.instead,
            tuple(known.get(accepted.known(g, c.variants), ())),
            sum(g.shown.values()),
        )
        for g in c.groups
    ]
    checked = accepted.check(known, c.groups, c.variants)
    wrong = [f"not accepted: {described(*row)}" for row in checked.new]
    wrong += [f"accepted, and gone: {described(*row)}" for row in checked.vanished]
    wrong += [f"bounded: {why}" for why in c.bounded]
    return Change(base, patch, sum(c.tried.values()), tuple(kinds), "; ".join(wrong))


def lines(change: Change) -> list[str]:
    """A line for each kind."""
    said = [f"{change.title}: {headline(change)}"]
    for kind in change.kinds:
        names = ", ".join(kind.names) or "NEW"
        said.append(f"{kind.situations:8} only on {title_of(kind.only_on)}: {statement(kind)} ({names})")
    return [*said, f"each with its smallest script and both runs: {COMMAND}"]


def headline(change: Change) -> str:
    """How much was tried and found."""
    tried = f"all interleavings of {change.situations} small situations"
    return f"{tried}, and {len(change.kinds)} kinds of ends that only one of them has"


def statement(kind: Kind) -> str:
    """What the one kernel has, or what it lacks."""
    return "; ".join(kind.has) or f"no {'; no '.join(kind.instead_of)}"
