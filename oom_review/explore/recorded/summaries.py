"""What is below a state that was left, as far as steps above it may race with it.

A summary has for each task, and for each set of tasks whose steps must come before, all that such steps touch, and what is certain to
be touched before them (Yang, Chen, Gopalakrishnan and Kirby, SPIN 2008).  What is joined may show a race where there is none, which
costs time; it hides none, as whatever follows a race that was told is explored once more with the racing step first.
"""

from __future__ import annotations

import attrs

Summary = dict[tuple[int, int], tuple[int, int]]
"""By task and the tasks whose steps come before (bits): what is touched, and what is certainly touched before."""


@attrs.define(eq=False, slots=True)
class Kept:
    """The summary of a state that was left: itself, or one step above that of another state."""

    summary: Summary = attrs.Factory(dict)
    ordered: bool = False
    below: Kept | None = None
    choice: int = 0
    own: int = 0
    enemy: int = 0

    def copy(self) -> Summary:
        """The summary, for somebody else to change."""
        steps = []
        kept = self
        while kept.below is not None:
            steps.append(kept)
            kept = kept.below
        summary = kept.summary.copy()
        for step in reversed(steps):
            put_step_above(summary, step.choice, step.own, step.enemy)
        return summary


def put_step_above(summary: Summary, p: int, own: int, enemy: int) -> list[tuple[int, int]]:
    """The summary from one step before; returns the races of that step, as tasks and what comes before them."""
    bit = 1 << p
    moved = []
    races = []
    for key, value in summary.items():
        q, before = key
        touched, touched_before = value
        if q == p or before & bit or enemy & touched_before:
            moved.append((key, (q, before | bit), touched, touched_before | own))
        elif enemy & touched:
            moved.append((key, (q, before | bit), touched, touched_before | own))
            races.append(key)
    for key, _new, _touched, _touched_before in moved:
        del summary[key]
    for _key, new, touched, touched_before in moved:
        join(summary, new, touched, touched_before)
    join(summary, (p, 0), own, 0)
    return races


def join(summary: Summary, key: tuple[int, int], touched: int, touched_before: int) -> None:
    """One more step of the same kind."""
    known = summary.get(key)
    summary[key] = (
        (touched, touched_before) if known is None else (known[0] | touched, known[1] & touched_before)
    )


def leave_out_implied(summary: Summary) -> None:
    """Drop what never tells of a race that another part does not: fewer come before that one, and it touches no less.

    A task's very next step, with nobody before it, implies nothing: a race with it may ask for nothing (search.race).
    """
    by_task: dict[int, list[tuple[int, int, int]]] = {}
    for (q, before), (touched, touched_before) in summary.items():
        if before:
            by_task.setdefault(q, []).append((before, touched, touched_before))
    for q, parts in by_task.items():
        parts.sort(key=lambda part: part[0].bit_count())
        left: list[tuple[int, int, int]] = []
        for part in parts:
            if any(implies(other, part) for other in left):
                del summary[q, part[0]]
            else:
                left.append(part)


def implies(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    """Whoever races with the other races with the one."""
    return one[0] & other[0] == one[0] and one[1] | other[1] == one[1] and one[2] | other[2] == other[2]
