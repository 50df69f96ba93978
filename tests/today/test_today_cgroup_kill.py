"""cgroup.kill: whom it reaches, on each kernel, and whoever is born meanwhile."""

from __future__ import annotations

import pytest
from boot import Box
from todays import AFTER, BEFORE, V6_18, V7_2, each, ends, in_fridge, short

from kernel_model.entry import USER_MODE
from kernel_model.events import Marked
from kernel_model.sched import TASK_DEAD
from kernel_model.variant import Variant


@each
def test_whoever_is_there_or_below_dies(variant: Variant) -> None:
    """By a SIGKILL and nothing else: nobody is marked."""
    box = Box(variant)
    for name, memcg in (("v", "M"), ("w", "M/N"), ("x", None)):
        box.fork(name)
        box.clone(name, f"{name}1")
        if memcg:
            box.do("memcg_attach", "init", name, memcg)
    assert box.do("cgroup_kill", "init", "M") == ""
    states = {name: box[name].state == TASK_DEAD for name in ("v", "v1", "w", "w1", "x", "x1")}
    assert states == {"v": True, "v1": True, "w": True, "w1": True, "x": False, "x1": False}
    assert not box.events(Marked)


@pytest.mark.parametrize(
    ("variant", "dies"), [(BEFORE, True), (V6_18, True), (V7_2, False), (AFTER, True)], ids=short
)
def test_a_dead_leader_hid_its_threads(variant: Variant, dies: bool) -> None:
    """7.2.12 told leaders only, and who is on the way out takes no signal."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", "t")
    box.do("memcg_attach", "init", "v", "M")
    box.do("exit", "v")
    box.do("cgroup_kill", "init", "M")
    assert (box["t"].state == TASK_DEAD) == dies


@each
def test_a_frozen_one_stays_in_the_fridge(variant: Variant) -> None:
    box = Box(variant)
    box.fork("v")
    box.do("memcg_attach", "init", "v", "M")
    box.do("attach", "init", "v", "A")
    box.do("freeze", "init", "A")
    box.do("cgroup_kill", "init", "M")
    assert in_fridge(box, "v")
    box.do("thaw", "init", "A")
    assert box["v"].state == TASK_DEAD


@each
def test_whoever_has_a_sigkill_is_passed_by(variant: Variant) -> None:
    """The first thread that is told kills the group, and nobody is sent a second one."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", "t")
    box.do("memcg_attach", "init", "v", "M")
    box.ask("cgroup_kill", "init", "M")
    box.step("init")
    stops = []
    while box["init"].at is not USER_MODE:
        stops.append(box.at("init"))
        box.step("init")
    assert [at for at in stops if at.startswith("do_send_sig_info")] == [
        "do_send_sig_info: siglock: queue, choose, wake"
    ]


@each
def test_a_namespaces_init_dies_by_an_ancestor_only(variant: Variant) -> None:
    box = Box(variant)
    box.do("clone_newpid", "init", "n")
    box.fork("c", by="n")
    box.do("memcg_attach", "init", "n", "M")
    box.do("cgroup_kill", "c", "M")
    assert box["n"].state != TASK_DEAD
    box.do("cgroup_kill", "init", "M")
    assert box["n"].state == TASK_DEAD


def begun(variant: Variant, *, after_the_seq: bool) -> Box:
    """A fork that has noted kill_seq, before it rises or after; then its parent is killed, and the walk is over."""
    box = Box(variant)
    box.fork("v")
    box.do("memcg_attach", "init", "v", "M")
    box.ask("fork", "v", "w")
    box.ask("cgroup_kill", "init", "M")
    if after_the_seq:
        box.until("init", "cgroup_kill: css_set_lock: the next task")
    box.until("v", "cgroup_post_fork")
    box.alone("init")
    return box


@each
def test_who_is_being_born_meanwhile_is_killed(variant: Variant) -> None:
    box = begun(variant, after_the_seq=False)
    box.rest()
    assert box["w"].state == TASK_DEAD


@each
def test_who_is_born_after_the_seq_and_before_his_parents_sigkill_lives(variant: Variant) -> None:
    """Not on the list when the walk ends, and born of a parent who noted the new number: so it is in the C source."""
    box = begun(variant, after_the_seq=True)
    box.rest()
    assert (box["v"].state == TASK_DEAD, box["w"].state == TASK_DEAD) == (True, False)


@pytest.mark.parametrize("members", [("v",), ("v", "u")])
@each
def test_who_is_born_behind_the_last_of_the_walk_lives(variant: Variant, members: tuple[str, ...]) -> None:
    """The walk has gone on by the time its last one is sent a SIGKILL: a child of his that is listed then is not met."""
    box = Box(variant)
    box.fork(*members)
    for name in members:
        box.do("memcg_attach", "init", name, "M")
    box.ask("cgroup_kill", "init", "M")
    box.until("init", "do_send_sig_info")
    box.ask("fork", "v", "w")
    box.alone("v")
    box.rest()
    assert box["v"].state == TASK_DEAD
    assert (box["w"].state == TASK_DEAD) == (len(members) > 1)


@pytest.mark.parametrize(
    ("variant", "birth", "escapes"),
    [(BEFORE, "fork", True), (AFTER, "fork", True), (AFTER, "clone", False)],
    ids=short,
)
def test_every_interleaving_of_a_birth_and_a_kill(variant: Variant, birth: str, escapes: bool) -> None:
    """A thread dies with its group; and nothing is new when the parent moves to a cgroup below meanwhile."""
    before = ("init: fork v", "init: memcg_attach v M", "init: fork a")
    meanwhile = (f"v: {birth} w", "init: cgroup_kill M")
    expected = {frozenset({"a"}), *([frozenset({"a", "w"})] if escapes else [])}
    assert ends(variant, before, meanwhile) == expected
    if variant is AFTER and escapes:
        assert ends(variant, before, (*meanwhile, "a: memcg_attach v M/N")) == expected


@each
def test_a_move_out_of_the_cgroup_waits_for_the_kill(variant: Variant) -> None:
    """Nobody gets away while others are told."""
    box = Box(variant)
    box.fork("v", "w", "a")
    box.do("memcg_attach", "init", "v", "M")
    box.do("memcg_attach", "init", "w", "M")
    box.ask("cgroup_kill", "init", "M")
    box.until("init", "cgroup_kill: css_set_lock: the next task")
    box.ask("memcg_attach", "a", "w", "M/N")
    box.alone("a")
    assert box["w"].memcg is box.k.memcgs["M"]
    box.rest()
    assert {box["v"].state, box["w"].state} == {TASK_DEAD}


def test_who_forks_while_he_is_moved_notes_the_other_cgroups_number() -> None:
    """As if the fork had begun there: a kill of the first one is none of his, one of the other is."""
    for killed, dies in (("M", False), ("M/N", True)):
        box = Box(AFTER)
        box.fork("v", "a")
        box.do("memcg_attach", "init", "v", "M")
        box.k.memcgs["M"].kill_seq = 7
        box.ask("fork", "v", "w")
        box.until("v", "cgroup_post_fork")
        box.ask("memcg_attach", "init", "v", "M/N")
        box.alone("init")
        box.k.memcgs[killed].kill_seq += 1
        box.rest()
        assert (box["w"].state == TASK_DEAD) == dies


def test_a_move_into_the_cgroup_is_before_the_kill_or_after_it() -> None:
    """Never half of it."""
    before = ("init: fork v", "v: clone t", "init: fork a")
    assert ends(AFTER, before, ("init: cgroup_kill M", "a: memcg_attach v M")) == {
        frozenset({"a"}),
        frozenset({"a", "v", "t"}),
    }
