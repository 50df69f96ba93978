"""Waiting for children (kernel/exit.c): a waiter freezes where it sleeps, and then reaps nobody."""

from __future__ import annotations

from kernel_model.sched import TASK_INTERRUPTIBLE

from .sched import TASK_FREEZABLE
from .switches import waits_are_freezable


def _state_of_wait() -> int:
    """In which a waiter sleeps (kernel/exit.c, do_wait)."""
    return TASK_INTERRUPTIBLE | (TASK_FREEZABLE if waits_are_freezable() else 0)
