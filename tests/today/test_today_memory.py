"""Single functions of today's OOM killer, charges and reaper, each called alone on a state that the test sets up."""

from __future__ import annotations

import pytest
from todays import AFTER, BEFORE, V7_2, each, ended, ran, reach, victim

from kernel_model.events import OomVictims
from kernel_model.locking import acquire
from kernel_model.oom import OomControl
from kernel_model.oom_reaper import IDLE, RETRY_TIME
from kernel_model.oom_reaper import RETRY as REAPER_RETRY
from kernel_model.page_alloc import CHARGE, FAULT_AGAIN, RETRY
from kernel_model.sched import (
    MMF_OOM_SKIP,
    MMF_UNSTABLE,
    OOM_SCORE_ADJ_MIN,
    PF_EXITING,
    PF_NOFREEZE,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_MEMDIE,
    TIF_SIGPENDING,
    CoreState,
    Jiffies,
    TaskStruct,
)
from kernel_model.variant import Variant
from oom_kernels.today.memcontrol import OOM_LOCK
from oom_kernels.today.oom_kill import LONG_MIN
from oom_kernels.today.oom_reaper import OOM_REAPER_DELAY
from oom_kernels.today.sched import MMF_OOM_REAP_QUEUED, TASK_FREEZABLE, TASK_IDLE


def killed(p: TaskStruct) -> None:
    """A SIGKILL of its own that it has noticed."""
    p.pending, p.thread_flags = {SIGKILL}, p.thread_flags | TIF_SIGPENDING


@pytest.mark.parametrize(
    ("flags", "threads", "exiting", "dump", "frees"),
    [
        (SIGNAL_GROUP_EXIT, ("t1",), False, False, True),
        (SIGNAL_GROUP_EXIT, (), True, True, False),
        (0, (), True, False, True),
        (0, (), False, False, False),
        (0, ("t1",), True, False, False),
    ],
)
@each
def test_which_group_is_about_to_free_its_memory(
    variant: Variant, flags: int, threads: tuple[str, ...], exiting: bool, dump: bool, frees: bool
) -> None:
    """One that exits or whose only thread does, and does not dump."""
    box = victim(variant, *threads)
    v = box["v"]
    v.signal.flags, v.flags = flags, PF_EXITING if exiting else 0
    v.signal.core_state = CoreState(v, 0) if dump else None
    assert ran(box, "group_will_free_mem", v) == frees


@each
def test_how_bad_a_process_is(variant: Variant) -> None:
    """Its pages and its score; never who may not be killed, has been reaped, or still uses its parent's memory."""
    box = victim(variant, "t1")
    v, oc = box["v"], OomControl()
    assert v.mm is not None
    bad = [ran(box, "oom_badness", box.k, v, oc)]
    v.signal.oom_score_adj = -700
    bad.append(ran(box, "oom_badness", box.k, v, oc))
    assert bad == [1001, -699]
    v.mm.flags = MMF_OOM_SKIP
    assert ran(box, "oom_badness", box.k, v, oc) == LONG_MIN
    v.mm.flags = MMF_UNSTABLE
    assert ran(box, "oom_badness", box.k, v, oc) == -699
    v.signal.oom_score_adj = OOM_SCORE_ADJ_MIN
    assert ran(box, "oom_badness", box.k, v, oc) == LONG_MIN
    v.signal.oom_score_adj = 0
    v.vfork_done = box["init"]
    assert ran(box, "oom_badness", box.k, v, oc) == 1
    v.real_parent = box["t1"]
    assert ran(box, "oom_badness", box.k, v, oc) == LONG_MIN
    v.vfork_done = v.mm = None
    assert ran(box, "oom_badness", box.k, v, oc) == 1
    box["t1"].mm = None
    assert ran(box, "oom_badness", box.k, v, oc) == LONG_MIN
    assert ran(box, "oom_badness", box.k, box["init"], oc) == LONG_MIN
    assert ran(box, "oom_badness", box.k, box["kswapd"], oc) == LONG_MIN


