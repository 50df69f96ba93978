"""The freezer of cgroup v2, on each kernel: the trap, what takes a task out of it, and the other freezers on top."""

from __future__ import annotations

import pytest
from boot import Box
from todays import AFTER, BEFORE, V7_2, broken, each, ends, in_fridge, short, victim

from kernel_model.events import Io
from kernel_model.sched import JOBCTL_TRAP_STOP, SIGSTOP, TASK_DEAD, TASK_STOPPED, TASK_TRACED
from kernel_model.variant import Variant
from oom_kernels import v7_3_last_out, v7_3_rfc

TRAP = "do_freezer_trap: schedule()"
NEXT = "cgroup_do_freeze: css_set_lock: the next task"


def trapped(box: Box, *names: str) -> bool:
    """All of them sleep in the trap, or all run on."""
    states = {(box.at(n) == TRAP, box[n].frozen) for n in names}
    assert states <= {(True, True), (False, False)}
    assert len(states) == 1
    return states == {(True, True)}


def group(variant: Variant, *threads: str) -> Box:
    """Process v in M."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", *threads)
    box.do("memcg_attach", "init", "v", "M")
    return box


def dead(box: Box, *names: str) -> bool:
    """All of them are."""
    return {box[n].state for n in names} == {TASK_DEAD}


@each
def test_every_thread_traps_until_the_thaw(variant: Variant) -> None:
    box = group(variant, "t1")
    box.fork("x")
    assert box.do("v2_freeze", "init", "M") == ""
    assert trapped(box, "v", "t1")
    assert not trapped(box, "x")
    assert not in_fridge(box, "v", "t1")
    assert box.do("v2_freeze", "init", "M") == ""
    assert box.do("v2_thaw", "init", "M") == ""
    assert not trapped(box, "v", "t1")
    assert box.user_mode("v", "t1")


@each
def test_a_system_call_begins_again(variant: Variant) -> None:
    """Whoever waits in one comes out of it, and into the trap."""
    box = group(variant)
    box.fork("c", by="v")
    box.ask("wait", "v")
    box.rest()
    box.do("v2_freeze", "init", "M")
    assert trapped(box, "v")
    assert box["v"].result == "ERESTARTSYS"


@each
@pytest.mark.parametrize("how", ["kill", "tgkill", "cgroup_kill", "oom"])
def test_whoever_is_killed_leaves_the_trap_and_dies(variant: Variant, how: str) -> None:
    """Nobody thaws it, and the suspend after that has nobody to wait for."""
    box = victim(variant, "t1", "t2", memcg=True)
    box.do("memcg_attach", "init", "v", "M/N")
    box.do("v2_freeze", "init", "M/N")
    assert trapped(box, "v", "t1", "t2")
    if how == "oom":
        box.ask("charge", "hog")
        box.rest()
    else:
        box.do(how, "init", *{"kill": ("v", "KILL"), "tgkill": ("t2", "KILL"), "cgroup_kill": ("M",)}[how])
    assert dead(box, "v", "t1", "t2")
    # In C whoever is dead and counted as frozen is worth a warning.
    assert not any(box[n].frozen for n in ("v", "t1", "t2"))
    assert box.k.oom_victims == 0


@each
def test_a_signal_that_does_not_kill_waits_in_the_trap(variant: Variant) -> None:
    """It wakes the task, which traps again; after the thaw it is taken."""
    box = group(variant)
    box.do("v2_freeze", "init", "M")
    box.do("kill", "init", "v", "STOP")
    assert trapped(box, "v")
    assert SIGSTOP in box["v"].signal.shared_pending
    box.do("v2_thaw", "init", "M")
    assert box["v"].state == TASK_STOPPED


@each
def test_who_is_stopped_traps_when_it_is_continued(variant: Variant) -> None:
    box = group(variant)
    box.do("kill", "init", "v", "STOP")
    box.do("v2_freeze", "init", "M")
    assert box["v"].state == TASK_STOPPED
    box.do("kill", "init", "v", "CONT")
    assert trapped(box, "v")
    box.do("v2_thaw", "init", "M")
    assert box.user_mode("v")


@each
def test_a_tracer_comes_after_the_freezer(variant: Variant) -> None:
    """PTRACE_ATTACH's SIGSTOP is a signal like any; its stop is no trap any more."""
    box = group(variant)
    box.fork("tracer")
    box.do("v2_freeze", "init", "M")
    box.do("ptrace_attach", "tracer", "v")
    assert trapped(box, "v")
    box.do("v2_thaw", "init", "M")
    assert (box["v"].state, box["v"].frozen) == (TASK_TRACED, False)


