"""The portfolio: no scheduler wins everywhere, so random search draws one of several for each run."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import attrs

from oom_review.schedules.driver import Exhausted, Scheduler
from oom_review.schedules.gaps import Gaps, GapScheduler
from oom_review.schedules.pct import PctScheduler
from oom_review.schedules.pos import PosScheduler
from oom_review.schedules.preemption_bounded import BoundedScheduler, PreemptionBounded
from oom_review.schedules.uniform import UniformScheduler

if TYPE_CHECKING:
    from kernel_model.machine import Machine
    from kernel_model.sched import TaskStruct

EXPECTED_STEPS = 150
BOUND = 2


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


class Draws(Protocol):
    """Where the schedulers of one play of a program come from."""

    def draw(self, rng: random.Random) -> Scheduler:
        """One to quiescence."""

    def draw_limited(self, rng: random.Random) -> Scheduler | None:
        """One for a run in the middle of a scenario: often cut off, sometimes left out (None)."""


@attrs.define(frozen=True)
class Mix:
    """``one`` draws a scheduler for each run; a share of the plays belongs to one preemption-bounded search instead."""

    one: Callable[[random.Random], Scheduler]
    bounded: float = 0.0

    def draw(self, rng: random.Random) -> Scheduler:
        """See Draws."""
        return self.one(rng)

    def draw_limited(self, rng: random.Random) -> Scheduler | None:
        """See Draws."""
        which = rng.random()
        if which < 0.15:
            return None
        if which < 0.5:
            return Limited(self.one(rng), rng.randint(1, EXPECTED_STEPS))
        return self.one(rng)

    def plays(self, rng: random.Random) -> Iterator[Draws]:
        """For one play of a program after the other."""
        search = PreemptionBounded(rng, BOUND)
        while True:
            play = search.play() if rng.random() < self.bounded else None
            yield self if play is None else WholePlay(play)


@attrs.define(frozen=True)
class WholePlay:
    """One scheduler for all runs of a play; operations that stand next to each other are asked for together."""

    scheduler: BoundedScheduler

    def draw(self, rng: random.Random) -> Scheduler:
        """See Draws."""
        del rng
        return self.scheduler

    def draw_limited(self, rng: random.Random) -> Scheduler | None:
        """See Draws."""
        return self.draw(rng)


def _bounded(rng: random.Random) -> Scheduler:
    return BoundedScheduler(rng, [], (), 0)


def draw(rng: random.Random) -> Scheduler:
    """One scheduler to quiescence: mostly PCT of depth 1 to 4, else uniform or POS, else nobody is preempted."""
    which = rng.random()
    if which < 0.5:
        return _pct(rng)
    if which < 0.75:
        return UniformScheduler(rng)
    if which < 0.9:
        return PosScheduler(rng)
    return GapScheduler(Gaps())


def _pct(rng: random.Random) -> Scheduler:
    return PctScheduler(rng, rng.randint(1, 4), EXPECTED_STEPS)


PORTFOLIO = Mix(draw, bounded=0.05)
MIXES = {
    "uniform": Mix(UniformScheduler),
    "pct": Mix(_pct),
    "pos": Mix(PosScheduler),
    "preemption-bounded": Mix(_bounded, 1.0),
    "portfolio": PORTFOLIO,
}