@pytest.mark.parametrize(
    ("points", "other", "chosen"), [(900, 1000, "v"), (1000, 1000, "w"), (1000, 900, "w")]
)
@each
def test_the_worst_and_of_equals_the_last(variant: Variant, points: int, other: int, chosen: str) -> None:
    box = victim(variant)
    box.fork("w")
    oc = OomControl()
    box["w"].signal.oom_score_adj, box["v"].signal.oom_score_adj = points, other
    ran(box, "oom_evaluate_task", box.k, box["v"], oc)
    assert (oc.chosen, oc.chosen_points) == (box["v"], other + 1)
    ran(box, "oom_evaluate_task", box.k, box["w"], oc)
    assert (oc.chosen, oc.chosen_points) == (box[chosen], max(points, other) + 1)
    ran(box, "oom_evaluate_task", box.k, box["init"], oc)
    assert (oc.chosen, oc.aborted) == (box[chosen], False)


@pytest.mark.parametrize("points", [-999, -1])
@each
def test_no_badness_that_there_is_means_never(variant: Variant, points: int) -> None:
    """Nothing, and less than nothing, is chosen where nobody else is there."""
    box = victim(variant)
    box["v"].signal.oom_score_adj, oc = points, OomControl()
    ran(box, "oom_evaluate_task", box.k, box["v"], oc)
    assert (oc.chosen, oc.chosen_points) == (box["v"], points + 1)


@pytest.mark.parametrize("order", [0, -1])
@pytest.mark.parametrize("reaped", [False, True])
@each
def test_a_victim_that_is_not_reaped_ends_the_search(variant: Variant, order: int, reaped: bool) -> None:
    """One that is reaped is passed by.  SysRq does not ask: it takes another one, or the same, if it has memory left."""
    box = victim(variant)
    v = box["v"]
    assert v.mm is not None
    v.signal.oom_mm, v.mm.flags = v.mm, MMF_OOM_SKIP if reaped else 0
    oc = OomControl(order=order)
    ran(box, "oom_evaluate_task", box.k, v, oc)
    assert oc.aborted == (order != -1 and not reaped)
    assert oc.chosen is (v if order == -1 and not reaped else None)


@pytest.mark.parametrize("live", [0, 1])
@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("exiting", [False, True])
@each
def test_which_leader_the_walk_sees(variant: Variant, live: int, listed: bool, exiting: bool) -> None:
    """Any whose group lives; a dead one while it is listed, from 7.2 on unless it exits."""
    box = victim(variant)
    v = box["v"]
    v.signal.live, v.on_cgroup_list, v.flags = live, listed, PF_EXITING if exiting else 0
    sees = bool(live) or (listed and not (exiting and variant in (V7_2, AFTER)))
    assert ran(box, "mem_cgroup_sees", v) == sees
    hides = variant in (V7_2, AFTER) and exiting and not live
    assert ran(box, "css_task_iter_hides", v) == hides


@each
def test_the_walk_over_a_memory_cgroup(variant: Variant) -> None:
    """Leaders alone; it stops at the first that ends the search."""
    box = victim(variant, "t1", memcg=True)
    box.fork("w")
    box.do("memcg_attach", "init", "w", "M")
    assert [p.name for p in box.call("mem_cgroup_processes", box.k.memcgs["M"])] == ["v", "hog", "w"]
    oc = OomControl(memcg=box.k.memcgs["M"])
    assert len(list(box.call("mem_cgroup_scan_tasks", oc.memcg, oc))) == 3
    assert oc.chosen is box["v"]
    box["v"].signal.oom_mm = box["v"].mm
    oc = OomControl(memcg=box.k.memcgs["M"])
    assert len(list(box.call("mem_cgroup_scan_tasks", oc.memcg, oc))) == 1
    assert (oc.chosen, oc.aborted) == (None, True)
    box["v"].signal.live, box["v"].on_cgroup_list = 0, False
    oc = OomControl(memcg=box.k.memcgs["M"])
    ended(box.call("mem_cgroup_scan_tasks", oc.memcg, oc))
    assert oc.chosen is box["w"]


