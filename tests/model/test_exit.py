"""do_exit(): order, reparenting, unhashing, the leader's zap (section 10), in the kernels that differ in it."""

from __future__ import annotations

from typing import Any

import pytest
from boot import Box

import legacy_tifmemdie
import patched
from kernel_model import events
from kernel_model.locking import acquire
from kernel_model.sched import (
    EXIT_DEAD,
    EXIT_ZOMBIE,
    PF_EXITING,
    PF_NOFREEZE,
    SIGCHLD,
    SIGTERM,
    SIGUSR1,
    TASK_DEAD,
    TASK_KILLABLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
)
from kernel_model.variant import Variant
from oom_kernels import (
    group_dead,
    last_out,
    mark_every_thread,
    poll_until_dead,
    postponed,
    thread_count,
    v7_3,
    v7_3_last_out,
    v7_3_rfc,
)
from oom_kernels.hunks import family

# The roads not taken, and the RFC's hunks one by one, leave by the same ways: they differ in who drops the count.
ROADS = tuple(
    k.VARIANT for k in (postponed, mark_every_thread, poll_until_dead, thread_count, group_dead, last_out)
)
HUNKS = tuple(
    family.variant(f"oom_kernels.hunks.{parts}") for parts in ("h7_h9_count", "h8_h9_count", "h10", "thaw")
)
# It says nothing of a leader that is alone: the count stays.
EIGHT_ALONE = HUNKS[1]
SEVEN_AND_EIGHT = (patched.VARIANT, v7_3_rfc.VARIANT)
SAYS_OF_A_LEADER = (*SEVEN_AND_EIGHT, HUNKS[0])
SAYS_OF_A_THREAD = (*SEVEN_AND_EIGHT, HUNKS[1])
OF_2016 = (legacy_tifmemdie.VARIANT, patched.VARIANT, *ROADS, *HUNKS)
VARIANTS = (*OF_2016, v7_3.VARIANT, v7_3_rfc.VARIANT, v7_3_last_out.VARIANT)
of_2016 = pytest.mark.parametrize("variant", OF_2016, ids=lambda v: v.name)


@pytest.fixture(params=VARIANTS, ids=lambda v: v.name)
def variant(request: pytest.FixtureRequest) -> Variant:
    chosen: Variant = request.param
    return chosen


def io(box: Box, name: str) -> list[str]:
    return [e.what for e in box.events(events.Io) if e.task == box[name].pid]


def trail(box: Box, name: str) -> list[str]:
    """The functions that a task goes through on its way out."""
    seen: list[str] = []
    while box.m.runnable(box[name]):
        function = box.at(name).split(":")[0]
        if not seen or seen[-1] != function:
            seen.append(function)
        box.step(name)
    return seen


@of_2016
def test_the_order_of_do_exit(variant: Variant) -> None:
    """e1 to e12; the io_context goes before exit_notify() in the RFC, at the very end otherwise."""
    box = Box(variant)
    box.fork("v")
    box.ask("exit_group", "v")
    box.until("v", "ptrace_event")
    seen = trail(box, "v")
    assert [f for f in seen if f != "do_exit"] == [
        "ptrace_event",
        "exit_signals",
        "mm_release",
        "exit_mm",
        "mmput",
        "exit_mmap",
        "acct_process",
        "exit_files",
        "disassociate_ctty",
        "exit_task_namespaces",
        "exit_task_work",
        "cgroup_exit",
        "exit_notify",
        "do_task_dead",
    ]
    kinds = [type(e) for e in box.k.events]
    assert (kinds.index(events.IoContextGone) < kinds.index(events.Dead)) is True
    assert io(box, "v") == [
        "mmput",
        "exit_mmap",
        "acct_process",
        "exit_files",
        "disassociate_ctty",
        "exit_task_namespaces",
        "exit_task_work",
    ]
    v = box["v"]
    assert v.state == TASK_DEAD
    assert v.flags & (PF_NOFREEZE | PF_EXITING) == PF_NOFREEZE | PF_EXITING
    assert not v.on_cgroup_list
    assert v.cgroup is box.k.root_cgroup
    assert not v.io_context


