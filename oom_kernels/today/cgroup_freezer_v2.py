"""The freezer of cgroup v2 (kernel/cgroup/freezer.c): tasks trap in get_signal(), from which a signal, SIGKILL above all, takes them.

Not kept: the counts of frozen tasks and CGRP_FROZEN, which cgroup.events shows and nothing asks for.  So cgroup_enter_frozen() is
part of the step before the sleep, and only who keeps ``frozen`` beyond a sleep has it set.
"""

from __future__ import annotations

from kernel_model.core import wake_up_process
from kernel_model.locking import acquire, release
from kernel_model.mm import mem_cgroup_tree
from kernel_model.preempt import Steps, lock, sleep
from kernel_model.sched import (
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TIF_SIGPENDING,
    Kernel,
    MemCgroup,
    TaskStruct,
)
from kernel_model.signal import signal_wake_up

from .css_task_iter import Met, css_task_iter_next
from .sched import JOBCTL_TRAP_FREEZE, TASK_FREEZABLE

WRITE = lock("cgroup_freeze_write", "cgroup_mutex")
SET = lock("cgroup_do_freeze", "css_set_lock: CGRP_FREEZE")
NEXT = lock("cgroup_do_freeze", "css_set_lock: the next task")
TELL = lock("cgroup_freeze_task", "siglock: JOBCTL_TRAP_FREEZE, wake it")
TRAP_SLEEP = sleep("do_freezer_trap", "schedule()")
LEAVE = lock("cgroup_leave_frozen", "css_set_lock: CGRP_FREEZE?")


def freezes(memcg: MemCgroup | None) -> bool:
    """CGRP_FREEZE: it or one above is to freeze."""
    return memcg is not None and memcg.e_freeze


def cgroup_freeze_write(k: Kernel, cur: TaskStruct, memcg: MemCgroup, *, freeze: bool) -> Steps[str]:
    """A write to cgroup.freeze (cgroup_freeze); who is frozen by one above, too, stays so."""
    yield WRITE, k.cgroup_mutex
    acquire(cur, k.cgroup_mutex)
    memcg.freeze = freeze
    tree = mem_cgroup_tree(memcg)
    for _i, each in enumerate(tree):
        if (each.freeze or freezes(each.parent)) != each.e_freeze:
            yield from cgroup_do_freeze(k, cur, each, freeze=freeze)
    release(cur, k.cgroup_mutex)
    return ""


def cgroup_do_freeze(k: Kernel, cur: TaskStruct, memcg: MemCgroup, *, freeze: bool) -> Steps[None]:
    """cgroup_mutex held.  Tell every listed thread."""
    yield SET, k.css_set_lock
    acquire(cur, k.css_set_lock)
    memcg.e_freeze = freeze
    release(cur, k.css_set_lock)
    met: Met = ()
    over = False
    while not over:
        yield NEXT, k.css_set_lock
        p, over = css_task_iter_next(k, memcg, met, procs=False)
        if p is None:
            return
        met += ((p.pid, True),)
        sighand = p.sighand
        if sighand is not None:
            yield TELL, sighand.siglock
            cgroup_freeze_task(cur, p, freeze=freeze)


def cgroup_freeze_task(cur: TaskStruct, p: TaskStruct, *, freeze: bool) -> None:
    """Ask for the trap, or no more; who is about to die is left alone."""
    sighand = p.sighand
    if sighand is None:
        return
    acquire(cur, sighand.siglock)
    if freeze:
        p.jobctl |= JOBCTL_TRAP_FREEZE
        signal_wake_up(p, fatal=False)
    else:
        p.jobctl &= ~JOBCTL_TRAP_FREEZE
        wake_up_process(p)
    release(cur, sighand.siglock)


def cgroup_freezer_migrate_task(k: Kernel, cur: TaskStruct, p: TaskStruct, source: MemCgroup | None) -> None:
    """It has come from ``source``: what its cgroup is now decides, unless neither freezes nor it is frozen."""
    if p.frozen or freezes(source) or freezes(p.memcg):
        acquire(cur, k.css_set_lock)
        cgroup_freeze_task(cur, p, freeze=freezes(p.memcg))
        release(cur, k.css_set_lock)


def do_freezer_trap(cur: TaskStruct) -> Steps[None]:
    """Siglock held, dropped here.  Sleep until a signal or a thaw, or go back for another trap (kernel/signal.c)."""
    sighand = cur.sighand
    assert sighand is not None
    if cur.jobctl & (JOBCTL_STOP_PENDING | JOBCTL_TRAP_STOP):
        release(cur, sighand.siglock)
        return
    cur.state = TASK_INTERRUPTIBLE | TASK_FREEZABLE
    cur.thread_flags &= ~TIF_SIGPENDING
    release(cur, sighand.siglock)
    cur.frozen = True
    yield TRAP_SLEEP
    cur.state = TASK_RUNNING


def cgroup_leave_frozen(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """After a sleep that counts as frozen: on, unless the cgroup freezes again, or still; then into the trap next."""
    yield LEAVE, k.css_set_lock
    acquire(cur, k.css_set_lock)
    cur.frozen = freezes(cur.memcg)
    if cur.frozen and not cur.jobctl & JOBCTL_TRAP_FREEZE:
        sighand = cur.sighand
        assert sighand is not None
        acquire(cur, sighand.siglock)
        cur.jobctl |= JOBCTL_TRAP_FREEZE
        cur.thread_flags |= TIF_SIGPENDING
        release(cur, sighand.siglock)
    release(cur, k.css_set_lock)
