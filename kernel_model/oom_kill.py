"""Choosing and killing (mm/oom_kill.c), but for mark_oom_victim() and exit_oom_victim(), which belong to the variants."""

from __future__ import annotations

from kernel_model import events
from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.mm import mem_cgroup_is_descendant, mem_cgroup_tree
from kernel_model.oom import OomControl, tsk_is_oom_victim
from kernel_model.oom_reaper import wake_oom_reaper
from kernel_model.preempt import Steps, lock, lock_killable, point, read_lock, sleep
from kernel_model.prototypes import mark_oom_victim
from kernel_model.sched import (
    MMF_OOM_SKIP,
    OOM_SCORE_ADJ_MIN,
    PF_EXITING,
    PF_KTHREAD,
    SIGKILL,
    SIGNAL_GROUP_COREDUMP,
    SIGNAL_GROUP_EXIT,
    TASK_INTERRUPTIBLE,
    TASK_KILLABLE,
    TASK_RUNNING,
    Kernel,
    MemCgroup,
    MmStruct,
    TaskStruct,
    first_with_mm,
    next_process,
    signal_pending,
    thread_group_empty,
    thread_group_leader,
)
from kernel_model.signal import do_send_sig_info

DISABLED = point("out_of_memory", "oom_killer_disabled?")
WILL_FREE = point("task_will_free_mem", "current is dying anyway?")
EVALUATE = point("oom_evaluate_task", "is this one a victim already? how bad is it?")
CHOSEN_LOCK = lock("oom_kill_process", "task_lock(p): dying anyway?")
WORST_CHILD = read_lock("oom_kill_process", "tasklist_lock: sacrifice a child instead?")
FIND_MM = lock("find_lock_task_mm", "task_lock(t): has it an mm?")
SHARERS = point("oom_kill_process", "does this process share the mm?")
TICK = sleep("out_of_memory", "schedule_timeout_killable(1) under oom_lock")
DISABLE_LOCK = lock_killable("oom_killer_disable", "oom_lock: oom_killer_disabled = true")
DISABLE_CHECK = point("oom_killer_disable", "oom_victims == 0?")
DISABLE_SLEEP = sleep("oom_killer_disable", "wait for oom_victims == 0")


def find_lock_task_mm(cur: TaskStruct, p: TaskStruct) -> Steps[TaskStruct | None]:
    """The first thread of ``p``'s group that has an mm, its alloc_lock held (mm/oom_kill.c)."""
    threads = p.signal.threads
    for _i, t in enumerate(threads):
        yield FIND_MM, t.alloc_lock
        if t.mm is not None:
            acquire(cur, t.alloc_lock)
            return t
    return None


def group_will_free_mem(t: TaskStruct) -> bool:
    """The group is on its way out (mm/oom_kill.c, __task_will_free_mem)."""
    if t.signal.flags & SIGNAL_GROUP_COREDUMP:
        return False
    if t.signal.flags & SIGNAL_GROUP_EXIT:
        return True
    return thread_group_empty(t) and bool(t.flags & PF_EXITING)


def process_shares_mm(p: TaskStruct, mm: MmStruct | None) -> bool:
    """The first thread with an mm decides (mm/oom_kill.c, process_shares_mm)."""
    t = first_with_mm(p)
    return t is not None and t.mm is mm


def processes(k: Kernel) -> list[TaskStruct]:
    """All hashed leaders, zombies included (for_each_process)."""
    return [p for p in k.tasks.values() if p.group_leader is p and p.hashed]


def task_will_free_mem(k: Kernel, t: TaskStruct) -> bool:
    """``t``'s memory comes back without another kill (mm/oom_kill.c, task_will_free_mem)."""
    mm = t.mm
    if mm is None or not group_will_free_mem(t) or mm.flags & MMF_OOM_SKIP:
        return False
    if mm.mm_users <= 1:
        return True
    sharers = (p for p in processes(k) if p.signal is not t.signal and process_shares_mm(p, mm))
    return all(group_will_free_mem(p) for p in sharers)


def oom_unkillable_task(k: Kernel, p: TaskStruct, oc: OomControl) -> bool:
    """Source: mm/oom_kill.c, oom_unkillable_task()."""
    return (
        p.signal is k.init.signal
        or bool(p.flags & PF_KTHREAD)
        or (oc.memcg is not None and not mem_cgroup_is_descendant(p.memcg, oc.memcg))
    )


