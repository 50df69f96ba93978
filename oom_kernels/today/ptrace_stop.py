"""The tracee's stop (kernel/signal.c, ptrace_stop): frozen in place, and none with a SIGKILL of its own pending."""

from __future__ import annotations

from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.preempt import Steps
from kernel_model.ptrace_stop import (
    STOP_LOCK,
    STOP_NOTIFY,
    STOP_SLEEP,
    recalc_sigpending_tsk,
    task_participate_group_stop,
)
from kernel_model.sched import (
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
    TASK_RUNNING,
    TASK_TRACED,
    Kernel,
    TaskStruct,
    fatal_signal_pending,
)
from kernel_model.signal import notify_tracer


def ptrace_stop(k: Kernel, cur: TaskStruct, code: int, *, with_group: bool = False) -> Steps[int]:
    """Siglock held on entry and return.  Returns the signal that the tracer lets through, 0 for none (kernel/signal.c)."""
    sighand = cur.sighand
    assert sighand is not None
    if not cur.ptrace or fatal_signal_pending(cur):
        return code
    cur.state = TASK_TRACED
    cur.exit_code = code
    if with_group and cur.jobctl & JOBCTL_STOP_PENDING:
        task_participate_group_stop(cur)
    cur.jobctl &= ~JOBCTL_TRAP_STOP
    release(cur, sighand.siglock)
    yield STOP_NOTIFY, k.tasklist_lock
    acquire_read(cur, k.tasklist_lock)
    if cur.ptrace:
        notify_tracer(k, cur)
    release_read(cur, k.tasklist_lock)
    cur.on_cpu = False
    yield STOP_SLEEP
    cur.on_cpu = True
    cur.state = TASK_RUNNING
    # cgroup_leave_frozen(true): it was trapped before, or not.
    cur.frozen = False
    yield STOP_LOCK, sighand.siglock
    acquire(cur, sighand.siglock)
    code, cur.exit_code = cur.exit_code, 0
    recalc_sigpending_tsk(cur)
    return code
