"""The OOM killer of today: who is chosen, who is marked and how often, who thaws, and the reaper."""

from __future__ import annotations

import pytest
from boot import Box
from todays import AFTER, BEFORE, V6_18, V7_2, each, in_fridge, short, victim

from kernel_model.events import DisableFailed, OomVictims
from kernel_model.locking import acquire, release
from kernel_model.sched import MMF_OOM_SKIP, SIGKILL, TIF_MEMDIE
from kernel_model.variant import Variant

EXIT_STOP = "ptrace_stop: schedule() in TASK_TRACED"


def raised(box: Box) -> int:
    """How often oom_victims rose."""
    return sum(e.change > 0 for e in box.events(OomVictims))


@each
def test_the_whole_group_is_thawed_or_one_thread(variant: Variant) -> None:
    box = victim(variant, "t1", memcg=True)
    box.do("attach", "init", "v", "A")
    box.do("freeze", "init", "A")
    box.do("charge", "hog")
    left = [n for n in ("v", "t1") if box.at(n) != "TASK_DEAD"]
    assert left == (["t1"] if variant is BEFORE else [])
    assert all(in_fridge(box, n) for n in left)
    assert (raised(box), box.k.oom_victims) == (1, 0)


@each
def test_no_child_dies_instead(variant: Variant) -> None:
    """In 2016 the worst child with another mm did."""
    box = victim(variant)
    box.fork("child", by="v")
    box.do("oom_score_adj", "init", "child", 900)
    box.do("alloc", "kworker")
    assert box.at("v") == "TASK_DEAD"
    assert box.user_mode("child")


@each
def test_the_last_of_equals_dies(variant: Variant) -> None:
    """In 2016 the first leader."""
    box = victim(variant)
    box.fork("w")
    box.do("oom_score_adj", "init", "w", 1000)
    box.do("alloc", "kworker")
    assert box.at("w") == "TASK_DEAD"
    assert box.user_mode("v")


@each
def test_a_low_score_is_still_a_score(variant: Variant) -> None:
    """Only -1000 is never: of two with less than nothing the bigger one dies."""
    box = Box(variant)
    box.fork("v", "w")
    box.do("oom_score_adj", "init", "v", -300)
    box.do("oom_score_adj", "init", "w", -400)
    box.do("alloc", "kworker")
    assert box.at("v") == "TASK_DEAD"
    assert box.user_mode("w")


@each
def test_a_kill_is_without_a_nap(variant: Variant) -> None:
    """oom_lock is free as soon as the victim is marked; in 2016 the killer slept a tick with it."""
    box = victim(variant)
    box.ask("alloc", "kworker")
    box.until("kworker", "alloc_pages_slowpath: schedule_timeout_uninterruptible(1)")
    assert box.k.oom_lock.owner is None
    assert (box.k.clock, box.k.oom_victims) == (0, 1)


@each
def test_a_memory_cgroup_sees_the_zombie_leader_of_living_threads(variant: Variant) -> None:
    """In 2016 the listed threads."""
    box = victim(variant, "t1", memcg=True)
    box.do("exit", "v")
    assert not box["v"].on_cgroup_list
    box.do("charge", "hog")
    assert box.at("t1") == "TASK_DEAD"
    assert box["v"].signal.oom_mm is not None


@each
def test_the_dead_leaders_of_a_memory_cgroup_come_before_the_cgroup_below(variant: Variant) -> None:
    """Which decides among equals: the last one dies."""
    box = victim(variant, "t1", memcg=True)
    box.fork("w")
    box.do("memcg_attach", "init", "w", "M/N")
    box.do("exit", "v")
    seen = box.call("mem_cgroup_processes", box.k.memcgs["M"])
    assert [p.name for p in seen] == ["hog", "v", "w"]


@each
def test_a_memory_cgroup_does_not_see_who_is_being_born(variant: Variant) -> None:
    """It is on no list yet."""
    box = victim(variant, memcg=True)
    box.ask("fork", "v", "w")
    box.until("v", "cgroup_post_fork")
    assert box["w"].hashed
    assert [p.name for p in box.call("mem_cgroup_processes", box.k.memcgs["M"])] == ["v", "hog"]


@each
def test_when_a_memory_cgroup_stops_seeing_its_victim(variant: Variant) -> None:
    """7.2 and later: once ``live`` is 0, though it has its mm still; before, once it has left the list."""
    box = victim(variant, memcg=True)
    box.fork("w")
    box.do("memcg_attach", "init", "w", "M")
    box.ask("charge", "hog")
    box.until("hog", "schedule_timeout_uninterruptible(1)")
    box.until("v", "exit_mm")
    assert box["v"].mm is not None
    hidden = variant in (V7_2, AFTER)
    assert box.m.image.functions["mem_cgroup_sees"](box["v"]) == (not hidden)
    box.m.expire(box["hog"])
    box.step("hog")
    box.until("hog", "schedule_timeout_uninterruptible(1)")
    assert (box["w"].signal.oom_mm is not None) == hidden


