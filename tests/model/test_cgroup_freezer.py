"""The cgroup v1 freezer (section 3)."""

from __future__ import annotations

import pytest
from boot import Box

from kernel_model import events
from kernel_model.cgroup_freezer import (
    apply_state,
    freezer_css_offline,
    freezer_css_online,
    leave_list,
)
from kernel_model.sched import (
    CGROUP_FREEZING_PARENT,
    CGROUP_FREEZING_SELF,
    CGROUP_FROZEN,
    PF_EXITING,
    PF_FREEZER_SKIP,
    PF_FROZEN,
    PF_NOFREEZE,
    PF_SUSPEND_TASK,
    TIF_SIGPENDING,
)


@pytest.fixture
def box() -> Box:
    """a in A, b in A/B, s outside."""
    box = Box()
    box.fork("a", "b", "s")
    box.do("attach", "init", "a", "A")
    box.do("attach", "init", "b", "A/B")
    return box


def frozen(box: Box) -> set[str]:
    return {n for n in ("a", "b", "s") if box[n].flags & PF_FROZEN}


def test_freeze_and_thaw_go_down_the_tree(box: Box) -> None:
    """SELF on the cgroup, PARENT below; the count is one per freezing cgroup; siblings and outside are left alone."""
    box.do("freeze", "s", "A")
    assert frozen(box) == {"a", "b"}
    assert box.k.cgroups["A"].state == CGROUP_FREEZING_SELF
    assert box.k.cgroups["A/B"].state == CGROUP_FREEZING_PARENT
    assert box.k.system_freezing_cnt == 2
    box.do("freeze", "s", "A")
    assert box.k.system_freezing_cnt == 2
    box.do("thaw", "s", "A")
    assert frozen(box) == set()
    assert box.k.system_freezing_cnt == 0
    assert box.k.cgroups["A"].state == box.k.cgroups["A/B"].state == 0
    box.do("thaw", "s", "A")
    assert box.k.system_freezing_cnt == 0


def test_a_child_that_is_frozen_for_two_reasons(box: Box) -> None:
    """Thawing the parent keeps a SELF-frozen child frozen, and thawing the child keeps a PARENT-frozen one."""
    box.do("freeze", "s", "A/B")
    box.do("freeze", "s", "A")
    assert box.k.system_freezing_cnt == 2
    box.do("thaw", "s", "A/B")
    assert frozen(box) == {"a", "b"}
    box.do("freeze", "s", "A/B")
    box.do("thaw", "s", "A")
    assert frozen(box) == {"b"}
    assert box.k.system_freezing_cnt == 1
    box.do("thaw", "s", "A/B")
    assert frozen(box) == set()


def test_a_thaw_that_changes_nothing_tells_nobody(box: Box) -> None:
    """The parent still freezes it: its tasks are neither woken nor asked again."""
    box.ask("freeze", "s", "A")
    box.alone("s")
    box["b"].thread_flags &= ~TIF_SIGPENDING
    box.ask("thaw", "s", "A/B")
    box.alone("s")
    assert box.k.cgroups["A/B"].state == CGROUP_FREEZING_PARENT
    assert not box["b"].thread_flags & TIF_SIGPENDING


def test_reading_goes_from_the_leaves_up(box: Box) -> None:
    """THAWED, FREEZING while a task or a child cgroup isn't there yet, FROZEN when all are."""
    assert box.do("read_state", "s", "A") == "THAWED"
    box.ask("freeze", "s", "A")
    box.alone("s")
    box.ask("read_state", "s", "A")
    box.alone("s")
    assert box["s"].result == "FREEZING"
    box.alone("a")
    box.ask("read_state", "s", "A")
    box.alone("s")
    assert box["s"].result == "FREEZING"
    box.alone("b")
    assert box.do("read_state", "s", "A") == "FROZEN"
    assert box.k.cgroups["A/B"].state & CGROUP_FROZEN
    assert box.do("read_state", "s", "A") == "FROZEN"
    assert [e.state for e in box.events(events.FreezerState)] == [
        "THAWED",
        "FREEZING",
        "FREEZING",
        "FROZEN",
        "FROZEN",
    ]


def test_an_exempt_task_does_not_block_frozen(box: Box) -> None:
    """A listed task that is not freezing() is passed over."""
    box["a"].flags |= PF_SUSPEND_TASK
    box.do("freeze", "s", "A")
    assert not box["a"].flags & PF_FROZEN
    assert box.do("read_state", "s", "A") == "FROZEN"


