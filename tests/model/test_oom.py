"""Choosing, killing, marking, reaping, and those who run into it (sections 4 and 5)."""

from __future__ import annotations

import pytest
from boot import Box

import legacy_tifmemdie
import patched
from kernel_model import events
from kernel_model.oom import OomControl
from kernel_model.oom_kill import (
    group_will_free_mem,
    oom_badness,
    oom_evaluate_task,
    oom_unkillable_task,
    processes,
    task_will_free_mem,
    worst_child,
)
from kernel_model.oom_reaper import wake_oom_reaper
from kernel_model.sched import (
    MMF_OOM_SKIP,
    MMF_UNSTABLE,
    PF_EXITING,
    PF_FREEZER_SKIP,
    PF_FROZEN,
    PF_KTHREAD,
    SIGKILL,
    SIGNAL_GROUP_COREDUMP,
    SIGNAL_GROUP_EXIT,
    SIGNAL_UNKILLABLE,
    TASK_KILLABLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_MEMDIE,
    MmStruct,
    TaskStruct,
)
from kernel_model.variant import Variant
from oom_kernels import v7_3

VARIANTS = [legacy_tifmemdie.VARIANT, patched.VARIANT, v7_3.VARIANT]


@pytest.fixture
def box() -> Box:
    """Processes a, b and c."""
    box = Box()
    box.fork("a", "b", "c")
    return box


def mm(p: TaskStruct) -> MmStruct:
    assert p.mm is not None
    return p.mm


def marked(box: Box) -> list[str]:
    return [p.name for p in box.k.tasks.values() if p.signal.oom_mm is not None]


def chosen(box: Box, oc: OomControl) -> str:
    for p in tuple(box.k.tasks.values()):
        oom_evaluate_task(box.k, p, oc)
    return oc.chosen.name if oc.chosen else ""


# Badness and choice


def test_badness_is_pages_plus_adj_but_at_least_one(box: Box) -> None:
    """And 0 for who may not be killed: -1000, OOM_SKIP, in_vfork, no mm, init, kernel threads, others' memory cgroups."""
    k, a, oc = box.k, box["a"], OomControl()
    mm(a).pages = 50
    assert oom_badness(k, a, oc) == 50
    a.signal.oom_score_adj = 100
    assert oom_badness(k, a, oc) == 150
    a.signal.oom_score_adj = -999
    assert oom_badness(k, a, oc) == 1
    a.signal.oom_score_adj = -1000
    assert oom_badness(k, a, oc) == 0
    a.signal.oom_score_adj = 0
    mm(a).flags |= MMF_OOM_SKIP
    assert oom_badness(k, a, oc) == 0
    assert oom_badness(k, box["init"], oc) == 0
    assert oom_badness(k, box["kswapd"], oc) == 0
    assert oom_badness(k, box["b"], OomControl(memcg=k.memcgs["M"])) == 0
    box.do("exit_group", "b")
    assert oom_badness(k, box["b"], oc) == 0


def test_a_vfork_child_is_spared_until_it_execs(box: Box) -> None:
    """in_vfork(): it still borrows its parent's mm."""
    box.do("vfork", "a", "v")
    assert oom_badness(box.k, box["v"], OomControl()) == 0
    box.do("execve", "v")
    assert oom_badness(box.k, box["v"], OomControl()) > 0


def test_a_thread_with_an_mm_stands_for_a_dead_leader(box: Box) -> None:
    """find_lock_task_mm()."""
    box.clone("a", "a1")
    box.do("exit", "a")
    assert oom_badness(box.k, box["a"], OomControl()) == 1


def test_the_worst_is_chosen_and_ties_go_to_the_first_leader(box: Box) -> None:
    """Equal points keep a chosen leader; more points win; fewer don't."""
    assert chosen(box, OomControl()) == "a"
    mm(box["b"]).pages = 5
    mm(box["c"]).pages = 3
    assert chosen(box, OomControl()) == "b"


def test_a_chosen_sub_thread_gives_way_at_a_tie(box: Box) -> None:
    """In a memory cgroup threads are looked at one by one."""
    box.clone("a", "a1")
    oc = OomControl()
    oom_evaluate_task(box.k, box["a1"], oc)
    oom_evaluate_task(box.k, box["a"], oc)
    assert oc.chosen is box["a"]


