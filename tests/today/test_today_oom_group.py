"""memory.oom.group: who dies with the chosen one, and who is marked again, on each kernel."""

from __future__ import annotations

import pytest
from boot import Box
from todays import AFTER, BEFORE, broken, each, in_fridge, short, victim

from kernel_model.events import Memdie
from kernel_model.sched import TASK_DEAD
from kernel_model.variant import Variant
from oom_kernels import v7_3_last_out, v7_3_rfc


def grouped(variant: Variant, group: str, *, member_of: str = "M", adj: int = 0) -> Box:
    """Victim v, hog and member w in M or below, with memory.oom.group set for one of the two."""
    box = victim(variant, memcg=True)
    box.fork("w", "x")
    box.do("memcg_attach", "init", "w", member_of)
    box.do("oom_score_adj", "init", "w", adj)
    assert box.do("oom_group", "init", group) == ""
    return box


def kill(box: Box, how: str = "charge") -> None:
    """One out-of-memory situation, of the memory cgroup or of the machine."""
    box.ask(how, "hog" if how == "charge" else "kworker")
    box.rest()


@each
@pytest.mark.parametrize("how", ["charge", "alloc"])
def test_the_whole_group_dies(variant: Variant, how: str) -> None:
    """Marked, each of them; not who is outside, nor who can't be killed."""
    box = grouped(variant, "M")
    kill(box, how)
    dead = {name for name in ("v", "w", "x", "hog") if box[name].state == TASK_DEAD}
    assert dead == {"v", "w"}
    assert box["w"].signal.oom_mm is not None
    assert box.k.oom_victims == 0


@each
def test_a_member_that_can_not_be_killed_is_spared(variant: Variant) -> None:
    box = grouped(variant, "M", adj=-1000)
    kill(box)
    assert (box["v"].state == TASK_DEAD, box["w"].state == TASK_DEAD) == (True, False)


@each
def test_it_is_the_highest_group_from_the_victims_up(variant: Variant) -> None:
    """One that is below the victim's does not count, and one that is above the cgroup without memory neither."""
    for group, spared in (("M", False), ("M/N", True)):
        box = grouped(variant, group, member_of="M/N")
        kill(box)
        assert (box["w"].state == TASK_DEAD) != spared
    box = grouped(variant, "M", member_of="M/N")
    get = box.m.image.functions["mem_cgroup_get_oom_group"]
    upper, lower = box.k.memcgs["M"], box.k.memcgs["M/N"]
    assert get(box["w"], lower) is None
    assert get(box["w"], None) is upper
    box.do("oom_group", "init", "M/N")
    assert (get(box["w"], lower), get(box["w"], upper), get(box["v"], lower)) == (lower, upper, None)


@each
def test_who_is_dying_anyway_takes_nobody_along(variant: Variant) -> None:
    """The OOM killer marks it, and leaves before it looks at the group."""
    box = grouped(variant, "M")
    box.ask("charge", "hog")
    box.until("hog", "oom_kill_process: task_lock(p): dying anyway?")
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.until("hog", "schedule_timeout_uninterruptible(1)")
    box.rest()
    assert (box["v"].signal.oom_mm is not None, box["w"].state == TASK_DEAD) == (True, False)


@each
def test_who_is_born_during_the_walk_dies_too(variant: Variant) -> None:
    """Its parent had yet to be told; it is at the end of the list."""
    box = grouped(variant, "M")
    box.ask("charge", "hog")
    box.until("hog", "oom_kill_memcg_member")
    box.ask("fork", "w", "c")
    box.alone("w")
    box.rest()
    assert {box[name].state for name in ("v", "w", "c")} == {TASK_DEAD}


@pytest.mark.parametrize("variant", [BEFORE, AFTER], ids=short)
def test_the_first_victim_is_met_again(variant: Variant) -> None:
    """Its first thread has left its mm: the second is marked, too, and in 6.12 thawed, so that a group of two leaves the fridge."""
    box = victim(variant, "t1", memcg=True)
    box.do("attach", "init", "v", "A")
    box.do("freeze", "init", "A")
    box.do("oom_group", "init", "M")
    box.ask("charge", "hog")
    box.until("hog", "oom_kill_memcg_member")
    box.alone("v")
    assert (box["v"].mm is None, in_fridge(box, "t1")) == (True, variant is BEFORE)
    box.until("hog", "schedule_timeout_uninterruptible(1)")
    assert [e.task for e in box.events(Memdie)] == [box["v"].pid, box["t1"].pid]
    assert (not in_fridge(box, "t1"), box.k.oom_victims) == (True, 1)
    box.rest()
    assert {box["v"].state, box["t1"].state} == {TASK_DEAD}
    assert box.k.oom_victims == 0


TWO = ("init: fork v", "v: clone t", "init: memcg_attach v M", "init: oom_score_adj v 1000")
HOG = ("init: fork hog", "init: memcg_attach hog M", "init: oom_score_adj hog -1000")
IN_A = ("init: attach v A", "init: freeze A")
STAYS = {"fridge-empties", "victim-dies"}


@pytest.mark.parametrize(
    ("variant", "alone", "with_group"),
    [
        (BEFORE, STAYS, {*STAYS, "counted-once-per-group"}),
        (AFTER, set(), {"counted-once-per-group"}),
        (v7_3_rfc.VARIANT, {"count-returns"}, {"count-returns"}),
        (v7_3_last_out.VARIANT, set(), set()),
    ],
    ids=short,
)
def test_every_interleaving_with_a_frozen_group_of_two(
    variant: Variant, alone: set[str], with_group: set[str]
) -> None:
    """The second mark counts once more, where a mark counts; who lets the count fall with the last one out does not mind."""
    assert broken(variant, (*TWO, *HOG, *IN_A), ("hog: charge",)) == alone
    assert broken(variant, (*TWO, *HOG, "init: oom_group M", *IN_A), ("hog: charge",)) == with_group
