"""The tracer's side of ptrace (kernel/ptrace.c); the tracee's is ptrace_stop.py."""

from __future__ import annotations

from kernel_model.core import wake_up_state
from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.preempt import Steps, lock, read_lock
from kernel_model.sched import (
    __TASK_STOPPED,
    __TASK_TRACED,
    EXIT_DEAD,
    EXIT_ZOMBIE,
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
    PF_EXITING,
    PF_KTHREAD,
    PT_EXITKILL,
    PT_PTRACED,
    PT_SEIZED,
    PT_TRACE_EXIT,
    SIG_IGN,
    SIGKILL,
    SIGNAL_STOP_STOPPED,
    SIGSTOP,
    TASK_INTERRUPTIBLE,
    TIF_SIGPENDING,
    Kernel,
    TaskStruct,
    fatal_signal_pending,
    same_thread_group,
    task_is_stopped,
    task_is_traced,
    thread_group_empty,
    thread_group_leader,
)
from kernel_model.signal import do_notify_parent, do_send_sig_info, send_signal, wake_up_parent

ATTACH = lock("ptrace_attach", "tasklist_lock: link to the tracer")
TRACEME = lock("ptrace_traceme", "tasklist_lock: link to the parent")
REQUEST = read_lock("ptrace_check_attach", "tasklist_lock: is it ours, and stopped?")
DETACH = lock("ptrace_detach", "tasklist_lock: unlink")


def ptrace_link(child: TaskStruct, tracer: TaskStruct, flags: int) -> None:
    """Tasklist_lock held for writing (kernel/ptrace.c, __ptrace_link)."""
    child.ptrace = PT_PTRACED | flags
    tracer.ptraced.append(child)
    child.parent = tracer


def ptrace_unlink(cur: TaskStruct, child: TaskStruct) -> None:
    """Tasklist_lock held for writing.  Back to the natural parent, and out of TASK_TRACED (kernel/ptrace.c)."""
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


def ptrace_attach(k: Kernel, cur: TaskStruct, target: TaskStruct, flags: int) -> Steps[str]:
    """Attach, or seize if ``flags`` has PT_SEIZED; "" or the error (kernel/ptrace.c, ptrace_attach)."""
    if target.flags & PF_KTHREAD or same_thread_group(target, cur):
        return "EPERM"
    yield ATTACH, k.tasklist_lock
    acquire(cur, k.tasklist_lock)
    refused = target.exit_state or target.ptrace or not target.hashed
    if not refused:
        ptrace_link(target, cur, flags)
        trap_if_stopped(k, cur, target)
    release(cur, k.tasklist_lock)
    if refused:
        return "EPERM"
    yield from _stop_attached(k, cur, target, flags)
    return ""


def _stop_attached(k: Kernel, cur: TaskStruct, target: TaskStruct, flags: int) -> Steps[None]:
    """SIGSTOP for who was not seized (ptrace_attach)."""
    if not flags & PT_SEIZED:
        yield from do_send_sig_info(k, cur, target, SIGSTOP, group=False, force=True)


def ptrace_traceme(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """The natural parent, unless it is on its way out, traces from now on (kernel/ptrace.c, ptrace_traceme)."""
    yield TRACEME, k.tasklist_lock
    # Init's parent is the idle task, which is not modelled.
    if cur.ptrace or same_thread_group(cur, cur.real_parent):
        return "EPERM"
    acquire(cur, k.tasklist_lock)
    if not cur.real_parent.flags & PF_EXITING:
        ptrace_link(cur, cur.real_parent, 0)
    release(cur, k.tasklist_lock)
    return ""


def trap_if_stopped(k: Kernel, cur: TaskStruct, target: TaskStruct) -> None:
    """Tasklist_lock held for writing.  A stopped tracee goes from TASK_STOPPED to TASK_TRACED (kernel/ptrace.c, ptrace_attach)."""
    del k
    sighand = target.sighand
    assert sighand is not None, "a hashed task has its handlers"
    acquire(cur, sighand.siglock)
    if task_is_stopped(target) and not fatal_signal_pending(target):
        target.jobctl |= JOBCTL_TRAP_STOP
        target.thread_flags |= TIF_SIGPENDING
        wake_up_state(target, TASK_INTERRUPTIBLE | __TASK_STOPPED)
    release(cur, sighand.siglock)


def ptrace_setoptions(k: Kernel, cur: TaskStruct, target: TaskStruct, options: int) -> Steps[str]:
    """PTRACE_O_TRACEEXIT and PTRACE_O_EXITKILL for a tracee of ours (kernel/ptrace.c, ptrace_setoptions)."""
    yield REQUEST, k.tasklist_lock
    if not target.ptrace or target.parent is not cur:
        return "ESRCH"
    target.ptrace = target.ptrace & ~(PT_TRACE_EXIT | PT_EXITKILL) | options
    return ""


def ptrace_resume(k: Kernel, cur: TaskStruct, target: TaskStruct) -> Steps[str]:
    """PTRACE_CONT without a signal; the tracee must be stopped (kernel/ptrace.c, ptrace_check_attach and ptrace_resume)."""
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
    """PTRACE_DETACH of a stopped tracee (kernel/ptrace.c, ptrace_detach)."""
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


def detach(k: Kernel, cur: TaskStruct, p: TaskStruct) -> bool:
    """Tasklist_lock held for writing.  Unlink; True if the caller has to release ``p`` (kernel/ptrace.c, __ptrace_detach)."""
    ptrace_unlink(cur, p)
    if p.exit_state != EXIT_ZOMBIE:
        return False
    dead = not thread_group_leader(p)
    if not dead and thread_group_empty(p):
        if not same_thread_group(p.real_parent, cur):
            dead = do_notify_parent(k, cur, p, p.exit_signal)
        elif cur.sighand is not None and (cur.sighand.sigchld == SIG_IGN or cur.sighand.sa_nocldwait):
            wake_up_parent(cur)
            dead = True
    if dead:
        p.exit_state = EXIT_DEAD
    return dead


def exit_ptrace(k: Kernel, tracer: TaskStruct, dead: list[TaskStruct]) -> None:
    """Tasklist_lock held for writing.  The tracer dies: let its tracees go (kernel/ptrace.c, exit_ptrace)."""
    for p in tuple(tracer.ptraced):
        if p.ptrace & PT_EXITKILL and p.sighand is not None:
            acquire(tracer, p.sighand.siglock)
            send_signal(k, p, SIGKILL, group=False, force=True)
            release(tracer, p.sighand.siglock)
        if detach(k, tracer, p):
            dead.insert(0, p)
