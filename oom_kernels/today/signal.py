"""Sending signals (kernel/signal.c): a dying group takes none, and no group survives a fatal one."""

from __future__ import annotations

from kernel_model.sched import (
    PF_EXITING,
    PF_KTHREAD,
    PF_USER_WORKER,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    SIGNAL_UNKILLABLE,
    SIGSTOP,
    Kernel,
    TaskStruct,
)
from kernel_model.signal import (
    IGNORED_BY_DEFAULT,
    JOBCTL_PENDING,
    _sigchld_ignored,
    _stop_or_continue,
    sig_default,
)
from kernel_model.signal import send_signal as send_signal_of_the_base
from kernel_model.signal import wants_signal as wants_signal_of_the_base
from kernel_model.signal import zap_other_threads as zap_other_threads_of_the_base

from .switches import exit_signals_takes_siglock

UNBLOCKED_BY_WORKERS = frozenset({SIGKILL, SIGSTOP})


def unblocked(p: TaskStruct, signals: set[int]) -> set[int]:
    """Those that ``p`` does not block: a worker of io_uring blocks all but two (kernel/fork.c, copy_process: user_worker)."""
    return signals & UNBLOCKED_BY_WORKERS if p.flags & PF_USER_WORKER else signals


def wants_signal(p: TaskStruct, sig: int) -> bool:
    """Source: kernel/signal.c, wants_signal()."""
    blocked = p.flags & PF_USER_WORKER and sig not in UNBLOCKED_BY_WORKERS
    return not blocked and wants_signal_of_the_base(p, sig)


def prepare_signal(p: TaskStruct, sig: int, *, force: bool) -> bool:
    """Siglock held.  Say whether to queue: a dying group takes nothing, a dumping one SIGKILL (kernel/signal.c)."""
    signal = p.signal
    if signal.flags & SIGNAL_GROUP_EXIT:
        return signal.core_state is not None and sig == SIGKILL
    _stop_or_continue(signal, sig)
    return not sig_ignored(p, sig, force=force)


def sig_ignored(p: TaskStruct, sig: int, *, force: bool) -> bool:
    """Nobody would notice ``sig``; SIGKILL asks no tracer, and the global init gets none (kernel/signal.c, with sig_task_ignored)."""
    kernel_only = sig in (SIGKILL, SIGSTOP)
    if p.flags & PF_KTHREAD:
        return True
    if p.ptrace and sig != SIGKILL:
        return False
    # Source: include/linux/sched.h, is_global_init(): the only such group in the first namespace.
    if p.pid_ns.parent is None and p.signal.flags & SIGNAL_UNKILLABLE and kernel_only:
        return True
    if p.signal.flags & SIGNAL_UNKILLABLE and sig_default(p, sig) and not (force and kernel_only):
        return True
    return sig in IGNORED_BY_DEFAULT if sig_default(p, sig) else _sigchld_ignored(p)


def send_signal(k: Kernel, p: TaskStruct, sig: int, *, group: bool, force: bool) -> None:
    """Siglock held.  Queue ``sig`` and find it a receiver (kernel/signal.c, __send_signal_locked)."""
    if group or not exit_signals_takes_siglock() or not p.flags & PF_EXITING:
        send_signal_of_the_base(k, p, sig, group=group, force=force)


def _kills_at_once(p: TaskStruct, t: TaskStruct, sig: int) -> bool:
    """A fatal signal to ``p`` need not wait to be dequeued, by a pid namespace's init neither (complete_signal)."""
    del t
    return sig == SIGKILL or not p.ptrace


def zap_other_threads(p: TaskStruct) -> int:
    """Siglock held.  SIGKILL for every other thread of the group, and no stop for this one (kernel/signal.c)."""
    p.jobctl &= ~JOBCTL_PENDING
    return zap_other_threads_of_the_base(p)
