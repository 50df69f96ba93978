"""Sleeps of user space that freeze in place: futex_wait() (kernel/futex/waitwake.c) and nanosleep() (kernel/time/hrtimer.c)."""

from __future__ import annotations

from kernel_model.core import wake_up_process
from kernel_model.preempt import Steps, point, sleep
from kernel_model.sched import TASK_INTERRUPTIBLE, TASK_RUNNING, Kernel, TaskStruct, signal_pending

from .sched import TASK_FREEZABLE

FUTEX = point("futex_wait_setup", "nobody has woken us")
FUTEX_SLEEP = sleep("futex_do_wait", "schedule()")
FUTEX_WAKE = point("futex_wake", "wake a waiter")
NANOSLEEP = point("do_nanosleep", "a timer of 100 ms")
NANOSLEEP_SLEEP = sleep("do_nanosleep", "schedule()")
NAP = 100


def futex_wait(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Until somebody wakes it, or a signal comes."""
    del k
    yield FUTEX
    cur.state = TASK_INTERRUPTIBLE | TASK_FREEZABLE
    yield FUTEX_SLEEP
    cur.state = TASK_RUNNING
    return "ERESTARTSYS" if signal_pending(cur) else ""


def futex_wake(k: Kernel, cur: TaskStruct, target: TaskStruct) -> Steps[str]:
    """Wake it if it waits."""
    del k, cur
    yield FUTEX_WAKE
    if target.at is FUTEX_SLEEP:
        wake_up_process(target)
    return ""


def nanosleep(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """100 ms, or until a signal comes; what is left of it is not slept again."""
    yield NANOSLEEP
    cur.timer = k.clock + NAP
    cur.state = TASK_INTERRUPTIBLE | TASK_FREEZABLE
    yield NANOSLEEP_SLEEP
    cur.state = TASK_RUNNING
    cur.timer = None
    return "EINTR" if signal_pending(cur) else ""
