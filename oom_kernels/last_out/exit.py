"""do_exit() (kernel/exit.c): the count falls with the last thread that is past its I/O; exit_notify() and release_task() say nothing."""

from __future__ import annotations

from kernel_model.cgroup_freezer import cgroup_exit
from kernel_model.exit import (
    do_task_dead,
    exit_io_context,
)
from kernel_model.oom import tsk_is_oom_victim
from kernel_model.preempt import Steps, point
from kernel_model.prototypes import exit_oom_victim
from kernel_model.sched import Kernel, TaskStruct
from legacy_tifmemdie.exit import CONNECTOR, exit_notify, release_task
from oom_kernels.exit_io import _exit_io

__all__ = ["do_exit", "exit_notify", "release_task"]

IO_LIVE = point("do_exit", "atomic_dec_and_test(signal->io_live)")


def do_exit(k: Kernel, tsk: TaskStruct, code: int) -> Steps[None]:
    """The way of a thread from its last signal to TASK_DEAD."""
    group_dead = yield from _exit_io(k, tsk, code)
    # Marking needs a thread with an mm, which is before this: who finds 0 finds the mark, too, if there will ever be one.
    yield IO_LIVE
    tsk.signal.io_live -= 1
    last = tsk.signal.io_live == 0
    if last and tsk_is_oom_victim(tsk):
        yield from exit_oom_victim(k, tsk)
    yield from cgroup_exit(k, tsk)

    yield from exit_notify(k, tsk, group_dead)
    yield CONNECTOR

    if tsk.io_context:
        exit_io_context(k, tsk)

    yield from do_task_dead(k, tsk)
