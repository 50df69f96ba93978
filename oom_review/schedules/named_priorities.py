"""Priorities by name, for two machines at once: PCT whose change points are counted in each task's own steps.

Both kernels get the same priorities, and a task falls back after the same number of its own steps, whether or not others run in
between.  Steps that only one kernel has (inside marking and unmarking) are not counted.  So two bystanders take the same turns in
both kernels even where one kernel has woken a thread more.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from kernel_model.preempt import PreemptionPoint
from oom_review.schedules.driver import Exhausted, short_sleep_due

if TYPE_CHECKING:
    from kernel_model.machine import Machine
    from kernel_model.sched import TaskStruct

VARIANT_ONLY = frozenset({"mark_oom_victim", "exit_oom_victim"})
CLOCK = "@clock"


class NamedPriorities:
    """``only``: nobody else runs (everybody, if empty); ``changes``: at most so many change points a task."""

    def __init__(self, seed: int, changes: int, only: frozenset[str] = frozenset()) -> None:
        """The same seed gives the same priorities in every machine."""
        self._seed = seed
        self._changes = changes
        self._only = only
        self._priority: dict[str, float] = {}
        self._points: dict[str, list[int]] = {}
        self._steps: dict[str, int] = {}
        self._ticks = 0
        self._clock = self._draw_clock()

    def _draw_clock(self) -> float:
        return random.Random(f"{self._seed} {CLOCK} {self._ticks}").random()

    def _meet(self, name: str) -> None:
        rng = random.Random(f"{self._seed} {name}")
        self._priority[name] = rng.random()
        self._points[name] = sorted(rng.randrange(60) for _ in range(rng.randint(0, self._changes)))
        self._steps[name] = 0

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        del current
        runnable = [t for t in machine.runnable_tasks() if not self._only or t.name in self._only]
        if not runnable:
            if self._only:
                raise Exhausted
            return None
        for t in runnable:
            if t.name not in self._priority:
                self._meet(t.name)
        chosen = max(runnable, key=lambda t: self._priority[t.name])
        if self._clock > self._priority[chosen.name] and short_sleep_due(machine):
            self._ticks += 1
            self._clock = self._draw_clock()
            return None
        self._count(machine, chosen)
        return chosen

    def _count(self, machine: Machine, t: TaskStruct) -> None:
        point = t.at if isinstance(t.at, PreemptionPoint) or t.at is None else t.at[0]
        if point is None or point.function in VARIANT_ONLY:
            return
        if point.function == "thaw_task" and machine.k.oom_lock.owner is t:
            return
        name = t.name
        self._steps[name] += 1
        points = self._points[name]
        while points and points[0] <= self._steps[name]:
            del points[0]
            self._priority[name] -= 1
