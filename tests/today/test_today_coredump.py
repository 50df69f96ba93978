"""Single functions of today's core dumps, each called alone on a state that the test sets up."""

from __future__ import annotations

import pytest
from boot import Box
from todays import V7_2, each, ran, victim

from kernel_model.events import Killed
from kernel_model.sched import (
    CGROUP_FREEZING_SELF,
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_PENDING,
    PF_DUMPCORE,
    PF_SIGNALED,
    SIGABRT,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
    CoreState,
)
from kernel_model.variant import Variant
from oom_kernels.today.coredump import EXIT_SLEEP, WAIT_SLEEP
from oom_kernels.today.sched import PF_POSTCOREDUMP, TASK_FREEZABLE, TASK_IDLE
from oom_review.claims.waiting import waits_for, waits_for_a_dump


def asked_to_freeze(box: Box) -> None:
    """V is to freeze, and does not know it yet."""
    box["v"].cgroup.state = CGROUP_FREEZING_SELF
    box.k.system_freezing_cnt += 1


@each
def test_whom_a_dump_kills(variant: Variant) -> None:
    """Whoever has yet to pass its coredump point; nobody stops with the group any more."""
    box = victim(variant, "asleep", "stopped", "late")
    v, asleep, stopped, late = (box[n] for n in ("v", "asleep", "stopped", "late"))
    asleep.state, stopped.state, late.state = TASK_INTERRUPTIBLE, TASK_STOPPED, TASK_INTERRUPTIBLE
    late.flags |= PF_POSTCOREDUMP
    v.signal.group_stop_count = 3
    for t in v.signal.threads:
        t.jobctl = JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME
    v.thread_flags |= TIF_SIGPENDING
    assert ran(box, "zap_threads", box.k, v, v.mm) == 2
    core_state = v.signal.core_state
    assert core_state is not None
    assert (core_state.dumper, core_state.nr_threads, core_state.waiters) == (v, 2, [])
    assert not core_state.startup
    assert v.flags & PF_DUMPCORE
    assert v.held == []
    assert [e.group for e in box.events(Killed)] == [v.signal.number]
    assert (v.signal.flags, v.signal.group_exit_code) == (SIGNAL_GROUP_EXIT, SIGABRT)
    assert v.signal.group_stop_count == 0
    assert [t.jobctl for t in v.signal.threads] == [0] * 4
    assert [t.pending for t in v.signal.threads] == [set(), {SIGKILL}, {SIGKILL}, set()]
    assert [bool(t.thread_flags & TIF_SIGPENDING) for t in v.signal.threads] == [False, True, True, False]
    assert (asleep.state, stopped.state, late.state) == (TASK_RUNNING, TASK_RUNNING, TASK_INTERRUPTIBLE)


@each
def test_who_waits_for_a_dump_is_held_by_the_dumper(variant: Variant) -> None:
    """What claims about waiting read from where it stands."""
    box = victim(variant, "t1")
    box.ask("kill", "init", "v", "ABRT")
    box.alone("init")
    box.meet("t1", "wait until the dump is written")
    assert waits_for_a_dump(box["t1"])
    assert waits_for(box.k, box["t1"]) == [box["v"]]


@each
def test_the_last_to_exit_ends_a_stop(variant: Variant) -> None:
    """Nobody is left to stop when the group is marked as exiting."""
    box = victim(variant)
    v = box["v"]
    v.signal.group_stop_count = 1
    assert ran(box, "synchronize_group_exit", box.k, v, 7) is None
    assert (v.signal.flags, v.signal.group_exit_code) == (SIGNAL_GROUP_EXIT, 7)
    assert (v.signal.group_stop_count, v.signal.quick_threads) == (0, 0)
    assert v.flags & PF_POSTCOREDUMP
    assert v.held == []
    assert [e.group for e in box.events(Killed)] == [v.signal.number]


