"""exit_mm() and do_exit() (kernel/exit.c) of 7.3 with the RFC: the count is dropped by whoever exit_notify() calls the last."""

from __future__ import annotations

from kernel_model.cgroup_freezer import cgroup_exit
from kernel_model.exit import (
    _down_read_mmap_sem,
    _exit_accounting,
    _exit_files_and_namespaces,
    do_task_dead,
    exit_io_context,
    exit_signals,
)
from kernel_model.locking import acquire, release, release_read
from kernel_model.mm import mm_release, mmput
from kernel_model.oom import tsk_is_oom_victim
from kernel_model.preempt import Steps
from kernel_model.prototypes import exit_notify, exit_oom_victim
from kernel_model.ptrace_stop import ptrace_event_exit
from kernel_model.sched import Kernel, TaskStruct
from legacy_tifmemdie.exit import CONNECTOR, LIVE, MM_NULL
from oom_kernels.today.coredump import coredump_task_exit, synchronize_group_exit
from oom_kernels.today.switches import listed_until_dead


def exit_mm(k: Kernel, tsk: TaskStruct) -> Steps[None]:
    """Give up the address space, and count nothing."""
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


def do_exit(k: Kernel, tsk: TaskStruct, code: int) -> Steps[None]:
    """The way of a thread from its last signal to TASK_DEAD."""
    tsk.exit_code = code
    core_state = yield from synchronize_group_exit(k, tsk, code)
    if core_state is not None:
        yield from coredump_task_exit(k, tsk, core_state)
    yield from ptrace_event_exit(k, tsk)

    yield from exit_signals(k, tsk)
    yield LIVE
    tsk.signal.live -= 1
    group_dead = tsk.signal.live == 0
    yield from _exit_accounting(k, tsk)

    yield from exit_mm(k, tsk)

    yield from _exit_files_and_namespaces(k, tsk, group_dead=group_dead)
    if not listed_until_dead():
        yield from cgroup_exit(k, tsk)

    if tsk.io_context:
        exit_io_context(k, tsk)

    # The last thread reports the whole group gone: others may still run, but past every device.
    if (yield from exit_notify(k, tsk, group_dead)) and tsk_is_oom_victim(tsk):
        yield from exit_oom_victim(k, tsk)

    yield CONNECTOR

    yield from do_task_dead(k, tsk)
