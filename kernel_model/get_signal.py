"""Receiving signals (kernel/signal.c): the freeze point before the dequeue, group stop, ptrace stops, the way into do_exit."""

from __future__ import annotations

from kernel_model import events
from kernel_model.coredump import do_coredump
from kernel_model.freezer import freezer_count, freezer_do_not_count, freezing, try_to_freeze
from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.preempt import Steps, lock, read_lock, sleep
from kernel_model.prototypes import do_exit
from kernel_model.ptrace_stop import ptrace_stop, recalc_sigpending_tsk, task_participate_group_stop
from kernel_model.sched import (
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
    PF_EXITING,
    PF_SIGNALED,
    PT_SEIZED,
    SIG_HANDLED,
    SIG_IGN,
    SIGCHLD,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    SIGNAL_UNKILLABLE,
    SIGSTOP,
    TASK_RUNNING,
    TASK_STOPPED,
    TIF_SIGPENDING,
    Kernel,
    TaskStruct,
    fatal_signal_pending,
    signal_group_exit,
    task_is_stopped,
    thread_group_empty,
)
from kernel_model.signal import (
    COREDUMP_SIGNALS,
    IGNORED_BY_DEFAULT,
    signal_wake_up,
    wake_up_parent,
    zap_other_threads,
)

DEQUEUE = lock("get_signal", "siglock: dequeue")
STOP_NOTIFY = read_lock("do_signal_stop", "tasklist_lock: tell the parent")
STOP_SLEEP = sleep("do_signal_stop", "schedule() in TASK_STOPPED")
GROUP_EXIT = lock("do_group_exit", "siglock: SIGNAL_GROUP_EXIT, zap_other_threads")


def recalc_sigpending(k: Kernel, cur: TaskStruct) -> None:
    """Siglock held.  Keep TIF_SIGPENDING while anything is pending or somebody freezes us (kernel/signal.c)."""
    if not recalc_sigpending_tsk(cur) and not freezing(k, cur):
        cur.thread_flags &= ~TIF_SIGPENDING


def dequeue_signal(k: Kernel, cur: TaskStruct) -> int:
    """Siglock held.  The next pending signal, SIGKILL first and the thread's own set first; 0 for none (kernel/signal.c)."""
    sig = 0
    for pending in (cur.pending, cur.signal.shared_pending):
        if pending:
            sig = SIGKILL if SIGKILL in pending else min(pending)
            pending.discard(sig)
            break
    recalc_sigpending(k, cur)
    return sig


def _does_nothing(cur: TaskStruct, sig: int) -> bool:
    """Siglock held.  Ignored, or handled, or not for a namespace's init (get_signal)."""
    sighand = cur.sighand
    assert sighand is not None
    if sig in IGNORED_BY_DEFAULT or (sig == SIGCHLD and sighand.sigchld in (SIG_IGN, SIG_HANDLED)):
        return True
    return bool(cur.signal.flags & SIGNAL_UNKILLABLE) and sig not in (SIGKILL, SIGSTOP)


def get_signal(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Handle what is pending before the return to user mode; does not return from a fatal signal (kernel/signal.c)."""
    yield from try_to_freeze(k, cur)
    sighand = cur.sighand
    assert sighand is not None, "only a hashed task goes to user mode"
    yield DEQUEUE, sighand.siglock
    acquire(cur, sighand.siglock)
    while True:
        if cur.jobctl & JOBCTL_STOP_PENDING and (yield from do_signal_stop(k, cur)):
            continue
        if cur.jobctl & JOBCTL_TRAP_STOP:
            yield from ptrace_stop(k, cur, SIGSTOP, with_group=True)
            continue
        sig = dequeue_signal(k, cur)
        if not sig:
            break
        if cur.ptrace and sig != SIGKILL:
            sig = yield from ptrace_stop(k, cur, sig)
            if not sig:
                continue
        if _does_nothing(cur, sig):
            continue
        if sig == SIGSTOP:
            start_group_stop(cur)
            continue
        release(cur, sighand.siglock)
        cur.flags |= PF_SIGNALED
        if sig in COREDUMP_SIGNALS:
            yield from do_coredump(k, cur)
        yield from do_group_exit(k, cur, sig)
        return
    release(cur, sighand.siglock)


def task_set_jobctl_stop(t: TaskStruct) -> bool:
    """Siglock held.  Ask ``t`` to stop, unless it is dying (kernel/signal.c, task_set_jobctl_pending)."""
    if fatal_signal_pending(t) or t.flags & PF_EXITING:
        return False
    t.jobctl |= JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME
    return True


def start_group_stop(cur: TaskStruct) -> None:
    """Siglock held.  Every thread of the group shall stop (the first half of kernel/signal.c, do_signal_stop)."""
    signal = cur.signal
    if cur.jobctl & JOBCTL_STOP_PENDING or signal_group_exit(signal):
        return
    signal.group_stop_count = 0
    if task_set_jobctl_stop(cur):
        signal.group_stop_count += 1
    for t in signal.threads:
        if t is not cur and not task_is_stopped(t) and task_set_jobctl_stop(t):
            signal.group_stop_count += 1
            if t.ptrace & PT_SEIZED:
                t.jobctl |= JOBCTL_TRAP_STOP
            signal_wake_up(t, fatal=False)


def do_signal_stop(k: Kernel, cur: TaskStruct) -> Steps[bool]:
    """Siglock held on entry and return.  Stop with the group; False if a trap does it (the second half of do_signal_stop)."""
    sighand = cur.sighand
    assert sighand is not None
    if cur.ptrace:
        cur.jobctl |= JOBCTL_TRAP_STOP
        return False
    last = task_participate_group_stop(cur)
    cur.state = TASK_STOPPED
    release(cur, sighand.siglock)
    if last:
        yield STOP_NOTIFY, k.tasklist_lock
        acquire_read(cur, k.tasklist_lock)
        wake_up_parent(cur.group_leader.real_parent)
        release_read(cur, k.tasklist_lock)
    yield from _sleep_stopped(k, cur, told=last)
    yield DEQUEUE, sighand.siglock
    acquire(cur, sighand.siglock)
    return True


def _sleep_stopped(k: Kernel, cur: TaskStruct, *, told: bool) -> Steps[None]:
    """Until SIGCONT or SIGKILL, whether the parent was ``told`` or not (do_signal_stop)."""
    del told
    yield from freezer_do_not_count(cur)
    yield STOP_SLEEP
    cur.state = TASK_RUNNING
    yield from freezer_count(k, cur)


def do_group_exit(k: Kernel, cur: TaskStruct, code: int) -> Steps[None]:
    """Take every thread of the group down (kernel/exit.c, do_group_exit)."""
    signal = cur.signal
    sighand = cur.sighand
    assert sighand is not None
    yield GROUP_EXIT, sighand.siglock
    if signal_group_exit(signal):
        code = signal.group_exit_code
    elif not thread_group_empty(cur):
        acquire(cur, sighand.siglock)
        signal.group_exit_code = code
        signal.flags |= SIGNAL_GROUP_EXIT
        events.killed(k, signal)
        zap_other_threads(cur)
        release(cur, sighand.siglock)
    yield from do_exit(k, cur, code)
