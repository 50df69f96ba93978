"""The cgroup v1 freezer (kernel/cgroup/legacy_freezer.c) and the walk over a cgroup's tasks (kernel/cgroup/cgroup.c)."""

from __future__ import annotations

from kernel_model.cgroup_freezer import LIST
from kernel_model.core import frozen
from kernel_model.freezer import freeze_task, freezing, thaw_task
from kernel_model.preempt import Steps
from kernel_model.sched import (
    CGROUP_FREEZING,
    CGROUP_FROZEN,
    PF_EXITING,
    FreezerCgroup,
    Kernel,
    TaskStruct,
)

from .switches import listed_until_dead


def css_task_iter_hides(p: TaskStruct) -> bool:
    """A listed task whose group is dead to the walk (kernel/cgroup/cgroup.c, css_task_iter_advance)."""
    return listed_until_dead() and bool(p.flags & PF_EXITING) and not p.signal.live


def _tell_tasks(k: Kernel, cur: TaskStruct, cgroup: FreezerCgroup) -> Steps[None]:
    """freezer_mutex held.  Freeze or thaw every task that the walk sees (freeze_cgroup and unfreeze_cgroup)."""
    told: tuple[int, ...] = ()
    while True:
        yield LIST
        p = next((t for t in cgroup.tasks if t.pid not in told and not css_task_iter_hides(t)), None)
        if p is None:
            return
        told += (p.pid,)
        if cgroup.state & CGROUP_FREEZING:
            yield from freeze_task(k, cur, p)
        else:
            yield from thaw_task(k, cur, p)


def update_if_frozen(k: Kernel, cgroup: FreezerCgroup) -> None:
    """freezer_mutex held.  FREEZING becomes FROZEN once all is frozen below (kernel/cgroup/legacy_freezer.c)."""
    if not cgroup.state & CGROUP_FREEZING or cgroup.state & CGROUP_FROZEN:
        return
    if any(not child.state & CGROUP_FROZEN for child in cgroup.children):
        return
    if any(freezing(k, p) and not frozen(p) for p in cgroup.tasks if not css_task_iter_hides(p)):
        return
    cgroup.state |= CGROUP_FROZEN
