"""Priorities by name, for two machines at once: PCT whose change points are counted in each task's own steps.

Both kernels get the same priorities, and a task falls back after the same number of its own steps, whether or not others run in
between.  Steps that only one kernel has (inside marking and unmarking) are not counted.  So two bystanders take the same turns in
both kernels even where one kernel has woken a thread more.
"""

from __future__ import annotations

import random
from functools import lru_cache
from typing import TYPE_CHECKING

from kernel_model.preempt import PreemptionPoint
from oom_review.schedules.driver import Exhausted, short_sleep_due
from oom_review.schedules.ranking import Ranking

if TYPE_CHECKING:
    from kernel_model.machine import Machine
    from kernel_model.sched import TaskStruct

VARIANT_ONLY = frozenset({"mark_oom_victim", "exit_oom_victim"})
CLOCK = "@clock"
# A task falls back within so many of its own steps, or never.
HORIZON = 60


@lru_cache(maxsize=4096)  # both machines ask, and runs to rest ask the same every time
def _drawn(seed: int, name: str, changes: int) -> tuple[float, tuple[int, ...]]:
    """A task's priority, and after how many of its own steps it falls back."""
    rng = random.Random(f"{seed} {name}")
    priority = rng.random()
    return priority, tuple(sorted(rng.randrange(HORIZON) for _ in range(rng.randint(0, changes))))


class NamedPriorities:
    """``only``: nobody else runs (everybody, if empty); ``changes``: at most so many change points a task."""

    def __init__(self, seed: int, changes: int, only: frozenset[str] = frozenset()) -> None:
        """The same seed gives the same priorities in every machine."""
        self._seed = seed
        self._changes = changes
        self._only = only
        self._ranking = Ranking(self._meet)
        self._points: dict[str, list[int]] = {}
        self._steps: dict[str, int] = {}
        self._ticks = 0
        self._clock = self._draw_clock()

    def _draw_clock(self) -> float:
        return _drawn(self._seed, f"{CLOCK} {self._ticks}", 0)[0]

    def _meet(self, t: TaskStruct) -> float | None:
        if self._only and t.name not in self._only:
            return None
        priority, points = _drawn(self._seed, t.name, self._changes)
        if points:
            self._points[t.name] = [*points]
            self._steps[t.name] = 0
        return priority

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        del current
        chosen = self._ranking.first(machine)
        if chosen is None:
            if self._only:
                raise Exhausted
            return None
        if self._clock > self._ranking.priority(chosen) and short_sleep_due(machine):
            self._ticks += 1
            self._clock = self._draw_clock()
            return None
        if chosen.name in self._points:
            self._count(machine, chosen)
        return chosen

    def _count(self, machine: Machine, t: TaskStruct) -> None:
        assert t.at is not None
        point = t.at if isinstance(t.at, PreemptionPoint) else t.at[0]
        if point.function in VARIANT_ONLY:
            return
        if point.function == "thaw_task" and machine.k.oom_lock.owner is t:
            return
        name = t.name
        self._steps[name] += 1
        points = self._points[name]
        while points and points[0] <= self._steps[name]:
            del points[0]
            self._ranking.change(t, self._ranking.priority(t) - 1)
        if not points:
            del self._points[name]
