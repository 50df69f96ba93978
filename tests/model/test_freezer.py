"""The refrigerator, freeze_task() and thaw_task(), FREEZER_SKIP sleeps, freezing() (section 1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from boot import Box

import legacy_tifmemdie
import patched
from kernel_model import events
from kernel_model.freezer import REFRIGERATOR_SLEEP
from kernel_model.preempt import Steps
from kernel_model.sched import (
    CGROUP_FREEZING_PARENT,
    CGROUP_FREEZING_SELF,
    PF_FREEZER_SKIP,
    PF_FROZEN,
    PF_KTHREAD,
    PF_NOFREEZE,
    PF_SUSPEND_TASK,
    TASK_INTERRUPTIBLE,
    TASK_KILLABLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_MEMDIE,
    TIF_SIGPENDING,
    Jiffies,
)
from kernel_model.variant import Variant
from oom_kernels import v7_3

VARIANTS = [legacy_tifmemdie.VARIANT, patched.VARIANT, v7_3.VARIANT]


def finish(steps: Steps[bool | None]) -> bool | None:
    """Run a generator without contention."""
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        result: bool | None = stop.value
        return result


@pytest.fixture
def box() -> Box:
    """A process v, and a."""
    box = Box()
    box.fork("v", "a")
    return box


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((0, 0, True, True, CGROUP_FREEZING_SELF), False),
        ((1, 0, False, False, 0), False),
        ((1, 0, True, False, 0), True),
        ((1, PF_KTHREAD, True, False, 0), False),
        ((1, PF_KTHREAD, True, True, 0), True),
        ((1, PF_KTHREAD | PF_NOFREEZE, True, True, 0), False),
        ((1, PF_SUSPEND_TASK, True, True, CGROUP_FREEZING_SELF), False),
        ((1, 0, False, False, CGROUP_FREEZING_SELF), True),
        ((1, 0, False, False, CGROUP_FREEZING_PARENT), True),
        ((1, PF_NOFREEZE, False, False, CGROUP_FREEZING_PARENT), False),
    ],
)
def test_freezing(variant: Variant, given: tuple[int, int, bool, bool, int], expected: bool) -> None:
    """freezing(): the count first, the exempt flags, then who is concerned by which condition."""
    box = Box(variant)
    box.fork("v")
    v = box["v"]
    v.cgroup = box.k.cgroups["A"]
    box.k.system_freezing_cnt, v.flags, box.k.pm_freezing, box.k.pm_nosig_freezing, v.cgroup.state = given
    assert box.call("freezing", v) is expected


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_whom_a_mark_exempts(variant: Variant) -> None:
    """Legacy: the thread with TIF_MEMDIE; the RFC and v6.18: every thread of the marked group."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", "t1")
    box.k.system_freezing_cnt, box.k.pm_freezing = 1, True
    finish(box.call("mark_oom_victim", box["init"], box["v"]))
    assert bool(box["v"].thread_flags & TIF_MEMDIE) is (variant is not patched.VARIANT)
    assert not box.call("freezing", box["v"])
    assert box.call("freezing", box["t1"]) is (variant is legacy_tifmemdie.VARIANT)


def test_freeze_task_of_a_skipping_or_frozen_or_exempt_task(box: Box) -> None:
    """F without a fake signal: FREEZER_SKIP, frozen already, not freezing."""
    k, v = box.k, box["v"]
    assert not finish(box.call("freeze_task", box["a"], v))
    k.system_freezing_cnt, k.pm_freezing = 1, True
    v.flags |= PF_FREEZER_SKIP
    assert not finish(box.call("freeze_task", box["a"], v))
    v.flags = PF_FROZEN
    assert not finish(box.call("freeze_task", box["a"], v))
    assert not v.thread_flags & TIF_SIGPENDING


@pytest.mark.parametrize(
    ("state", "woken"),
    [(TASK_INTERRUPTIBLE, True), (TASK_UNINTERRUPTIBLE, False), (TASK_KILLABLE, False), (TASK_RUNNING, True)],
)
def test_freeze_task_fakes_a_signal(box: Box, state: int, woken: bool) -> None:
    """A user task: TIF_SIGPENDING, and only an INTERRUPTIBLE sleep ends."""
    k, v = box.k, box["v"]
    k.system_freezing_cnt, k.pm_freezing = 1, True
    v.state = state
    assert finish(box.call("freeze_task", box["a"], v))
    assert v.thread_flags & TIF_SIGPENDING
    assert (v.state == TASK_RUNNING) is woken