def test_when_the_io_context_goes(variant: Variant) -> None:
    """In the RFC, and where only its "last" is another: before exit_notify() takes tasklist_lock; else after it."""
    box = Box(variant)
    box.fork("v")
    box.ask("exit_group", "v")
    box.until("v", "exit_notify")
    first = [*(k.VARIANT for k in (patched, v7_3_rfc, thread_count, group_dead)), HUNKS[2]]
    assert box["v"].io_context is (variant not in first)


def test_who_execs_is_told_that_the_leader_is_gone(variant: Variant) -> None:
    """de_thread() waits for exit_notify() of the leader, takes its place and goes on."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", "t1", "t2")
    box.ask("execve", "t1")
    for name in ("t1", "t2", "t1"):
        box.alone(name)
    assert box.at("t1").startswith("de_thread")
    box.rest()
    assert box.user_mode("t1")
    assert box["t1"].group_leader is box["t1"]


def test_the_signal_is_the_exit_code(variant: Variant) -> None:
    """Of whoever dies of it."""
    box = Box(variant)
    box.fork("v")
    box.do("kill", "init", "v", "TERM")
    assert box["v"].exit_code == SIGTERM


@of_2016
def test_the_end_of_a_thread_wakes_no_dumper(variant: Variant) -> None:
    """exit_notify() tells group_exit_task only that a leader is gone for whom an exec waits: a dumper has another count."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", "t1", "t2")
    box.ask("exit", "t1")
    box.until("t1", "exit_notify")
    box.ask("kill", "init", "v", "ABRT")
    box.alone("init")
    box.alone("v")
    assert box["v"].signal.group_exit_task is box["v"]
    box.step("t1")
    assert not box.m.runnable(box["v"])


@of_2016
def test_group_dead_is_for_the_last_one_in(variant: Variant) -> None:
    """live is dropped at the start of do_exit(): accounting and the terminal belong to the last one that got there."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", "t1")
    box.do("exit", "t1")
    assert "acct_process" not in io(box, "t1")
    assert "exit_files" in io(box, "t1")
    assert "mmput" not in io(box, "t1")
    box.do("exit", "v")
    assert {"acct_process", "disassociate_ctty", "mmput", "exit_mmap"} <= set(io(box, "v"))


def test_a_sub_thread_is_released_by_itself_and_a_leader_waits(variant: Variant) -> None:
    """n3/n4: no leader: autoreap; a leader with threads left stays ZOMBIE whatever the parent wants."""
    box = Box(variant)
    box.fork("v")
    box.do("ignore_sigchld", "init")
    box.clone("v", "t1")
    box.do("exit", "v")
    assert box["v"].exit_state == EXIT_ZOMBIE
    assert box["v"].hashed
    box.do("exit", "t1")
    assert box["t1"].exit_state == EXIT_DEAD
    assert not box["v"].hashed


def test_the_last_thread_zaps_the_leader_only_if_nobody_wants_it(variant: Variant) -> None:
    """r3: do_notify_parent() decides; the leader's zombie stays for a parent that waits."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", "t1")
    box.do("exit", "v")
    box.do("exit", "t1")
    assert not box["t1"].hashed
    assert box["v"].hashed
    assert box["v"].exit_state == EXIT_ZOMBIE
    assert box.do("wait", "init") == "reaped v"


@pytest.mark.parametrize(
    ("ignores", "leader_first", "counted_down"),
    [(False, False, True), (True, False, True), (False, True, False), (True, True, True)],
)
def test_the_rfc_counts_down_with_the_last_thread(
    ignores: bool, leader_first: bool, counted_down: bool
) -> None:
    """`last`: the leader's own exit with an empty group, or the zap of a leader that nobody wants."""
    box = Box(patched.VARIANT)
    box.fork("v")
    if ignores:
        box.do("ignore_sigchld", "init")
    box.clone("v", "t1")
    if leader_first:
        box.do("exit", "v")
    box["v"].signal.oom_mm = box["t1"].mm
    box.k.oom_victims = 1
    for name in ("t1", "v") if not leader_first else ("t1",):
        box.do("exit", name)
    assert box.k.oom_victims == (0 if counted_down else 1)


def test_the_rfc_leaks_the_count_of_a_traced_victim() -> None:
    """The ptrace branch never says `last`."""
    box = Box(patched.VARIANT)
    box.fork("v", "s")
    box.do("ptrace_seize", "s", "v")
    box["v"].signal.oom_mm = box["v"].mm
    box.k.oom_victims = 1
    box.do("exit_group", "v")
    assert box.k.oom_victims == 1
    assert box["v"].exit_state == EXIT_ZOMBIE


