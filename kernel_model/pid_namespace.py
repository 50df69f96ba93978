"""The end of a pid namespace (kernel/pid_namespace.c): its dying init takes everybody with it."""

from __future__ import annotations

from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.preempt import Steps, lock, point, read_lock, sleep
from kernel_model.sched import (
    SIG_IGN,
    SIGKILL,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
    Kernel,
    PidNamespace,
    TaskStruct,
    fatal_signal_pending,
    thread_group_leader,
)
from kernel_model.signal import send_signal
from kernel_model.wait import ECHILD, ERESTARTSYS, do_wait

IGNORE_SIGCHLD = lock("zap_pid_ns_processes", "siglock: ignore SIGCHLD")
KILL_ALL = read_lock("zap_pid_ns_processes", "tasklist_lock: SIGKILL to everybody in the namespace")
CLEAR = point("zap_pid_ns_processes", "clear TIF_SIGPENDING")
WAIT_EMPTY = sleep("zap_pid_ns_processes", "wait until only init's own pids are left", outside=True)


def zap_pid_ns_processes(k: Kernel, cur: TaskStruct, ns: PidNamespace) -> Steps[None]:
    """Kill, reap and outwait every other task of the namespace (kernel/pid_namespace.c)."""
    ns.disabled = True
    sighand = cur.sighand
    assert sighand is not None
    yield IGNORE_SIGCHLD, sighand.siglock
    acquire(cur, sighand.siglock)
    sighand.sigchld = SIG_IGN
    release(cur, sighand.siglock)
    yield KILL_ALL, k.tasklist_lock
    acquire_read(cur, k.tasklist_lock)
    for p in ns.tasks:
        if p is not ns.child_reaper and p.sighand is not None and not fatal_signal_pending(p):
            acquire(cur, p.sighand.siglock)
            _sigkill(k, p)
            release(cur, p.sighand.siglock)
    release_read(cur, k.tasklist_lock)
    while True:
        yield CLEAR
        cur.thread_flags &= ~TIF_SIGPENDING
        reaped = yield from do_wait(k, cur, wall=True)
        cur.restless = reaped == ERESTARTSYS
        if reaped == ECHILD:
            break
    own_pids = 1 if thread_group_leader(cur) else 2
    while True:
        cur.state = _state_until_empty()
        if ns.has_at_most(own_pids):
            break
        yield WAIT_EMPTY
    cur.state = TASK_RUNNING


def _sigkill(k: Kernel, p: TaskStruct) -> None:
    """Siglock held.  For this thread alone, the others have their turn (zap_pid_ns_processes)."""
    send_signal(k, p, SIGKILL, group=False, force=True)


def _state_until_empty() -> int:
    """In which init waits for the last task to go (zap_pid_ns_processes)."""
    return TASK_UNINTERRUPTIBLE
