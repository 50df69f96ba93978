"""The count that falls with the last thread past its I/O: steps one by one, and the ledger on the quick situations."""

from __future__ import annotations

import pytest
from boot import Box

from kernel_model.events import OomVictims
from kernel_model.sched import TASK_DEAD
from kernel_model.variant import Variant
from oom_kernels import last_out, v7_3_last_out
from oom_review.claims import HOLDS
from oom_review.explore import explore
from oom_review.situations.families import FAMILIES, QUICK, SITUATIONS
from oom_review.situations.script import scenario

# What thaws only what shares signal leaves sharers behind, and what no OOM killer is about is as before: here, and nowhere else.
REFUTED = {
    (claim, row.situation.name)
    for claim in ("sharers-leave", "machine-wakes", "killed-dies", "no-deadlock", "frozen-does-not-run")
    for row in FAMILIES[claim].rows
    if "patched" in row.refuted
}


each = pytest.mark.parametrize("variant", [last_out.VARIANT, v7_3_last_out.VARIANT], ids=lambda v: v.name)


def victim(variant: Variant, *threads: str) -> Box:
    """A process ``v`` that a global OOM will choose."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", *threads)
    box.do("oom_score_adj", "init", "v", 1000)
    return box


@each
def test_a_thread_raises_it_and_a_process_has_its_own(variant: Variant) -> None:
    box = victim(variant, "t1")
    box.fork("w", by="v")
    assert (box["v"].signal.io_live, box["w"].signal.io_live) == (2, 1)


@each
def test_it_falls_after_the_last_task_work_and_before_exit_notify(variant: Variant) -> None:
    box = victim(variant)
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.until("v", "exit_task_work")
    assert box["v"].signal.io_live == 1
    box.until("v", "exit_notify")
    assert box["v"].signal.io_live == 0


@pytest.mark.parametrize("first", ["v", "t1"])
@each
def test_whoever_is_last_drops_the_count(variant: Variant, first: str) -> None:
    """Not who enters do_exit() last."""
    last = {"v": "t1", "t1": "v"}[first]
    box = victim(variant, "t1")
    box.ask("alloc", "kworker")
    box.until("kworker", "schedule_timeout")
    assert box.k.oom_victims == 1
    box.until(last, "exit_task_work")
    box.until(first, "TASK_DEAD")
    assert box.k.oom_victims == 1
    box.until(last, "exit_notify")
    assert box.k.oom_victims == 0


@each
def test_a_group_that_nobody_marked_drops_nothing(variant: Variant) -> None:
    box = victim(variant, "t1")
    box.do("kill", "init", "v", "KILL")
    assert (box["v"].signal.io_live, box.k.oom_victims, box.events(OomVictims)) == (0, 0, [])


@each
def test_a_zombie_leader_and_a_tracer_hold_nothing(variant: Variant) -> None:
    """What the RFC leaks over: the leader is long gone, and its thread is traced."""
    box = victim(variant, "t1")
    box.fork("tracer")
    box.do("ptrace_seize", "tracer", "t1")
    box.do("exit", "v")
    assert box["v"].state == TASK_DEAD
    box.do("alloc", "kworker")
    assert (box.k.oom_victims, [(e.change, e.value) for e in box.events(OomVictims)]) == (
        0,
        [(1, 1), (-1, 0)],
    )


@each
def test_who_execs_is_the_last_one(variant: Variant) -> None:
    """The old threads are out before the exec is done; the count of the group is the new leader's."""
    box = victim(variant, "t1")
    box.do("execve", "t1")
    assert box["t1"].signal.io_live == 1
    box.do("oom_score_adj", "init", "t1", 1000)
    box.do("alloc", "kworker")
    assert (box["t1"].state, box.k.oom_victims) == (TASK_DEAD, 0)


@pytest.mark.parametrize("name", QUICK)
def test_every_claim_holds_but_those_that_it_does_not_touch(name: str) -> None:
    """All interleavings of each quick situation."""
    result = explore(scenario(SITUATIONS[name]), last_out.VARIANT)
    assert not result.bounded
    refuted = {(claim, name) for claim, v in result.verdicts.items() if v.verdict != HOLDS}
    assert refuted == {r for r in REFUTED if r[1] == name}
