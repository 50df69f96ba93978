"""The walk over the tasks of a memory cgroup, or its processes, while they come and go (kernel/cgroup/cgroup.c, css_task_iter_next)."""

from __future__ import annotations

from kernel_model.sched import Kernel, MemCgroup, TaskStruct

from .cgroup_freezer import css_task_iter_hides
from .memcontrol import dying_leaders, mem_cgroup_sees

Met = tuple[tuple[int, bool], ...]
"""Whom a walk has met, by pid, and whether he was listed then, or on the list of the dying."""


def css_task_iter_next(
    k: Kernel, memcg: MemCgroup, met: Met, *, procs: bool
) -> tuple[TaskStruct | None, bool]:
    """css_set_lock held.  The next thread, or process by its leader; and whether that was the last.

    The iterator goes on to the one behind before it gives away whom it has met: who is listed behind the last is not met any more.
    """
    p = css_task_iter_advance(k, memcg, met, procs=procs)
    if p is None:
        return None, True
    return p, css_task_iter_advance(k, memcg, (*met, (p.pid, p.on_cgroup_list)), procs=procs) is None


def css_task_iter_advance(k: Kernel, memcg: MemCgroup, met: Met, *, procs: bool) -> TaskStruct | None:
    """The first who was not met; the dead leaders of living threads come last, and nobody comes behind them."""
    tasks = [p for p in memcg.tasks if not css_task_iter_hides(p)]
    if not procs:
        return next((p for p in tasks if (p.pid, True) not in met), None)
    leaders = [p for p in tasks if p.group_leader is p and (p.pid, True) not in met]
    if leaders and all(listed for _pid, listed in met):
        return leaders[0]
    dying = (p for p in dying_leaders(k) if p.memcg is memcg and (p.pid, False) not in met)
    return next((p for p in dying if mem_cgroup_sees(p)), None)