@each
def test_a_stop_that_begins_in_the_trap_is_none_any_more(variant: Variant) -> None:
    """A tracer's trap comes first; after it the task traps anew."""
    box = group(variant)
    box.fork("tracer")
    box.do("ptrace_seize", "tracer", "v")
    box.do("v2_freeze", "init", "M")
    box["v"].jobctl |= JOBCTL_TRAP_STOP
    box.do("kill", "init", "v", "STOP")
    assert (box["v"].state, box["v"].frozen) == (TASK_TRACED, True)
    box.ask("ptrace_cont", "tracer", "v")
    box.alone("tracer")
    box.until("v", "ptrace_stop: siglock")
    assert not box["v"].frozen
    box.rest()
    assert trapped(box, "v")


@each
def test_suspend_on_top(variant: Variant) -> None:
    """The trapped are frozen in place, without a step, and put back into the trap, or let go if the v2 thaw came meanwhile."""
    for thawed in (False, True):
        box = group(variant, "t1")
        box.do("v2_freeze", "init", "M")
        box.do("snapshot_freeze", "init")
        assert in_fridge(box, "v", "t1")
        if thawed:
            box.do("v2_thaw", "init", "M")
            assert in_fridge(box, "v", "t1")
        box.do("snapshot_unfreeze", "init")
        assert trapped(box, "v", "t1") != thawed


@each
def test_the_v1_freezer_on_top(variant: Variant) -> None:
    """Whoever is killed in both stays for the first one."""
    box = group(variant)
    box.do("attach", "init", "v", "A")
    box.do("v2_freeze", "init", "M")
    box.do("freeze", "init", "A")
    assert in_fridge(box, "v")
    box.do("kill", "init", "v", "KILL")
    assert in_fridge(box, "v")
    box.do("thaw", "init", "A")
    assert dead(box, "v")


@each
def test_the_v1_freezer_first(variant: Variant) -> None:
    """get_signal() goes to the refrigerator, and from there to the trap."""
    box = group(variant)
    box.do("attach", "init", "v", "A")
    box.do("freeze", "init", "A")
    box.do("v2_freeze", "init", "M")
    assert in_fridge(box, "v")
    box.do("thaw", "init", "A")
    assert trapped(box, "v")


@each
def test_a_v1_request_that_comes_before_the_trap_is_lost(variant: Variant) -> None:
    """The trap forgets that a signal is pending, and the v1 freezer asks once a write."""
    box = group(variant)
    box.do("attach", "init", "v", "A")
    box.ask("v2_freeze", "init", "M")
    box.alone("init")
    box.until("v", "get_signal: siglock")
    box.do("freeze", "init", "A")
    assert trapped(box, "v")
    assert not in_fridge(box, "v")
    assert box.do("read_state", "init", "A") == "FREEZING"
    box.do("freeze", "init", "A")
    assert in_fridge(box, "v")


@each
@pytest.mark.parametrize("how", ["fork", "clone"])
def test_who_is_born_into_it_traps_first_of_all(variant: Variant, how: str) -> None:
    box = group(variant)
    box.ask(how, "v", "w")
    box.until("v", "cgroup_post_fork")
    box.ask("v2_freeze", "init", "M")
    box.alone("init")
    box.rest()
    assert trapped(box, "v", "w")
    box.do("v2_thaw", "init", "M")
    assert box.user_mode("v", "w")


@each
def test_who_is_moved_does_as_the_others_there(variant: Variant) -> None:
    box = group(variant, "t1")
    box.do("v2_freeze", "init", "M/N")
    assert not trapped(box, "v", "t1")
    box.do("memcg_attach", "init", "v", "M/N")
    assert trapped(box, "v", "t1")
    box.do("memcg_attach", "init", "v", "M")
    assert box.user_mode("v", "t1")


@each
def test_the_one_above_freezes_those_below(variant: Variant) -> None:
    box = group(variant)
    box.fork("n")
    box.do("memcg_attach", "init", "n", "M/N")
    for freeze, thaw, left in (
        (("M",), ("M",), False),
        (("M/N", "M"), ("M/N",), True),
        ((), ("M",), False),
        (("M/N", "M"), ("M",), True),
        ((), ("M/N",), False),
    ):
        for memcg in freeze:
            box.do("v2_freeze", "init", memcg)
        for memcg in thaw:
            box.do("v2_thaw", "init", memcg)
        assert trapped(box, "n") == left
    assert box.user_mode("v", "n")


