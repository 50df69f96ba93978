"""Charges of memory cgroups (mm/memcontrol.c): whatever charges meets the OOM killer on the spot; and whom a cgroup's walk sees."""

from __future__ import annotations

from kernel_model.locking import acquire, release
from kernel_model.mm import mem_cgroup_is_descendant, mem_cgroup_tree
from kernel_model.oom import OomControl, tsk_is_oom_victim
from kernel_model.oom_kill import out_of_memory
from kernel_model.page_alloc import CHARGE, FAULT_AGAIN, RETRY, alloc_pages_slowpath, nap
from kernel_model.preempt import Steps, lock_killable, point
from kernel_model.sched import (
    MMF_OOM_SKIP,
    PF_EXITING,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    Kernel,
    MemCgroup,
    TaskStruct,
    fatal_signal_pending,
    signal_pending,
)

from .switches import dying_charge_bypasses_oom, listed_until_dead

OOM_GROUP = point("mem_cgroup_oom_group_write", "memory.oom.group")
OOM_LOCK = lock_killable("mem_cgroup_out_of_memory", "mutex_lock_killable(oom_lock)")


def dying_leaders(k: Kernel) -> list[TaskStruct]:
    """Those that are on no list any more, and not reaped; who is being born is on none yet (css_set.dying_tasks)."""
    return [
        p
        for p in k.tasks.values()
        if p.group_leader is p and p.hashed and not p.on_cgroup_list and p.flags & PF_EXITING
    ]


def mem_cgroup_processes(k: Kernel, memcg: MemCgroup) -> tuple[TaskStruct, ...]:
    """Each cgroup's listed leaders, then those that are dead and have threads (mm/memcontrol.c, mem_cgroup_scan_tasks)."""
    leaders = dying_leaders(k)
    return tuple(
        p
        for each in mem_cgroup_tree(memcg)
        for p in (
            *(listed for listed in each.tasks if listed.group_leader is listed),
            *(dying for dying in leaders if dying.memcg is each),
        )
    )


def mem_cgroup_sees(leader: TaskStruct) -> bool:
    """The walk over processes does not pass this leader by (kernel/cgroup/cgroup.c, css_task_iter_advance)."""
    if leader.signal.live:
        return True
    return leader.on_cgroup_list and not (listed_until_dead() and leader.flags & PF_EXITING)


def mem_cgroup_get_oom_group(victim: TaskStruct, oom_domain: MemCgroup | None) -> MemCgroup | None:
    """The highest one with memory.oom.group from the victim's up to the one that is out of memory, or to the root (mm/memcontrol.c)."""
    memcg = victim.memcg
    if oom_domain is not None and not mem_cgroup_is_descendant(memcg, oom_domain):
        return None
    group = None
    while memcg is not None:
        group = memcg if memcg.oom_group else group
        memcg = None if memcg is oom_domain else memcg.parent
    return group


def mem_cgroup_oom_group_write(k: Kernel, cur: TaskStruct, memcg: MemCgroup) -> Steps[str]:
    """A write of 1 to memory.oom.group (mm/memcontrol.c)."""
    del k, cur
    yield OOM_GROUP
    memcg.oom_group = True
    return ""


def task_is_dying(cur: TaskStruct) -> bool:
    """Source: mm/memcontrol.c, task_is_dying()."""
    return tsk_is_oom_victim(cur) or fatal_signal_pending(cur) or bool(cur.flags & PF_EXITING)


def mem_cgroup_oom(k: Kernel, cur: TaskStruct, memcg: MemCgroup) -> Steps[bool]:
    """A charge past the limit; False for -ENOMEM (mm/memcontrol.c, try_charge_memcg)."""
    before = memcg.freed
    passed_oom = False
    while True:
        yield CHARGE
        if memcg.freed > before:
            cur.polling = False
            return True
        oom_mm = cur.signal.oom_mm
        reaped = oom_mm is not None and bool(oom_mm.flags & MMF_OOM_SKIP)
        if reaped or (passed_oom and task_is_dying(cur)):
            cur.polling = False
            return False
        if not (yield from mem_cgroup_out_of_memory(k, cur, memcg, before)):
            cur.polling = False
            return False
        passed_oom = True
        nap(cur)
        yield RETRY
        cur.state = TASK_RUNNING


def mem_cgroup_out_of_memory(k: Kernel, cur: TaskStruct, memcg: MemCgroup, before: int) -> Steps[bool]:
    """Kill for the cgroup, unless there is room by now; False if that is no help (mm/memcontrol.c)."""
    yield OOM_LOCK, k.oom_lock
    if k.oom_lock.owner is not None:
        return True
    acquire(cur, k.oom_lock)
    progress = memcg.freed > before or (dying_charge_bypasses_oom() and task_is_dying(cur))
    if not progress:
        progress = yield from out_of_memory(k, cur, OomControl(memcg=memcg))
    release(cur, k.oom_lock)
    return progress


def mem_cgroup_oom_synchronize(k: Kernel, cur: TaskStruct, memcg: MemCgroup) -> Steps[None]:
    """A user fault's charge past the limit: it kills as any charge does; without help the fault repeats (mm/memcontrol.c)."""
    while True:
        done = yield from mem_cgroup_oom(k, cur, memcg)
        if done or signal_pending(cur):
            break
        yield from _fault_again(cur)


def _handle_fault(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """A user fault that finds nothing free: pagefault_out_of_memory() kills nobody, the fault repeats (mm/oom_kill.c)."""
    while True:
        done = yield from alloc_pages_slowpath(k, cur)
        if done or signal_pending(cur):
            break
        yield from _fault_again(cur)


def _fault_again(cur: TaskStruct) -> Steps[None]:
    """Back to user mode, where a signal or a freezer may come, and into the same fault."""
    nap(cur)
    cur.state = TASK_INTERRUPTIBLE
    yield FAULT_AGAIN
    cur.state = TASK_RUNNING
