"""Receiving signals (kernel/signal.c): who is marked for death dequeues nothing; a group stop is frozen in place."""

from __future__ import annotations

from kernel_model import events
from kernel_model.coredump import do_coredump
from kernel_model.freezer import try_to_freeze
from kernel_model.get_signal import (
    DEQUEUE,
    GROUP_EXIT,
    STOP_SLEEP,
    _does_nothing,
    do_signal_stop,
    recalc_sigpending,
    start_group_stop,
)
from kernel_model.locking import acquire, release
from kernel_model.preempt import Steps, point
from kernel_model.prototypes import do_exit
from kernel_model.ptrace_stop import ptrace_stop
from kernel_model.sched import (
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
    PF_SIGNALED,
    PF_USER_WORKER,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    SIGSTOP,
    TASK_RUNNING,
    TIF_SIGPENDING,
    Kernel,
    TaskStruct,
    fatal_signal_pending,
    signal_group_exit,
)
from kernel_model.signal import (
    COREDUMP_SIGNALS,
    zap_other_threads,
)

from .cgroup_freezer_v2 import cgroup_leave_frozen, do_freezer_trap, freezes
from .sched import JOBCTL_TRAP_FREEZE
from .signal import unblocked

STOPPING = point("do_signal_stop", "in TASK_STOPPED, and on a CPU")


def recalc_sigpending_tsk(t: TaskStruct) -> bool:
    """Siglock held.  Set TIF_SIGPENDING if there is anything to handle; what is blocked does not count (kernel/signal.c)."""
    stops = t.jobctl & (JOBCTL_STOP_PENDING | JOBCTL_TRAP_STOP | JOBCTL_TRAP_FREEZE)
    if stops or t.frozen or unblocked(t, t.pending) or unblocked(t, t.signal.shared_pending):
        t.thread_flags |= TIF_SIGPENDING
        return True
    return False


def dequeue_signal(k: Kernel, cur: TaskStruct) -> int:
    """Siglock held.  As in 2016, but what is blocked stays (kernel/signal.c)."""
    sig = 0
    for pending in (cur.pending, cur.signal.shared_pending):
        if found := unblocked(cur, pending):
            sig = SIGKILL if SIGKILL in found else min(found)
            pending.discard(sig)
            break
    recalc_sigpending(k, cur)
    return sig


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
            cur.frozen = False
            break
        if cur.jobctl & JOBCTL_STOP_PENDING and (yield from do_signal_stop(k, cur)):
            continue
        if cur.jobctl & JOBCTL_TRAP_STOP:
            yield from ptrace_stop(k, cur, SIGSTOP, with_group=True)
            continue
        if cur.jobctl & JOBCTL_TRAP_FREEZE or cur.frozen:
            yield from _freezer_trap(k, cur)
            continue
        sig = dequeue_signal(k, cur)
        if not sig:
            release(cur, sighand.siglock)
            return
        if cur.ptrace and sig != SIGKILL:
            sig = yield from ptrace_stop(k, cur, sig)
            # Killed meanwhile: the signal is put back, and a dying group takes none (kernel/signal.c, ptrace_signal).
            if not sig or fatal_signal_pending(cur):
                continue
        if _does_nothing(cur, sig):
            continue
        if sig != SIGSTOP:
            break
        start_group_stop(cur)
    release(cur, sighand.siglock)
    cur.flags |= PF_SIGNALED
    if sig in COREDUMP_SIGNALS:
        yield from do_coredump(k, cur)
    # A worker cleans up, and leaves by itself.
    if not cur.flags & PF_USER_WORKER:
        yield from do_group_exit(k, cur, sig)


def _freezer_trap(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Siglock held on entry and return.  Into the v2 freezer's trap, or out of its count (get_signal)."""
    sighand = cur.sighand
    assert sighand is not None
    if cur.jobctl & JOBCTL_TRAP_FREEZE:
        yield from do_freezer_trap(cur)
    else:
        release(cur, sighand.siglock)
        yield from cgroup_leave_frozen(k, cur)
    yield DEQUEUE, sighand.siglock
    acquire(cur, sighand.siglock)


def _sleep_stopped(k: Kernel, cur: TaskStruct, *, told: bool) -> Steps[None]:
    """Until SIGCONT or SIGKILL, without a freeze point: who is killed meanwhile goes on to die (kernel/signal.c, do_signal_stop)."""
    del k
    if not told:
        yield STOPPING
    cur.on_cpu = False
    yield STOP_SLEEP
    cur.on_cpu = True
    cur.state = TASK_RUNNING
    # Who leaves a stop counts as frozen until it has looked: that makes a difference in a cgroup that freezes.
    if freezes(cur.memcg):
        cur.frozen = True


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
