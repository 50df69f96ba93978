"""Every mixture of the RFC's hunks, in a few small situations: which promises each of them breaks, and what follows from that.

A promise is judged in each situation for itself: a mixture that leaks the count in one more situation than another is worse, though both
leak.  So a hunk alone, or a mixture without it, is compared cell by cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from oom_kernels.hunks.family import PARTS, RFC, mixtures, name_of, parts_of, plain
from oom_review.situations.job import Job, Outcome

PLACES = (
    "memcg-oom/threads=2",
    "memcg-oom/threads=2/parent=ignores",
    "memcg-oom/threads=2/freezer=frozen",
    "memcg-oom/threads=1/suspend/freezer=frozen",
    "self-oom/threads=2/racing=second-oom",
    "self-oom/threads=2/suspend",
)
"""Where the RFC and legacy part: alone, reaped at once, frozen, suspended; two victims; and all of it."""
STATES = 200_000
"""Ten times what any of them has."""

Parts = frozenset[str]
Cell = tuple[str, str]
"""A promise, and the situation in which it is broken."""
LEGACY: Parts = frozenset()
WHOLE = plain(RFC)


def jobs(places: Sequence[str] = PLACES) -> list[Job]:
    """All that there is to explore."""
    return [Job(place, name_of(parts), STATES) for parts in mixtures() for place in places]


@attrs.define(frozen=True)
class Change:
    """What a mixture breaks and mends of another one."""

    part: str
    name: str
    breaks: frozenset[Cell]
    mends: frozenset[Cell]


@attrs.define(frozen=True)
class Ablation:
    """What each mixture breaks.  ``bounded``: explorations that hit a limit, or whose worker died; what they would have found is not in it."""

    broken: Mapping[Parts, frozenset[Cell]]
    places: tuple[str, ...]
    states: int
    bounded: tuple[str, ...] = ()

    @property
    def promises(self) -> list[str]:
        """Those that some mixture breaks, in order."""
        return sorted({claim for cells in self.broken.values() for claim, _place in cells})

    def alone(self) -> list[Change]:
        """Legacy with one hunk."""
        return [self._change(part, LEGACY, LEGACY | {part}) for part in PARTS]

    def without(self) -> list[Change]:
        """The RFC without one hunk; of mark_oom_victim() the forms that it has not."""
        changes = []
        for part in PARTS:
            rest = RFC - {part}
            if part in ("thaw", "count"):
                rest = RFC - {"both"} | {part}
            changes.append(self._change(part, WHOLE, rest))
        return changes

    def _change(self, part: str, before: Parts, after: Parts) -> Change:
        after = plain(after)
        old, new = self.broken[before], self.broken[after]
        return Change(part, name_of(after), new - old, old - new)

    def keeping(self, promise: str) -> list[Parts]:
        """The smallest mixtures that keep the promise in every situation, whatever else they break."""
        keep = [p for p, cells in self.broken.items() if promise not in {claim for claim, _place in cells}]
        return [p for p in keep if not any(q < p for q in keep)]

    def needed(self, promise: str) -> Parts:
        """The parts that every mixture has that keeps the promise; a form of mark_oom_victim() that has all of another one counts as both."""
        keep = [p for p, cells in self.broken.items() if promise not in {claim for claim, _place in cells}]
        forms = [p | {"thaw", "count"} if "both" in p else p for p in keep]
        return frozenset.intersection(*forms) if forms else frozenset()

    def worse(self) -> list[Parts]:
        """Mixtures that break what neither legacy nor the RFC breaks, the small ones first."""
        either = self.broken[LEGACY] | self.broken[WHOLE]
        return [p for p, cells in self.broken.items() if cells - either]

    def best(self) -> list[Parts]:
        """Mixtures of which none breaks less: a part of what another one breaks."""
        every = set(self.broken.values())
        return [p for p, cells in self.broken.items() if not any(other < cells for other in every)]


def of(outcomes: Iterable[Outcome], lost: Iterable[Job] = (), places: Sequence[str] = PLACES) -> Ablation:
    """What the explorations found."""
    broken: dict[Parts, set[Cell]] = {parts: set() for parts in mixtures()}
    states, bounded = 0, [f"{job}: a worker died" for job in lost]
    for outcome in outcomes:
        broken[parts_of(outcome.job.variant)] |= {(claim, outcome.job.situation) for claim in outcome.refuted}
        states += outcome.states
        bounded += [f"{outcome.job}: {outcome.bounded}"] if outcome.bounded else []
    return Ablation(
        {p: frozenset(cells) for p, cells in broken.items()}, tuple(places), states, tuple(bounded)
    )
