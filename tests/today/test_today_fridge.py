"""Single functions of today's freezers and of the sleeps that freeze in place, each called alone on a state that the test sets up."""

from __future__ import annotations

from typing import Any

import pytest
from boot import Box
from todays import V7_2, each, ended, ran, victim

from kernel_model import futex, hrtimer, sched
from kernel_model.events import Froze, LeftFridge, PmPhase, PmResult, Thawed
from kernel_model.freezer import REFRIGERATOR_SLEEP
from kernel_model.locking import acquire
from kernel_model.power.main import DEVICE_SLEEP
from kernel_model.sched import (
    CGROUP_FREEZING_SELF,
    CGROUP_FROZEN,
    PF_EXITING,
    PF_NOFREEZE,
    SIGKILL,
    TASK_INTERRUPTIBLE,
    TASK_KILLABLE,
    TASK_NORMAL,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_TRACED,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
    Jiffies,
)
from kernel_model.variant import Variant
from oom_kernels.today.sched import TASK_FREEZABLE, TASK_FROZEN, TASK_IDLE
from oom_kernels.today.sleepers import FUTEX_SLEEP, NANOSLEEP_SLEEP


def asked(box: Box, name: str = "v") -> None:
    """A freezer wants the task's cgroup."""
    box[name].cgroup.state |= CGROUP_FREEZING_SELF
    box.k.system_freezing_cnt += 1


@pytest.mark.parametrize(
    ("state", "on_cpu", "signal", "frozen"),
    [
        (TASK_INTERRUPTIBLE | TASK_FREEZABLE, True, "", True),
        (TASK_INTERRUPTIBLE | TASK_FREEZABLE, False, "any", False),
        (TASK_IDLE | TASK_FREEZABLE, False, "kill", True),
        (TASK_KILLABLE | TASK_FREEZABLE, False, "any", True),
        (TASK_KILLABLE | TASK_FREEZABLE, False, "kill", False),
        (TASK_STOPPED, False, "any", True),
        (TASK_STOPPED, False, "kill", False),
        (TASK_STOPPED, True, "", False),
        (TASK_TRACED, False, "", True),
        (TASK_TRACED, True, "", False),
        (TASK_INTERRUPTIBLE, False, "", False),
        (TASK_UNINTERRUPTIBLE, False, "", False),
        (TASK_RUNNING, False, "", False),
    ],
)
@each
def test_who_is_frozen_in_place(
    variant: Variant, state: int, on_cpu: bool, signal: str, frozen: bool
) -> None:
    """Whoever sleeps in a way that allows it, is off its CPU if it stopped, and has nothing that would end the sleep at once."""
    box = victim(variant)
    v = box["v"]
    v.state, v.on_cpu = state, on_cpu
    v.thread_flags = TIF_SIGPENDING if signal else 0
    v.pending = {SIGKILL} if signal == "kill" else set()
    assert ran(box, "set_task_frozen", box.k, v) == frozen
    assert (v.state, v.saved_state) == ((TASK_FROZEN, state) if frozen else (state, TASK_RUNNING))
    assert len([e for e in box.events(Froze) if e.task == v.pid]) == frozen


@each
def test_what_sleeps_beneath_the_frost(variant: Variant) -> None:
    """Stopped, traced or neither: the same before, in and after the fridge."""
    box = victim(variant)
    v = box["v"]
    names = ("task_is_stopped", "task_is_traced", "task_is_stopped_or_traced")
    for state, said in (
        (TASK_STOPPED, [True, False, True]),
        (TASK_TRACED, [False, True, True]),
        (TASK_KILLABLE, [False, False, False]),
    ):
        v.state, v.on_cpu = state, False
        assert [ran(box, name, v) for name in names] == said
        v.saved_state, v.state, v.flags = state, TASK_FROZEN, v.flags | sched.PF_FROZEN
        assert [ran(box, name, v) for name in names] == said
        v.flags &= ~sched.PF_FROZEN
        v.saved_state = TASK_RUNNING


