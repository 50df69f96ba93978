"""Waiting for children (kernel/exit.c): a waiter freezes where it sleeps, and then reaps nobody."""

from __future__ import annotations

from kernel_model.locking import acquire_read, release_read
from kernel_model.preempt import Steps
from kernel_model.sched import TASK_INTERRUPTIBLE, TASK_RUNNING, Kernel, TaskStruct, signal_pending
from kernel_model.wait import ECHILD, ERESTARTSYS, NONE_YET, SCAN, SLEEP, scan, wait_task_zombie

from .sched import TASK_FREEZABLE
from .switches import waits_are_freezable


def do_wait(
    k: Kernel, cur: TaskStruct, *, wall: bool, only: TaskStruct | None = None, nohang: bool = False
) -> Steps[TaskStruct | str]:
    """The reaped task, or ECHILD, or ERESTARTSYS for a signal; NONE_YET with WNOHANG (kernel/exit.c)."""
    cur.signal.wait_chldexit.append(cur)
    while True:
        yield SCAN, k.tasklist_lock
        cur.state = TASK_INTERRUPTIBLE | (TASK_FREEZABLE if waits_are_freezable() else 0)
        acquire_read(cur, k.tasklist_lock)
        zombie, may_come = scan(cur, wall=wall, only=only)
        if zombie is not None:
            result: TaskStruct | str = yield from wait_task_zombie(k, cur, zombie)
            break
        release_read(cur, k.tasklist_lock)
        if not may_come:
            result = ECHILD
            break
        if nohang:
            result = NONE_YET
            break
        if signal_pending(cur):
            result = ERESTARTSYS
            break
        yield SLEEP
    cur.state = TASK_RUNNING
    cur.signal.wait_chldexit.remove(cur)
    return result