@each
def test_who_is_dying(variant: Variant) -> None:
    """Marked, killed, or on its way out."""
    box = victim(variant)
    v = box["v"]
    assert not ran(box, "task_is_dying", v)
    v.signal.oom_mm = v.mm
    assert ran(box, "task_is_dying", v)
    v.signal.oom_mm = None
    killed(v)
    assert ran(box, "task_is_dying", v)
    v.pending, v.flags = set(), PF_EXITING
    assert ran(box, "task_is_dying", v)


@pytest.mark.parametrize("state", ["room", "reaped", "marked", "killed"])
@each
def test_how_a_charge_ends(variant: Variant, state: str) -> None:
    """With room, or -ENOMEM for who is reaped; who only dies tries once more, and then no longer."""
    box = victim(variant, memcg=True)
    hog, memcg = box["hog"], box.k.memcgs["M"]
    steps = box.call("mem_cgroup_oom", hog, memcg)
    assert next(steps) is CHARGE
    assert hog.mm is not None
    if state == "room":
        memcg.freed += 1
    if state in ("reaped", "marked"):
        hog.signal.oom_mm = hog.mm
        hog.mm.flags = MMF_OOM_SKIP if state == "reaped" else 0
    if state == "killed":
        killed(hog)
    hog.polling = True
    if state in ("room", "reaped"):
        assert ended(steps) == (state == "room")
        assert not hog.polling
        return
    assert next(steps) == (OOM_LOCK, box.k.oom_lock)
    acquire(box["init"], box.k.oom_lock)
    assert next(steps) is RETRY
    assert (hog.state, hog.polling) == (TASK_UNINTERRUPTIBLE, True)
    assert next(steps) is CHARGE
    assert hog.state == TASK_RUNNING
    assert ended(steps) is False
    assert not hog.polling


@pytest.mark.parametrize(
    ("state", "progress", "kills"),
    [("busy", True, False), ("room", True, False), ("dying", True, True), ("plain", True, True)],
)
@each
def test_a_memory_cgroups_kill(variant: Variant, state: str, progress: bool, kills: bool) -> None:
    """None while somebody else has the lock, or with room by now; 6.12 spares others for who dies itself."""
    box = victim(variant, memcg=True)
    hog, memcg, lock = box["hog"], box.k.memcgs["M"], box.k.oom_lock
    if state == "busy":
        acquire(box["init"], lock)
    if state == "dying":
        killed(hog)
    assert ran(box, "mem_cgroup_out_of_memory", box.k, hog, memcg, -1 if state == "room" else 0) == progress
    assert (box["v"].signal.oom_mm is not None) == (kills and (state, variant) != ("dying", BEFORE))
    assert lock.owner is (box["init"] if state == "busy" else None)


@each
def test_a_memory_cgroup_without_a_victim(variant: Variant) -> None:
    """The charge fails, and whoever faulted repeats it where a signal may come."""
    box = victim(variant, memcg=True)
    box["v"].signal.oom_score_adj = OOM_SCORE_ADJ_MIN
    hog, memcg = box["hog"], box.k.memcgs["M"]
    hog.polling = True
    assert ran(box, "mem_cgroup_oom", box.k, hog, memcg) is False
    assert not hog.polling
    steps = box.call("mem_cgroup_oom_synchronize", hog, memcg)
    reach(steps, FAULT_AGAIN)
    assert (hog.state, hog.polling) == (TASK_INTERRUPTIBLE, True)
    next(steps)
    assert hog.state == TASK_RUNNING
    hog.thread_flags |= TIF_SIGPENDING
    ended(steps)
    assert not hog.polling