def test_freeze_task_of_a_kernel_thread(box: Box) -> None:
    """No signal for a kernel thread, just a wake-up from INTERRUPTIBLE."""
    k, swap = box.k, box["kswapd"]
    k.system_freezing_cnt, k.pm_nosig_freezing = 1, True
    swap.timer = Jiffies(5)
    assert finish(box.call("freeze_task", box["a"], swap))
    assert swap.state == TASK_RUNNING
    assert box["kswapd"].timer is None
    assert not swap.thread_flags


def test_freeze_task_of_who_can_not_be_woken(box: Box) -> None:
    """A kernel thread in an UNINTERRUPTIBLE sleep; a task that has lost its sighand."""
    k, swap, v = box.k, box["kswapd"], box["v"]
    k.system_freezing_cnt, k.pm_nosig_freezing = 1, True
    swap.state = TASK_UNINTERRUPTIBLE
    assert finish(box.call("freeze_task", box["a"], swap))
    assert box["kswapd"].state == TASK_UNINTERRUPTIBLE
    v.sighand = None
    assert finish(box.call("freeze_task", box["a"], v))
    assert not v.thread_flags & TIF_SIGPENDING


def test_thaw_task_wakes_only_the_frozen(box: Box) -> None:
    """It doesn't clear PF_FROZEN; the sleeper does."""
    v = box["v"]
    v.state = TASK_UNINTERRUPTIBLE
    finish(box.call("thaw_task", box["a"], v))
    assert v.state == TASK_UNINTERRUPTIBLE
    assert not box.events(events.Thawed)
    v.flags |= PF_FROZEN
    finish(box.call("thaw_task", box["a"], v))
    assert v.state == TASK_RUNNING
    assert v.flags & PF_FROZEN
    assert box.events(events.Thawed) == [events.Thawed(box["a"].pid, v.pid, by_oom_killer=False)]


def test_a_thaw_while_something_else_freezes_changes_nothing(box: Box) -> None:
    """The thawed one re-evaluates and goes back to sleep: PM lets go, the cgroup does not."""
    box.do("attach", "init", "v", "A")
    box.do("freeze", "init", "A")
    assert box.do("suspend", "a") is None
    box.do("wakeup")
    assert box["a"].result == ""
    assert box["v"].flags & PF_FROZEN
    assert len([e for e in box.events(events.Froze) if e.task == box["v"].pid]) == 1
    box.do("thaw", "init", "A")
    assert box.user_mode("v")


def test_the_saved_state_comes_back(box: Box) -> None:
    """The refrigerator restores what the caller's state was, as do_wait()'s."""
    box.fork("c", by="v")
    box.do("attach", "init", "v", "A")
    box.do("wait", "v")
    box.do("freeze", "init", "A")
    assert box["v"].flags & PF_FROZEN
    box.do("thaw", "init", "A")
    assert box.at("v") == "do_wait: schedule() in TASK_INTERRUPTIBLE"
    assert box["v"].state == TASK_INTERRUPTIBLE


def paths(
    make: Callable[[], Box], actors: tuple[str, ...], ends: tuple[str, ...], done: Callable[[Box], bool]
) -> tuple[int, int]:
    """Every interleaving of the actors, each up to one of the points ``ends``, by running each prefix again.

    Returns the number of schedules, and of those that were not ``done``.
    """
    schedules = failed = 0
    stack: list[list[str]] = [[]]
    while stack:
        prefix = stack.pop()
        box = make()
        for name in prefix:
            box.m.step(box[name])
        runnable = [n for n in actors if box.m.runnable(box[n]) and not any(e in box.at(n) for e in ends)]
        if runnable:
            stack += [[*prefix, n] for n in runnable]
            continue
        schedules += 1
        failed += not done(box)
    return schedules, failed


def test_no_lost_wake_up_in_any_interleaving() -> None:
    """Thaw against the way into the fridge: in every order of the steps v ends in user mode."""
    schedules, failed = paths(_before_the_bit_goes, ("v", "a"), (), lambda box: box.user_mode("v"))
    assert schedules > 50
    assert failed == 0


