"""The tracer's side of ptrace (kernel/ptrace.c): PTRACE_ATTACH stops its tracee in the section that links it."""

from __future__ import annotations

from kernel_model.locking import acquire, release
from kernel_model.preempt import Steps
from kernel_model.ptrace import trap_if_stopped as trap_if_stopped_of_the_base
from kernel_model.sched import PT_SEIZED, SIGSTOP, Kernel, TaskStruct
from kernel_model.signal import send_signal


def trap_if_stopped(k: Kernel, cur: TaskStruct, target: TaskStruct) -> None:
    """Tasklist_lock held for writing.  SIGSTOP for who is not seized, then as in 2016 (kernel/ptrace.c, ptrace_set_stopped)."""
    sighand = target.sighand
    assert sighand is not None, "a hashed task has its handlers"
    if not target.ptrace & PT_SEIZED:
        acquire(cur, sighand.siglock)
        send_signal(k, target, SIGSTOP, group=False, force=True)
        release(cur, sighand.siglock)
    trap_if_stopped_of_the_base(k, cur, target)


def _stop_attached(k: Kernel, cur: TaskStruct, target: TaskStruct, flags: int) -> Steps[None]:
    """Nothing is left to do (kernel/ptrace.c, ptrace_attach)."""
    yield from ()
