"""Sleeping for a time (kernel/time/hrtimer.c): the freezer does not count who sleeps there, and does not wake it."""

from __future__ import annotations

from kernel_model.freezer import freezer_count, freezer_do_not_count
from kernel_model.preempt import Steps, point, sleep
from kernel_model.sched import TASK_INTERRUPTIBLE, TASK_RUNNING, Kernel, TaskStruct, signal_pending

NANOSLEEP = point("do_nanosleep", "a timer of 100 ms")
SLEEP = sleep("do_nanosleep", "freezable_schedule()")
NAP = 100


def nanosleep(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """100 ms, or until a signal comes; what is left of it is not slept again."""
    yield NANOSLEEP
    cur.timer = k.clock + NAP
    cur.state = TASK_INTERRUPTIBLE
    yield from freezer_do_not_count(cur)
    yield SLEEP
    cur.state = TASK_RUNNING
    cur.timer = None
    yield from freezer_count(k, cur)
    return "EINTR" if signal_pending(cur) else ""
