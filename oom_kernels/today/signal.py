"""Sending signals (kernel/signal.c): a dying group takes none, and no group survives a fatal one."""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import wake_up_state
from kernel_model.sched import (
    __TASK_STOPPED,
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_PENDING,
    PF_EXITING,
    PT_SEIZED,
    SIGCONT,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    SIGNAL_STOP_STOPPED,
    SIGSTOP,
    TASK_RUNNING,
    Kernel,
    TaskStruct,
    signal_pending,
)
from kernel_model.signal import (
    COREDUMP_SIGNALS,
    IGNORED_BY_DEFAULT,
    JOBCTL_PENDING,
    _choose,
    _flush,
    sig_default,
    sig_ignored,
    signal_wake_up,
)

from .sched import task_is_stopped_or_traced
from .switches import exit_signals_takes_siglock


def prepare_signal(p: TaskStruct, sig: int, *, force: bool) -> bool:
    """Siglock held.  Say whether to queue: a dying group takes nothing, a dumping one SIGKILL (kernel/signal.c)."""
    signal = p.signal
    if signal.flags & SIGNAL_GROUP_EXIT:
        return signal.core_state is not None and sig == SIGKILL
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
    return not sig_ignored(p, sig, force=force)


def send_signal(k: Kernel, p: TaskStruct, sig: int, *, group: bool, force: bool = False) -> None:
    """Siglock held.  Queue ``sig`` and find it a receiver (kernel/signal.c, __send_signal_locked)."""
    if not group and exit_signals_takes_siglock() and p.flags & PF_EXITING:
        return
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


def complete_signal(k: Kernel, p: TaskStruct, sig: int, *, group: bool) -> None:
    """Siglock held.  A fatal signal kills the whole group at once, a pid namespace's init too (kernel/signal.c)."""
    t = _choose(p, sig, group=group)
    if t is None:
        return
    signal = p.signal
    fatal = sig not in IGNORED_BY_DEFAULT and sig != SIGSTOP and sig_default(p, sig)
    if fatal and sig not in COREDUMP_SIGNALS and (sig == SIGKILL or not p.ptrace):
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
    p.jobctl &= ~JOBCTL_PENDING
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
