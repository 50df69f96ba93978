"""do_exit() (kernel/exit.c): who found ``live`` at zero drops the count."""

from __future__ import annotations

from kernel_model.cgroup_freezer import cgroup_exit
from kernel_model.exit import (
    do_task_dead,
    exit_io_context,
)
from kernel_model.oom import tsk_is_oom_victim
from kernel_model.preempt import Steps
from kernel_model.prototypes import exit_notify, exit_oom_victim
from kernel_model.sched import Kernel, TaskStruct
from oom_kernels.exit_io import _exit_io
from patched.exit import CONNECTOR


def do_exit(k: Kernel, tsk: TaskStruct, code: int) -> Steps[None]:
    """The way of a thread from its last signal to TASK_DEAD."""
    group_dead = yield from _exit_io(k, tsk, code)
    yield from cgroup_exit(k, tsk)

    if tsk.io_context:
        exit_io_context(k, tsk)

    yield from exit_notify(k, tsk, group_dead)
    if group_dead and tsk_is_oom_victim(tsk):
        yield from exit_oom_victim(k, tsk)

    yield CONNECTOR

    yield from do_task_dead(k, tsk)