def test_an_unskipped_victim_ends_the_search(box: Box) -> None:
    """Abort; with OOM_SKIP it is passed over; SysRq-f doesn't care."""
    box["b"].signal.oom_mm = mm(box["b"])
    oc = OomControl()
    chosen(box, oc)
    assert oc.aborted
    mm(box["b"]).flags |= MMF_OOM_SKIP
    mm(box["b"]).pages = 100
    oc = OomControl()
    assert chosen(box, oc) == "a"
    assert not oc.aborted
    mm(box["b"]).flags = 0
    assert chosen(box, OomControl(order=-1)) == "b"


def test_unkillable(box: Box) -> None:
    """Init with all its threads, kernel threads, tasks of other memory cgroups."""
    box.clone("init", "i1")
    memcg = box.k.memcgs["M"]
    box.do("memcg_attach", "init", "a", "M")
    assert oom_unkillable_task(box.k, box["i1"], OomControl())
    assert oom_unkillable_task(box.k, box["kswapd"], OomControl())
    assert oom_unkillable_task(box.k, box["b"], OomControl(memcg=memcg))
    assert not oom_unkillable_task(box.k, box["a"], OomControl(memcg=memcg))


def test_the_worst_child_dies_instead(box: Box) -> None:
    """Children of every thread, with another mm, points above 0; the parent's own points do not count."""
    box.clone("a", "a1")
    box.do("clone_vm", "a", "same")
    assert worst_child(box.k, box["a"], OomControl()) is box["a"]
    box.fork("x", by="a")
    box.fork("y", by="a1")
    mm(box["a"]).pages = 100
    assert worst_child(box.k, box["a"], OomControl()) is box["x"]
    mm(box["y"]).pages = 2
    assert worst_child(box.k, box["a"], OomControl()) is box["y"]
    box.do("oom_score_adj", "init", "x", -1000)
    box.do("oom_score_adj", "init", "y", -1000)
    assert worst_child(box.k, box["a"], OomControl()) is box["a"]


def test_no_child_is_excluded_once_the_leader_has_no_mm(box: Box) -> None:
    """The comparison is with the leader's mm, which is NULL by then."""
    box.clone("a", "a1")
    box.do("clone_vm", "a1", "same")
    box.do("exit", "a")
    box.ask("exit", "c")
    assert worst_child(box.k, box["a"], OomControl()) is box["same"]


def test_init_that_shares_the_mm_spoils_the_reaping(box: Box) -> None:
    """k8: OOM_SKIP at once, no reaper, init lives."""
    box.do("clone_vm", "init", "s")
    box.do("oom_score_adj", "init", "s", 500)
    box.do("alloc", "kworker")
    assert box["s"].at is None
    assert box.user_mode("init")
    assert mm(box["init"]).flags & MMF_OOM_SKIP
    assert not mm(box["init"]).flags & MMF_UNSTABLE


def test_sharers_get_sigkill_and_nothing_else(box: Box) -> None:
    """k8: killed, not marked, not thawed, not counted; kernel threads are spared."""
    box.do("clone_vm", "a", "s")
    box.do("attach", "init", "s", "A")
    box.do("freeze", "init", "A")
    box["kswapd"].mm = mm(box["a"])
    box.do("sysrq_f")
    assert SIGKILL in box["s"].pending
    assert box["s"].flags & PF_FROZEN
    assert marked(box) == ["a"]
    assert not box["kswapd"].pending
    box["kswapd"].mm = None


def test_a_sharer_that_is_born_during_the_walk_dies_too(box: Box) -> None:
    """for_each_process() under RCU sees who is appended."""
    box.do("clone_vm", "a", "s")
    box.do("oom_score_adj", "init", "b", -1000)
    box.do("oom_score_adj", "init", "c", -1000)
    box.ask("sysrq_f")
    box.until("kworker", "does this process share the mm?")
    box.ask("clone_vm", "s", "t")
    box.alone("s")
    box.rest()
    assert box["t"].at is None


# task_will_free_mem


@pytest.mark.parametrize(
    ("signal_flags", "flags", "expected"),
    [
        (0, 0, False),
        (SIGNAL_GROUP_EXIT, 0, True),
        (SIGNAL_GROUP_COREDUMP | SIGNAL_GROUP_EXIT, 0, False),
        (0, PF_EXITING, True),
    ],
)
def test_group_will_free_mem(box: Box, signal_flags: int, flags: int, expected: bool) -> None:
    """COREDUMP no, GROUP_EXIT yes, single and EXITING yes."""
    box["a"].signal.flags = signal_flags
    box["a"].flags |= flags
    assert group_will_free_mem(box["a"]) is expected
    assert task_will_free_mem(box.k, box["a"]) is expected


def test_an_exiting_thread_of_many_does_not_count(box: Box) -> None:
    """thread_group_empty() is needed."""
    box.clone("a", "a1")
    box["a"].flags |= PF_EXITING
    assert not group_will_free_mem(box["a"])


