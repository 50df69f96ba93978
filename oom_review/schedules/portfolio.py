"""The portfolio: no scheduler wins everywhere, so random search draws one of several for each run."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from oom_review.schedules.driver import Exhausted, Scheduler
from oom_review.schedules.gaps import Gaps, GapScheduler
from oom_review.schedules.pct import PctScheduler
from oom_review.schedules.uniform import UniformScheduler

if TYPE_CHECKING:
    from kernel_model.machine import Machine
    from kernel_model.sched import TaskStruct

EXPECTED_STEPS = 150


class Limited:
    """Another scheduler, for so many steps."""

    def __init__(self, inner: Scheduler, steps: int) -> None:
        """End the run after ``steps`` choices of ``inner``."""
        self._inner = inner
        self._left = steps

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        if self._left <= 0:
            raise Exhausted
        self._left -= 1
        return self._inner.choose(machine, current)


def draw(rng: random.Random) -> Scheduler:
    """One scheduler to quiescence: mostly PCT of depth 1 to 4, else uniform, else nobody is preempted."""
    which = rng.random()
    if which < 0.6:
        return PctScheduler(rng, rng.randint(1, 4), EXPECTED_STEPS)
    if which < 0.9:
        return UniformScheduler(rng)
    return GapScheduler(Gaps())


def draw_limited(rng: random.Random) -> Scheduler | None:
    """One scheduler for a run in the middle of a scenario: often cut off, sometimes left out (None)."""
    which = rng.random()
    if which < 0.15:
        return None
    if which < 0.5:
        return Limited(draw(rng), rng.randint(1, EXPECTED_STEPS))
    return draw(rng)
