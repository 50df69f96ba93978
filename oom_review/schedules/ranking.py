"""Tasks in the order of their priorities: who goes first is found without asking everybody whether it can run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernel_model.machine import Machine
    from kernel_model.sched import TaskStruct


class Ranking:
    """Asks ``draw`` for the priority of each task once, when it has been born; None is for a task that never runs."""

    def __init__(self, draw: Callable[[TaskStruct], float | None]) -> None:
        """Nobody is known yet."""
        self._draw = draw
        self._met = 0
        self._priority: dict[int, float] = {}
        self._order: list[TaskStruct] = []

    def first(self, machine: Machine) -> TaskStruct | None:
        """The runnable task with the highest priority."""
        if self._met != len(machine.k.tasks):
            self._meet(machine)
        runnable = machine.runnable
        for t in self._order:
            if runnable(t):
                return t
        return None

    def priority(self, t: TaskStruct) -> float:
        """Of a task that has been met."""
        return self._priority[t.pid]

    def change(self, t: TaskStruct, priority: float) -> None:
        """Give a task that has been met another one."""
        self._priority[t.pid] = priority
        self._sort()

    def _meet(self, machine: Machine) -> None:
        """Those who were born since: tasks are never forgotten, and stand in the order of their pids."""
        for t in [*machine.k.tasks.values()][self._met :]:
            priority = self._draw(t)
            if priority is not None:
                self._priority[t.pid] = priority
                self._order.append(t)
        self._met = len(machine.k.tasks)
        self._sort()

    def _sort(self) -> None:
        priority = self._priority
        self._order.sort(key=lambda t: -priority[t.pid])