def test_will_free_mem_asks_every_sharer(box: Box) -> None:
    """No mm, OOM_SKIP: F; one user: T; else every sharing process must be dying."""
    k, a = box.k, box["a"]
    a.signal.flags = SIGNAL_GROUP_EXIT
    box.do("clone_vm", "a", "s")
    assert not task_will_free_mem(k, a)
    box["s"].signal.flags = SIGNAL_GROUP_EXIT
    assert task_will_free_mem(k, a)
    mm(a).flags |= MMF_OOM_SKIP
    assert not task_will_free_mem(k, a)
    box["s"].signal.flags = 0
    box.do("exit_group", "b")
    box["b"].signal.flags = SIGNAL_GROUP_EXIT
    assert not task_will_free_mem(k, box["b"])


def test_a_dying_allocator_is_marked_without_a_kill() -> None:
    """o3: current, and the reaper gets it; nobody else is chosen."""
    box = Box()
    box.fork("a", "b")
    box.clone("a", "a1")
    box.do("memory_pressure")
    box.do("exit_group", "a1")
    assert marked(box) == ["a", "a1"]
    assert box.k.oom_victims in (0, 1)
    assert box.user_mode("b")


def test_a_dying_choice_is_marked_without_a_kill(box: Box) -> None:
    """k1: p is dying anyway: marked, thawed, given to the reaper; no SIGKILL, no sharers, no children."""
    box.fork("x", by="a")
    box.ask("alloc", "kworker")
    box.until("kworker", "dying anyway?")
    box.ask("exit_group", "a")
    box.until("a", "do_exit: atomic_dec_and_test")
    box.rest()
    assert marked(box) == ["a"]
    assert not box["a"].signal.flags & SIGNAL_GROUP_EXIT
    assert box.user_mode("x")


def test_a_choice_that_is_gone_by_the_kill(box: Box) -> None:
    """k3 finds no mm: nothing is marked, and the tick follows all the same."""
    box.ask("sysrq_f")
    box.until("kworker", "find_lock_task_mm")
    box.ask("exit_group", "a")
    box.alone("a")
    box.until("kworker", "under oom_lock")
    assert marked(box) == []
    box.rest()
    assert box.k.oom_lock.owner is None


def test_the_kill_takes_the_first_thread_that_has_an_mm(box: Box) -> None:
    """k3: a leader that has left exit_mm is passed over (the marked thread counts in legacy)."""
    box = Box(legacy_tifmemdie.VARIANT)
    box.fork("a")
    box.clone("a", "a1", "a2")
    box.do("exit", "a")
    box.do("alloc", "kworker")
    assert box.events(events.Memdie) == [events.Memdie(box["a1"].pid)]
    assert box["a2"].at is None
    assert box.k.oom_victims == 0


# Marking


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_marking_twice(variant: Variant) -> None:
    """Legacy and v6.18 count threads, the RFC counts the group once; oom_mm is pinned once in all."""
    box = Box(variant)
    box.fork("a")
    box.clone("a", "a1")
    for name in ("a", "a", "a1"):
        for _ in box.call("mark_oom_victim", box["init"], box[name]):
            pass
    assert box.k.oom_victims == (1 if variant is patched.VARIANT else 2)
    assert mm(box["a"]).mm_count == 2
    assert len(box.events(events.Pinned)) == 1


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_who_is_thawed(variant: Variant) -> None:
    """Legacy the marked thread; the RFC and v6.18 every thread of the group; no bystander."""
    box = Box(variant)
    box.fork("a", "b")
    box.clone("a", "a1", "a2")
    for name in ("a", "b"):
        box.do("attach", "init", name, "A")
    box.do("freeze", "init", "A")
    box.do("oom_score_adj", "init", "a", 500)
    box.do("sysrq_f")
    left = {n for n in ("a", "a1", "a2", "b") if box[n].flags & PF_FROZEN}
    assert left == ({"a1", "a2", "b"} if variant is legacy_tifmemdie.VARIANT else {"b"})
    assert {e.task for e in box.events(events.Thawed) if e.by_oom_killer} >= {box["a"].pid}


def test_sigkill_and_mark_are_one_section(box: Box) -> None:
    """k5 and k6 hold alloc_lock: the victim can't set its mm to NULL between them."""
    box.ask("alloc", "kworker")
    box.until("kworker", "do_send_sig_info")
    assert box["a"].alloc_lock.owner is box["kworker"]
    box.step("kworker")
    box.alone("a")
    assert box.at("a") == "exit_mm: task_lock: mm = NULL"
    assert not box.m.runnable(box["a"])
    box.until("kworker", "does this process share")
    assert box.m.runnable(box["a"])