def _before_the_bit_goes() -> Box:
    box = Box()
    box.fork("v", "a")
    box.do("attach", "init", "v", "A")
    box.ask("freeze", "init", "A")
    box.alone("init")
    box.ask("thaw", "a", "A")
    box.until("a", "set or clear CGROUP_FREEZING")
    box.until("v", "try_to_freeze")
    return box


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_no_marked_thread_is_lost_in_any_interleaving(variant: Variant) -> None:
    """Mark and thaw against the way into the fridge: the marked thread always gets out and dies (m2/m3 before m4)."""

    def make() -> Box:
        box = Box(variant)
        box.fork("v")
        box.do("attach", "init", "v", "A")
        box.ask("freeze", "init", "A")
        box.alone("init")
        box.ask("alloc", "kworker")
        box.until(
            "kworker", "mark_oom_victim: " + ("cmpxchg" if variant is patched.VARIANT else "test_and_set")
        )
        box.until("v", "try_to_freeze")
        return box

    def step_until_dead(box: Box) -> bool:
        box.rest()
        return box["v"].at is None

    ends = ("get_signal: siglock", "does this process share the mm?")
    schedules, failed = paths(make, ("v", "kworker"), ends, step_until_dead)
    assert schedules >= 5
    assert failed == 0


SKIPPERS = {
    "vfork parent": (("vfork", "v", "c"),),
    "stopped": (("kill", "a", "v", "STOP"),),
    "traced": (("ptrace_attach", "a", "v"),),
}


@pytest.mark.parametrize("case", SKIPPERS, ids=str)
def test_skippers_do_not_hold_up_suspend(case: str) -> None:
    """A FREEZER_SKIP sleeper is frozen enough: freeze_processes() succeeds at once and does not touch it."""
    box = Box()
    box.fork("v", "a", "s")
    for op in SKIPPERS[case]:
        box.do(*op)
    assert box["v"].flags & PF_FREEZER_SKIP
    box.do("suspend", "s")
    assert box.k.pm_phase == "suspended"
    assert box.k.clock < 100
    assert not box["v"].flags & PF_FROZEN
    box.do("wakeup")
    assert box["s"].result == ""


def test_a_task_deep_in_do_exit_holds_up_suspend() -> None:
    """It neither freezes nor skips: the freezer waits for it, in vain until the time-out."""
    box = Box()
    box.fork("v", "s")
    box.do("io_submit", "v")
    box.do("exit_group", "v")
    assert box.at("v").startswith("exit_aio")
    box.ask("suspend", "s")
    box.rest()
    assert box["s"].result == "tasks refused to freeze"
    assert box.k.clock >= 20_000
    assert box.events(events.PmResult) == [
        events.PmResult(box["s"].pid, "suspend", "EBUSY", "tasks refused to freeze")
    ]
    assert box.user_mode("init")
    box.do("io_complete")
    assert box["v"].at is None


def in_a_frozen_cgroup(operation: str) -> Box:
    """v sleeps in A, and A has been frozen."""
    box = Box()
    box.fork("v", "s")
    box.do("attach", "init", "v", "A")
    box.ask(operation, "v")
    box.alone("v")
    box.ask("freeze", "s", "A")
    box.alone("s")
    return box


@pytest.mark.parametrize("operation", ["futex_wait", "nanosleep"])
def test_a_skipped_sleeper_is_not_woken_to_freeze(operation: str) -> None:
    """FREEZER_SKIP: the cgroup reads FROZEN, and the sleeper has no signal of it."""
    box = in_a_frozen_cgroup(operation)
    assert box["v"].flags & PF_FREEZER_SKIP
    assert not box["v"].flags & PF_FROZEN
    assert not box["v"].thread_flags
    box.ask("read_state", "s", "A")
    box.alone("s")
    assert box["s"].result == "FROZEN"


def test_a_woken_futex_waiter_freezes_on_its_way() -> None:
    """freezer_count(); the wake-up is not lost."""
    box = in_a_frozen_cgroup("futex_wait")
    box.do("futex_wake", "s", "v")
    assert box["v"].flags & PF_FROZEN
    box.do("thaw", "s", "A")
    assert box.user_mode("v")
    assert box["v"].result == ""
    assert box.k.futex_waiters == []


def test_a_futex_waiter_waits_again_after_a_signal_that_does_nothing() -> None:
    """ERESTARTSYS; a wake-up for who does not wait is none."""
    box = Box()
    box.fork("v", "s")
    box.do("futex_wake", "s", "v")
    box.do("futex_wait", "v")
    box.do("suspend", "s")
    assert box.k.pm_phase == "suspended"
    box.do("wakeup")
    box.do("kill", "s", "v", "STOP")
    box.do("kill", "s", "v", "CONT")
    assert box.at("v") == "futex_wait_queue_me: freezable_schedule()"
    assert box.k.futex_waiters == [box["v"]]
    box.do("kill", "s", "v", "KILL")
    assert box["v"].at is None
    assert box.k.futex_waiters == []


