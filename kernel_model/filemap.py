"""Waiting for a device that writes a page back (mm/filemap.c): neither signals nor freezers end that."""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import wake_up_state
from kernel_model.preempt import Steps, point, sleep
from kernel_model.sched import TASK_RUNNING, TASK_UNINTERRUPTIBLE, Kernel, TaskStruct

SUBMIT = point("submit_bio", "write the page")
WRITEBACK = sleep("wait_on_page_writeback", "wait for the device", outside=True)


def wait_on_page_writeback(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Write a page and sleep until the device is done (mm/filemap.c, wait_on_page_bit): fsync(), or a kernel thread's own doing."""
    yield SUBMIT
    events.io(k, cur, "submit_bio")
    k.writeback.append(cur)
    while True:
        cur.state = TASK_UNINTERRUPTIBLE
        if cur not in k.writeback:
            break
        yield WRITEBACK
    cur.state = TASK_RUNNING
    return ""


def end_page_writeback(k: Kernel) -> None:
    """The device is done: who waits goes on (mm/filemap.c)."""
    if not k.writeback:
        return
    waiters, k.writeback = k.writeback, []
    for p in waiters:
        wake_up_state(p, TASK_UNINTERRUPTIBLE)
