"""Which walks are taken whole: those of functions that say that they look at one task only; by the way they stand, not by name."""

from __future__ import annotations

import pytest

import legacy_tifmemdie
import patched
from kernel_model import freezer
from kernel_model.locking import acquire, release
from kernel_model.preempt import Steps, visits_one
from kernel_model.sched import Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import v6_12, v7_3
from oom_review.explore.walks import walks

THAW = freezer.THAW_TASK_LOCK


def thaw_task(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[None]:
    """Nobody knows what it looks at."""
    yield THAW, k.freezer_lock
    acquire(cur, k.freezer_lock)
    release(cur, k.freezer_lock)
    del p


@visits_one
def thaw_one(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[None]:
    """It says so."""
    return (yield from thaw_task(k, cur, p))


@pytest.mark.parametrize("variant", [legacy_tifmemdie.VARIANT, patched.VARIANT], ids=lambda v: v.name)
def test_the_freezers_walks_of_2016_are_whole(variant: Variant) -> None:
    assert sorted(str(p) for p in walks(variant)) == [
        "freeze_task: freezer_lock: ask p to freeze",
        "freeze_task: freezer_should_skip(p)?",
        "thaw_task: freezer_lock: wake p if frozen",
        "try_to_freeze_tasks: freezer_should_skip(p)?",
    ]


@pytest.mark.parametrize("variant", [v6_12.VARIANT, v7_3.VARIANT], ids=lambda v: v.name)
def test_todays_freezer_has_no_skip_flag(variant: Variant) -> None:
    assert sorted(str(p) for p in walks(variant)) == [
        "freeze_task: freezer_lock: ask p to freeze",
        "thaw_task: freezer_lock: wake p if frozen",
    ]


def test_a_patchs_own_visit_is_a_step_unless_it_says_otherwise() -> None:
    mine = Variant("mine", (replaces(freezer.thaw_task, thaw_task),), base=patched.VARIANT)
    assert walks(patched.VARIANT) - walks(mine) == {THAW}


def test_one_that_looks_half_way_is_enough() -> None:
    """Two functions stop at the point, and only one of them says that nothing comes of it."""
    mine = Variant("both", (replaces(freezer.thaw_task, thaw_one),), (patched.VARIANT), added=(thaw_task,))
    assert THAW not in walks(mine)