def test_a_traced_leader_notifies_with_its_own_signal_if_the_tracer_is_its_parent(variant: Variant) -> None:
    """n3: exit_signal when the tracer's group is the natural parent's and the group is empty, else SIGCHLD; no autoreap."""
    for tracer, sig in (("p", SIGUSR1), ("o", SIGCHLD)):
        box = Box(variant)
        box.fork("p", "o")
        box.do("clone_nosig", "p", "c")
        box.do("ptrace_seize", tracer, "c")
        box.do("handle_sigchld", tracer)
        box.do("nocldwait", tracer)
        box.ask("exit_group", "c")
        box.alone("c")
        assert sig in box[tracer].signal.shared_pending
        assert box["c"].exit_state == EXIT_ZOMBIE


def test_children_go_to_a_living_thread_then_a_subreaper_then_init(variant: Variant) -> None:
    """find_new_reaper(): own group, the nearest subreaper that was one when the father was forked, init."""
    box = Box(variant)
    box.do("fork", "init", "g")
    box.do("subreaper", "g")
    box.fork("f", by="g")
    box.clone("f", "f1")
    box.fork("c", by="f")
    box.do("exit", "f")
    assert box["c"].real_parent is box["f1"]
    assert box["c"] in box["f1"].children
    box.do("exit", "f1")
    assert box["c"].real_parent is box["g"]
    box.do("exit_group", "g")
    assert box["c"].real_parent is box["init"]
    assert box["c"].parent is box["init"]


def test_a_subreaper_must_have_been_one_at_fork(variant: Variant) -> None:
    """has_child_subreaper is copied by fork; one that dies itself is passed over."""
    box = Box(variant)
    box.fork("g")
    box.fork("f", by="g")
    box.do("subreaper", "g")
    box.fork("c", by="f")
    box.do("exit_group", "f")
    assert box["c"].real_parent is box["init"]
    box = Box(variant)
    box.fork("g")
    box.do("subreaper", "g")
    box.fork("f", by="g")
    box.fork("c", by="f")
    box["g"].flags |= PF_EXITING
    box.do("exit_group", "f")
    assert box["c"].real_parent is box["init"]


def test_reparented_children_get_sigchld_and_zombies_may_go(variant: Variant) -> None:
    """reparent_leader(): exit_signal becomes SIGCHLD; an untraced zombie is offered to the new parent; tracees keep theirs."""
    box = Box(variant)
    box.fork("f", "s")
    box.do("ignore_sigchld", "init")
    box.do("clone_nosig", "f", "a")
    box.fork("z", "d", "t", by="f")
    box.do("ptrace_seize", "s", "t")
    box.do("exit_group", "z")
    assert box["z"].exit_state == EXIT_ZOMBIE
    box["d"].exit_state = EXIT_DEAD
    box.do("exit_group", "f")
    assert box["a"].exit_signal == SIGCHLD
    assert not box["z"].hashed
    assert box["d"].hashed
    assert box["t"].parent is box["s"]
    assert box["t"].real_parent is box["init"]
    box["d"].exit_state = 0


def test_a_zombie_stays_for_a_new_parent_that_waits(variant: Variant) -> None:
    """do_notify_parent() says no."""
    box = Box(variant)
    box.fork("f")
    box.fork("z", by="f")
    box.do("exit_group", "z")
    box.do("exit_group", "f")
    assert box["z"].hashed
    assert box["z"].real_parent is box["init"]


def test_the_dead_list_is_last_in_first_out(variant: Variant) -> None:
    """The dying task itself is released before its reparented children, of these the youngest first."""
    box = Box(variant)
    box.fork("f")
    box.fork("z", "y", "x", by="f")
    box.do("ignore_sigchld", "init")
    for name in ("y", "x", "z", "f"):
        box.do("exit_group", name)
    assert [box.k.tasks[e.task].name for e in box.events(events.Reaped)] == ["f", "x", "y", "z"]