@pytest.mark.parametrize(("mask", "woken"), [(TASK_NORMAL, True), (TASK_STOPPED, False)])
@each
def test_a_waker_and_a_frozen_sleeper(variant: Variant, mask: int, woken: bool) -> None:
    """It does not leave the fridge, but loses its timer and its sleep."""
    box = victim(variant)
    v = box["v"]
    v.state, v.timer = TASK_INTERRUPTIBLE | TASK_FREEZABLE, Jiffies(5)
    asked(box)
    assert ran(box, "freeze_task", box.k, box["init"], v) is False
    ran(box, "wake_up_state", v, mask)
    assert v.state == TASK_FROZEN
    assert (v.saved_state, v.timer) == (
        (TASK_RUNNING, None) if woken else (TASK_INTERRUPTIBLE | TASK_FREEZABLE, 5)
    )
    ran(box, "thaw_task", box.k, box["init"], v)
    assert (v.state, v.saved_state) == (
        TASK_RUNNING if woken else TASK_INTERRUPTIBLE | TASK_FREEZABLE,
        TASK_RUNNING,
    )
    assert [len(box.events(kind)) for kind in (Froze, Thawed, LeftFridge)] == [1, 1, 1]
    ran(box, "thaw_task", box.k, box["init"], v)
    assert len(box.events(Thawed)) == 1
    assert box["init"].held == []


@each
def test_who_is_asked_to_freeze(variant: Variant) -> None:
    """A task by a signal, a kernel thread by a wake-up, unless it waits for a device; nobody whom no freezer wants, or who is frozen."""
    box = victim(variant)
    v, kswapd, init, k = box["v"], box["kswapd"], box["init"], box.k
    assert ran(box, "freeze_task", k, init, v) is False
    assert not v.thread_flags & TIF_SIGPENDING
    asked(box)
    v.state = TASK_INTERRUPTIBLE
    assert ran(box, "freeze_task", k, init, v) is True
    assert (v.thread_flags & TIF_SIGPENDING, v.state) == (TIF_SIGPENDING, TASK_RUNNING)
    k.pm_nosig_freezing = True
    kswapd.state = TASK_UNINTERRUPTIBLE
    k.writeback.append(kswapd)
    assert ran(box, "freeze_task", k, init, kswapd) is True
    assert kswapd.state == TASK_UNINTERRUPTIBLE
    k.writeback.clear()
    assert ran(box, "freeze_task", k, init, kswapd) is True
    assert kswapd.state == TASK_RUNNING
    assert not kswapd.thread_flags & TIF_SIGPENDING
    kswapd.state = TASK_STOPPED
    kswapd.on_cpu = True
    assert ran(box, "freeze_task", k, init, kswapd) is True
    assert kswapd.state == TASK_STOPPED
    assert init.held == []


@each
def test_the_refrigerator(variant: Variant) -> None:
    """In until nobody wants it any more, and looking each time; whoever comes too late was never in."""
    box = victim(variant)
    v = box["v"]
    assert ran(box, "refrigerator", box.k, v) is False
    assert (v.state, box.events(Froze)) == (TASK_RUNNING, [])
    asked(box)
    steps = box.call("refrigerator", v)
    for _again in range(2):
        next(steps)
        assert next(steps) is REFRIGERATOR_SLEEP
        assert (v.state, v.saved_state, v.held) == (TASK_FROZEN, TASK_RUNNING, [])
        ran(box, "thaw_task", box.k, box["init"], v)
        assert v.state == TASK_RUNNING
    next(steps)
    v.cgroup.state = 0
    assert ended(steps) is True
    assert v.state == TASK_RUNNING
    assert v.held == []


@each
def test_a_thaw_of_a_whole_process(variant: Variant) -> None:
    box = victim(variant, "t1", "t2")
    box.do("attach", "init", "v", "A")
    box.do("freeze", "init", "A")
    ran(box, "thaw_process", box.k, box["init"], box["t1"])
    assert [box[n].state for n in ("v", "t1", "t2")] == [TASK_RUNNING] * 3


