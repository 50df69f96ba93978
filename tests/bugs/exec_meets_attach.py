"""exec and ptrace attach wait for each other: exec holds cred_guard_mutex while it waits for a thread that only the tracer can reap.

Commit eea9673250db gave others than ptrace_attach() a lock of their own; the base of this one takes none.
"""

from __future__ import annotations

from kernel_model import exec as base_exec
from kernel_model import ptrace as base_ptrace
from kernel_model.core import wake_up_state
from kernel_model.exec import execve as execve_of_the_base
from kernel_model.preempt import Steps, point, sleep
from kernel_model.ptrace import ptrace_attach as ptrace_attach_of_the_base
from kernel_model.sched import (
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    Kernel,
    SignalStruct,
    TaskStruct,
    signal_pending,
)
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out

LOCK = point("mutex_lock_interruptible", "cred_guard_mutex")
SLEEP = sleep("mutex_lock_interruptible", "wait for the owner of cred_guard_mutex")
UNLOCK = point("mutex_unlock", "cred_guard_mutex")
ERESTARTNOINTR = "ERESTARTNOINTR"


def _mutex_lock_interruptible(cur: TaskStruct, signal: SignalStruct) -> Steps[bool]:
    yield LOCK
    while signal.cred_guard_mutex is not None:
        if signal_pending(cur):
            return False
        signal.cred_guard_waiters.append(cur)
        cur.state = TASK_INTERRUPTIBLE
        yield SLEEP
        cur.state = TASK_RUNNING
        signal.cred_guard_waiters.remove(cur)
    signal.cred_guard_mutex = cur
    return True


def _mutex_unlock(signal: SignalStruct) -> Steps[None]:
    yield UNLOCK
    signal.cred_guard_mutex = None
    for p in signal.cred_guard_waiters:
        wake_up_state(p, TASK_INTERRUPTIBLE)


def execve(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """From before it is alone until it has its new credentials (fs/exec.c, prepare_bprm_creds and install_exec_creds)."""
    if not (yield from _mutex_lock_interruptible(cur, cur.signal)):
        return ERESTARTNOINTR
    error = yield from execve_of_the_base(k, cur)
    yield from _mutex_unlock(cur.signal)
    return error


def ptrace_attach(k: Kernel, cur: TaskStruct, target: TaskStruct, flags: int) -> Steps[str]:
    """Not in the middle of the target's exec (kernel/ptrace.c, ptrace_attach)."""
    if not (yield from _mutex_lock_interruptible(cur, target.signal)):
        return ERESTARTNOINTR
    error = yield from ptrace_attach_of_the_base(k, cur, target, flags)
    yield from _mutex_unlock(target.signal)
    return error


VARIANT = Variant(
    __name__,
    (replaces(base_exec.execve, execve), replaces(base_ptrace.ptrace_attach, ptrace_attach)),
    base=last_out.VARIANT,
)