def test_init_must_not_die(variant: Variant) -> None:
    """No living thread in init's group: panic, and nothing runs any more; with one, that becomes the reaper."""
    box = Box(variant)
    box.clone("init", "i1")
    box.do("exit", "init")
    assert box.k.init_pid_ns.child_reaper is box["i1"]
    box.ask("exit", "i1")
    box.rest()
    assert box.k.panicked == "Attempted to kill init!"
    assert box.events(events.Panic) == [events.Panic("Attempted to kill init!")]
    assert not box.m.runnable_tasks()
    assert not box.m.tick()


def test_a_waiter_in_exit_aio_is_not_held_up_by_others(variant: Variant) -> None:
    """Only the last user of the mm waits for the I/O in flight."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", "t1")
    box.do("io_submit", "v")
    box.do("io_submit", "t1")
    box.do("exit", "t1")
    assert box["t1"].at is None
    box.do("exit", "v")
    assert box.at("v").startswith("exit_aio")
    box.do("io_complete")
    assert box["v"].at is None


def test_io_complete_wakes_the_waiter_of_a_marked_group(variant: Variant) -> None:
    """A victim's mm is found too."""
    box = Box(variant)
    box.fork("v")
    box.do("io_submit", "v")
    box.do("sysrq_f")
    assert box.at("v").startswith("exit_aio")
    box["v"].state = 0
    box.alone("v")
    assert box.at("v").startswith("exit_aio")
    box.do("io_complete")
    assert box["v"].at is None
    assert box.k.oom_victims == int(variant is EIGHT_ALONE)


def test_the_signal_struct_is_freed_with_the_last_task(variant: Variant) -> None:
    """oom_mm's pin is dropped when scheduler and parent have let go of every thread."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", "t1")
    box.do("alloc", "kworker")
    assert box.events(events.Pinned) == [events.Pinned(box["v"].signal.number)]
    mm = box["v"].signal.oom_mm
    assert mm is not None
    assert mm.mm_count == 1
    assert not box.events(events.Unpinned)
    assert box.do("wait", "init") == "reaped v"
    assert box.events(events.Unpinned) == [events.Unpinned(box["v"].signal.number)]
    assert mm.mm_count == 0


def test_accounting_allocates_under_memory_pressure(variant: Variant) -> None:
    """exit_accounting(): a dying task meets the OOM killer, which marks it as it will free memory anyway."""
    box = Box(variant)
    box.fork("v", "w")
    box.do("memory_pressure")
    box.do("exit_group", "v")
    assert box["v"].at is None
    assert box["v"].signal.oom_mm is not None
    assert box.user_mode("w")
    assert box.k.oom_victims == int(variant is EIGHT_ALONE)


def test_a_last_close_allocates_without_an_mm(variant: Variant) -> None:
    """exit_task_work(): no memory of its own is left to free, so that somebody else is killed, and whoever was marked gets at the reserves."""
    box = Box(variant)
    box.fork("v", "w")
    box.do("open_delalloc", "v")
    box.do("oom_score_adj", "init", "w", 1000)
    box.do("exit_group", "v")
    assert box["v"].at is None
    assert box["v"].signal.oom_mm is None
    assert box["w"].signal.oom_mm is not None
    assert box["w"].at is None
    other = Box(variant)
    other.fork("v", "w")
    other.do("open_delalloc", "v")
    other.do("oom_score_adj", "init", "v", 1000)
    other.do("alloc", "kworker")
    assert other["v"].at is None
    assert other.user_mode("w")


def test_a_child_has_no_file_of_its_parent_s(variant: Variant) -> None:
    """Who only closes what others have open, too, needs no memory for that."""
    box = Box(variant)
    box.fork("v", "w")
    box.do("open_delalloc", "v")
    box.fork("c", by="v")
    box.do("exit_group", "c")
    assert not box.events(events.Marked)


def ended(steps: Any) -> Any:
    """What they return; a prototype's replacement may return nothing."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(
    ("who", "company", "tracer", "told", "state"),
    [
        ("v", (), "", SIGUSR1, EXIT_ZOMBIE),
        ("v", ("t1",), "", 0, EXIT_ZOMBIE),
        ("t1", ("t1",), "", 0, EXIT_DEAD),
        ("v", (), "parent", SIGUSR1, EXIT_ZOMBIE),
        ("v", ("t1",), "parent", SIGCHLD, EXIT_ZOMBIE),
        ("v", (), "stranger", SIGCHLD, EXIT_ZOMBIE),
        ("t1", ("t1",), "parent", SIGCHLD, EXIT_ZOMBIE),
    ],
)
def test_who_is_told_of_an_end(
    variant: Variant, who: str, company: tuple[str, ...], tracer: str, told: int, state: int
) -> None:
    """A parent that is no tracer of a leader that is alone, with its own signal; a tracer of any end, but then with SIGCHLD."""
    box = Box(variant)
    box.fork("parent", "stranger")
    box.fork("v", by="parent")
    box.clone("v", *company)
    p = box[who]
    for name in ("parent", "stranger"):
        box[name].sighand.sigchld = "handled"  # type: ignore[union-attr]
        box[name].signal.shared_pending.clear()
    box["v"].exit_signal = SIGUSR1
    if tracer:
        p.ptrace, p.parent = 1, box[tracer]
        box[tracer].ptraced.append(p)
    last = ended(box.call("exit_notify", p, not company))
    heard = {n: box[n].signal.shared_pending for n in ("parent", "stranger")}
    assert heard == {n: {told} if told and n == (tracer or "parent") else set() for n in heard}
    assert (p.exit_state, p.hashed) == (state, state == EXIT_ZOMBIE)
    assert p.held == []
    alone = who == "v" and not company and not tracer
    assert bool(last) == (alone and variant in SAYS_OF_A_LEADER)