def test_attach_freezes_or_thaws(box: Box) -> None:
    """Into a freezing cgroup: frozen, and FROZEN goes upwards; out of it: thawed; every thread moves but the exiting."""
    box.do("freeze", "init", "A")
    assert box.do("read_state", "init", "A") == "FROZEN"
    box.clone("s", "s1", "s2")
    box["s2"].flags |= PF_EXITING
    box.ask("attach", "init", "s", "A/B")
    box.alone("init")
    assert not box.k.cgroups["A/B"].state & CGROUP_FROZEN
    assert not box.k.cgroups["A"].state & CGROUP_FROZEN
    assert box["s2"].cgroup is box.k.root_cgroup
    box["s2"].flags &= ~PF_EXITING
    box.rest()
    assert box["s"].flags & PF_FROZEN
    assert box["s1"].flags & PF_FROZEN
    assert box.k.cgroups["A/B"].tasks == [box["b"], box["s"], box["s1"]]
    box.do("attach", "init", "s1", "/")
    assert box.user_mode("s", "s1")
    assert box.k.cgroups["A/B"].tasks == [box["b"]]


def test_a_dead_task_leaves_the_list_but_keeps_its_cgroup(box: Box) -> None:
    """cgroup_exit(): freeze walks no longer see it, freezing() still does."""
    box.do("exit_group", "a")
    assert box.k.cgroups["A"].tasks == []
    assert box["a"].cgroup is box.k.cgroups["A"]
    assert not box["a"].on_cgroup_list
    box.do("attach", "init", "a", "/")
    assert box["a"].cgroup is box.k.cgroups["A"]


def test_a_list_that_changes_during_the_walk(box: Box) -> None:
    """The walk takes the list as it is when it gets there."""
    box.ask("freeze", "s", "A")
    box.until("s", "the cgroup's next task")
    box.ask("exit_group", "a")
    box.alone("a")
    box.rest()
    assert frozen(box) == {"b"}


def test_cgroups_come_and_go(box: Box) -> None:
    """Online below a freezing parent: PARENT|FROZEN and counted; offline: not counted any more, and thawed."""
    box.do("mkdir", "s", "C", "A")
    assert box.k.cgroups["C"].state == 0
    box.do("freeze", "s", "A")
    box.do("mkdir", "s", "D", "A")
    assert box.k.cgroups["D"].state == CGROUP_FREEZING_PARENT | CGROUP_FROZEN
    assert box.k.system_freezing_cnt == 4
    for name in ("C", "D"):
        gone = box.k.cgroups[name]
        assert box.do("rmdir", "s", name) == ""
        assert gone.state == 0
        assert name not in box.k.cgroups
    assert box.k.system_freezing_cnt == 2
    box.do("mkdir", "s", "E", "/")
    box.do("rmdir", "s", "E")
    assert box.k.system_freezing_cnt == 2


def test_what_can_not_be_removed(box: Box) -> None:
    """EBUSY: with tasks, with children, the root."""
    for name in ("A/B", "A", "/"):
        assert box.do("rmdir", "s", name) == "EBUSY"


def test_a_cgroup_that_is_gone_by_the_time(box: Box) -> None:
    """Whoever asked before the removal gets an error, and nothing changes."""
    box.fork("x", "y", "z", "u", "w")
    box.do("mkdir", "s", "C", "/")
    box.ask("rmdir", "x", "C")
    box.ask("attach", "y", "s", "C")
    box.ask("mkdir", "z", "D", "C")
    box.ask("freeze", "u", "C")
    box.ask("read_state", "w", "C")
    box.do("rmdir", "init", "C")
    assert box["x"].result == "ENOENT"
    assert box["y"].result == "ENODEV"
    assert box["z"].result
    assert "D" not in box.k.cgroups
    assert box.k.system_freezing_cnt == 0
    assert box["s"].cgroup is box.k.root_cgroup


def test_two_mkdirs_of_one_name(box: Box) -> None:
    """The name is given once: the second request is refused."""
    box.do("mkdir", "s", "C", "/")
    assert box.k.cgroups["C"].parent is box.k.root_cgroup


SELF, PARENT, FROZEN = CGROUP_FREEZING_SELF, CGROUP_FREEZING_PARENT, CGROUP_FROZEN


@pytest.mark.parametrize(
    ("before", "bit", "freeze", "after", "count", "tell"),
    [
        (0, SELF, True, SELF, 1, True),
        (PARENT, SELF, True, PARENT | SELF, 0, True),
        (SELF | FROZEN, SELF, True, SELF | FROZEN, 0, True),
        (SELF | FROZEN, SELF, False, 0, -1, True),
        (SELF | PARENT | FROZEN, SELF, False, PARENT | FROZEN, 0, False),
        (0, SELF, False, 0, 0, True),
    ],
)
def test_a_bit_of_a_cgroups_state(
    before: int, bit: int, freeze: bool, after: int, count: int, tell: bool
) -> None:
    """It counts as freezing once, and is frozen no more when nothing freezes it."""
    box = Box()
    a = box.k.cgroups["A"]
    a.state, box.k.system_freezing_cnt = before, 5
    assert apply_state(box.k, a, bit, freeze=freeze) == tell
    assert (a.state, box.k.system_freezing_cnt) == (after, 5 + count)


