"""Preemptions at gaps: the form in which schedules are drawn, shrunk and stored.

A gap list says: after so many steps take the CPU away and give it to that task.  An exhausted list means that the current task
goes on while it can and the next one in the order of pids follows, to quiescence.  Few preemptions read well and shrink well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from oom_review.schedules.driver import TICK, Exhausted, first_runnable

if TYPE_CHECKING:
    from kernel_model.machine import Machine
    from kernel_model.sched import TaskStruct


@attrs.define(frozen=True)
class Gaps:
    """``preemptions``: (steps since the last one, task or @tick); ``steps``: end the run after so many, None for at rest."""

    preemptions: tuple[tuple[int, str], ...] = ()
    steps: int | None = None

    def __str__(self) -> str:
        """As a reader would say it."""
        end = "to quiescence" if self.steps is None else f"for {self.steps} steps"
        switches = ", ".join(f"after {gap} {task}" for gap, task in self.preemptions)
        return f"{end} ({switches})" if switches else end


class GapScheduler:
    """Follows a gap list; a preemption that asks for a task that can't run is passed over."""

    def __init__(self, gaps: Gaps) -> None:
        """Begin at the list's start."""
        self._preemptions = gaps.preemptions
        self._left = gaps.steps
        self._next = 0
        self._wait = gaps.preemptions[0][0] if gaps.preemptions else -1

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        if self._left is not None:
            if self._left <= 0:
                raise Exhausted
            self._left -= 1
        while self._wait == 0:
            task = self._preemptions[self._next][1]
            self._next += 1
            self._wait = self._preemptions[self._next][0] if self._next < len(self._preemptions) else -1
            if task == TICK:
                if machine.sleepers_due() is not None:
                    self._wait -= 1
                    return None
                continue
            wanted = machine.names_now().get(task)
            if wanted is not None and machine.runnable(wanted):
                self._wait -= 1
                return wanted
        self._wait -= 1
        if current is not None and machine.runnable(current):
            return current
        return first_runnable(machine, current)


def from_choices(machine: Machine, choices: list[str], *, whole: bool) -> Gaps:
    """The gap list that makes a fresh ``machine`` take exactly these choices; it is consumed by trying them.

    ``whole``: the choices ended in quiescence, so no limit of steps is needed.
    """
    preemptions: list[tuple[int, str]] = []
    current: TaskStruct | None = None
    gap = 0
    for name in choices:
        if current is not None and machine.runnable(current):
            default: TaskStruct | None = current
        else:
            default = first_runnable(machine, current)
        chosen = None if name == TICK else machine.names_now()[name]
        if chosen is not default:
            preemptions.append((gap, name))
            gap = 0
        gap += 1
        if chosen is None:
            machine.tick()
        else:
            machine.step(chosen)
            current = chosen
    return Gaps(tuple(preemptions), None if whole else len(choices))
