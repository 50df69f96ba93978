"""The tracee's side of ptrace (kernel/signal.c, ptrace_stop and its callers): it sleeps until the tracer lets it go."""

from __future__ import annotations

from kernel_model.freezer import freezer_count, freezer_do_not_count
from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.preempt import Steps, lock, point, read_lock, sleep
from kernel_model.sched import (
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
    PT_TRACE_EXIT,
    SIGNAL_STOP_STOPPED,
    TASK_RUNNING,
    TASK_TRACED,
    TIF_SIGPENDING,
    Kernel,
    TaskStruct,
)
from kernel_model.signal import notify_tracer

EVENT_EXIT = point("ptrace_event", "PTRACE_EVENT_EXIT enabled?")
EVENT_LOCK = lock("ptrace_notify", "siglock: TASK_TRACED")
STOP_NOTIFY = read_lock("ptrace_stop", "tasklist_lock: tell the tracer")
STOP_SLEEP = sleep("ptrace_stop", "schedule() in TASK_TRACED")
STOP_LOCK = lock("ptrace_stop", "siglock: recalc_sigpending_tsk")


def recalc_sigpending_tsk(t: TaskStruct) -> bool:
    """Siglock held.  Set TIF_SIGPENDING if there is anything to handle (kernel/signal.c)."""
    if t.jobctl & (JOBCTL_STOP_PENDING | JOBCTL_TRAP_STOP) or t.pending or t.signal.shared_pending:
        t.thread_flags |= TIF_SIGPENDING
        return True
    return False


def task_participate_group_stop(t: TaskStruct) -> bool:
    """Siglock held.  ``t`` stops, or dies instead; True for the last one (kernel/signal.c)."""
    consume = t.jobctl & JOBCTL_STOP_CONSUME
    t.jobctl &= ~(JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME)
    if not consume:
        return False
    t.signal.group_stop_count -= 1
    if t.signal.group_stop_count == 0 and not t.signal.flags & SIGNAL_STOP_STOPPED:
        t.signal.flags |= SIGNAL_STOP_STOPPED
        return True
    return False


def ptrace_stop(k: Kernel, cur: TaskStruct, code: int, *, with_group: bool = False) -> Steps[int]:
    """Siglock held on entry and return.  Returns the signal that the tracer lets through, 0 for none (kernel/signal.c)."""
    sighand = cur.sighand
    assert sighand is not None
    cur.state = TASK_TRACED
    cur.exit_code = code
    if with_group and cur.jobctl & JOBCTL_STOP_PENDING:
        task_participate_group_stop(cur)
    cur.jobctl &= ~JOBCTL_TRAP_STOP
    release(cur, sighand.siglock)
    yield STOP_NOTIFY, k.tasklist_lock
    acquire_read(cur, k.tasklist_lock)
    if may_ptrace_stop(cur):
        notify_tracer(k, cur)
        release_read(cur, k.tasklist_lock)
        yield from freezer_do_not_count(cur)
        yield STOP_SLEEP
        cur.state = TASK_RUNNING
        yield from freezer_count(k, cur)
    else:
        cur.state = TASK_RUNNING
        release_read(cur, k.tasklist_lock)
    yield STOP_LOCK, sighand.siglock
    acquire(cur, sighand.siglock)
    recalc_sigpending_tsk(cur)
    code, cur.exit_code = cur.exit_code, 0
    return code


def may_ptrace_stop(cur: TaskStruct) -> bool:
    """A tracer is there and does not wait for us in its own dump (kernel/signal.c, may_ptrace_stop)."""
    if not cur.ptrace:
        return False
    return cur.mm is None or cur.mm.core_state is None or cur.mm is not cur.parent.mm


def ptrace_event_exit(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Stop for PTRACE_EVENT_EXIT if the tracer asked for it (include/linux/ptrace.h, ptrace_event)."""
    yield EVENT_EXIT
    if not cur.ptrace & PT_TRACE_EXIT:
        return
    sighand = cur.sighand
    assert sighand is not None
    yield EVENT_LOCK, sighand.siglock
    acquire(cur, sighand.siglock)
    yield from ptrace_stop(k, cur, 5)
    release(cur, sighand.siglock)