@each
def test_a_vfork_parent_traps_when_its_child_is_gone(variant: Variant) -> None:
    """Before it is back in user mode; its sleep is no trap."""
    box = group(variant)
    box.ask("vfork", "v", "w")
    box.rest()
    box.do("v2_freeze", "init", "M")
    assert box.at("v").startswith("wait_for_vfork_done")
    box.do("kill", "init", "w", "KILL")
    assert trapped(box, "v")


@each
@pytest.mark.parametrize("sleep", ["trap", "stop", "vfork"])
def test_who_leaves_while_the_cgroup_freezes_again_stays(variant: Variant, sleep: str) -> None:
    """It counts as frozen, and asks itself for the trap, before the writer has come to it."""
    box = group(variant)
    box.fork("a")
    if sleep == "trap":
        box.do("v2_freeze", "init", "M")
        box.ask("v2_thaw", "init", "M")
        box.alone("init")
    elif sleep == "stop":
        box.do("kill", "init", "v", "STOP")
    else:
        box.ask("vfork", "v", "w")
        box.rest()
    box.ask("v2_freeze", "init", "M")
    box.until("init", NEXT)
    if sleep == "stop":
        box.ask("kill", "a", "v", "CONT")
        box.alone("a")
    elif sleep == "vfork":
        box.ask("kill", "a", "w", "KILL")
        box.alone("a")
        box.alone("w")
    box.alone("v")
    assert trapped(box, "v")
    box.alone("init")
    box.rest()
    assert trapped(box, "v")


@each
def test_a_dump_does_not_begin(variant: Variant) -> None:
    """But in 7.2.12, which does not ask."""
    box = group(variant)
    box.ask("kill", "init", "v", "ABRT")
    box.alone("init")
    box.until("v", "zap_threads")
    box.do("v2_freeze", "init", "M")
    wrote = "do_coredump" in [e.what for e in box.events(Io)]
    assert (dead(box, "v"), wrote) == (True, variant is V7_2)


@each
def test_a_worker_of_io_uring_traps_and_dies_with_its_owner(variant: Variant) -> None:
    """In a v1 cgroup 6.12 leaves it behind."""
    box = group(variant)
    box.do("io_uring_worker", "v", "w")
    box.do("v2_freeze", "init", "M")
    assert trapped(box, "v", "w")
    box.do("oom_score_adj", "init", "v", 1000)
    box.ask("alloc", "kworker")
    box.rest()
    assert dead(box, "v", "w")


TWO = ("init: fork v", "v: clone t", "init: oom_score_adj v 1000", "init: memcg_attach v M/N")
FROZEN = (*TWO, "init: v2_freeze M/N")
LOUD = {"disabled-means-quiet", "suspended-means-quiet", "no-tail-when-suspended"}
STAYS = {"fridge-empties", "victim-dies"}


@pytest.mark.parametrize(
    ("variant", "alone", "suspend"),
    [
        (BEFORE, set(), STAYS | {"disabled-means-quiet"}),
        (AFTER, set(), LOUD),
        (v7_3_rfc.VARIANT, {"count-returns"}, {"count-returns", "no-spurious-ebusy"}),
        (v7_3_last_out.VARIANT, set(), set()),
    ],
    ids=short,
)
def test_every_interleaving_with_an_oom_kill(variant: Variant, alone: set[str], suspend: set[str]) -> None:
    """The trap alone breaks nothing; beside a suspend it is like any sleep that freezes in place."""
    assert broken(variant, FROZEN, ("kworker: alloc",)) == alone
    assert broken(variant, FROZEN, ("kworker: alloc", "init: suspend")) == suspend


@pytest.mark.parametrize("variant", [BEFORE, AFTER], ids=short)
def test_every_interleaving_with_a_kill_and_a_thaw(variant: Variant) -> None:
    """And with the freeze itself, and a birth."""
    before = ("init: fork v", "init: memcg_attach v M", "init: fork a", "init: fork b")
    kill = "a: kill v KILL"
    assert ends(variant, before, ("init: v2_freeze M", kill)) == {frozenset({"a", "b"})}
    assert ends(variant, (*before, "init: v2_freeze M"), ("init: v2_thaw M", kill)) == {frozenset({"a", "b"})}
    assert broken(variant, before, ("v: fork w", "init: v2_freeze M", kill)) == set()
