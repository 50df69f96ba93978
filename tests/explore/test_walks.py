"""Which walks are taken whole: those of functions that say that they look at one task only; by the way they stand, not by name."""

from __future__ import annotations

import pytest

import legacy_tifmemdie
import patched
from kernel_model import freezer
from kernel_model.locking import acquire, release
from kernel_model.machine import Machine, stopped_at
from kernel_model.preempt import Steps, visits_one
from kernel_model.sched import Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import v6_12, v7_3
from oom_review.explore.walks import Walks, on_a_walk, walks


def thaw_task(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[None]:
    """Nobody knows what it looks at; it names the point as it likes."""
    yield freezer.THAW_TASK_LOCK, k.freezer_lock
    acquire(cur, k.freezer_lock)
    release(cur, k.freezer_lock)
    del p


def names(variant: Variant) -> list[str]:
    """The functions whose walks are taken whole."""
    return sorted(code.co_name for code in walks(variant))


@pytest.mark.parametrize(
    "variant", [legacy_tifmemdie.VARIANT, patched.VARIANT, v6_12.VARIANT, v7_3.VARIANT], ids=lambda v: v.name
)
def test_the_freezers_walks_are_whole(variant: Variant) -> None:
    passes = [] if variant.base or "oom_kernels" in variant.name else ["_freeze_pass"]
    assert names(variant) == [*passes, "freeze_task", "thaw_task"]


def test_a_patchs_own_visit_is_a_step_unless_it_says_otherwise() -> None:
    mine = Variant("mine", (replaces(freezer.thaw_task, thaw_task),), base=patched.VARIANT)
    says = Variant("says", (replaces(freezer.thaw_task, visits_one(thaw_again)),), base=patched.VARIANT)
    assert names(mine) == ["_freeze_pass", "freeze_task"]
    assert names(says) == ["_freeze_pass", "freeze_task", "thaw_again"]


def thaw_again(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[None]:
    """It is told apart by its code."""
    yield from thaw_task(k, cur, p)


def test_who_stops_decides() -> None:
    """At one and the same point, with a lock held: a walk of the kernel's own is on its way, a patch's stands at a step."""
    mine = Variant("mine", (replaces(freezer.freeze_task, freeze_task),), base=patched.VARIANT)
    for variant in (patched.VARIANT, mine):
        machine = Machine(variant)
        machine.request("snapshot_freeze", "init")
        init = machine.names_now()["init"]
        while stopped_at(init) is not freezer.FREEZE_TASK_SKIP:
            machine.step(init)
        assert init.held
        assert on_a_walk(init, walks(variant)) == (variant is patched.VARIANT)
        assert not on_a_walk(init, Walks())


def freeze_task(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[bool]:
    """It freezes nobody."""
    del k, cur
    yield freezer.FREEZE_TASK_SKIP, p
    return False