def test_two_legacy_victims_wake_nobody_until_the_second_is_gone() -> None:
    """exit_oom_victim() wakes at 0 only, and clears TIF_MEMDIE."""
    box = Box(legacy_tifmemdie.VARIANT)
    box.fork("a", "b")
    box.k.oom_victims = 2
    box.k.oom_victims_wait = [box["b"]]
    for left, state in ((1, TASK_UNINTERRUPTIBLE), (0, 0)):
        box["b"].state = TASK_UNINTERRUPTIBLE
        box["a"].thread_flags |= TIF_MEMDIE
        for _ in box.call("exit_oom_victim", box["a"]):
            pass
        assert (box.k.oom_victims, box["b"].state) == (left, state)
        assert not box["a"].thread_flags & TIF_MEMDIE


# Who runs into it


def test_an_allocation_goes_on_with_freed_memory_or_as_a_victim(box: Box) -> None:
    """Pages that were freed after it began, or being marked itself."""
    box.do("alloc", "a")
    assert "a" not in marked(box) or box["a"].at is None
    box = Box()
    box.fork("a", "b")
    box.do("oom_score_adj", "init", "a", 500)
    box.do("alloc", "b")
    assert box["b"].result is True
    assert box["a"].at is None


def test_a_trylock_that_fails_is_progress(box: Box) -> None:
    """Somebody else holds oom_lock: sleep a tick, look again."""
    box.ask("alloc", "kworker")
    box.until("kworker", "out_of_memory")
    box.ask("alloc", "b")
    box.ask("fault", "c")
    box.alone("b")
    box.alone("c")
    assert box.at("b").startswith("alloc_pages_slowpath: schedule_timeout")
    assert box.at("c").startswith("pagefault_out_of_memory: fault again")
    box.rest()
    assert box["b"].result is True
    assert box.user_mode("c")


def test_a_last_look_at_the_free_lists_under_oom_lock(box: Box) -> None:
    """Freed between the look and the trylock: no kill."""
    box.ask("alloc", "b")
    box.until("b", "mutex_trylock(oom_lock)")
    box.ask("fault", "c")
    box.until("c", "mutex_trylock(oom_lock)")
    box.k.freed += 1
    box.rest()
    assert marked(box) == []
    assert box["b"].result is True


def test_a_fault_ends_with_any_signal(box: Box) -> None:
    """It goes back to user mode, where it can freeze or die."""
    box["a"].signal.oom_mm = mm(box["a"])
    box.ask("fault", "b")
    box.rest(ticks=False)
    assert box.at("b").startswith("pagefault_out_of_memory")
    box.do("attach", "init", "b", "A")
    box.do("freeze", "init", "A")
    assert box["b"].flags & PF_FROZEN
    assert not box["b"].polling


def test_nothing_to_kill_is_a_panic(box: Box) -> None:
    """o8: global and not SysRq; a memory cgroup's attempt just fails, and so does SysRq-f."""
    for name in ("a", "b", "c"):
        box.do("oom_score_adj", "init", name, -1000)
    box.do("sysrq_f")
    box.do("memcg_attach", "init", "a", "M")
    box.do("charge", "a")
    assert box["a"].result is False
    assert not box.events(events.Panic)
    box.ask("alloc", "kworker")
    box.rest()
    assert box.k.panicked == "Out of memory and no killable processes"


def test_kill_allocating_task(box: Box) -> None:
    """The sysctl: current dies, unless it is unkillable or protected; memory cgroups and kernel threads choose as ever."""
    box.do("kill_allocating_task")
    box.do("oom_score_adj", "init", "a", 500)
    box.do("alloc", "b")
    assert box["b"].at is None
    assert box.user_mode("a")
    box.do("oom_score_adj", "init", "c", -1000)
    box.do("alloc", "c")
    assert box.user_mode("c")
    assert box["a"].at is None
    box = Box()
    box.fork("a")
    box.do("kill_allocating_task")
    box.do("alloc", "kworker")
    assert box["a"].at is None
    assert box["kworker"].result is True


def test_kill_allocating_task_takes_a_child_first(box: Box) -> None:
    """oom_kill_process() spares who has a worse child: the allocation made progress and goes on."""
    box.do("kill_allocating_task")
    box.fork("child", by="b")
    box.do("oom_score_adj", "b", "child", 500)
    box.do("alloc", "b")
    assert marked(box) == ["child"]
    assert box["b"].result is True