@pytest.mark.parametrize("state", [0, SELF, PARENT | FROZEN])
def test_a_cgroup_is_born_and_removed(state: int) -> None:
    """With its parent's state, and its own count."""
    box = Box()
    a, b = box.k.cgroups["A"], box.k.cgroups["A/B"]
    a.state, box.k.system_freezing_cnt = state, 5
    freezer_css_online(box.k, b)
    assert (b.state, box.k.system_freezing_cnt) == ((PARENT | FROZEN, 6) if state else (0, 5))
    freezer_css_offline(box.k, b)
    assert (b.state, box.k.system_freezing_cnt) == (0, 5)
    a.parent = None
    freezer_css_online(box.k, a)
    assert (a.state, box.k.system_freezing_cnt) == (state, 5)


@pytest.mark.parametrize("state", [0, SELF])
@pytest.mark.parametrize("memcg", [False, True])
def test_where_a_child_is_listed(state: int, memcg: bool) -> None:
    """With its parent, in both hierarchies; it is asked to freeze if they freeze there."""
    box = Box()
    box.fork("v", "c")
    box.do("attach", "init", "v", "A")
    if memcg:
        box.do("memcg_attach", "init", "v", "M")
    v, c, a, k = box["v"], box["c"], box.k.cgroups["A"], box.k
    leave_list(c)
    a.state, k.system_freezing_cnt = state, bool(state)
    assert len([*box.call("cgroup_post_fork", v, c)]) == (3 if state else 2) + bool(state)
    assert (c.cgroup, a.tasks, c.on_cgroup_list) == (a, [v, c], True)
    assert (c.memcg, c in k.memcgs["M"].tasks) == (v.memcg, memcg)
    assert bool(c.thread_flags & TIF_SIGPENDING) == bool(state)
    assert v.held == []
    for p in (v, c):
        assert [*box.call("cgroup_exit", p)]
    assert (a.tasks, k.memcgs["M"].tasks) == ([], [])
    assert (c.cgroup, c.on_cgroup_list, c.held) == (a, False, [])


@pytest.mark.parametrize("state", [0, SELF | FROZEN])
def test_who_moves(state: int) -> None:
    """The whole group but who is exiting; where they freeze, those above and it are frozen no more, and each is asked."""
    box = Box()
    box.fork("v")
    box.clone("v", "t1", "gone")
    k, v, gone = box.k, box["v"], box["gone"]
    a, b = k.cgroups["A"], k.cgroups["A/B"]
    gone.flags |= PF_EXITING
    a.state = b.state = state
    k.system_freezing_cnt = 2 * bool(state)
    assert [*box.call("cgroup_attach_task", box["init"], v, b)]
    assert [p.name for p in b.tasks] == ["v", "t1"]
    assert gone.cgroup is k.root_cgroup
    assert (a.state, b.state) == (state & ~FROZEN, state & ~FROZEN)
    told = [bool(box[n].thread_flags & TIF_SIGPENDING) for n in ("v", "t1", "gone")]
    assert told == [bool(state), bool(state), False]
    assert box["init"].held == []


@pytest.mark.parametrize(
    ("state", "child", "task", "after"),
    [
        (0, FROZEN, "awake", 0),
        (SELF, FROZEN, "awake", SELF),
        (SELF, FROZEN, "skips", SELF | FROZEN),
        (SELF, FROZEN, "frozen", SELF | FROZEN),
        (SELF, FROZEN, "exempt", SELF | FROZEN),
        (SELF, SELF, "frozen", SELF),
        (SELF | FROZEN, 0, "awake", SELF | FROZEN),
    ],
)
def test_when_a_cgroup_is_frozen(state: int, child: int, task: str, after: int) -> None:
    """Once those below are, and whoever is to freeze and counts."""
    box = Box()
    box.fork("v")
    box.do("attach", "init", "v", "A")
    a = box.k.cgroups["A"]
    a.state, box.k.cgroups["A/B"].state, box.k.system_freezing_cnt = state, child, 1
    box["v"].flags |= {"awake": 0, "skips": PF_FREEZER_SKIP, "frozen": PF_FROZEN, "exempt": PF_NOFREEZE}[task]
    box.call("update_if_frozen", a)
    assert a.state == after
