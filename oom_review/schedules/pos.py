"""POS: a random priority for each step, not for each context (Yuan, Yang and Gu, Partial Order Sampling, CAV 2018).

The context whose next step has the highest priority runs.  A step gets its priority when it comes up, and a new one each time that
a step with which it conflicts is taken before it: so the order of two conflicting steps is drawn afresh, while steps that commute
do not disturb each other.  The clock takes part while somebody's short sleep could end.

Guarantee: every interleaving has a positive probability, and which one of the interleavings of a partial order is taken depends on
that order's conflicts alone, where a uniform walk prefers partial orders with many interleavings.  Conflicts are taken from the
preemption points' declarations, on the safe side: one too many only makes POS more like a uniform walk.
"""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING

from kernel_model.preempt import PreemptionPoint
from oom_review.schedules.driver import short_sleep_due

if TYPE_CHECKING:
    from kernel_model.machine import Machine
    from kernel_model.preempt import Yield
    from kernel_model.sched import TaskStruct

WHATEVER = frozenset({"*", "others"})
MARKS = "!?~"
COMMUTES = "~"
CLOCK = 0


class PosScheduler:
    """All randomness comes from ``rng``; priorities are kept by pid."""

    def __init__(self, rng: random.Random) -> None:
        """Nobody has a priority yet."""
        self._rng = rng
        self._priority: dict[int, float] = {}

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        del current
        runnable = machine.runnable_tasks()
        if not runnable:
            return None
        priority = self._priority
        for pid in (CLOCK, *(t.pid for t in runnable)):
            if pid not in priority:
                priority[pid] = self._rng.random()
        chosen = max(runnable, key=lambda t: priority[t.pid])
        if priority[CLOCK] > priority[chosen.pid] and short_sleep_due(machine):
            del priority[CLOCK]
            return None
        del priority[chosen.pid]
        assert chosen.at is not None
        for pid in [pid for pid in priority if pid != CLOCK]:
            at = machine.k.tasks[pid].at
            if at is None or conflict(chosen.at, at):
                del priority[pid]
        return chosen


def conflict(left: Yield, right: Yield) -> bool:
    """The next steps of two contexts may touch the same thing, and not both only to look at it."""
    p, wanted = (left, None) if isinstance(left, PreemptionPoint) else left
    q, wanted_too = (right, None) if isinstance(right, PreemptionPoint) else right
    if wanted is not None and wanted is wanted_too and p.kind and q.kind:
        return True
    return declared_conflict(p, q)


@cache
def declared_conflict(p: PreemptionPoint, q: PreemptionPoint) -> bool:
    """By what they declare; the running task's own are taken to be its own alone."""
    if p.touches & WHATEVER or q.touches & WHATEVER:
        return True
    return any(_clash(a, b) for a in p.touches for b in q.touches)


def _clash(a: str, b: str) -> bool:
    name, _, scope = a.rstrip(MARKS).partition(":")
    other, _, other_scope = b.rstrip(MARKS).partition(":")
    if name != other or (scope == "cur" and other_scope == "cur"):
        return False
    marks = {a[-1] if a[-1] in MARKS else "", b[-1] if b[-1] in MARKS else ""}
    return marks not in ({""}, {COMMUTES})