@pytest.mark.parametrize("charge", ["charge", "charge_fault"])
@each
def test_a_dying_thread_marks_itself_through_its_memory_cgroup(variant: Variant, charge: str) -> None:
    """7.x: a second thread of the group, counted once more; 6.12 lets its charge fail before that.  In a fault and outside."""
    box = victim(variant, "t1", memcg=True)
    box.ask(charge, "t1")
    box.until("t1", "try_charge")
    box.ask("charge", "hog")
    box.until("hog", "schedule_timeout_uninterruptible(1)")
    assert box["v"].thread_flags & TIF_MEMDIE
    box.rest()
    assert raised(box) == (1 if variant is BEFORE else 2)
    assert box.k.oom_victims == 0


@each
def test_a_dying_thread_marks_itself_through_the_page_allocator(variant: Variant) -> None:
    """Each thread of a dying group that allocates, on 6.12 too; a marked group's threads get reserves."""
    box = victim(variant, "t1")
    box.do("memory_pressure")
    box.ask("exit_group", "v")
    for name in ("v", "t1"):
        box.until(name, "mutex_trylock(oom_lock)")
    box.rest()
    assert (raised(box), box.k.oom_victims) == (2, 0)


@each
def test_a_dying_caller_that_nobody_marked(variant: Variant) -> None:
    """After an exit_group() the private SIGKILL is gone, and 6.12 does not take the caller for dying: it marks it."""
    box = victim(variant, memcg=True)
    box.ask("charge", "hog")
    box.until("hog", "mutex_lock_killable")
    box.ask("exit_group", "v")
    box.until("v", "synchronize_group_exit")
    assert SIGKILL not in box["v"].pending
    box.alone("hog")
    assert (raised(box), bool(box["v"].thread_flags & TIF_MEMDIE)) == (1, True)


@each
def test_a_charge_fails_once_the_reaper_is_through(variant: Variant) -> None:
    """A victim with MMF_OOM_SKIP does not even try."""
    box = victim(variant, "t1", memcg=True)
    box.ask("charge", "t1")
    box.until("t1", "try_charge")
    box.ask("charge", "hog")
    box.until("hog", "schedule_timeout_uninterruptible(1)")
    oom_mm = box["v"].signal.oom_mm
    assert oom_mm is not None
    oom_mm.flags |= MMF_OOM_SKIP
    box.alone("t1")
    assert (raised(box), box.at("t1")) == (1, "TASK_DEAD")


@each
def test_the_reaper_gives_the_victim_two_seconds(variant: Variant) -> None:
    """And takes the memory without oom_lock, once an mm."""
    box = victim(variant)
    box.fork("tracer")
    box.do("ptrace_seize_exit", "tracer", "v")
    box.ask("alloc", "kworker")
    box.rest(ticks=False)
    assert box.at("v") == EXIT_STOP
    mm = box["v"].mm
    assert mm is not None
    assert not mm.flags & MMF_OOM_SKIP
    assert (box["oom_reaper"].timer, box.k.clock) == (2000, 0)
    box.rest()
    assert mm.flags & MMF_OOM_SKIP
    assert (mm.pages, box.k.clock) == (0, 2001)
    assert box.at("v") == EXIT_STOP
    assert box.k.oom_victims == 1


@each
def test_the_reaper_gives_up_on_a_busy_mmap_lock(variant: Variant) -> None:
    """After ten tries it hides the mm all the same, with its pages."""
    box = victim(variant)
    mm = box["v"].mm
    assert mm is not None
    acquire(box["init"], mm.mmap_sem)
    box.do("sysrq_f")
    assert box.k.clock == 3000
    assert (mm.pages, bool(mm.flags & MMF_OOM_SKIP), box["v"].mm) == (1, True, mm)
    release(box["init"], mm.mmap_sem)
    box.rest()
    assert box.at("v") == "TASK_DEAD"


@each
def test_an_mm_is_reaped_once(variant: Variant) -> None:
    """Whoever else is marked with it queues nothing; who is queued meanwhile has two seconds of its own."""
    box = victim(variant)
    box.fork("w")
    box.do("oom_score_adj", "init", "w", 900)
    box.fork("tracer")
    for name in ("v", "w"):
        box.do("ptrace_seize_exit", "tracer", name)
    box.ask("sysrq_f")
    box.rest(ticks=False)
    box.ask("sysrq_f")
    box.rest(ticks=False)
    assert [p.name for p in box.k.oom_reaper_list] == ["v"]
    box["v"].signal.oom_mm.flags |= MMF_OOM_SKIP  # type: ignore[union-attr]
    box.ask("sysrq_f")
    box.rest(ticks=False)
    assert [p.name for p in box.k.oom_reaper_list] == ["v", "w"]
    box.rest()
    assert box.k.clock == 4000
    assert all(box[n].mm.flags & MMF_OOM_SKIP for n in ("v", "w"))  # type: ignore[union-attr]