def oom_badness(k: Kernel, p: TaskStruct, oc: OomControl) -> int:
    """The more, the sooner it dies; 0 for never (mm/oom_kill.c, oom_badness, for 1000 pages in all)."""
    if oom_unkillable_task(k, p, oc):
        return 0
    t = first_with_mm(p)
    if t is None or t.mm is None:
        return 0
    adj = p.signal.oom_score_adj
    in_vfork = t.vfork_done is not None and t.real_parent.mm is t.mm
    if adj == OOM_SCORE_ADJ_MIN or t.mm.flags & MMF_OOM_SKIP or in_vfork:
        return 0
    return max(1, t.mm.pages + adj)


def oom_evaluate_task(k: Kernel, p: TaskStruct, oc: OomControl) -> None:
    """Keep the worst so far; an unskipped victim ends the search (mm/oom_kill.c)."""
    if oom_unkillable_task(k, p, oc):
        return
    if oc.order != -1 and tsk_is_oom_victim(p):
        assert p.signal.oom_mm is not None
        if not p.signal.oom_mm.flags & MMF_OOM_SKIP:
            oc.aborted = True
        return
    points = oom_badness(k, p, oc)
    if not points or points < oc.chosen_points:
        return
    if points == oc.chosen_points and oc.chosen is not None and thread_group_leader(oc.chosen):
        return
    oc.chosen = p
    oc.chosen_points = points


def select_bad_process(k: Kernel, oc: OomControl) -> Steps[None]:
    """Look at every process, or at those of the memory cgroup and the ones below, one by one under RCU (mm/oom_kill.c)."""
    if oc.memcg is not None:
        yield from mem_cgroup_scan_tasks(k, oc.memcg, oc)
        return
    p: TaskStruct | None = None
    while (p := next_process(k, p)) is not None:
        yield EVALUATE
        oom_evaluate_task(k, p, oc)
        if oc.aborted:
            return


def mem_cgroup_scan_tasks(k: Kernel, memcg: MemCgroup, oc: OomControl) -> Steps[None]:
    """Every listed task, thread by thread (mm/memcontrol.c)."""
    candidates = tuple(t for each in mem_cgroup_tree(memcg) for t in each.tasks)
    for _i, p in enumerate(candidates):
        yield EVALUATE
        oom_evaluate_task(k, p, oc)
        if oc.aborted:
            return


def worst_child(k: Kernel, p: TaskStruct, oc: OomControl) -> TaskStruct:
    """Tasklist_lock held.  A child with another mm dies instead of its parent, the worst one (oom_kill_process)."""
    victim, victim_points = p, 0
    for t in p.signal.threads:
        for child in t.children:
            if process_shares_mm(child, p.mm):
                continue
            points = oom_badness(k, child, oc)
            if points > victim_points:
                victim, victim_points = child, points
    return victim


def oom_kill_process(k: Kernel, cur: TaskStruct, oc: OomControl) -> Steps[None]:
    """Kill the chosen one, or its worst child, and whoever shares the mm (mm/oom_kill.c)."""
    p = oc.chosen
    assert p is not None
    yield CHOSEN_LOCK, p.alloc_lock
    acquire(cur, p.alloc_lock)
    if task_will_free_mem(k, p):
        yield from mark_oom_victim(k, cur, p)
        yield from wake_oom_reaper(k, cur, p)
        release(cur, p.alloc_lock)
        return
    release(cur, p.alloc_lock)
    sacrificed = yield from _sacrifice_child(k, cur, p, oc)
    yield from _oom_kill_victim(k, cur, sacrificed)


