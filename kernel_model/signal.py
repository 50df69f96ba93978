"""Sending signals (kernel/signal.c); receiving them is get_signal.py.

Functions that say "siglock held" have no preemption point of their own: their caller's section is one atomic step.
"""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import wake_up_state
from kernel_model.locking import acquire, release
from kernel_model.preempt import Steps, lock
from kernel_model.sched import (
    __TASK_STOPPED,
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
    PF_EXITING,
    PF_KTHREAD,
    PT_SEIZED,
    SIG_DFL,
    SIG_IGN,
    SIGABRT,
    SIGCHLD,
    SIGCONT,
    SIGKILL,
    SIGNAL_GROUP_COREDUMP,
    SIGNAL_GROUP_EXIT,
    SIGNAL_STOP_STOPPED,
    SIGNAL_UNKILLABLE,
    SIGSTOP,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TASK_WAKEKILL,
    TIF_SIGPENDING,
    Kernel,
    SignalStruct,
    TaskStruct,
    signal_pending,
    task_is_stopped_or_traced,
    thread_group_empty,
)

SEND_SIG = lock("do_send_sig_info", "siglock: queue, choose, wake")

COREDUMP_SIGNALS = frozenset({SIGABRT})
IGNORED_BY_DEFAULT = frozenset({SIGCHLD, SIGCONT})
JOBCTL_PENDING = JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME | JOBCTL_TRAP_STOP


def signal_wake_up(p: TaskStruct, *, fatal: bool) -> None:
    """Note that a signal is pending, and wake ``p`` if its sleep allows that (kernel/signal.c, signal_wake_up_state)."""
    p.thread_flags |= TIF_SIGPENDING
    wake_up_state(p, TASK_INTERRUPTIBLE | (TASK_WAKEKILL if fatal else 0))


def sig_default(p: TaskStruct, sig: int) -> bool:
    """The group has no handler for ``sig``; only SIGCHLD's disposition is modelled."""
    return sig != SIGCHLD or p.sighand is None or p.sighand.sigchld == SIG_DFL


def sig_ignored(p: TaskStruct, sig: int, *, force: bool) -> bool:
    """Nobody would notice ``sig`` (kernel/signal.c, sig_ignored; kernel threads ran ignore_signals())."""
    if p.flags & PF_KTHREAD:
        return True
    if p.signal.flags & SIGNAL_UNKILLABLE and sig_default(p, sig) and not force:
        return not p.ptrace
    ignored = sig in IGNORED_BY_DEFAULT if sig_default(p, sig) else _sigchld_ignored(p)
    return ignored and not p.ptrace


def _sigchld_ignored(p: TaskStruct) -> bool:
    return p.sighand is not None and p.sighand.sigchld == SIG_IGN


def prepare_signal(p: TaskStruct, sig: int, *, force: bool) -> bool:
    """Siglock held.  Say whether to queue; a dumping group takes SIGKILL only (kernel/signal.c, prepare_signal)."""
    signal = p.signal
    if signal.flags & (SIGNAL_GROUP_EXIT | SIGNAL_GROUP_COREDUMP):
        if not signal.flags & SIGNAL_GROUP_EXIT:
            return sig == SIGKILL
    else:
        _stop_or_continue(signal, sig)
    return not sig_ignored(p, sig, force=force)


def _stop_or_continue(signal: SignalStruct, sig: int) -> None:
    """Siglock held.  Stop and continue signals cancel each other; SIGCONT ends a stop at once (prepare_signal)."""
    if sig == SIGSTOP:
        _flush(signal, SIGCONT)
    elif sig == SIGCONT:
        _flush(signal, SIGSTOP)
        for t in signal.threads:
            t.jobctl &= ~(JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME)
            if not t.ptrace & PT_SEIZED:
                wake_up_state(t, __TASK_STOPPED)
        signal.group_stop_count = 0
        signal.flags &= ~SIGNAL_STOP_STOPPED


def _flush(signal: SignalStruct, sig: int) -> None:
    signal.shared_pending.discard(sig)
    for t in signal.threads:
        t.pending.discard(sig)


def send_signal(k: Kernel, p: TaskStruct, sig: int, *, group: bool, force: bool) -> None:
    """Siglock held.  Queue ``sig`` and find it a receiver (kernel/signal.c, __send_signal)."""
    if not prepare_signal(p, sig, force=force):
        return
    pending = p.signal.shared_pending if group else p.pending
    if sig in pending:
        return
    pending.add(sig)
    complete_signal(k, p, sig, group=group)


def wants_signal(p: TaskStruct, sig: int) -> bool:
    """Source: kernel/signal.c, wants_signal()."""
    if p.flags & PF_EXITING:
        return False
    if sig == SIGKILL:
        return True
    if task_is_stopped_or_traced(p):
        return False
    return p.state == TASK_RUNNING or not signal_pending(p)