@each
def test_the_reaper_is_frozen_with_the_kernel_threads(variant: Variant) -> None:
    """It sleeps on after the thaw, and its two seconds are over then at the earliest."""
    box = victim(variant)
    box.fork("tracer")
    box.do("ptrace_seize_exit", "tracer", "v")
    box.ask("alloc", "kworker")
    box.rest(ticks=False)
    mm = box["v"].mm
    assert mm is not None
    box.k.pm_nosig_freezing = True
    box.k.system_freezing_cnt += 1
    for _step in box.call("freeze_task", box["init"], box["oom_reaper"]):
        pass
    assert in_fridge(box, "oom_reaper")
    box.k.pm_nosig_freezing = False
    assert not box.m.may_expire(box["oom_reaper"])
    for _step in box.call("thaw_task", box["init"], box["oom_reaper"]):
        pass
    assert not mm.flags & MMF_OOM_SKIP
    box.rest()
    assert mm.flags & MMF_OOM_SKIP


@pytest.mark.parametrize("variant", [V6_18, AFTER], ids=short)
def test_who_is_frozen_in_its_exit_stop_is_thawed_into_it(variant: Variant) -> None:
    """A mark empties the fridge; it lets nobody out of a stop."""
    box = victim(variant, memcg=True)
    box.do("attach", "init", "v", "A")
    box.fork("tracer")
    box.do("ptrace_seize_exit", "tracer", "v")
    box.do("kill", "init", "v", "KILL")
    assert box.at("v") == EXIT_STOP
    box.do("freeze", "init", "A")
    assert in_fridge(box, "v")
    box.do("charge", "hog")
    assert raised(box) == 1
    assert not in_fridge(box, "v")
    assert (box.at("v"), box.k.oom_victims) == (EXIT_STOP, 1)


@each
def test_a_victim_in_its_exit_stop_fails_a_suspend(variant: Variant) -> None:
    """It is exempt from freezing, alive, and counted: the suspend waits 20 s for it, and is right to fail."""
    box = victim(variant)
    box.fork("tracer")
    box.do("ptrace_seize_exit", "tracer", "v")
    box.ask("alloc", "kworker")
    box.rest()
    assert (box.at("v"), box.k.oom_victims) == (EXIT_STOP, 1)
    assert box.do("suspend", "init") == "oom_killer_disable() failed"
    assert [(e.count, e.alive) for e in box.events(DisableFailed)] == [(1, True)]
    box.do("ptrace_cont", "tracer", "v")
    assert (box.at("v"), box.k.oom_victims) == ("TASK_DEAD", 0)
    box.do("suspend", "init")
    assert box.k.pm_phase == "suspended"


@each
def test_a_frozen_parent_reaps_nobody(variant: Variant) -> None:
    """Its child is a zombie until the thaw, whose wake-up the parent has not lost."""
    box = Box(variant)
    box.fork("parent")
    box.fork("v", by="parent")
    box.do("attach", "init", "parent", "A")
    box.ask("wait", "parent")
    box.rest()
    box.do("freeze", "init", "A")
    box.do("kill", "init", "v", "KILL")
    assert box["v"].hashed
    assert in_fridge(box, "parent")
    box.do("thaw", "init", "A")
    assert not box["v"].hashed


@each
def test_who_shares_the_mm_is_killed_and_neither_marked_nor_thawed(variant: Variant) -> None:
    """The later of the two is the victim."""
    box = victim(variant)
    box.do("clone_vm", "v", "sharer")
    box.do("attach", "init", "v", "A")
    box.do("freeze", "init", "A")
    box.do("sysrq_f")
    assert box.at("sharer") == "TASK_DEAD"
    assert in_fridge(box, "v")
    assert SIGKILL in box["v"].pending
    assert (box["v"].signal.oom_mm, raised(box)) == (None, 1)


@each
def test_a_fault_kills_through_the_page_allocator_alone(variant: Variant) -> None:
    """With the OOM killer disabled it repeats until a signal or a freezer ends it."""
    box = victim(variant)
    box.fork("w")
    box.do("fault", "w")
    assert box.at("v") == "TASK_DEAD"
    box = victim(variant)
    box.k.oom_killer_disabled = True
    box.ask("fault", "v")
    box.rest(ticks=False)
    assert box.at("v") == "pagefault_out_of_memory: fault again"
    assert raised(box) == 0


@pytest.mark.parametrize(
    ("operation", "task"),
    [("charge", "hog"), ("charge_fault", "hog"), ("fault", "hog"), ("alloc", "kworker")],
)
@each
def test_who_was_served_looks_no_more(variant: Variant, operation: str, task: str) -> None:
    """Or each later sleep of the task would end at the next news."""
    box = victim(variant, memcg=True)
    box.ask(operation, task)
    box.rest(ticks=False)
    assert box[task].polling
    box.rest()
    assert not box[task].polling
    assert box.at("v") == "TASK_DEAD"
