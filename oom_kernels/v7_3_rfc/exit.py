"""do_exit() (kernel/exit.c) of 7.3 with the RFC: the count is dropped by whoever exit_notify() calls the last."""

from __future__ import annotations

from kernel_model.cgroup_freezer import cgroup_exit
from kernel_model.exit import do_task_dead, exit_io_context
from kernel_model.oom import tsk_is_oom_victim
from kernel_model.preempt import Steps
from kernel_model.prototypes import exit_notify, exit_oom_victim
from kernel_model.sched import Kernel, TaskStruct
from legacy_tifmemdie.exit import CONNECTOR
from oom_kernels.today.exit import _exit_io
from oom_kernels.today.switches import listed_until_dead


def do_exit(k: Kernel, tsk: TaskStruct, code: int) -> Steps[None]:
    """The way of a thread from its last signal to TASK_DEAD."""
    group_dead = yield from _exit_io(k, tsk, code)
    if not listed_until_dead():
        yield from cgroup_exit(k, tsk)

    if tsk.io_context:
        exit_io_context(k, tsk)

    # The last thread reports the whole group gone: others may still run, but past every device.
    if (yield from exit_notify(k, tsk, group_dead)) and tsk_is_oom_victim(tsk):
        yield from exit_oom_victim(k, tsk)

    yield CONNECTOR

    yield from do_task_dead(k, tsk)
