"""_exit_io(), the part of do_exit() (kernel/exit.c) that may start I/O: with its last thread the count falls."""

from __future__ import annotations

from kernel_model.oom import tsk_is_oom_victim
from kernel_model.preempt import Steps
from kernel_model.prototypes import exit_oom_victim
from kernel_model.sched import Kernel, TaskStruct
from oom_kernels.last_out.exit import IO_LIVE
from oom_kernels.today.exit import _exit_io as _exit_io_of_7_3


def _exit_io(k: Kernel, tsk: TaskStruct, code: int) -> Steps[bool]:
    """As in 7.3, and then one less that may start any."""
    group_dead = yield from _exit_io_of_7_3(k, tsk, code)
    yield IO_LIVE
    tsk.signal.io_live -= 1
    last = tsk.signal.io_live == 0
    if last and tsk_is_oom_victim(tsk):
        yield from exit_oom_victim(k, tsk)
    return group_dead