@pytest.mark.parametrize(
    ("state", "below", "task", "after"),
    [
        (0, CGROUP_FROZEN, "awake", 0),
        (0, CGROUP_FROZEN, "none", 0),
        (CGROUP_FREEZING_SELF, CGROUP_FROZEN, "none", CGROUP_FREEZING_SELF | CGROUP_FROZEN),
        (CGROUP_FREEZING_SELF, CGROUP_FROZEN, "awake", CGROUP_FREEZING_SELF),
        (CGROUP_FREEZING_SELF, CGROUP_FROZEN, "frozen", CGROUP_FREEZING_SELF | CGROUP_FROZEN),
        (CGROUP_FREEZING_SELF, CGROUP_FROZEN, "exempt", CGROUP_FREEZING_SELF | CGROUP_FROZEN),
        (CGROUP_FREEZING_SELF, CGROUP_FREEZING_SELF, "none", CGROUP_FREEZING_SELF),
        (CGROUP_FREEZING_SELF | CGROUP_FROZEN, 0, "awake", CGROUP_FREEZING_SELF | CGROUP_FROZEN),
    ],
)
@each
def test_when_a_cgroup_is_frozen(variant: Variant, state: int, below: int, task: str, after: int) -> None:
    """Once those below are, and all its tasks that are to freeze; it stays so, and none is that nobody freezes."""
    box = victim(variant)
    v, cgroup = box["v"], box.k.cgroups["A"]
    if task != "none":
        box.do("attach", "init", "v", "A")
    if task == "frozen":
        v.state = TASK_INTERRUPTIBLE | TASK_FREEZABLE
        ran(box, "set_task_frozen", box.k, v)
    v.flags |= PF_NOFREEZE if task == "exempt" else 0
    box.k.system_freezing_cnt = 1
    cgroup.state, box.k.cgroups["A/B"].state = state, below
    ran(box, "update_if_frozen", box.k, cgroup)
    assert cgroup.state == after


@each
def test_whom_a_cgroup_tells(variant: Variant) -> None:
    """Each task once, whoever leaves meanwhile; freezing asks, thawing thaws."""
    box = victim(variant)
    box.fork("w", "x")
    for name in ("v", "w", "x"):
        box.do("attach", "init", name, "A")
    a = box.k.cgroups["A"]
    a.state, box.k.system_freezing_cnt = CGROUP_FREEZING_SELF, 1
    steps = box.call("_tell_tasks", box["init"], a)
    next(steps)
    next(steps)
    a.tasks = [box["w"], box["x"]]
    ended(steps)
    assert [bool(box[n].thread_flags & TIF_SIGPENDING) for n in ("v", "w", "x")] == [True] * 3
    a.state = 0
    for name in ("w", "x"):
        box[name].thread_flags = 0
        box[name].state = TASK_INTERRUPTIBLE | TASK_FREEZABLE
        ran(box, "set_task_frozen", box.k, box[name])
    ran(box, "_tell_tasks", box.k, box["init"], a)
    assert [box[n].state for n in ("w", "x")] == [TASK_INTERRUPTIBLE | TASK_FREEZABLE] * 2


@each
def test_a_pass_of_a_suspend(variant: Variant) -> None:
    """It leaves out who makes it, and says whether anybody has yet to freeze."""
    box = victim(variant)
    init, v, k = box["init"], box["v"], box.k
    k.pm_freezing, k.system_freezing_cnt = True, 1
    for p in k.tasks.values():
        p.flags |= PF_NOFREEZE if p not in (init, v) else 0
    assert ran(box, "_freeze_pass", k, init) is True
    assert [p.name for p in k.tasks.values() if p.thread_flags & TIF_SIGPENDING] == ["v"]
    v.flags |= PF_NOFREEZE
    assert ran(box, "_freeze_pass", k, init) is False
    assert not init.thread_flags & TIF_SIGPENDING
    assert init.held == []


@each
def test_a_lock_that_no_suspend_freezes(variant: Variant) -> None:
    box = victim(variant)
    v = box["v"]
    steps = box.call("lock_system_sleep", v)
    next(steps)
    next(steps)
    assert v.flags & PF_NOFREEZE
    assert v.held == []
    ended(steps)
    assert v.held == [box.k.pm_mutex]
    ran(box, "unlock_system_sleep", box.k, v)
    assert (v.flags & PF_NOFREEZE, v.held) == (0, [])


