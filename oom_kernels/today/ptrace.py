"""The tracer's side of ptrace (kernel/ptrace.c): a tracee that is frozen in its stop is a stopped tracee."""

from __future__ import annotations

from kernel_model.core import wake_up_state
from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.preempt import Steps
from kernel_model.ptrace import DETACH, REQUEST, detach
from kernel_model.sched import (
    __TASK_STOPPED,
    __TASK_TRACED,
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
    PF_EXITING,
    SIGNAL_STOP_STOPPED,
    TASK_INTERRUPTIBLE,
    TIF_SIGPENDING,
    Kernel,
    TaskStruct,
    fatal_signal_pending,
)

from .sched import task_is_stopped, task_is_traced


def ptrace_unlink(cur: TaskStruct, child: TaskStruct) -> None:
    """Tasklist_lock held for writing.  Back to the natural parent, and out of the stop (kernel/ptrace.c, __ptrace_unlink)."""
    if not child.ptrace:
        return
    child.parent.ptraced.remove(child)
    child.parent = child.real_parent
    sighand = child.sighand
    assert sighand is not None, "a traced task is hashed"
    acquire(cur, sighand.siglock)
    child.ptrace = 0
    child.jobctl &= ~JOBCTL_TRAP_STOP
    stopping = child.signal.flags & SIGNAL_STOP_STOPPED or child.signal.group_stop_count
    if not child.flags & PF_EXITING and stopping:
        child.jobctl |= JOBCTL_STOP_PENDING
    if child.jobctl & JOBCTL_STOP_PENDING or task_is_traced(child):
        child.thread_flags |= TIF_SIGPENDING
        wake_up_state(child, TASK_INTERRUPTIBLE | __TASK_TRACED)
    release(cur, sighand.siglock)


def trap_if_stopped(cur: TaskStruct, target: TaskStruct) -> None:
    """Tasklist_lock held for writing.  A stopped tracee goes from TASK_STOPPED to TASK_TRACED (kernel/ptrace.c, ptrace_attach)."""
    sighand = target.sighand
    assert sighand is not None, "a hashed task has its handlers"
    acquire(cur, sighand.siglock)
    if task_is_stopped(target) and not fatal_signal_pending(target):
        target.jobctl |= JOBCTL_TRAP_STOP
        target.thread_flags |= TIF_SIGPENDING
        wake_up_state(target, TASK_INTERRUPTIBLE | __TASK_STOPPED)
    release(cur, sighand.siglock)


def ptrace_resume(k: Kernel, cur: TaskStruct, target: TaskStruct) -> Steps[str]:
    """PTRACE_CONT without a signal; the tracee must be stopped (kernel/ptrace.c, ptrace_freeze_traced and ptrace_resume)."""
    yield REQUEST, k.tasklist_lock
    acquire_read(cur, k.tasklist_lock)
    ours = target.ptrace and target.parent is cur
    stopped = task_is_traced(target) and not fatal_signal_pending(target)
    release_read(cur, k.tasklist_lock)
    if not ours or not stopped:
        return "ESRCH"
    target.exit_code = 0
    wake_up_state(target, __TASK_TRACED)
    return ""


def ptrace_detach(k: Kernel, cur: TaskStruct, target: TaskStruct) -> Steps[str]:
    """PTRACE_DETACH of a stopped tracee (kernel/ptrace.c)."""
    yield DETACH, k.tasklist_lock
    if (
        not target.ptrace
        or target.parent is not cur
        or not task_is_traced(target)
        or fatal_signal_pending(target)
    ):
        return "ESRCH"
    acquire(cur, k.tasklist_lock)
    target.exit_code = 0
    detach(k, cur, target)
    release(cur, k.tasklist_lock)
    return ""
