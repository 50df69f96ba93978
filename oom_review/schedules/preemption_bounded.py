"""Preemption-bounded search (Musuvathi and Qadeer, Iterative Context Bounding, PLDI 2007): all schedules with few preemptions.

To take the CPU from a context that could go on costs one preemption, and so does letting a sleep end while somebody could run; to
choose who follows one that can't go on is free.  Each play of one program takes a schedule that no play before has taken: the choices of
an earlier one up to some step, another choice there, and from then on no preemption.

Guarantee: a search that goes on until ``play`` says that nothing is left has tried every schedule with at most ``bound`` preemptions, each
once.  With k steps and n contexts there are at most (n*k)**bound ways to place the preemptions, for each way in which contexts that block
are followed.  The paper takes fewer preemptions first; here a play draws how many it has, and which of the open schedules is next, as
random search has few plays for each program.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs

from oom_review.schedules.driver import short_sleep_due

if TYPE_CHECKING:
    from kernel_model.machine import Machine
    from kernel_model.sched import TaskStruct

CLOCK = 0


@attrs.define(frozen=True, slots=True)
class Open:
    """A schedule that is still to be tried: the first ``length`` choices of a play, then ``choice``; choices are pids."""

    taken: list[int]
    length: int
    choice: int


class PreemptionBounded:
    """The plays of one program.  All randomness comes from ``rng``."""

    def __init__(self, rng: random.Random, bound: int) -> None:
        """Begin with no preemption and no choice made."""
        self._rng = rng
        self._open: list[list[Open]] = [[] for _ in range(bound + 1)]
        self._begun = False

    def play(self) -> BoundedScheduler | None:
        """A scheduler for the next play, from its first run to its last; None if every schedule was tried."""
        if not self._begun:
            self._begun = True
            return BoundedScheduler(self._rng, self._open, (), 0)
        numbers = [n for n, schedules in enumerate(self._open) if schedules]
        if not numbers:
            return None
        preemptions = self._rng.choice(numbers)
        schedules = self._open[preemptions]
        index = self._rng.randrange(len(schedules))
        schedules[index], schedules[-1] = schedules[-1], schedules[index]
        found = schedules.pop()
        return BoundedScheduler(
            self._rng, self._open, (*found.taken[: found.length], found.choice), preemptions
        )


class BoundedScheduler:
    """One play: follows ``prefix``, then preempts nobody, and notes which choices it leaves open."""

    def __init__(
        self, rng: random.Random, still_open: list[list[Open]], prefix: tuple[int, ...], preemptions: int
    ) -> None:
        """``preemptions`` is how many of the prefix's choices are preemptions."""
        self._rng = rng
        self._open = still_open
        self._prefix = prefix
        self._preemptions = preemptions
        self._taken: list[int] = []

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        step = len(self._taken)
        pid = self._prefix[step] if step < len(self._prefix) else self._decide(machine, current, step)
        self._taken.append(pid)
        return machine.k.tasks[pid] if pid != CLOCK else None

    def _decide(self, machine: Machine, current: TaskStruct | None, step: int) -> int:
        runnable = machine.runnable_tasks()
        if not runnable:
            return CLOCK
        goes_on = current is not None and machine.runnable(current)
        chosen = current if goes_on and current is not None else self._rng.choice(runnable)
        for t in runnable:
            if t is not chosen:
                self._leave_open(self._preemptions + goes_on, step, t.pid)
        if short_sleep_due(machine):
            self._leave_open(self._preemptions + 1, step, CLOCK)
        return chosen.pid

    def _leave_open(self, preemptions: int, step: int, pid: int) -> None:
        if preemptions < len(self._open):
            self._open[preemptions].append(Open(self._taken, step, pid))