def test_kill_allocating_task_needs_no_badness(box: Box) -> None:
    """A vfork child that allocates is the victim although its badness is 0."""
    box.do("kill_allocating_task")
    box.do("vfork", "a", "v")
    box.do("alloc", "v")
    assert "v" in marked(box)


def test_memcg_charge_kills_inside_only(box: Box) -> None:
    """Only the memory cgroup's tasks; outside of one the global killer is met."""
    box.do("memcg_attach", "init", "b", "M")
    box.do("memcg_attach", "init", "b", "M")
    box.do("memcg_attach", "init", "c", "M")
    box.do("oom_score_adj", "init", "a", 900)
    box.do("oom_score_adj", "init", "c", 100)
    box.do("charge", "b")
    assert box["c"].at is None
    assert box["b"].result is True
    assert box.user_mode("a")
    assert box.k.memcgs["M"].tasks == [box["b"]]
    box.fork("x")
    box.do("charge", "x")
    assert box["a"].at is None
    box.fork("y")
    box.do("oom_score_adj", "init", "y", 900)
    box.do("charge_fault", "x")
    assert box["y"].at is None


def test_moving_between_memory_cgroups(box: Box) -> None:
    """A task is on one list."""
    box.k.memcgs["N"] = type(box.k.memcgs["M"])("N")
    box.do("memcg_attach", "init", "a", "M")
    box.do("memcg_attach", "init", "a", "N")
    assert box.k.memcgs["M"].tasks == []
    assert box.k.memcgs["N"].tasks == [box["a"]]


def test_a_memcg_aborts_on_its_unskipped_victim(box: Box) -> None:
    """The search ends at the first one."""
    box.do("memcg_attach", "init", "a", "M")
    box.do("memcg_attach", "init", "b", "M")
    box["a"].signal.oom_mm = mm(box["a"])
    box.ask("charge", "b")
    box.rest(ticks=False)
    assert marked(box) == ["a"]
    assert box.at("b").startswith("alloc_pages_slowpath")


def test_one_memcg_fault_kills_and_the_others_wait(box: Box) -> None:
    """The loser sleeps KILLABLE on the waitqueue, not skipped by the freezer, until the winner is done."""
    for name in ("a", "b", "c"):
        box.do("memcg_attach", "init", name, "M")
    box.do("oom_score_adj", "init", "a", 900)
    box.ask("charge_fault", "b")
    box.until("b", "mem_cgroup_out_of_memory")
    box.ask("charge_fault", "c")
    box.alone("c")
    assert box.at("c") == "mem_cgroup_oom_synchronize: wait for somebody else's OOM kill"
    assert box["c"].state == TASK_KILLABLE
    assert not box["c"].flags & PF_FREEZER_SKIP
    assert box.k.memcgs["M"].oom_waitq == [box["c"]]
    box.rest()
    assert box["a"].at is None
    assert box.user_mode("b", "c")
    assert box.k.memcgs["M"].oom_waitq == []
    assert box.k.memcgs["M"].oom_locked_by is None


def test_memcg_faults_without_help(box: Box) -> None:
    """Disabled killer, nobody to kill, or a signal: back to user mode."""
    box.do("memcg_attach", "init", "a", "M")
    box.do("oom_score_adj", "init", "a", -1000)
    box.do("charge_fault", "a")
    assert box.user_mode("a")
    assert box.k.memcgs["M"].oom_locked_by is None
    box.do("oom_score_adj", "init", "a", 0)
    box.k.oom_killer_disabled = True
    box.do("charge_fault", "a")
    assert box.user_mode("a")
    assert marked(box) == []
    box.k.oom_killer_disabled = False
    box.ask("charge_fault", "a")
    box.until("a", "try_charge")
    box.ask("kill", "b", "a", "STOP")
    box.alone("b")
    box.until("a", "do_signal_stop")


def test_exiting_and_killed_tasks_are_let_through(box: Box) -> None:
    """try_charge(): fatal signal, PF_EXITING, victim."""
    box.do("memcg_attach", "init", "a", "M")
    box["a"].flags |= PF_EXITING
    assert box.do("charge", "a") is True
    box["a"].flags &= ~PF_EXITING
    box["a"].signal.oom_mm = mm(box["a"])
    assert box.do("charge", "a") is True
    assert box.k.oom_victims == 0


