"""Freezing and thawing all tasks (kernel/power/process.c)."""

from __future__ import annotations

from kernel_model import events
from kernel_model.freezer import freeze_task, thaw_task
from kernel_model.locking import acquire_read, release_read
from kernel_model.oom_kill import oom_killer_disable, oom_killer_enable
from kernel_model.preempt import Steps, point, read_lock, sleep, visits_one
from kernel_model.sched import (
    FREEZE_TIMEOUT,
    PF_FREEZER_SKIP,
    PF_KTHREAD,
    PF_SUSPEND_TASK,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    Kernel,
    TaskStruct,
)

BEGIN = point("freeze_processes", "pm_freezing = true")
PASS = read_lock("try_to_freeze_tasks", "tasklist_lock: one pass over all threads")
COUNT_TODO = point("try_to_freeze_tasks", "freezer_should_skip(p)?", walk=True)
NAP = sleep("try_to_freeze_tasks", "usleep_range() between two passes")
NOSIG = point("freeze_kernel_threads", "pm_nosig_freezing = true")
NOSIG_OFF = point("thaw_kernel_threads", "pm_nosig_freezing = false")
THAW = point("thaw_processes", "pm_freezing = false")
THAW_WALK = read_lock("thaw_processes", "tasklist_lock: thaw all threads")
THAWED = point("thaw_processes", "clear PF_SUSPEND_TASK")


def all_threads(k: Kernel) -> tuple[TaskStruct, ...]:
    """Tasklist_lock held.  Every thread of every hashed process (for_each_process_thread)."""
    return tuple(t for p in k.tasks.values() if p.group_leader is p and p.hashed for t in p.signal.threads)


@visits_one
def _freeze_pass(k: Kernel, cur: TaskStruct) -> Steps[bool]:
    """One pass over all threads under tasklist_lock; True if some have yet to freeze."""
    todo = False
    yield PASS, k.tasklist_lock
    acquire_read(cur, k.tasklist_lock)
    threads = all_threads(k)
    for _i, p in enumerate(threads):
        if p is cur:
            continue
        if not (yield from freeze_task(k, cur, p)):
            continue
        yield COUNT_TODO, p
        if not p.flags & PF_FREEZER_SKIP:
            todo = True
    release_read(cur, k.tasklist_lock)
    return todo


def try_to_freeze_tasks(k: Kernel, cur: TaskStruct) -> Steps[bool]:
    """Pass after pass until everybody is frozen (True) or 20 s are over (kernel/power/process.c)."""
    end = k.clock + FREEZE_TIMEOUT
    while True:
        todo = yield from _freeze_pass(k, cur)
        if not todo or k.clock >= end:
            break
        # A pass that can't see anything new would only repeat itself: then the clock goes on to the time-out.
        cur.state = TASK_UNINTERRUPTIBLE
        cur.timer = end
        cur.polling = True
        yield NAP
        cur.state = TASK_RUNNING
    cur.polling = False
    return not todo


def freeze_processes(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Freeze user space and disable the OOM killer; "" or the cause of -EBUSY (kernel/power/process.c)."""
    yield BEGIN
    cur.flags |= PF_SUSPEND_TASK
    if not k.pm_freezing:
        k.system_freezing_cnt += 1
    k.pm_freezing = True
    error = ""
    if (yield from try_to_freeze_tasks(k, cur)):
        events.pm_phase(k, "frozen")
        if not (yield from oom_killer_disable(k, cur, FREEZE_TIMEOUT)):
            error = "oom_killer_disable() failed"
    else:
        error = "tasks refused to freeze"
    if error:
        yield from thaw_processes(k, cur)
    else:
        events.pm_phase(k, "disabled")
    return error


def freeze_kernel_threads(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Freeze whatever is left, user tasks included; "" or the cause of -EBUSY (kernel/power/process.c)."""
    yield NOSIG
    k.pm_nosig_freezing = True
    if (yield from try_to_freeze_tasks(k, cur)):
        return ""
    yield NOSIG_OFF
    k.pm_nosig_freezing = False
    yield THAW_WALK, k.tasklist_lock
    acquire_read(cur, k.tasklist_lock)
    threads = all_threads(k)
    for _i, p in enumerate(threads):
        if p.flags & PF_KTHREAD:
            yield from thaw_task(k, cur, p)
    release_read(cur, k.tasklist_lock)
    return "kernel threads refused to freeze"


def thaw_processes(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Let everybody go on and enable the OOM killer (kernel/power/process.c)."""
    yield THAW
    if k.pm_freezing:
        k.system_freezing_cnt -= 1
    k.pm_freezing = False
    k.pm_nosig_freezing = False
    events.pm_phase(k, "running")
    oom_killer_enable(k)
    yield THAW_WALK, k.tasklist_lock
    acquire_read(cur, k.tasklist_lock)
    threads = all_threads(k)
    for _i, p in enumerate(threads):
        yield from thaw_task(k, cur, p)
    release_read(cur, k.tasklist_lock)
    yield THAWED
    cur.flags &= ~PF_SUSPEND_TASK