@each
def test_s2idle(variant: Variant) -> None:
    """All phases in order; an old request to wake does not count, and a second suspend is refused."""
    box = victim(variant)
    box.k.pm_wakeup = True
    box.ask("s2idle", "init")
    box.rest()
    assert box["init"].at is DEVICE_SLEEP
    assert box["v"].state == TASK_FROZEN
    box.do("wakeup")
    assert [e.phase for e in box.events(PmPhase)] == [
        "frozen",
        "disabled",
        "suspended",
        "disabled",
        "running",
    ]
    assert [e.result for e in box.events(PmResult)] == ["ok"]
    assert (box["init"].result, box.k.pm_mutex.owner, box.user_mode("v")) == ("", None, True)
    acquire(box["init"], box.k.pm_mutex)
    assert box.do("s2idle", "v") == "another suspend is under way"
    assert box.k.pm_mutex.owner is box["init"]


@pytest.mark.parametrize("error", ["tasks refused to freeze", "kernel threads refused to freeze"])
@each
def test_an_s2idle_that_fails(variant: Variant, error: str) -> None:
    """Everybody is thawed, the lock is free, and no device was touched."""
    box = victim(variant)
    if error.startswith("kernel"):
        box.do("writeback", "kswapd")
    else:
        box.do("open_fuse", "v")
        box.do("exit_group", "v")
    assert box.do("s2idle", "init") == error
    assert {e.phase for e in box.events(PmPhase)} <= {"frozen", "disabled", "running"}
    assert (box.k.pm_phase, box.k.pm_mutex.owner, box.k.system_freezing_cnt) == ("running", None, 0)


@pytest.mark.parametrize(
    ("function", "point", "asleep"),
    [("futex_wait", FUTEX_SLEEP, None), ("nanosleep", NANOSLEEP_SLEEP, 50 + hrtimer.NAP)],
)
@each
def test_sleeps_that_freeze_in_place(variant: Variant, function: str, point: Any, asleep: int | None) -> None:
    """Interruptible, and whole: no step lies between the state and the sleep."""
    box = victim(variant)
    v = box["v"]
    box.k.clock = Jiffies(50)
    steps = box.call(function, v)
    assert next(steps) in (futex.SETUP, hrtimer.NANOSLEEP)
    assert next(steps) is point
    assert (v.state, v.timer) == (TASK_INTERRUPTIBLE | TASK_FREEZABLE, asleep)
    assert (box.k.futex_waiters == [v]) == (function == "futex_wait")
    v.thread_flags |= TIF_SIGPENDING
    assert ended(steps) == ("ERESTARTSYS" if function == "futex_wait" else "EINTR")
    assert (v.state, v.timer, box.k.futex_waiters) == (TASK_RUNNING, None, [])
    v.thread_flags = 0
    if function == "nanosleep":
        assert ran(box, function, box.k, v) == ""


@each
def test_in_which_state_parents_wait(variant: Variant) -> None:
    """Freezable, but for 7.2.12."""
    box = victim(variant)
    freezable = 0 if variant is V7_2 else TASK_FREEZABLE
    assert ran(box, "_state_of_wait") == TASK_INTERRUPTIBLE | freezable
    until_empty = TASK_INTERRUPTIBLE if variant is V7_2 else TASK_IDLE | TASK_FREEZABLE
    assert ran(box, "_state_until_empty") == until_empty


@each
def test_a_dying_namespace_kills_a_group(variant: Variant) -> None:
    """Whole, and its init, too."""
    box = Box(variant)
    box.do("clone_newpid", "init", "n")
    box.clone("n", "t1")
    box["t1"].flags |= PF_EXITING
    ran(box, "_sigkill", box.k, box["t1"])
    assert [p.pending for p in box["n"].signal.threads] == [{SIGKILL}] * 2
    assert box["n"].signal.shared_pending == {SIGKILL}