def test_who_shares_a_score(box: Box) -> None:
    """Processes with the same mm, but not a vfork child, nor through one, nor init, nor a dead task."""
    box.do("clone_vm", "a", "s")
    box.do("vfork", "a", "v")
    box.do("oom_score_adj", "init", "a", 100)
    assert [box[n].signal.oom_score_adj for n in ("a", "s", "v")] == [100, 100, 0]
    box.do("oom_score_adj", "init", "v", 200)
    assert [box[n].signal.oom_score_adj for n in ("a", "s", "v")] == [100, 100, 200]
    box.do("clone_vm", "init", "i")
    box.do("oom_score_adj", "init", "i", 300)
    assert box["init"].signal.oom_score_adj == 0
    box.do("exit_group", "b")
    box.do("oom_score_adj", "init", "b", 400)
    assert box["c"].signal.oom_score_adj == 0


def test_the_whole_group_is_killed_though_the_thread_with_the_mm_exits(box: Box) -> None:
    """SIGKILL is the group's: a thread on its way to exit_mm() does not want it, another one does."""
    box.clone("a", "t1")
    box.do("oom_score_adj", "init", "a", 1000)
    box.ask("exit", "a")
    box.until("a", "exit_mm")
    box.do("sysrq_f")
    assert marked(box)[0] == "a"
    assert box["t1"].at is None


def test_init_among_the_sharers_spares_no_other(box: Box) -> None:
    """It keeps the memory from the reaper; whoever comes after it in the list is killed all the same."""
    box.do("clone_vm", "init", "d")
    box.do("clone_vm", "d", "e")
    box.do("oom_score_adj", "init", "d", 1000)
    box.do("sysrq_f")
    assert marked(box) == ["d"]
    assert box["e"].at is None
    assert box.user_mode("init")


def test_the_tick_under_oom_lock_ends_with_sigkill(box: Box) -> None:
    """schedule_timeout_killable(1): a killed killer does not wait for the clock."""
    box.do("oom_score_adj", "init", "a", 900)
    box.ask("alloc", "b")
    box.until("b", "under oom_lock")
    assert box["b"].state == TASK_KILLABLE
    assert box["b"].held == [box.k.oom_lock]
    box.ask("kill", "c", "b", "KILL")
    box.alone("c")
    assert box.m.runnable(box["b"])


def test_who_was_killed_before_the_tick_does_not_sleep(box: Box) -> None:
    """schedule() comes back at once, and the task is running: nobody had to wake it."""
    for name in ("a", "b"):
        box.do("memcg_attach", "init", name, "M")
    box.do("oom_score_adj", "init", "a", 900)
    box.ask("charge_fault", "b")
    box.until("b", "wake_oom_reaper")
    box.ask("kill", "c", "b", "KILL")
    box.alone("c")
    box.until("b", "under oom_lock")
    box.step("b")
    assert box.at("b").startswith("mem_cgroup_oom_synchronize")
    assert (box["b"].state, box["b"].timer) == (TASK_RUNNING, None)


# The reaper


def test_an_idle_reaper_sleeps() -> None:
    """From the boot on; whoever is woken for nothing finds that out and sleeps again."""
    box = Box()
    assert not box.m.runnable(box["oom_reaper"])


def test_the_reaper_takes_the_memory_and_hides_the_mm(box: Box) -> None:
    """UNSTABLE, pages to the free lists and their memory cgroup, OOM_SKIP; the count is not touched."""
    mm(box["a"]).pages = 7
    box.do("memcg_attach", "init", "a", "M")
    box.do("attach", "init", "a", "A")
    box = frozen_victim(box)
    a_mm = box["a"].signal.oom_mm
    assert a_mm is not None
    assert a_mm.flags & (MMF_UNSTABLE | MMF_OOM_SKIP) == MMF_UNSTABLE | MMF_OOM_SKIP
    assert (box.k.freed, box.k.memcgs["M"].freed, a_mm.pages) == (7, 7, 0)
    assert box.k.oom_victims == 1
    assert not box["a"].oom_reaper_listed
    assert box.k.oom_reaper_list == []


def frozen_victim(box: Box) -> Box:
    """a is a victim that can't get on: it is held in TASK_UNINTERRUPTIBLE."""
    box.ask("sysrq_f")
    box.until("kworker", "wake_oom_reaper")
    box["a"].at = None
    box.rest()
    return box


def test_the_reaper_tries_ten_times_while_mmap_sem_is_busy(box: Box) -> None:
    """100 ms apart, after the killer's tick; then it sets OOM_SKIP without having taken anything."""
    a_mm = mm(box["a"])
    a_mm.mmap_sem.owner = box["c"]
    start = box.k.clock
    box = frozen_victim(box)
    assert box.k.clock - start == 1 + 10 * 100
    assert a_mm.flags & MMF_OOM_SKIP
    assert not a_mm.flags & MMF_UNSTABLE
    assert a_mm.pages == 1


