"""What the kernels over that of 2016 share of do_exit() (kernel/exit.c): they differ in who drops the count behind it."""

from __future__ import annotations

from kernel_model.exit import _exit_accounting, _exit_files_and_namespaces, exit_signals
from kernel_model.preempt import Steps
from kernel_model.prototypes import exit_mm
from kernel_model.ptrace_stop import ptrace_event_exit
from kernel_model.sched import Kernel, TaskStruct
from legacy_tifmemdie.exit import LIVE


def _exit_io(k: Kernel, tsk: TaskStruct, code: int) -> Steps[bool]:
    """Up to and with exit_task_work(), the last that starts I/O; returns group_dead."""
    tsk.exit_code = code
    yield from ptrace_event_exit(k, tsk)

    yield from exit_signals(k, tsk)
    yield LIVE
    tsk.signal.live -= 1
    group_dead = tsk.signal.live == 0
    yield from _exit_accounting(k, tsk)

    yield from exit_mm(k, tsk)

    yield from _exit_files_and_namespaces(k, tsk, group_dead=group_dead)
    return group_dead
