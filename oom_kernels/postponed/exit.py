"""do_exit() (kernel/exit.c): the count falls where the thread has nothing more to do."""

from __future__ import annotations

from kernel_model.cgroup_freezer import cgroup_exit
from kernel_model.core import test_tsk_thread_flag
from kernel_model.exit import (
    do_task_dead,
    exit_io_context,
)
from kernel_model.preempt import Steps
from kernel_model.prototypes import exit_notify, exit_oom_victim
from kernel_model.sched import TIF_MEMDIE, Kernel, TaskStruct
from legacy_tifmemdie.exit import CONNECTOR
from oom_kernels.exit_io import _exit_io


def do_exit(k: Kernel, tsk: TaskStruct, code: int) -> Steps[None]:
    """The way of a thread from its last signal to TASK_DEAD."""
    group_dead = yield from _exit_io(k, tsk, code)
    yield from cgroup_exit(k, tsk)

    yield from exit_notify(k, tsk, group_dead)
    yield CONNECTOR

    if tsk.io_context:
        exit_io_context(k, tsk)

    if test_tsk_thread_flag(tsk, TIF_MEMDIE):
        yield from exit_oom_victim(k, tsk)
    yield from do_task_dead(k, tsk)
