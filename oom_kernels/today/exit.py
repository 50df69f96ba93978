"""do_exit() and what it calls (kernel/exit.c, kernel/signal.c), in today's order."""

from __future__ import annotations

from kernel_model import events
from kernel_model.cgroup_freezer import cgroup_exit, leave_list
from kernel_model.core import test_tsk_thread_flag
from kernel_model.exit import (
    ACCT_PROCESS,
    DEAD,
    DISASSOCIATE_CTTY,
    EXIT_NAMESPACES,
    EXIT_SIGNALS,
    EXIT_SIGNALS_BEGIN,
    EXIT_TASK_WORK,
    RETAKE,
    _down_read_mmap_sem,
    _exit_accounting,
    after,
    exit_io_context,
    find_alive_thread,
)
from kernel_model.exit import (
    forget_original_parent as base_forget_original_parent,
)
from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.mm import mm_release, mmput, put_task_struct
from kernel_model.page_alloc import alloc_pages_slowpath
from kernel_model.power.main import snapshot_release
from kernel_model.preempt import Steps, lock
from kernel_model.prototypes import exit_notify, exit_oom_victim, release_task
from kernel_model.ptrace import exit_ptrace
from kernel_model.ptrace_stop import ptrace_event_exit, task_participate_group_stop
from kernel_model.sched import (
    JOBCTL_STOP_PENDING,
    PF_EXITING,
    PF_NOFREEZE,
    SIGNAL_GROUP_EXIT,
    TASK_DEAD,
    TIF_MEMDIE,
    Kernel,
    TaskStruct,
    list_del_rcu,
    signal_pending,
    thread_group_empty,
)
from kernel_model.signal import signal_wake_up, wake_up_parent
from legacy_tifmemdie.exit import CONNECTOR, LIVE, MM_NULL

from .coredump import coredump_task_exit, synchronize_group_exit
from .file import exit_files
from .io_wq import io_uring_cancel
from .signal import unblocked
from .switches import exit_signals_takes_siglock, listed_until_dead, tty_before_files

UNLIST = lock("cgroup_task_dead", "css_set_lock: leave the list")