def test_the_reaper_finds_nothing_after_the_last_user(box: Box) -> None:
    """mmget_not_zero() fails: done."""
    box.ask("sysrq_f")
    box.until("kworker", "wake_oom_reaper")
    box.alone("a")
    a_mm = box["a"].signal.oom_mm
    assert a_mm is not None
    assert a_mm.mm_users == 0
    freed = box.k.freed
    box.rest()
    assert box.k.freed == freed
    assert not a_mm.flags & MMF_UNSTABLE


def test_the_reaper_may_be_the_last_user(box: Box) -> None:
    """mmput_async(): a worker tears the address space down, not the victim."""
    box.ask("sysrq_f")
    box.until("kworker", "wake_oom_reaper")
    box.until("kworker", "under oom_lock")
    box["kworker"].timer = None
    box.k.oom_lock.owner = None
    box["kworker"].held = []
    box.until("oom_reaper", "unmap")
    box.alone("a")
    a_mm = box["a"].signal.oom_mm
    assert a_mm is not None
    assert (a_mm.mm_users, a_mm.mm_count) == (1, 2)
    box.step("oom_reaper")
    assert (a_mm.mm_users, a_mm.mm_count) == (0, 1)


def test_a_victim_is_queued_once(box: Box) -> None:
    """wake_oom_reaper() of a listed task does nothing; an idle reaper that is woken for nothing sleeps again."""
    for _ in range(2):
        for _step in wake_oom_reaper(box.k, box["init"], box["a"]):
            pass
    assert box.k.oom_reaper_list == [box["a"]]
    assert box["a"].usage == 3
    box = Box()
    box["oom_reaper"].state = 0
    box.rest()
    assert box.at("oom_reaper").startswith("oom_reaper: wait_event")


# The workers


def test_a_worker_that_is_woken_for_nothing_sleeps_again(box: Box) -> None:
    """And SysRq-f while it works is not lost; an allocation is given after it."""
    box["kworker"].state = 0
    box["kswapd"].state = 0
    box.rest()
    assert box.at("kworker").startswith("worker_thread")
    assert box.at("kswapd").startswith("worker_thread")
    box.ask("alloc", "kworker")
    box.ask("sysrq_f")
    box.rest()
    assert len({box[n].at is None for n in ("a", "b", "c")}) == 2
    box.do("alloc", "kswapd")
    assert box["kswapd"].result is True


def test_kswapd_that_gets_work_on_its_way_to_sleep(box: Box) -> None:
    """A request that comes while it is at the freeze point is taken at once."""
    box["kswapd"].state = 0
    box.until("kswapd", "try_to_freeze")
    box["kswapd"].syscall = lambda _k, _cur: iter(())  # type: ignore[assignment,return-value]
    box.rest()
    assert box.at("kswapd").startswith("worker_thread")


@pytest.mark.parametrize("state", [TASK_UNINTERRUPTIBLE])
def test_a_sleeper_without_news_has_no_timer(box: Box, state: int) -> None:
    """A poller that saw everything sleeps without end; news give it a tick."""
    box["a"].signal.oom_mm = mm(box["a"])
    box.ask("alloc", "kworker")
    box.rest()
    assert box["kworker"].state == state
    assert box["kworker"].timer is None
    assert box.m.sleepers_due() is None
    box.do("oom_score_adj", "init", "b", 0)
    assert box["kworker"].flags & PF_KTHREAD


def test_a_poller_that_met_a_busy_lock_looks_again(box: Box) -> None:
    """Whoever held oom_lock may be a poller, too; what it does next is news nevertheless."""
    box["a"].signal.oom_mm = mm(box["a"])
    box.ask("alloc", "kworker")
    box.rest()
    box.k.progress += 1
    assert box.m.tick()
    box.until("kworker", "alloc_pages_may_oom")
    box.k.oom_lock.owner = box["init"]
    box["init"].polling = True
    box.until("kworker", "alloc_pages_slowpath: schedule_timeout")
    assert box.m.sleepers_due() is None
    box.k.oom_lock.owner = None
    box.ask("read_state", "init", "A")
    box.alone("init")
    assert box.m.sleepers_due() is not None
    box.rest()
    assert box.m.sleepers_due() is None