@pytest.mark.parametrize("why", ["dying", "freezing"])
@each
def test_which_dump_does_not_begin(variant: Variant, why: str) -> None:
    """That of a group that dies, or, but for 7.2.12, is to freeze: nothing is changed."""
    box = victim(variant, "t1")
    v = box["v"]
    if why == "dying":
        v.signal.flags = SIGNAL_GROUP_EXIT
    else:
        asked_to_freeze(box)
    begins = (why, variant) == ("freezing", V7_2)
    assert ran(box, "zap_threads", box.k, v, v.mm) == (1 if begins else -1)
    assert (v.signal.core_state is not None) == begins
    assert bool(v.flags & PF_DUMPCORE) == begins
    assert (box["t1"].pending == {SIGKILL}) == begins
    assert v.held == []


@pytest.mark.parametrize("reason", ["", "signal", "kill", "freeze"])
@each
def test_what_interrupts_a_dump(variant: Variant, reason: str) -> None:
    """SIGKILL and a freezer's request, which is a signal, too; another signal only where a freeze refuses a dump."""
    box = victim(variant)
    v = box["v"]
    v.thread_flags = TIF_SIGPENDING if reason in ("signal", "kill") else 0
    v.pending = {SIGKILL} if reason == "kill" else set()
    if reason == "freeze":
        asked_to_freeze(box)
    ends = {"": False, "signal": variant is not V7_2, "kill": True, "freeze": variant is V7_2}
    assert ran(box, "dump_interrupted", box.k, v) == ends[reason]


@pytest.mark.parametrize(("arrived", "killed"), [(0, True), (1, True), (1, False)])
@each
def test_who_arrives_at_a_dump(variant: Variant, arrived: int, killed: bool) -> None:
    """The last one wakes the dumper; only who was killed waits, in a sleep that no signal ends and a freezer does."""
    box = victim(variant, "t1", "t2")
    v, t1 = box["v"], box["t1"]
    core_state = v.signal.core_state = CoreState(v, 2 - arrived)
    v.state, t1.flags = TASK_UNINTERRUPTIBLE, PF_SIGNALED if killed else 0
    steps = box.call("coredump_task_exit", t1, core_state)
    next(steps)
    assert (core_state.nr_threads, t1.state) == (2 - arrived, TASK_RUNNING)
    waits = next(steps, None)
    assert (waits is EXIT_SLEEP) == killed
    assert core_state.waiters == ([t1] if killed else [])
    assert (core_state.nr_threads, core_state.startup) == (1 - arrived, bool(arrived))
    assert v.state == (TASK_RUNNING if arrived else TASK_UNINTERRUPTIBLE)
    if killed:
        assert t1.state == TASK_IDLE | TASK_FREEZABLE
        assert next(steps) is EXIT_SLEEP
        ran(box, "coredump_finish", box.k, v, v.mm)
        assert box["v"].signal.core_state is None
        assert (t1.state, v.held) == (TASK_RUNNING, [])
        assert next(steps, None) is None
    assert t1.state == TASK_RUNNING


@each
def test_the_dumper_waits_until_all_have_arrived(variant: Variant) -> None:
    """Where a freezer freezes it in place; woken for nothing it sleeps again.  Alone it waits for nobody."""
    box = victim(variant, "t1")
    v = box["v"]
    steps = box.call("do_coredump", v)
    next(steps)
    for _ in range(2):
        assert next(steps) is WAIT_SLEEP
        assert v.state == TASK_UNINTERRUPTIBLE | TASK_FREEZABLE
        v.state = TASK_RUNNING
    v.signal.core_state.startup = True  # type: ignore[union-attr]
    assert next(steps) is not WAIT_SLEEP
    assert v.state == TASK_RUNNING
    box = victim(variant)
    points = list(box.call("do_coredump", box["v"]))
    assert WAIT_SLEEP not in points
    assert box["v"].signal.core_state is None
