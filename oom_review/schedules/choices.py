"""Exact choices: the context of each step by name, as an exhaustive search finds them and a file may store them.

Nothing is interpreted: a choice that is not possible where it stands raises ScheduleDiverged.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import attrs

from oom_review.schedules.driver import TICK, Exhausted, ScheduleDiverged, Scheduler
from oom_review.schedules.gaps import Gaps, GapScheduler

if TYPE_CHECKING:
    from kernel_model.machine import Machine
    from kernel_model.sched import TaskStruct


@attrs.define(frozen=True)
class Choices:
    """``names``: who takes each step, a task or @tick; the run ends after the last.

    ``again``: they lead back to where they began, so that they can be taken for ever; they are taken twice.
    A task that sleeps until a time, or until it looks again, may be named too: its sleep ends there, and it takes its step.
    """

    names: tuple[str, ...] = ()
    again: bool = False

    @property
    def bursts(self) -> tuple[tuple[str, int], ...]:
        """The same, with the length of each unbroken sequence of one task."""
        return tuple((name, len(list(same))) for name, same in groupby(self.names))

    def __str__(self) -> str:
        """As a scenario file says it."""
        return " ".join(name if count == 1 else f"{name}*{count}" for name, count in self.bursts)


class ChoiceScheduler:
    """Follows exact choices."""

    def __init__(self, choices: Choices) -> None:
        """Begin with the first."""
        self._names = choices.names * (2 if choices.again else 1)
        self._next = 0

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        del current
        if self._next == len(self._names):
            raise Exhausted
        name = self._names[self._next]
        self._next += 1
        if name == TICK:
            if machine.k.panicked or machine.sleepers_due() is None:
                raise self._diverged(machine, "the clock", "no sleep has an end")
            return None
        wanted = machine.names_now().get(name)
        if wanted is None:
            raise self._diverged(machine, name, "no such task")
        if not machine.runnable(wanted) and (machine.k.panicked or not machine.may_expire(wanted)):
            raise self._diverged(machine, name, f"{name} can't run")
        return wanted

    def _diverged(self, machine: Machine, expected: str, reason: str) -> ScheduleDiverged:
        ready = ", ".join(t.name for t in machine.runnable_tasks()) or "nobody"
        return ScheduleDiverged(
            f"step {self._next} of the run: expected a step of {expected}, but {reason}; ready to run: {ready}"
        )


def follow(schedule: Gaps | Choices) -> Scheduler:
    """The scheduler for a stored schedule."""
    return ChoiceScheduler(schedule) if isinstance(schedule, Choices) else GapScheduler(schedule)