def exit_signals(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """No signal for us any more (kernel/signal.c, exit_signals): under siglock, or as before."""
    yield EXIT_SIGNALS_BEGIN, k.threadgroup_rwsem
    acquire_read(cur, k.threadgroup_rwsem)
    sighand, signal = cur.sighand, cur.signal
    assert sighand is not None
    always = exit_signals_takes_siglock()
    if not always and (thread_group_empty(cur) or signal.flags & SIGNAL_GROUP_EXIT):
        cur.flags |= PF_EXITING
        release_read(cur, k.threadgroup_rwsem)
        return
    yield EXIT_SIGNALS, sighand.siglock
    acquire(cur, sighand.siglock)
    cur.flags |= PF_EXITING
    if always:
        cur.pending = set()
    release_read(cur, k.threadgroup_rwsem)
    others_live_on = not thread_group_empty(cur) and not signal.flags & SIGNAL_GROUP_EXIT
    if signal_pending(cur) and others_live_on:
        retarget_shared_pending(cur)
        if cur.jobctl & JOBCTL_STOP_PENDING and task_participate_group_stop(cur):
            wake_up_parent(cur.group_leader.real_parent)
    release(cur, sighand.siglock)


def retarget_shared_pending(cur: TaskStruct) -> None:
    """Siglock held.  Who lives on takes what was sent to the group, if it does not block it (kernel/signal.c)."""
    left = cur.signal.shared_pending
    for t in after(cur) if left else ():
        taken = set() if t.flags & PF_EXITING else unblocked(t, left)
        if taken and not signal_pending(t):
            signal_wake_up(t, fatal=False)
        left = left - taken
        if not left:
            break


def forget_original_parent(k: Kernel, father: TaskStruct, dead: list[TaskStruct]) -> Steps[None]:
    """Tasklist_lock held for writing.  As in 2016, but a dying namespace's init releases its dead tracees before it waits.

    In C find_child_reaper() does that, and takes the lock again only after the wait (kernel/exit.c).
    """
    if father.ptraced:
        exit_ptrace(k, father, dead)
    if dead and father.pid_ns.child_reaper is father and find_alive_thread(father) is None:
        release(father, k.tasklist_lock)
        released, dead[:] = tuple(dead), []
        for _i, p in enumerate(released):
            yield from release_task(k, father, p)
        yield RETAKE, k.tasklist_lock
        acquire(father, k.tasklist_lock)
    yield from base_forget_original_parent(k, father, dead)


def exit_mm(k: Kernel, tsk: TaskStruct) -> Steps[None]:
    """Give up the address space; the marked thread drops its count here (kernel/exit.c)."""
    yield from _give_up_mm(k, tsk)
    if test_tsk_thread_flag(tsk, TIF_MEMDIE):
        yield from exit_oom_victim(k, tsk)


def _give_up_mm(k: Kernel, tsk: TaskStruct) -> Steps[None]:
    """What every kernel does in exit_mm() (kernel/exit.c)."""
    mm = tsk.mm
    yield from mm_release(tsk)
    if mm is None:
        return
    yield from _down_read_mmap_sem(tsk, mm)
    yield MM_NULL, tsk.alloc_lock
    acquire(tsk, tsk.alloc_lock)
    tsk.mm = None
    release_read(tsk, mm.mmap_sem)
    release(tsk, tsk.alloc_lock)
    yield from mmput(k, tsk, mm)


def _hang_up(k: Kernel, cur: TaskStruct, *, group_dead: bool) -> Steps[None]:
    """The controlling terminal goes with the group (drivers/tty/tty_jobctl.c, disassociate_ctty)."""
    if group_dead:
        yield DISASSOCIATE_CTTY
        events.io(k, cur, "disassociate_ctty")


def _exit_files_and_namespaces(k: Kernel, cur: TaskStruct, *, group_dead: bool) -> Steps[None]:
    """Everything of a dying task that may touch a device after its memory is gone (do_exit, from acct_process on)."""
    if group_dead:
        yield ACCT_PROCESS
        events.io(k, cur, "acct_process")
    if tty_before_files():
        yield from _hang_up(k, cur, group_dead=group_dead)
    yield from exit_files(k, cur)
    if not tty_before_files():
        yield from _hang_up(k, cur, group_dead=group_dead)
    yield EXIT_NAMESPACES
    events.io(k, cur, "exit_task_namespaces")
    yield EXIT_TASK_WORK
    if cur.task_works:
        yield from alloc_pages_slowpath(k, cur)
    events.io(k, cur, "exit_task_work")
    if group_dead:
        yield from snapshot_release(k, cur)


def do_task_dead(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """The last schedule(), and what the next task on that CPU does about us (kernel/sched/core.c, finish_task_switch)."""
    yield DEAD
    cur.state = TASK_DEAD
    cur.flags |= PF_NOFREEZE
    events.dead(k, cur)
    if listed_until_dead():
        yield from cgroup_task_dead(k, cur)
    put_task_struct(k, cur)


def cgroup_task_dead(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Off the cgroups' lists only now (kernel/cgroup/cgroup.c)."""
    yield UNLIST, k.css_set_lock
    acquire(cur, k.css_set_lock)
    leave_list(cur)
    if cur.memcg is not None:
        cur.memcg.tasks = list_del_rcu(cur.memcg.tasks, cur)
    release(cur, k.css_set_lock)


def do_exit(k: Kernel, tsk: TaskStruct, code: int) -> Steps[None]:
    """The way of a thread from its last signal to TASK_DEAD (kernel/exit.c)."""
    group_dead = yield from _exit_io(k, tsk, code)
    if not listed_until_dead():
        yield from cgroup_exit(k, tsk)

    yield from exit_notify(k, tsk, group_dead)
    yield CONNECTOR

    if tsk.io_context:
        exit_io_context(k, tsk)

    yield from do_task_dead(k, tsk)


def _exit_io(k: Kernel, tsk: TaskStruct, code: int) -> Steps[bool]:
    """do_exit() up to and with exit_task_work(), the last that starts I/O; returns its group_dead (kernel/exit.c)."""
    tsk.exit_code = code
    core_state = yield from synchronize_group_exit(k, tsk, code)
    if core_state is not None:
        yield from coredump_task_exit(k, tsk, core_state)
    yield from ptrace_event_exit(k, tsk)
    # Source: include/linux/io_uring.h, io_uring_files_cancel().
    yield from io_uring_cancel(k, tsk, cancel_all=False)

    yield from exit_signals(k, tsk)
    yield LIVE
    tsk.signal.live -= 1
    group_dead = tsk.signal.live == 0
    if group_dead and tsk.signal is k.init.signal:
        events.panic(k, "Attempted to kill init!")
    yield from _exit_accounting(k, tsk)

    yield from exit_mm(k, tsk)

    yield from _exit_files_and_namespaces(k, tsk, group_dead=group_dead)
    return group_dead