@pytest.mark.parametrize("state", ["asleep", "frozen", "armed", "awake"])
@each
def test_who_is_queued_for_the_reaper(variant: Variant, state: str) -> None:
    """Once, with a reference; a reaper that sleeps without a timer gets one."""
    box = victim(variant)
    v, reaper = box["v"], box.k.oom_reaper
    box.k.clock = Jiffies(50)
    reaper.timer = Jiffies(60) if state == "armed" else None
    if state == "awake":
        reaper.state = TASK_RUNNING
    if state == "frozen":
        box.k.pm_nosig_freezing = True
        box.k.system_freezing_cnt += 1
        ran(box, "freeze_task", box.k, box["init"], reaper)
        assert reaper.saved_state == TASK_INTERRUPTIBLE | TASK_FREEZABLE
    v.signal.oom_mm, usage = v.mm, v.usage
    assert v.mm is not None
    for _twice in range(2):
        ran(box, "wake_oom_reaper", box.k, box["init"], v)
    assert (box.k.oom_reaper_list, v.usage, v.mm.flags) == ([v], usage + 1, MMF_OOM_REAP_QUEUED)
    due = {"asleep": 50 + OOM_REAPER_DELAY, "frozen": 50 + OOM_REAPER_DELAY, "armed": 60, "awake": None}
    assert reaper.timer == due[state]


@each
def test_the_reapers_loop(variant: Variant) -> None:
    """It may be frozen, and sleeps two seconds if somebody is queued; it takes the first."""
    box = victim(variant)
    box.fork("w")
    v, cur, k = box["v"], box["kswapd"], box.k
    cur.flags |= PF_NOFREEZE
    v.signal.oom_mm = v.mm
    steps = box.call("oom_reaper", cur)
    assert next(steps) is IDLE
    assert (cur.flags & PF_NOFREEZE, cur.state, cur.timer) == (0, TASK_INTERRUPTIBLE | TASK_FREEZABLE, None)
    k.oom_reaper_list = [v, box["w"]]
    next(steps)
    assert cur.state == TASK_RUNNING
    next(steps)
    assert k.oom_reaper_list == [box["w"]]
    assert cur.held == []
    usage = v.usage
    reach(steps, IDLE)
    assert (v.mm.flags & MMF_OOM_SKIP, v.usage) == (MMF_OOM_SKIP, usage - 1)  # type: ignore[union-attr]
    assert cur.timer == k.clock + OOM_REAPER_DELAY


@each
def test_a_try_of_the_reaper(variant: Variant) -> None:
    """The pages go, and the mm says so; one that is skipped by now keeps them, and a busy one is tried again."""
    box = victim(variant)
    cur, mm, k = box["kswapd"], box["v"].mm, box.k
    assert mm is not None
    mm.flags = MMF_OOM_SKIP
    assert ran(box, "oom_reap_task_mm", k, cur, mm) is True
    assert (mm.pages, mm.flags, cur.held) == (1, MMF_OOM_SKIP, [])
    mm.flags = 0
    assert ran(box, "oom_reap_task_mm", k, cur, mm) is True
    assert (mm.pages, mm.flags, cur.held) == (0, MMF_UNSTABLE, [])
    acquire(box["init"], mm.mmap_sem)
    assert ran(box, "oom_reap_task_mm", k, cur, mm) is False
    box["v"].signal.oom_mm, k.clock = mm, Jiffies(7)
    steps = box.call("oom_reap_task", cur, box["v"])
    reach(steps, REAPER_RETRY)
    assert (cur.state, cur.timer) == (TASK_IDLE, 7 + RETRY_TIME)
    next(steps)
    assert cur.state == TASK_RUNNING
    assert [*steps].count(REAPER_RETRY) == 9


@each
def test_who_marks_itself_twice_counts_once(variant: Variant) -> None:
    """A thread that has the flag is not marked again."""
    box = victim(variant)
    v = box["v"]
    for _ in range(2):
        ran(box, "mark_oom_victim", box.k, v, v)
    assert v.thread_flags & TIF_MEMDIE
    assert [e.change for e in box.events(OomVictims)] == [1]
    assert (v.signal.oom_mm, box.k.oom_victims) == (v.mm, 1)
    ran(box, "exit_mm", box.k, v)
    assert (v.mm, box.k.oom_victims) == (None, 0)
