"""Preemption points: where another CPU may run.

Kernel code is a generator function.  ``yield POINT`` or ``yield POINT, operand`` is a preemption point; the code up to the
next one is atomic.  The operand is the lock that is wanted, or the task that the step is about.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import attrs

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Kind(enum.IntEnum):
    """What a context waits for at a preemption point; decides whether it is runnable."""

    RUN = 0  # nothing: another CPU may get in between, that is all
    LOCK = 1  # the operand, for writing
    READ = 2  # the operand, for reading
    KILLABLE = 3  # the operand for writing, or a fatal signal
    SLEEP = 4  # somebody to wake the task (or a signal or timer, as the task's state says)
    USER = 5  # a system call or a signal: the task is in user mode


@attrs.define(frozen=True, eq=False, slots=True)
class PreemptionPoint:
    """One named place in the kernel's code; compares by identity.

    ``outside``: who waits here waits for a device, a server, a dump or another group, whatever its own group does.
    ``walk``: here somebody visits one task after the other, under a lock that keeps them (see ``visits_one``).
    """

    function: str
    step: str
    kind: Kind
    outside: bool = False
    walk: bool = False

    def __str__(self) -> str:
        """The name that traces and schedules print."""
        return f"{self.function}: {self.step}"


Yield = PreemptionPoint | tuple[PreemptionPoint, object]
Steps = Generator[Yield, None, T]

POINTS: dict[tuple[str, str], PreemptionPoint] = {}


def _point(
    kind: Kind, function: str, step: str, *, outside: bool = False, walk: bool = False
) -> PreemptionPoint:
    # Variants name the points of the functions that they share: the same name is the same point.
    known = POINTS.get((function, step))
    if known is None:
        known = POINTS[function, step] = PreemptionPoint(function, step, kind, outside, walk)
    elif (known.kind, known.outside, known.walk) != (kind, outside, walk):
        raise ValueError(f"preemption point {known} is named twice, differently")
    return known


def point(function: str, step: str, *, outside: bool = False, walk: bool = False) -> PreemptionPoint:
    """A lock-free access to shared state, or a step that others may see."""
    return _point(Kind.RUN, function, step, outside=outside, walk=walk)


def lock(function: str, step: str, *, walk: bool = False) -> PreemptionPoint:
    """The acquisition of the operand for writing."""
    return _point(Kind.LOCK, function, step, walk=walk)


def read_lock(function: str, step: str) -> PreemptionPoint:
    """The acquisition of the operand for reading."""
    return _point(Kind.READ, function, step)


def lock_killable(function: str, step: str) -> PreemptionPoint:
    """The acquisition of the operand for writing that a fatal signal ends (mutex_lock_killable, kernel/locking/mutex.c)."""
    return _point(Kind.KILLABLE, function, step)


def sleep(function: str, step: str, *, outside: bool = False) -> PreemptionPoint:
    """A call of schedule() with the task's state set."""
    return _point(Kind.SLEEP, function, step, outside=outside)


def user(function: str, step: str) -> PreemptionPoint:
    """The way back to user mode."""
    return _point(Kind.USER, function, step)


def visits_one(function: F) -> F:
    """A walk over tasks that calls this for each looks at that task only, so that nothing comes of looking half-way.

    An exploration takes such a walk whole (docs/model.md); a patch's function that does not say so is explored step by step.
    """
    function.visits_one = True  # type: ignore[attr-defined]
    return function
