"""freezing_slow_path() (kernel/freezer.c): whom the conditions that freeze everybody do not concern."""

from __future__ import annotations

from kernel_model.cgroup_freezer import cgroup_freezing
from kernel_model.oom import tsk_is_oom_victim
from kernel_model.sched import PF_KTHREAD, PF_NOFREEZE, PF_SUSPEND_TASK, Kernel, TaskStruct


def freezing_slow_path(k: Kernel, p: TaskStruct) -> bool:
    """Some freezing condition is in effect: is it for ``p``?"""
    if p.flags & (PF_NOFREEZE | PF_SUSPEND_TASK):
        return False

    if tsk_is_oom_victim(p):
        return False

    if k.pm_nosig_freezing or cgroup_freezing(p):
        return True

    return k.pm_freezing and not p.flags & PF_KTHREAD
