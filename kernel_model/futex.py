"""Waiting on a futex (kernel/futex.c): the freezer does not count who sleeps there, and does not wake it."""

from __future__ import annotations

from kernel_model.core import wake_up_process
from kernel_model.freezer import freezer_count, freezer_do_not_count
from kernel_model.preempt import Steps, point, sleep
from kernel_model.sched import TASK_INTERRUPTIBLE, TASK_RUNNING, Kernel, TaskStruct, signal_pending

SETUP = point("futex_wait_setup", "nobody has woken us")
SLEEP = sleep("futex_wait_queue_me", "freezable_schedule()")
WAKE = point("futex_wake", "wake a waiter")


def futex_wait(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Until somebody wakes it, or a signal comes; then it is asked for again."""
    yield SETUP
    k.futex_waiters.append(cur)
    cur.state = TASK_INTERRUPTIBLE
    yield from freezer_do_not_count(cur)
    yield SLEEP
    cur.state = TASK_RUNNING
    yield from freezer_count(k, cur)
    return unqueue_me(k, cur)


def unqueue_me(k: Kernel, cur: TaskStruct) -> str:
    """Off the queue, if nobody has taken us from there: then it was a signal."""
    if cur not in k.futex_waiters:
        return ""
    k.futex_waiters.remove(cur)
    return "ERESTARTSYS" if signal_pending(cur) else ""


def futex_wake(k: Kernel, cur: TaskStruct, target: TaskStruct) -> Steps[str]:
    """Wake it if it waits."""
    del cur
    yield WAKE
    if target in k.futex_waiters:
        k.futex_waiters.remove(target)
        wake_up_process(target)
    return ""
