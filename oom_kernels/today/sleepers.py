"""Sleeps of user space that freeze in place: futex_wait() (kernel/futex/waitwake.c) and nanosleep() (kernel/time/hrtimer.c)."""

from __future__ import annotations

from kernel_model.futex import SETUP, unqueue_me
from kernel_model.hrtimer import NANOSLEEP, NAP
from kernel_model.preempt import Steps, sleep
from kernel_model.sched import TASK_INTERRUPTIBLE, TASK_RUNNING, Kernel, TaskStruct, signal_pending

from .sched import TASK_FREEZABLE

FUTEX_SLEEP = sleep("futex_do_wait", "schedule()")
NANOSLEEP_SLEEP = sleep("do_nanosleep", "schedule()")


def futex_wait(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Until somebody wakes it, or a signal comes."""
    yield SETUP
    k.futex_waiters.append(cur)
    cur.state = TASK_INTERRUPTIBLE | TASK_FREEZABLE
    yield FUTEX_SLEEP
    cur.state = TASK_RUNNING
    return unqueue_me(k, cur)


def nanosleep(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """100 ms, or until a signal comes; what is left of it is not slept again."""
    yield NANOSLEEP
    cur.timer = k.clock + NAP
    cur.state = TASK_INTERRUPTIBLE | TASK_FREEZABLE
    yield NANOSLEEP_SLEEP
    cur.state = TASK_RUNNING
    cur.timer = None
    return "EINTR" if signal_pending(cur) else ""
