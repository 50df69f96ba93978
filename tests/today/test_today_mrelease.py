"""process_mrelease(): whom it frees, and what it leaves alone, on each kernel."""

from __future__ import annotations

import pytest
from boot import Box
from todays import AFTER, BEFORE, broken, each, ends, in_fridge, short, victim

from kernel_model.events import Marked
from kernel_model.sched import MMF_OOM_SKIP, MMF_UNSTABLE, TASK_DEAD, MmStruct
from kernel_model.variant import Variant


def mm_of(box: Box, name: str) -> MmStruct:
    """It has one."""
    mm = box[name].mm
    assert mm is not None
    return mm


def frozen(variant: Variant) -> Box:
    """Victim v of two threads in a frozen cgroup."""
    box = victim(variant, "t1", memcg=True)
    box.do("attach", "init", "v", "A")
    box.do("freeze", "init", "A")
    return box


@each
def test_who_does_not_die_is_not_reaped(variant: Variant) -> None:
    box = frozen(variant)
    assert box.do("process_mrelease", "init", "v") == "EINVAL"
    assert (mm_of(box, "v").pages, mm_of(box, "v").mm_count) == (1, 1)
    mm_of(box, "v").flags |= MMF_OOM_SKIP
    assert box.do("process_mrelease", "init", "v") == ""
    assert mm_of(box, "v").pages == 1


@each
def test_who_was_killed_in_the_fridge_is_reaped_there(variant: Variant) -> None:
    """Not marked, not thawed, not hidden from the OOM killer; whoever waits for memory goes on."""
    box = frozen(variant)
    box.do("kill", "init", "v", "KILL")
    assert box.do("process_mrelease", "init", "v") == ""
    mm = mm_of(box, "v")
    assert (mm.pages, mm.mm_count, mm.flags) == (0, 1, MMF_UNSTABLE)
    assert in_fridge(box, "v", "t1")
    assert not box.events(Marked)
    assert box.k.memcgs["M"].freed == 1
    assert box.do("process_mrelease", "init", "v") == ""
    box.do("thaw", "init", "A")
    assert box["v"].state == TASK_DEAD


@each
def test_a_thread_that_has_its_mm_still_will_do(variant: Variant) -> None:
    box = victim(variant, "t1")
    box.ask("exit", "v")
    box.alone("v")
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.ask("process_mrelease", "init", "v")
    box.alone("init")
    assert (box["init"].result, box["v"].mm, mm_of(box, "t1").pages) == ("", None, 0)
    box.rest()
    assert box.do("process_mrelease", "init", "v") == "ESRCH"
    box.do("wait", "init")
    assert box.do("process_mrelease", "init", "v") == "ESRCH"


@each
def test_what_others_have_in_use_stays(variant: Variant) -> None:
    """A process that shares the mm and lives on keeps it."""
    box = Box(variant)
    box.fork("v")
    box.do("clone_vm", "v", "w")
    box.do("attach", "init", "v", "A")
    box.do("freeze", "init", "A")
    box.do("kill", "init", "v", "KILL")
    assert box.do("process_mrelease", "init", "v") == "EINVAL"


@each
def test_exit_mmap_may_be_faster(variant: Variant) -> None:
    """It looks again under mmap_sem."""
    box = frozen(variant)
    box.do("kill", "init", "v", "KILL")
    box.ask("process_mrelease", "init", "v")
    box.until("init", "mmap_read_lock_killable")
    mm_of(box, "v").flags |= MMF_OOM_SKIP
    box.alone("init")
    assert (box["init"].result, mm_of(box, "v").flags) == ("", MMF_OOM_SKIP)


GROUP = ("init: fork v", "v: clone t", "init: memcg_attach v M", "init: attach v A", "init: freeze A")


@pytest.mark.parametrize("variant", [BEFORE, AFTER], ids=short)
def test_every_interleaving_with_a_kill_and_a_thaw(variant: Variant) -> None:
    """The group dies, and no promise is broken; without a thaw it stays in the fridge, as no OOM victim."""
    before = (*GROUP, "init: fork a", "init: fork b")
    meanwhile = ("init: kill v KILL", "a: process_mrelease v")
    assert broken(variant, before, (*meanwhile, "b: thaw A")) == set()
    assert ends(variant, before, (*meanwhile, "b: thaw A")) == {frozenset({"a", "b"})}
    assert ends(variant, before, meanwhile) == {frozenset({"a", "b", "v", "t"})}
