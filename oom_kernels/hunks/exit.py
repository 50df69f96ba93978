"""exit_notify() and do_exit() (kernel/exit.c) with one of the RFC's hunks where the RFC has two."""

from __future__ import annotations

from kernel_model.cgroup_freezer import cgroup_exit
from kernel_model.core import wake_up_state
from kernel_model.exit import (
    do_task_dead,
    exit_io_context,
    forget_original_parent,
)
from kernel_model.locking import acquire, release
from kernel_model.oom import tsk_is_oom_victim
from kernel_model.preempt import Steps
from kernel_model.prototypes import exit_notify, exit_oom_victim, release_task
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
from oom_kernels.exit_io import _exit_io
from patched.exit import CONNECTOR, NOTIFY


def exit_notify_7(k: Kernel, tsk: TaskStruct, group_dead: bool) -> Steps[bool]:
    """Tell the relatives; whoever is not wanted as a zombie is released at once.

    Hunks 6 and 7: true for an untraced leader that is alone.
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
        yield from release_task(k, tsk, p)

    return last


def exit_notify_8(k: Kernel, tsk: TaskStruct, group_dead: bool) -> Steps[bool]:
    """Tell the relatives; whoever is not wanted as a zombie is released at once.

    Hunks 6 and 8: true for a sub-thread whose own release_task() took the leader along.
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


def do_exit_9(k: Kernel, tsk: TaskStruct, code: int) -> Steps[None]:
    """Hunk 9 without the order of exit_io_context(): the last thread of a victim drops the count."""
    group_dead = yield from _exit_io(k, tsk, code)
    yield from cgroup_exit(k, tsk)

    if (yield from exit_notify(k, tsk, group_dead)) and tsk_is_oom_victim(tsk):
        yield from exit_oom_victim(k, tsk)
    yield CONNECTOR

    if tsk.io_context:
        exit_io_context(k, tsk)

    yield from do_task_dead(k, tsk)


def do_exit_10(k: Kernel, tsk: TaskStruct, code: int) -> Steps[None]:
    """Hunk 10: exit_io_context() comes before exit_notify(), and nothing else is new."""
    group_dead = yield from _exit_io(k, tsk, code)
    yield from cgroup_exit(k, tsk)

    if tsk.io_context:
        exit_io_context(k, tsk)

    yield from exit_notify(k, tsk, group_dead)
    yield CONNECTOR

    yield from do_task_dead(k, tsk)
