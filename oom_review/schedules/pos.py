"""POS: a random priority for each step, not for each context (Yuan, Yang and Gu, Partial Order Sampling, CAV 2018).

The context whose next step has the highest priority runs.  A step gets its priority when it comes up, and a new one each time that
a step with which it conflicts is taken before it: so the order of two conflicting steps is drawn afresh, while steps that commute
do not disturb each other.  The clock takes part while somebody's short sleep could end.

Guarantee: every interleaving has a positive probability, and which one of the interleavings of a partial order is taken depends on
that order's conflicts alone, where a uniform walk prefers partial orders with many interleavings.  What a block will touch is not
known before it runs.  So steps that want locks conflict by the lock, and steps between locks all conflict with each other: one conflict
too many only makes POS more like a uniform walk.  Tried and dropped: blocks that declare what they touch, which found nothing sooner.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from kernel_model.preempt import Kind, PreemptionPoint
from oom_review.schedules.driver import short_sleep_due

if TYPE_CHECKING:
    from kernel_model.machine import Machine
    from kernel_model.preempt import Yield
    from kernel_model.sched import TaskStruct

LOCKS = frozenset({Kind.LOCK, Kind.READ, Kind.KILLABLE})
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
    """The next steps of two contexts want the same lock and not both to read, or are about the same task, or take no lock at all."""
    p, wanted = (left, None) if isinstance(left, PreemptionPoint) else left
    q, wanted_too = (right, None) if isinstance(right, PreemptionPoint) else right
    if wanted is not None and wanted is wanted_too:
        return not p.kind == q.kind == Kind.READ
    return p.kind not in LOCKS and q.kind not in LOCKS