@pytest.mark.parametrize("wanted", [False, True])
def test_the_last_thread_and_its_zombie_leader(variant: Variant, wanted: bool) -> None:
    """It takes the leader along where the parent does not want that."""
    box = Box(variant)
    box.fork("parent")
    box.fork("v", by="parent")
    box.clone("v", "t1", "t2")
    if not wanted:
        box.do("ignore_sigchld", "parent")
    v, t1, t2 = (box[n] for n in ("v", "t1", "t2"))
    v.exit_state = EXIT_ZOMBIE
    usage = v.usage
    assert not ended(box.call("exit_notify", t2, False))
    assert (v.hashed, t1.hashed, t2.hashed) == (True, True, False)
    last = ended(box.call("exit_notify", t1, True))
    assert (v.hashed, v.usage) == ((True, usage) if wanted else (False, usage - 1))
    assert v.exit_state == (EXIT_ZOMBIE if wanted else EXIT_DEAD)
    assert bool(last) == (not wanted and variant in SAYS_OF_A_THREAD)


@pytest.mark.parametrize("count", [1, 2])
def test_the_last_victim_wakes_who_waits_for_all(variant: Variant, count: int) -> None:
    """And nobody before it; the mark of the thread goes with its count."""
    box = Box(variant)
    box.fork("v", "w")
    box.k.oom_victims, box.k.oom_victims_wait = count, [box["w"]]
    box["w"].state = TASK_UNINTERRUPTIBLE
    ended(box.call("exit_oom_victim", box["v"]))
    assert box.k.oom_victims == count - 1
    assert (box["w"].state == TASK_RUNNING) == (count == 1)


def test_how_an_address_space_is_left(variant: Variant) -> None:
    """Once, with no lock kept; who has none leaves nothing."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", "t1")
    v, t1 = box["v"], box["t1"]
    mm = v.mm
    assert mm is not None
    for _twice in range(2):
        ended(box.call("exit_mm", t1))
        assert (t1.mm, mm.mm_users, t1.held) == (None, 1, [])
    ended(box.call("exit_mm", v))
    assert (v.mm, mm.mm_users, v.held) == (None, 0, [])
    assert not mm.mmap_sem.readers


@pytest.mark.parametrize("execs", [False, True])
def test_who_execs_is_woken_by_the_last_of_the_others(variant: Variant, execs: bool) -> None:
    """It counts them down to none, and not further."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", "t1", "t2", "t3")
    v = box["v"]
    v.signal.notify_count, v.signal.group_exit_task = 2, v if execs else None
    v.state = TASK_KILLABLE
    acquire(v, box.k.tasklist_lock)
    asleep = []
    for name in ("t1", "t2", "t3"):
        box.call("exit_signal", v, box[name])
        asleep.append(v.state == TASK_KILLABLE)
    assert asleep == [True, not execs, not execs]
    assert v.signal.notify_count == 0
