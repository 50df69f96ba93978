"""Waiting for children (kernel/exit.c: do_wait and what it calls), with the window in which a zombie is EXIT_TRACE."""

from __future__ import annotations

from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.preempt import Steps, lock, point, read_lock, sleep
from kernel_model.prototypes import release_task
from kernel_model.ptrace import ptrace_unlink
from kernel_model.sched import (
    EXIT_DEAD,
    EXIT_TRACE,
    EXIT_ZOMBIE,
    SIGCHLD,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    Kernel,
    TaskStruct,
    delay_group_leader,
    same_thread_group,
    signal_pending,
    thread_group_leader,
)
from kernel_model.signal import do_notify_parent

SCAN = read_lock("do_wait", "tasklist_lock: look for a zombie")
SLEEP = sleep("do_wait", "schedule() in TASK_INTERRUPTIBLE")
SLEEP_ONE = sleep("do_wait", "schedule() until one child is dead")
UNTRACE = lock("wait_task_zombie", "tasklist_lock: from EXIT_TRACE back to the natural parent")
RELEASE = point("wait_task_zombie", "release_task()")

ECHILD = "ECHILD"
NONE_YET = "0"
ERESTARTSYS = "ERESTARTSYS"


def ptrace_reparented(p: TaskStruct) -> bool:
    """The tracer is in another group than the natural parent (include/linux/ptrace.h)."""
    return not same_thread_group(p.real_parent, p.parent)


def consider(p: TaskStruct, *, ptrace: bool, wall: bool) -> tuple[bool, bool]:
    """(reap it now, it may come later) for one child or tracee (kernel/exit.c, wait_consider_task)."""
    if p.exit_state == EXIT_DEAD:
        return False, False
    if p.exit_signal != SIGCHLD and not ptrace and not wall:
        return False, False
    if p.exit_state == EXIT_TRACE:
        return False, not ptrace
    if not ptrace and p.ptrace and not ptrace_reparented(p):
        ptrace = True
    if p.exit_state == EXIT_ZOMBIE and not delay_group_leader(p) and (ptrace or not p.ptrace):
        return True, False
    return False, True


def scan(cur: TaskStruct, *, wall: bool, only: TaskStruct | None) -> tuple[TaskStruct | None, bool]:
    """Tasklist_lock held for reading.  A zombie to reap, or whether one may come (kernel/exit.c, do_wait and eligible_pid)."""
    may_come = False
    for thread in cur.signal.threads:
        for p, ptrace in [(c, False) for c in thread.children] + [(c, True) for c in thread.ptraced]:
            if only is not None and p is not only:
                continue
            now, later = consider(p, ptrace=ptrace, wall=wall)
            if now:
                return p, True
            may_come = may_come or later
    return None, may_come


def _state_of_wait() -> int:
    """In which a waiter sleeps (do_wait)."""
    return TASK_INTERRUPTIBLE


def do_wait(
    k: Kernel, cur: TaskStruct, *, wall: bool, only: TaskStruct | None = None, nohang: bool = False
) -> Steps[TaskStruct | str]:
    """The reaped task, or ECHILD, or ERESTARTSYS for a signal; NONE_YET with WNOHANG (kernel/exit.c, do_wait)."""
    cur.signal.wait_chldexit.append(cur)
    while True:
        yield SCAN, k.tasklist_lock
        cur.state = _state_of_wait()
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
        yield SLEEP if only is None else SLEEP_ONE
    cur.state = TASK_RUNNING
    cur.signal.wait_chldexit.remove(cur)
    return result


def wait_task_zombie(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[TaskStruct]:
    """Tasklist_lock held for reading, dropped here.  Reap ``p``, whose zombie state only one waiter wins (kernel/exit.c)."""
    state = EXIT_TRACE if ptrace_reparented(p) and thread_group_leader(p) else EXIT_DEAD
    p.exit_state = state
    release_read(cur, k.tasklist_lock)
    cur.state = TASK_RUNNING
    if state == EXIT_TRACE:
        yield UNTRACE, k.tasklist_lock
        acquire(cur, k.tasklist_lock)
        ptrace_unlink(cur, p)
        state = EXIT_DEAD if do_notify_parent(k, cur, p, p.exit_signal) else EXIT_ZOMBIE
        p.exit_state = state
        release(cur, k.tasklist_lock)
    if state == EXIT_DEAD:
        yield RELEASE
        yield from release_task(k, cur, p)
    return p
