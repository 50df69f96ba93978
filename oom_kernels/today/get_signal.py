"""Receiving signals (kernel/signal.c): who is marked for death dequeues nothing; a group stop is frozen in place."""

from __future__ import annotations

from kernel_model import events
from kernel_model.coredump import do_coredump
from kernel_model.freezer import try_to_freeze
from kernel_model.get_signal import (
    DEQUEUE,
    GROUP_EXIT,
    STOP_NOTIFY,
    STOP_SLEEP,
    dequeue_signal,
    recalc_sigpending,
    task_set_jobctl_stop,
)
from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.preempt import Steps, point
from kernel_model.prototypes import do_exit
from kernel_model.ptrace_stop import ptrace_stop, task_participate_group_stop
from kernel_model.sched import (
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
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
    Kernel,
    TaskStruct,
    signal_group_exit,
)
from kernel_model.signal import (
    COREDUMP_SIGNALS,
    IGNORED_BY_DEFAULT,
    signal_wake_up,
    wake_up_parent,
    zap_other_threads,
)

from .sched import task_is_stopped

STOPPING = point("do_signal_stop", "in TASK_STOPPED, and on a CPU")


def signal_does_nothing(cur: TaskStruct, sig: int) -> bool:
    """Siglock held.  Ignored, or handled, or not for a namespace's init (kernel/signal.c, get_signal)."""
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
        # Marked for death: nothing is dequeued, and what is in the shared set stays there.
        if signal_group_exit(cur.signal):
            sig = SIGKILL
            cur.pending.discard(SIGKILL)
            recalc_sigpending(k, cur)
            break
        if cur.jobctl & JOBCTL_STOP_PENDING and (yield from do_signal_stop(k, cur)):
            continue
        if cur.jobctl & JOBCTL_TRAP_STOP:
            yield from ptrace_stop(k, cur, SIGSTOP, with_group=True)
            continue
        sig = dequeue_signal(k, cur)
        if not sig:
            release(cur, sighand.siglock)
            return
        if cur.ptrace and sig != SIGKILL:
            sig = yield from ptrace_stop(k, cur, sig)
            if not sig:
                continue
        if signal_does_nothing(cur, sig):
            continue
        if sig != SIGSTOP:
            break
        start_group_stop(cur)
    release(cur, sighand.siglock)
    cur.flags |= PF_SIGNALED
    if sig in COREDUMP_SIGNALS:
        yield from do_coredump(k, cur)
    yield from do_group_exit(k, cur, sig)


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
    else:
        yield STOPPING
    cur.on_cpu = False
    yield STOP_SLEEP
    cur.on_cpu = True
    cur.state = TASK_RUNNING
    # Past the freeze point: who is killed meanwhile goes on to die.
    yield DEQUEUE, sighand.siglock
    acquire(cur, sighand.siglock)
    return True


def do_group_exit(k: Kernel, cur: TaskStruct, code: int) -> Steps[None]:
    """Take every thread of the group down; who is alone says so, too (kernel/exit.c)."""
    signal = cur.signal
    sighand = cur.sighand
    assert sighand is not None
    yield GROUP_EXIT, sighand.siglock
    if signal.flags & SIGNAL_GROUP_EXIT:
        code = signal.group_exit_code
    elif signal.group_exit_task is not None:
        code = 0
    else:
        acquire(cur, sighand.siglock)
        signal.group_exit_code = code
        signal.flags = SIGNAL_GROUP_EXIT
        events.killed(k, signal)
        zap_other_threads(cur)
        release(cur, sighand.siglock)
    yield from do_exit(k, cur, code)
