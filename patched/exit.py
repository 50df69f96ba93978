"""release_task(), exit_mm(), exit_notify() and do_exit() (kernel/exit.c)."""

from __future__ import annotations

from kernel_model.cgroup_freezer import cgroup_exit
from kernel_model.core import wake_up_state
from kernel_model.exit import (
    _coredump_wait_in_exit_mm,
    _down_read_mmap_sem,
    _exit_accounting,
    _exit_files_and_namespaces,
    do_task_dead,
    exit_io_context,
    exit_signal,
    exit_signals,
    forget_original_parent,
)
from kernel_model.locking import acquire, release, release_read
from kernel_model.mm import mm_release, mmput, put_task_struct
from kernel_model.oom import tsk_is_oom_victim
from kernel_model.preempt import Steps, lock, point
from kernel_model.ptrace import ptrace_unlink
from kernel_model.ptrace_stop import ptrace_event_exit
from kernel_model.sched import (
    EXIT_DEAD,
    EXIT_ZOMBIE,
    SIGCHLD,
    TASK_KILLABLE,
    Kernel,
    TaskStruct,
    thread_group_empty,
    thread_group_leader,
)
from kernel_model.signal import do_notify_parent
from kernel_model.wait import ptrace_reparented

from .oom_kill import exit_oom_victim

RELEASE = lock("release_task", "tasklist_lock: unhash, and zap the leader?")
MM_NULL = lock("exit_mm", "task_lock: mm = NULL")
NOTIFY = lock("exit_notify", "tasklist_lock: exit_state")
LIVE = point("do_exit", "atomic_dec_and_test(signal->live)")
CONNECTOR = point("do_exit", "proc_exit_connector()")


def release_task(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[bool]:
    """Unhash a dead task, and its leader too if that waited for it and nobody wants it."""
    last = False
    while True:
        yield RELEASE, k.tasklist_lock
        acquire(cur, k.tasklist_lock)
        ptrace_unlink(cur, p)
        exit_signal(k, cur, p)

        # The last thread takes a zombie leader with it unless the parent wants to see that.
        zap_leader = False
        leader = p.group_leader
        if leader is not p and thread_group_empty(leader) and leader.exit_state == EXIT_ZOMBIE:
            zap_leader = do_notify_parent(k, cur, leader, leader.exit_signal)
            if zap_leader:
                leader.exit_state = EXIT_DEAD
                last = True

        release(cur, k.tasklist_lock)
        put_task_struct(k, p)

        p = leader
        if not zap_leader:
            break

    return last


def exit_mm(k: Kernel, tsk: TaskStruct) -> Steps[None]:
    """Give up the address space, after a dump of it if there is one."""
    mm = tsk.mm

    yield from mm_release(tsk)
    if mm is None:
        return
    yield from _down_read_mmap_sem(tsk, mm)
    core_state = mm.core_state
    if core_state is not None:
        yield from _coredump_wait_in_exit_mm(k, tsk, mm, core_state)
    yield MM_NULL, tsk.alloc_lock
    acquire(tsk, tsk.alloc_lock)
    tsk.mm = None
    release_read(tsk, mm.mmap_sem)
    release(tsk, tsk.alloc_lock)
    yield from mmput(k, tsk, mm)


def exit_notify(k: Kernel, tsk: TaskStruct, group_dead: bool) -> Steps[bool]:
    """Tell the relatives; whoever is not wanted as a zombie is released at once.

    True for the last thread of the group.
    """
    dead: list[TaskStruct] = []
    last = False

    yield NOTIFY, k.tasklist_lock
    acquire(tsk, k.tasklist_lock)
    yield from forget_original_parent(k, tsk, dead)

    if tsk.ptrace:
        wanted = thread_group_leader(tsk) and thread_group_empty(tsk) and not ptrace_reparented(tsk)
        autoreap = do_notify_parent(k, tsk, tsk, tsk.exit_signal if wanted else SIGCHLD)
    elif thread_group_leader(tsk):
        autoreap = thread_group_empty(tsk) and do_notify_parent(k, tsk, tsk, tsk.exit_signal)
        last = thread_group_empty(tsk)
    else:
        autoreap = True

    tsk.exit_state = EXIT_DEAD if autoreap else EXIT_ZOMBIE
    if tsk.exit_state == EXIT_DEAD:
        dead.insert(0, tsk)

    # de_thread() may wait for this very leader.
    if tsk.signal.notify_count < 0 and tsk.signal.group_exit_task is not None:
        wake_up_state(tsk.signal.group_exit_task, TASK_KILLABLE)
    release(tsk, k.tasklist_lock)

    for _i, p in enumerate(dead):
        if (yield from release_task(k, tsk, p)) and p is tsk:
            last = True

    return last


def do_exit(k: Kernel, tsk: TaskStruct, code: int) -> Steps[None]:
    """The way of a thread from its last signal to TASK_DEAD."""
    tsk.exit_code = code
    yield from ptrace_event_exit(k, tsk)

    yield from exit_signals(k, tsk)
    yield LIVE
    tsk.signal.live -= 1
    group_dead = tsk.signal.live == 0
    yield from _exit_accounting(k, tsk)

    yield from exit_mm(k, tsk)

    yield from _exit_files_and_namespaces(k, tsk, group_dead=group_dead)
    yield from cgroup_exit(k, tsk)

    if tsk.io_context:
        exit_io_context(k, tsk)

    # The last thread reports the whole group gone: others may still run, but past every device.
    if (yield from exit_notify(k, tsk, group_dead)) and tsk_is_oom_victim(tsk):
        yield from exit_oom_victim(k, tsk)

    yield CONNECTOR

    yield from do_task_dead(k, tsk)
