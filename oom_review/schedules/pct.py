"""PCT: random priorities with few change points (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010).

The clock takes part as a context of its own while somebody's short sleep could end.  The highest-priority runnable context runs; at each of d-1 steps drawn beforehand the running one falls below all others.  With n
contexts and k steps a bug of depth d is found with probability at least 1/(n * k**(d-1)) in each run.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from oom_review.schedules.driver import short_sleep_due
from oom_review.schedules.ranking import Ranking

if TYPE_CHECKING:
    from kernel_model.machine import Machine
    from kernel_model.sched import TaskStruct


class PctScheduler:
    """Priorities are drawn when a task is born; ``depth`` is d, ``steps`` the guess for k."""

    def __init__(self, rng: random.Random, depth: int, steps: int) -> None:
        """All randomness comes from ``rng``."""
        self._rng = rng
        self._ranking = Ranking(lambda _t: rng.random())
        self._changes = sorted(rng.randrange(max(1, steps)) for _ in range(depth - 1))
        self._count = 0
        self._lowest = 0.0
        self._clock = rng.random()

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        count = self._count
        self._count = count + 1
        while self._changes and self._changes[0] <= count:
            del self._changes[0]
            if current is not None:
                self._lowest -= 1
                self._ranking.change(current, self._lowest)
        chosen = self._ranking.first(machine)
        if chosen is not None and self._clock > self._ranking.priority(chosen) and short_sleep_due(machine):
            self._clock = self._rng.random()
            return None
        return chosen