def _oom_kill_victim(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[None]:
    """Kill and mark, unless all threads have left their mm (the rest of oom_kill_process; __oom_kill_process since 4.19)."""
    victim = yield from find_lock_task_mm(cur, p)
    if victim is None:
        return
    mm = victim.mm
    assert mm is not None
    mm.mm_count += 1
    yield from do_send_sig_info(k, cur, victim, SIGKILL, group=True, force=True)
    yield from mark_oom_victim(k, cur, victim)
    release(cur, victim.alloc_lock)
    can_reap = yield from _kill_sharers(k, cur, victim, mm)
    if can_reap:
        yield from wake_oom_reaper(k, cur, victim)
    mm.mm_count -= 1


def _sacrifice_child(k: Kernel, cur: TaskStruct, p: TaskStruct, oc: OomControl) -> Steps[TaskStruct]:
    """Who dies for the chosen one: its worst child, or itself (oom_kill_process)."""
    yield WORST_CHILD, k.tasklist_lock
    acquire_read(cur, k.tasklist_lock)
    victim = worst_child(k, p, oc)
    release_read(cur, k.tasklist_lock)
    return victim


def _kill_sharers(k: Kernel, cur: TaskStruct, victim: TaskStruct, mm: MmStruct) -> Steps[bool]:
    """SIGKILL, and nothing else, for other processes that share the mm; False if init is one (oom_kill_process)."""
    can_reap = True
    p: TaskStruct | None = None
    while (p := next_process(k, p)) is not None:
        yield SHARERS
        if p.signal is victim.signal or not process_shares_mm(p, mm):
            continue
        if p.signal is k.init.signal:
            can_reap = False
            mm.flags |= MMF_OOM_SKIP
            continue
        if p.flags & PF_KTHREAD:
            continue
        yield from do_send_sig_info(k, cur, p, SIGKILL, group=True, force=True)
    return can_reap


def may_kill_allocating(k: Kernel, cur: TaskStruct, oc: OomControl) -> bool:
    """The allocating task can be the victim itself, whatever its badness (a condition of mm/oom_kill.c, out_of_memory)."""
    killable = not oom_unkillable_task(k, cur, oc) and cur.signal.oom_score_adj != OOM_SCORE_ADJ_MIN
    return cur.mm is not None and killable


def out_of_memory(k: Kernel, cur: TaskStruct, oc: OomControl) -> Steps[bool]:
    """oom_lock held.  Kill something; False if there is no help (mm/oom_kill.c)."""
    yield DISABLED
    if k.oom_killer_disabled:
        return False
    yield WILL_FREE
    if task_will_free_mem(k, cur):
        yield from mark_oom_victim(k, cur, cur)
        yield from wake_oom_reaper(k, cur, cur)
        return True
    if oc.memcg is None and k.sysctl_oom_kill_allocating_task and may_kill_allocating(k, cur, oc):
        oc.chosen = cur
        yield from oom_kill_process(k, cur, oc)
        return True
    yield from select_bad_process(k, oc)
    if oc.aborted:
        return True
    if oc.chosen is None:
        if oc.order != -1 and oc.memcg is None:
            events.panic(k, "Out of memory and no killable processes")
        return False
    yield from oom_kill_process(k, cur, oc)
    yield from _nap_with_oom_lock(k, cur)
    return True


def _nap_with_oom_lock(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """The victim shall get a chance to exit before the next allocation looks: a tick (out_of_memory)."""
    cur.state = TASK_KILLABLE
    cur.timer = k.clock + 1
    # Who looks again and again is in the midst of a look here: it has yet to see what it did.
    polling, cur.polling = cur.polling, False
    yield TICK
    cur.polling = polling
    cur.state = TASK_RUNNING
    cur.timer = None


def oom_killer_disable(k: Kernel, cur: TaskStruct, timeout: int) -> Steps[bool]:
    """No victim from here on; wait until the present ones are gone, ``timeout`` ms at most (mm/oom_kill.c)."""
    yield DISABLE_LOCK, k.oom_lock
    if k.oom_lock.owner is not None:
        return False
    acquire(cur, k.oom_lock)
    k.oom_killer_disabled = True
    release(cur, k.oom_lock)
    end = k.clock + timeout
    k.oom_victims_wait.append(cur)
    done = False
    while True:
        yield DISABLE_CHECK
        cur.state = TASK_INTERRUPTIBLE
        if not k.oom_victims:
            done = True
        if done or k.clock >= end or signal_pending(cur):
            break
        cur.timer = end
        yield DISABLE_SLEEP
    cur.state = TASK_RUNNING
    cur.timer = None
    k.oom_victims_wait = [p for p in k.oom_victims_wait if p is not cur]
    if not done:
        events.disable_failed(k, cur)
        oom_killer_enable(k)
    return done


def oom_killer_enable(k: Kernel) -> None:
    """Source: mm/oom_kill.c, oom_killer_enable(): no lock."""
    k.oom_killer_disabled = False