def test_a_poller_that_kills_itself_looks_again(box: Box) -> None:
    """The tick under oom_lock is in the midst of its look, not the beginning of another one; nobody reaps init's memory."""
    box.do("clone_vm", "init", "d")
    for name in ("a", "b", "c"):
        box.do("oom_score_adj", "init", name, -1000)
    box.ask("alloc", "d")
    box.until("d", "alloc_pages_may_oom")
    box.k.oom_lock.owner = box["init"]
    box.until("d", "alloc_pages_slowpath: schedule_timeout")
    box.k.oom_lock.owner = None
    assert box.m.tick()
    box.until("d", "out_of_memory: schedule_timeout_killable")
    assert box.m.tick()
    box.rest()
    assert box["d"].at is None


def test_the_reaper_takes_the_last_first() -> None:
    """Whoever was queued later stands at the head of the list."""
    box = Box()
    box.fork("v", "w")
    v, w = mm(box["v"]), mm(box["w"])
    for name in ("v", "w"):
        box[name].signal.oom_mm = mm(box[name])
        assert list(box.call("wake_oom_reaper", box["init"], box[name]))
    assert box.k.oom_reaper_list == [box["w"], box["v"]]
    for _step in box.call("oom_reaper", box["kswapd"]):
        if (v.flags | w.flags) & MMF_OOM_SKIP:
            break
    assert (v.flags, w.flags) == (0, MMF_UNSTABLE | MMF_OOM_SKIP)
    assert box.k.oom_reaper_list == [box["v"]]


def test_all_processes_are_the_hashed_leaders() -> None:
    """No thread, and nobody who was reaped."""
    box = Box()
    box.fork("v", "w")
    box.clone("v", "t1")
    box.do("exit_group", "w")
    box.do("wait", "init")
    assert [p.name for p in processes(box.k) if p.mm is not None] == ["init", "v"]
    box.do("exit", "v")
    assert box["v"] in processes(box.k)


@pytest.mark.parametrize("order", [0, -1])
@pytest.mark.parametrize("reaped", [False, True])
def test_a_victim_that_is_not_reaped_ends_the_search(order: int, reaped: bool) -> None:
    """SysRq does not ask."""
    box = Box()
    box.fork("v")
    v_mm = mm(box["v"])
    box["v"].signal.oom_mm, v_mm.flags = v_mm, MMF_OOM_SKIP if reaped else 0
    oc = OomControl(order=order)
    box.call("oom_evaluate_task", box["v"], oc)
    assert oc.aborted == (order != -1 and not reaped)
    assert oc.chosen is (box["v"] if order == -1 and not reaped else None)


def test_what_out_of_memory_says() -> None:
    """False where it is disabled or finds nobody, a panic unless somebody asked for one cgroup or by SysRq."""
    for order, memcg, panics in ((0, False, True), (-1, False, False), (0, True, False)):
        box = Box()
        k = box.k
        oc = OomControl(order=order, memcg=k.memcgs["M"] if memcg else None)
        k.oom_killer_disabled = True
        assert ran(box, box["init"], oc) is False
        assert k.panicked == ""
        k.oom_killer_disabled = False
        assert ran(box, box["init"], oc) is False
        assert bool(k.panicked) == panics


def test_the_tick_after_a_kill() -> None:
    """Killable, one tick long, and no look of a poller; then as before."""
    box = Box()
    cur = box["kworker"]
    cur.polling = True
    steps = box.call("_nap_with_oom_lock", cur)
    next(steps)
    assert (cur.state, cur.timer, cur.polling) == (TASK_KILLABLE, box.k.clock + 1, False)
    assert next(steps, None) is None
    assert (cur.state, cur.timer, cur.polling) == (TASK_RUNNING, None, True)


def ran(box: Box, cur: TaskStruct, oc: OomControl) -> bool:
    """What out_of_memory() returns, undisturbed."""
    steps = box.call("out_of_memory", cur, oc)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return bool(end.value)


@pytest.mark.parametrize("who", ["a", "s"])
def test_the_init_of_a_namespace_dies_as_victim_and_as_sharer(box: Box, who: str) -> None:
    """The OOM killer sends from no namespace: it forces."""
    box.do("clone_vm", "a", "s")
    box.do("oom_score_adj", "init", "a", 500)
    box[who].signal.flags |= SIGNAL_UNKILLABLE
    box.ask("sysrq_f")
    box.alone("kworker")
    assert SIGKILL in box[who].pending | box[who].signal.shared_pending


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_who_marks_itself_is_queued_for_the_reaper(variant: Variant) -> None:
    """It may hang in do_exit() as well as any other victim."""
    box = Box(variant)
    box.fork("v")
    box["v"].signal.flags = SIGNAL_GROUP_EXIT
    assert ran(box, box["v"], OomControl()) is True
    assert box.k.oom_reaper_list == [box["v"]]
    assert marked(box) == ["v"]