def _choose(p: TaskStruct, sig: int, *, group: bool) -> TaskStruct | None:
    if wants_signal(p, sig):
        return p
    if not group or thread_group_empty(p):
        return None
    signal = p.signal
    threads = signal.threads
    first = threads.index(signal.curr_target) if signal.curr_target in threads else 0
    for t in threads[first:] + threads[:first]:
        if wants_signal(t, sig):
            signal.curr_target = t
            return t
    return None


def sig_fatal(p: TaskStruct, sig: int) -> bool:
    """Unhandled, it is the end of the group (include/linux/signal.h)."""
    return sig not in IGNORED_BY_DEFAULT and sig != SIGSTOP and sig_default(p, sig)


def _kills_at_once(p: TaskStruct, t: TaskStruct, sig: int) -> bool:
    """A fatal signal to ``p`` that ``t`` shall take need not wait for it to be dequeued (complete_signal)."""
    spared = p.signal.flags & (SIGNAL_UNKILLABLE | SIGNAL_GROUP_EXIT)
    return not spared and (sig == SIGKILL or not t.ptrace)


def complete_signal(k: Kernel, p: TaskStruct, sig: int, *, group: bool) -> None:
    """Siglock held.  Choose who takes the signal; a fatal one kills the whole group (kernel/signal.c, complete_signal)."""
    t = _choose(p, sig, group=group)
    if t is None:
        return
    signal = p.signal
    if sig_fatal(p, sig) and sig not in COREDUMP_SIGNALS and _kills_at_once(p, t, sig):
        signal.flags = SIGNAL_GROUP_EXIT
        signal.group_exit_code = sig
        signal.group_stop_count = 0
        events.killed(k, signal)
        for thread in signal.threads:
            thread.jobctl &= ~JOBCTL_PENDING
            thread.pending.add(SIGKILL)
            signal_wake_up(thread, fatal=True)
        return
    signal_wake_up(t, fatal=sig == SIGKILL)


def zap_other_threads(p: TaskStruct) -> int:
    """Siglock held.  SIGKILL for every other thread of the group; returns their number (kernel/signal.c)."""
    p.signal.group_stop_count = 0
    count = 0
    for t in p.signal.threads:
        if t is p:
            continue
        t.jobctl &= ~JOBCTL_PENDING
        count += 1
        if t.exit_state:
            continue
        t.pending.add(SIGKILL)
        signal_wake_up(t, fatal=True)
    return count


def do_send_sig_info(
    k: Kernel, cur: TaskStruct, p: TaskStruct, sig: int, *, group: bool, force: bool
) -> Steps[None]:
    """Send ``sig`` to a thread or its group, unless it is gone (kernel/signal.c, do_send_sig_info)."""
    sighand = p.sighand
    if sighand is None:
        return
    yield SEND_SIG, sighand.siglock
    if p.sighand is None:
        return
    acquire(cur, sighand.siglock)
    send_signal(k, p, sig, group=group, force=force)
    release(cur, sighand.siglock)


def wake_up_parent(parent: TaskStruct) -> None:
    """Whoever waits for children in ``parent``'s group looks again (kernel/exit.c, __wake_up_parent)."""
    for waiter in parent.signal.wait_chldexit:
        wake_up_state(waiter, TASK_INTERRUPTIBLE)


def do_notify_parent(k: Kernel, cur: TaskStruct, t: TaskStruct, sig: int) -> bool:
    """Tasklist_lock held for writing.  Tell the parent or tracer that ``t`` is dead; True if nobody wants the zombie.

    Source: kernel/signal.c, do_notify_parent().
    """
    parent = t.parent
    if sig != SIGCHLD and t.parent_exec_id != parent.self_exec_id:
        sig = SIGCHLD
    autoreap = False
    sighand = parent.sighand
    assert sighand is not None, "who is unhashed has no children any more"
    acquire(cur, sighand.siglock)
    if not t.ptrace and sig == SIGCHLD and (sighand.sigchld == SIG_IGN or sighand.sa_nocldwait):
        autoreap = True
        if sighand.sigchld == SIG_IGN:
            sig = 0
    if sig:
        send_signal(k, parent, sig, group=True, force=False)
    wake_up_parent(parent)
    release(cur, sighand.siglock)
    return autoreap


def notify_tracer(k: Kernel, cur: TaskStruct) -> None:
    """Tasklist_lock held for reading.  The tracer learns that ``cur`` stopped (kernel/signal.c, do_notify_parent_cldstop)."""
    tracer = cur.parent
    sighand = tracer.sighand
    assert sighand is not None, "who is unhashed traces nobody any more"
    acquire(cur, sighand.siglock)
    if sighand.sigchld != SIG_IGN:
        send_signal(k, tracer, SIGCHLD, group=True, force=False)
    release(cur, sighand.siglock)
    wake_up_parent(tracer)