def test_a_wake_up_before_the_sleep_is_not_lost() -> None:
    """Queued, but not yet asleep."""
    box = Box()
    box.fork("v", "s")
    box.ask("futex_wait", "v")
    box.until("v", "PF_FREEZER_SKIP")
    box.ask("futex_wake", "s", "v")
    box.alone("s")
    box.alone("v")
    assert box.user_mode("v")
    assert box["v"].result == ""


def test_who_is_woken_and_then_signalled_was_woken() -> None:
    """unqueue_me() finds it off the queue: 0, not ERESTARTSYS."""
    box = Box()
    box.fork("v", "s")
    box.do("futex_wait", "v")
    for operation, *args in (("futex_wake", "v"), ("kill", "v", "STOP")):
        box.ask(operation, "s", *args)
        box.alone("s")
    box.do("kill", "s", "v", "CONT")
    assert box.user_mode("v")
    assert box["v"].result == ""


def test_a_signal_before_the_nap_leaves_no_timer() -> None:
    """schedule() returns at once, without a wake-up."""
    box = Box()
    box.fork("v", "s")
    box.ask("nanosleep", "v")
    box.until("v", "a timer of 100 ms")
    box.ask("kill", "s", "v", "STOP")
    box.alone("s")
    box.alone("v")
    assert box["v"].timer is None


def test_a_nap_ends_by_its_timer_or_by_a_signal() -> None:
    """100 ms of the clock; EINTR and no timer left."""
    box = Box()
    box.fork("v", "s")
    box.do("nanosleep", "v")
    assert (box["v"].result, box.k.clock) == ("", 100)
    box.ask("nanosleep", "v")
    box.alone("v")
    box.ask("kill", "s", "v", "STOP")
    box.alone("s")
    box.alone("v")
    box.do("kill", "s", "v", "CONT")
    assert box["v"].result == "EINTR"
    assert box["v"].timer is None
    assert box.k.clock == 100


def test_a_sleeper_that_is_killed_in_a_frozen_cgroup() -> None:
    """SIGKILL wakes it, and it goes to the fridge as long as it is no OOM victim."""
    box = in_a_frozen_cgroup("futex_wait")
    box.do("kill", "s", "v", "KILL")
    assert box["v"].flags & PF_FROZEN
    box.do("oom_score_adj", "init", "v", 1000)
    box.do("alloc", "kworker")
    assert box["v"].at is None


def test_a_thread_is_frozen_just_before_its_call() -> None:
    """The freezer's signal finds it in user mode: the call begins after the thaw."""
    box = Box()
    box.fork("v", "s")
    box.do("attach", "init", "v", "A")
    box.ask("open_delalloc", "v")
    box.ask("freeze", "s", "A")
    box.alone("s")
    box.alone("v")
    assert box["v"].flags & PF_FROZEN
    assert not box["v"].task_works
    box.do("thaw", "s", "A")
    assert box["v"].task_works


def test_what_is_told_of_the_fridge(box: Box) -> None:
    """Who came and who left, once each, whoever looks in between."""
    box.do("attach", "init", "v", "A")
    v, a, k = box["v"], box.k.cgroups["A"], box.k
    a.state, k.system_freezing_cnt = CGROUP_FREEZING_SELF, 1
    v.state = TASK_INTERRUPTIBLE
    steps = box.call("refrigerator", v)
    for _again in range(2):
        next(steps)
        assert next(steps) is REFRIGERATOR_SLEEP
        assert (v.state, v.flags & PF_FROZEN, v.held) == (TASK_UNINTERRUPTIBLE, PF_FROZEN, [])
        v.state = TASK_RUNNING
    next(steps)
    a.state = 0
    assert next(steps, None) is None
    assert (v.state, v.flags & PF_FROZEN, v.held) == (TASK_INTERRUPTIBLE, 0, [])
    told = [type(e) for e in k.events if isinstance(e, (events.Froze, events.LeftFridge))]
    assert told == [events.Froze, events.LeftFridge]
    assert [*box.call("refrigerator", v)]
    assert [type(e) for e in k.events if isinstance(e, events.Froze)] == told[:1]
