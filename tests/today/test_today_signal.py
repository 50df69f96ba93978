"""Single functions of today's signals, stops and end of a task, each called alone on a state that the test sets up."""

from __future__ import annotations

import pytest
from boot import Box
from todays import AFTER, BEFORE, V6_18, each, ran, victim

import patched
from kernel_model.locking import acquire
from kernel_model.sched import (
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_PENDING,
    PF_EXITING,
    SIGCHLD,
    SIGNAL_GROUP_EXIT,
    SIGTERM,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_TRACED,
    TIF_SIGPENDING,
)
from kernel_model.variant import Variant

in_all = pytest.mark.parametrize(
    "variant", [patched.VARIANT, BEFORE, V6_18, AFTER], ids=lambda v: v.name.rpartition(".")[2]
)


def others_of(box: Box) -> list[bool]:
    """Which threads beside the leader know that a signal is pending."""
    return [bool(t.thread_flags & TIF_SIGPENDING) for t in box["v"].signal.threads[1:]]


@pytest.mark.parametrize(
    ("threads", "flags", "pending", "told"),
    [
        (("t1", "t2"), 0, True, [True, False]),
        (("t1", "t2"), 0, False, [False, False]),
        (("t1", "t2"), SIGNAL_GROUP_EXIT, True, [False, False]),
        ((), 0, True, []),
    ],
)
@in_all
def test_who_exits_hands_its_groups_signals_on(
    variant: Variant, threads: tuple[str, ...], flags: int, pending: bool, told: list[bool]
) -> None:
    """To one thread of a group that lives on, if it was woken for them itself; the stop of such a group counts on without it."""
    box = victim(variant, *threads)
    v = box["v"]
    v.signal.flags, v.signal.shared_pending = flags, {SIGTERM}
    v.signal.group_stop_count, v.jobctl = 2, JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME
    v.thread_flags = TIF_SIGPENDING if pending else 0
    ran(box, "exit_signals", box.k, v)
    assert others_of(box) == told
    assert v.signal.group_stop_count == (1 if any(told) else 2)
    assert v.flags & PF_EXITING
    assert v.signal.shared_pending == {SIGTERM}
    assert v.held == []


@pytest.mark.parametrize(("left", "told"), [(1, True), (2, False)])
@in_all
def test_the_end_of_a_stop_is_told_by_who_exits_last(variant: Variant, left: int, told: bool) -> None:
    """Its leader's parent looks again, and only then."""
    box = Box(variant)
    box.fork("parent")
    box.fork("v", by="parent")
    box.clone("v", "t1")
    t1 = box["t1"]
    box["v"].signal.group_stop_count, t1.jobctl = left, JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME
    t1.thread_flags |= TIF_SIGPENDING
    box["parent"].signal.wait_chldexit = [box["parent"]]
    box["parent"].state = TASK_INTERRUPTIBLE
    ran(box, "exit_signals", box.k, t1)
    assert (box["parent"].state == TASK_RUNNING) == told


@pytest.mark.parametrize(
    ("init", "thread", "dead", "early"),
    [
        (True, False, True, True),
        (True, True, True, False),
        (False, False, True, False),
        (False, True, True, False),
        (True, True, False, False),
        (False, False, False, False),
    ],
)
@each
def test_whose_dead_tracees_are_released_before_it_waits(
    variant: Variant, init: bool, thread: bool, dead: bool, early: bool
) -> None:
    """Only those of a namespace's init with no thread left; everybody else keeps tasklist_lock all the way."""
    box = Box(variant)
    box.do("clone_newpid" if init else "fork", "init", "v")
    if thread:
        box.clone("v", "t1")
    box.fork("c")
    box.do("exit_group", "c")
    v, c, k = box["v"], box["c"], box.k
    v.flags |= PF_EXITING
    acquire(v, k.tasklist_lock)
    zombies = [c] if dead else []
    kept = True
    for _ in box.call("forget_original_parent", v, zombies):
        kept = kept and k.tasklist_lock in v.held
    assert zombies == ([c] if dead and not early else [])
    assert c.hashed != early
    assert kept != early
    assert k.tasklist_lock in v.held


@in_all
def test_a_tracer_hears_of_each_stop_of_its_tracee(variant: Variant) -> None:
    """SIGCHLD, and whoever waits in its group looks again."""
    box = victim(variant)
    box.fork("tracer")
    box.clone("tracer", "waiter")
    box.do("ptrace_seize", "tracer", "v")
    tracer, waiter = box["tracer"], box["waiter"]
    tracer.signal.wait_chldexit, waiter.state = [waiter], TASK_INTERRUPTIBLE
    tracer.sighand.sigchld = "handled"  # type: ignore[union-attr]
    tracer.signal.shared_pending.clear()
    box.ask("kill", "init", "v", "TERM")
    box.alone("init")
    box.until("v", "ptrace_stop: tasklist_lock")
    assert (tracer.signal.shared_pending, waiter.state) == (set(), TASK_INTERRUPTIBLE)
    box.alone("v")
    assert box["v"].state == TASK_TRACED
    assert (tracer.signal.shared_pending, waiter.state) == ({SIGCHLD}, TASK_RUNNING)


@pytest.mark.parametrize("stop", ["traced", "stopped"])
@each
def test_a_stop_leaves_the_cpu_and_comes_back_to_it(variant: Variant, stop: str) -> None:
    """Between the state and the sleep, and after it, the task runs: no freezer takes it for asleep."""
    box = victim(variant)
    if stop == "traced":
        box.fork("tracer")
        box.do("ptrace_seize", "tracer", "v")
    box.ask("kill", "init", "v", "TERM" if stop == "traced" else "STOP")
    box.alone("init")
    v = box["v"]
    while not v.state & (TASK_TRACED | TASK_STOPPED):
        box.step("v")
    on_cpu = [v.on_cpu]
    box.alone("v")
    on_cpu.append(v.on_cpu)
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.step("v")
    assert [*on_cpu, v.on_cpu] == [True, False, True]
    assert v.state == TASK_RUNNING
