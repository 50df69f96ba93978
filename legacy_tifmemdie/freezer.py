"""freezing_slow_path() (kernel/freezer.c): whom the conditions that freeze everybody do not concern."""

from __future__ import annotations

from kernel_model.cgroup_freezer import cgroup_freezing
from kernel_model.core import test_tsk_thread_flag
from kernel_model.sched import PF_KTHREAD, PF_NOFREEZE, PF_SUSPEND_TASK, TIF_MEMDIE, Kernel, TaskStruct


def freezing_slow_path(k: Kernel, p: TaskStruct) -> bool:
    """Some freezing condition is in effect: is it for ``p``?"""
    if p.flags & (PF_NOFREEZE | PF_SUSPEND_TASK):
        return False

    if test_tsk_thread_flag(p, TIF_MEMDIE):
        return False

    if k.pm_nosig_freezing or cgroup_freezing(p):
        return True

    return k.pm_freezing and not p.flags & PF_KTHREAD
