"""Uniform random walk: each step goes to a runnable context, or the clock, chosen with equal probability.  Guarantees nothing."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from oom_review.schedules.driver import short_sleep_due

if TYPE_CHECKING:
    from kernel_model.machine import Machine
    from kernel_model.sched import TaskStruct


class UniformScheduler:
    """All randomness comes from ``rng``."""

    def __init__(self, rng: random.Random) -> None:
        """Keep the source of randomness."""
        self._rng = rng

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        del current
        runnable = machine.runnable_tasks()
        if not runnable:
            return None
        chosen = int(self._rng.random() * (len(runnable) + 1))
        if chosen < len(runnable):
            return runnable[chosen]
        if short_sleep_due(machine):
            return None
        return runnable[int(self._rng.random() * len(runnable))]
