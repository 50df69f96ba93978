"""Choosing, killing and marking (mm/oom_kill.c): no child dies instead of its parent, and a whole group is thawed."""

from __future__ import annotations

from kernel_model.core import (
    atomic_inc_mm_count,
    atomic_inc_oom_victims,
    cmpxchg_oom_mm,
    test_and_set_tsk_thread_flag,
    warn_on,
)
from kernel_model.locking import acquire, release
from kernel_model.mm import mem_cgroup_tree
from kernel_model.oom import OomControl, tsk_is_oom_victim
from kernel_model.oom_kill import CHOSEN_LOCK, EVALUATE, _oom_kill_victim, task_will_free_mem
from kernel_model.preempt import Steps, lock
from kernel_model.sched import (
    MMF_OOM_SKIP,
    OOM_SCORE_ADJ_MIN,
    PF_EXITING,
    PF_KTHREAD,
    SIGNAL_GROUP_EXIT,
    TIF_MEMDIE,
    Kernel,
    MemCgroup,
    TaskStruct,
    first_with_mm,
    thread_group_empty,
)
from legacy_tifmemdie.oom_kill import INC, SET_MEMDIE, SET_OOM_MM, WARN

from .css_task_iter import Met, css_task_iter_next
from .freezer import thaw_process
from .memcontrol import mem_cgroup_get_oom_group, mem_cgroup_processes, mem_cgroup_sees
from .oom_reaper import queue_oom_reaper

MEMBER = lock("oom_kill_memcg_member", "css_set_lock: the next process; may it die?")
LONG_MIN = -(1 << 63)
"""The badness of what must not be killed; any other number may be the worst."""


def group_will_free_mem(t: TaskStruct) -> bool:
    """The group is on its way out, and nobody dumps it (mm/oom_kill.c, __task_will_free_mem)."""
    if t.signal.core_state is not None:
        return False
    if t.signal.flags & SIGNAL_GROUP_EXIT:
        return True
    return thread_group_empty(t) and bool(t.flags & PF_EXITING)


def oom_unkillable_task(k: Kernel, p: TaskStruct, oc: OomControl) -> bool:
    """Source: mm/oom_kill.c, oom_unkillable_task(); whose memory it is, is a matter of the walk."""
    del oc
    return p.signal is k.init.signal or bool(p.flags & PF_KTHREAD)


def oom_badness(k: Kernel, p: TaskStruct, oc: OomControl) -> int:
    """The more, the sooner it dies; LONG_MIN for never (mm/oom_kill.c, oom_badness, for 1000 pages in all)."""
    if oom_unkillable_task(k, p, oc):
        return LONG_MIN
    t = first_with_mm(p)
    if t is None or t.mm is None:
        return LONG_MIN
    adj = p.signal.oom_score_adj
    in_vfork = t.vfork_done is not None and t.real_parent.mm is t.mm
    if adj == OOM_SCORE_ADJ_MIN or t.mm.flags & MMF_OOM_SKIP or in_vfork:
        return LONG_MIN
    return t.mm.pages + adj


def oom_evaluate_task(k: Kernel, p: TaskStruct, oc: OomControl) -> None:
    """Keep the worst so far, the last of equals; an unskipped victim ends the search (mm/oom_kill.c)."""
    if oom_unkillable_task(k, p, oc):
        return
    if oc.order != -1 and tsk_is_oom_victim(p):
        assert p.signal.oom_mm is not None
        if not p.signal.oom_mm.flags & MMF_OOM_SKIP:
            oc.aborted = True
        return
    points = oom_badness(k, p, oc)
    if points == LONG_MIN or (oc.chosen is not None and points < oc.chosen_points):
        return
    oc.chosen = p
    oc.chosen_points = points


def mem_cgroup_scan_tasks(k: Kernel, memcg: MemCgroup, oc: OomControl) -> Steps[None]:
    """Every process that the walk sees, by its leader (mm/memcontrol.c)."""
    candidates = mem_cgroup_processes(k, memcg)
    for _i, p in enumerate(candidates):
        yield EVALUATE
        if mem_cgroup_sees(p):
            oom_evaluate_task(k, p, oc)
        if oc.aborted:
            return


def oom_kill_process(k: Kernel, cur: TaskStruct, oc: OomControl) -> Steps[None]:
    """Kill the chosen one, and with memory.oom.group everybody in its group; no child dies instead (mm/oom_kill.c).

    The look at memory.oom.group is part of the section before it: whoever writes there could as well have written earlier.
    """
    p = oc.chosen
    assert p is not None
    yield CHOSEN_LOCK, p.alloc_lock
    acquire(cur, p.alloc_lock)
    if task_will_free_mem(k, p):
        yield from mark_oom_victim(k, cur, p)
        yield from queue_oom_reaper(k, cur, p)
        release(cur, p.alloc_lock)
        return
    release(cur, p.alloc_lock)
    group = mem_cgroup_get_oom_group(p, oc.memcg)
    yield from _oom_kill_victim(k, cur, p)
    if group is not None:
        yield from oom_kill_memcg_members(k, cur, group)


def oom_kill_memcg_members(k: Kernel, cur: TaskStruct, group: MemCgroup) -> Steps[None]:
    """Each process there and below, the first victim among them (mem_cgroup_scan_tasks with oom_kill_memcg_member)."""
    tree = mem_cgroup_tree(group)
    for _i, memcg in enumerate(tree):
        met: Met = ()
        over = False
        while not over:
            yield MEMBER, k.css_set_lock
            p, over = css_task_iter_next(k, memcg, met, procs=True)
            if p is None:
                break
            met += ((p.pid, p.on_cgroup_list),)
            if p.signal.oom_score_adj != OOM_SCORE_ADJ_MIN and p.signal is not k.init.signal:
                yield from _oom_kill_victim(k, cur, p)


def _nap_with_oom_lock(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """None (mm/oom_kill.c, out_of_memory)."""
    del k, cur
    yield from ()


def mark_oom_victim(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """oom_lock held, and tsk's alloc_lock unless tsk is current: one thread is marked and counted, all are thawed."""
    mm = tsk.mm
    assert mm is not None

    yield WARN
    warn_on(k, cur, k.oom_killer_disabled, "oom_killer_disabled")
    yield SET_MEMDIE, tsk
    if test_and_set_tsk_thread_flag(k, tsk, TIF_MEMDIE):
        return

    yield SET_OOM_MM, tsk
    if not cmpxchg_oom_mm(k, tsk.signal, mm):
        atomic_inc_mm_count(k, tsk.signal)

    yield from thaw_process(k, cur, tsk)
    yield INC
    atomic_inc_oom_victims(k, cur)
