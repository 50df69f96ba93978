"""What is below a state that was left, as far as steps above it may race with it.

A summary has for each task, and for each set of tasks whose steps come before, all that such steps touch (Yang, Chen, Gopalakrishnan
and Kirby, SPIN 2008).  What is joined may show a race where there is none, which costs time; it hides none, as whatever follows a race
that was told is explored once more with the racing step first.

A step comes before another's here if they conflict, or if the other's task has it among those before.  That a third one lies between
them is not seen, so that they may be told to race.  Tried: what is certainly touched before, too, by which that is seen.  It left out 8
to 14 % of the states and took most of the memory, and of the time: nearly each state had sets of its own.
"""

from __future__ import annotations

import attrs

Summary = dict[tuple[int, int], int]
"""By task and the tasks whose steps come before (bits): what is touched."""


@attrs.define(eq=False, slots=True)
class Kept:
    """The summary of a state that was left: itself, or one step above that of another state."""

    summary: Summary = attrs.Factory(dict)
    ordered: bool = False
    below: Kept | None = None
    choice: int = 0
    own: int = 0
    enemy: int = 0

    def whole(self) -> Summary:
        """The summary."""
        steps = []
        kept = self
        while kept.below is not None:
            steps.append(kept)
            kept = kept.below
        summary = kept.summary
        for step in reversed(steps):
            summary, _races = step_above(summary, step.choice, step.own, step.enemy)
        return summary


def step_above(summary: Summary, p: int, own: int, enemy: int) -> tuple[Summary, list[tuple[int, int]]]:
    """The summary from one step before; and the races of that step, as tasks and what comes before them."""
    bit = 1 << p
    above: Summary = {(p, 0): own}
    races = []
    for key, touched in summary.items():
        q, before = key
        if q != p and not before & bit:
            if not enemy & touched:
                above[key] = touched
                continue
            races.append(key)
        moved = q, before | bit
        above[moved] = above.get(moved, 0) | touched
    return above, races


def join(one: Summary, other: Summary) -> Summary:
    """Of two parts below the same state; the larger one may be changed."""
    if len(one) < len(other):
        one, other = other, one
    for key, touched in other.items():
        one[key] = one.get(key, 0) | touched
    return one


def leave_out_implied(summary: Summary) -> None:
    """Drop what never tells of a race that another part does not: fewer come before that one, and it touches no less.

    A task's very next step, with nobody before it, implies nothing: a race with it may ask for nothing (search.race).
    """
    by_task: dict[int, list[tuple[int, int]]] = {}
    for (q, before), touched in summary.items():
        if before:
            by_task.setdefault(q, []).append((before, touched))
    for q, parts in by_task.items():
        parts.sort(key=_how_many)
        left: list[tuple[int, int]] = []
        for part in parts:
            before, touched = part
            for b, t in left:
                if b & before == b and t | touched == t:
                    del summary[q, before]
                    break
            else:
                left.append(part)


def _how_many(part: tuple[int, int]) -> int:
    return part[0].bit_count()
