"""The loop that every schedule shares: ask a scheduler, take a step, until nothing can run or the limit is reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kernel_model.machine import Machine
from kernel_model.sched import TaskStruct

TICK = "@tick"
STEP_LIMIT = 50_000


class StepLimitReached(Exception):
    """A run took more steps than any scenario needs: what it shows counts for nothing."""


class ScheduleDiverged(Exception):
    """A recorded schedule asks for what is not possible at that step."""


class Scheduler(Protocol):
    """Chooses the next context; may be asked once per step and keeps its own state."""

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """A runnable task, or None for the clock.  Raises Exhausted to end the run."""


class Exhausted(Exception):
    """The scheduler wants the run to end here."""


SHORT_SLEEP = 200


def short_sleep_due(machine: Machine) -> bool:
    """Somebody's sleep ends within ``SHORT_SLEEP`` ms: a random scheduler may let that happen while others could run.

    Long time-outs fire early only when a schedule says so in so many words.
    """
    due = machine.sleepers_due()
    return due is not None and due[0] - machine.k.clock <= SHORT_SLEEP


OnStep = Callable[[TaskStruct | None], None]


def first_runnable(machine: Machine, after: TaskStruct | None) -> TaskStruct | None:
    """The default: the next runnable task in the order of pids, cyclically after ``after``; None if nobody can run."""
    runnable = machine.runnable_tasks()
    if not runnable:
        return None
    if after is not None:
        for t in runnable:
            if t.pid > after.pid:
                return t
    return runnable[0]


def drive(
    machine: Machine, scheduler: Scheduler, on_step: OnStep | None = None, limit: int = STEP_LIMIT
) -> int:
    """Run until nothing can run any more (time-outs included) or the scheduler is exhausted; returns the steps taken.

    ``on_step`` is told of each step after it: the task that took it, or None for the clock.
    """
    current: TaskStruct | None = None
    step, choose = machine.step, scheduler.choose
    steps = 0
    while steps < limit:
        try:
            chosen = choose(machine, current)
        except Exhausted:
            return steps
        if chosen is None:
            if not machine.tick():
                return steps
        else:
            if chosen.state and not machine.runnable(chosen):
                machine.expire(chosen)
            step(chosen)
            current = chosen
        steps += 1
        if on_step is not None:
            on_step(chosen)
    raise StepLimitReached(f"{limit} steps and no end")
