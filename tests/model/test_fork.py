"""copy_process() and its callers (section 7)."""

from __future__ import annotations

import pytest
from boot import Box

from kernel_model import events
from kernel_model.sched import (
    PF_FREEZER_SKIP,
    PF_FROZEN,
    SIG_IGN,
    SIGCHLD,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    SIGNAL_UNKILLABLE,
    SIGUSR1,
    TIF_SIGPENDING,
)


@pytest.fixture
def box() -> Box:
    """A process v, and s."""
    box = Box()
    box.fork("v", "s")
    return box


def test_a_thread_shares_everything(box: Box) -> None:
    """CLONE_THREAD: signal, sighand and mm are shared and counted, the leader and the list are the group's."""
    box.clone("v", "t1")
    v, t1 = box["v"], box["t1"]
    assert t1.signal is v.signal
    assert t1.sighand is v.sighand
    assert t1.mm is v.mm
    assert v.mm is not None
    assert v.mm.mm_users == 2
    assert (v.signal.nr_threads, v.signal.live, v.signal.sigcnt) == (2, 2, 2)
    assert v.signal.threads == [v, t1]
    assert t1.group_leader is v
    assert t1.exit_signal == -1
    assert t1.real_parent is box["init"]
    assert t1 not in box["init"].children


def test_what_a_process_shares_by_kind(box: Box) -> None:
    """fork nothing; CLONE_VM the mm; CLONE_SIGHAND the handlers too."""
    box.do("ignore_sigchld", "v")
    for operation, mm, sighand in (
        ("fork", False, False),
        ("clone_vm", True, False),
        ("clone_sighand", True, True),
    ):
        name = f"c_{operation}"
        box.do(operation, "v", name)
        child = box[name]
        assert (child.mm is box["v"].mm) is mm
        assert (child.sighand is box["v"].sighand) is sighand
        assert child.sighand is not None
        assert child.sighand.sigchld == SIG_IGN
        assert child.signal is not box["v"].signal
        assert child.real_parent is box["v"]
        assert child.exit_signal == SIGCHLD
    assert box["v"].mm is not None
    assert box["v"].mm.mm_users == 3


def test_clone_parent_makes_a_sibling_with_the_leaders_exit_signal(box: Box) -> None:
    """real_parent and exit_signal come from the caller; init may not do it."""
    box.do("clone_nosig", "v", "c")
    box.do("clone_parent", "c", "d")
    assert box["d"].real_parent is box["v"]
    assert box["d"].exit_signal == SIGUSR1
    assert box["d"].parent_exec_id == box["c"].parent_exec_id
    assert box.do("clone_parent", "init", "e") == "EINVAL"


def test_sigkill_before_the_section_means_no_child(box: Box) -> None:
    """p5: the fork aborts, the mm use is given back, and the killed task dies."""
    box.ask("clone", "v", "t1")
    box.until("v", "hash the child")
    mm = box["v"].mm
    assert mm is not None
    assert mm.mm_users == 2
    box.ask("kill", "s", "v", "KILL")
    box.alone("s")
    box.rest()
    assert "t1" not in box.m.names_now()
    assert mm.mm_users == 0
    assert box["v"].signal.live == 0


def test_sigkill_after_the_section_hits_the_child(box: Box) -> None:
    """p6: once hashed, the thread is in the list that complete_signal() walks."""
    box.ask("clone", "v", "t1")
    box.until("v", "cgroup_post_fork")
    box.ask("kill", "s", "v", "KILL")
    box.alone("s")
    assert SIGKILL in box["t1"].pending
    box.rest()
    assert box["t1"].at is None


def test_the_freezer_restarts_a_fork(box: Box) -> None:
    """TIF_SIGPENDING of a freezing task aborts; after the thaw the system call starts again."""
    box.do("attach", "init", "v", "A")
    box.ask("fork", "v", "c")
    box.until("v", "hash the child")
    box.ask("freeze", "s", "A")
    box.alone("s")
    box.rest()
    assert box["v"].flags & PF_FROZEN
    assert "c" not in box.m.names_now()
    box.do("thaw", "s", "A")
    assert box.user_mode("c", "v")


def test_a_child_of_a_freezing_cgroup_is_asked_to_freeze(box: Box) -> None:
    """freezer_fork(): a state bit that was set after the section still reaches the child."""
    box.do("attach", "init", "v", "A")
    box.ask("fork", "v", "c")
    box.until("v", "cgroup_post_fork")
    box.ask("freeze", "s", "A")
    box.until("s", "the cgroup's next task")
    assert not box["c"].on_cgroup_list
    box.rest()
    assert box["c"].cgroup.name == "A"
    assert box["c"].flags & PF_FROZEN
    assert box["v"].flags & PF_FROZEN
    assert box.do("read_state", "s", "A") == "FROZEN"


def test_a_child_in_the_root_cgroup_takes_no_freezer_mutex(box: Box) -> None:
    """The root cgroup has no freezer state: fork does not wait for freezer_mutex."""
    box.ask("freeze", "s", "A")
    box.until("s", "set or clear CGROUP_FREEZING")
    box.ask("fork", "v", "c")
    box.alone("v")
    assert box["v"].result == ""


def test_a_child_is_listed_where_its_parent_is_by_then(box: Box) -> None:
    """Moves that come after copy_process() began: the child freezes with its parent's new cgroup, and the old one can go."""
    box.do("mkdir", "s", "old", "/")
    box.do("attach", "init", "v", "old")
    box.ask("fork", "v", "c")
    box.until("v", "cgroup_threadgroup_rwsem for reading")
    box.ask("attach", "init", "v", "A")
    box.alone("init")
    box.ask("memcg_attach", "init", "v", "M")
    box.alone("init")
    box.ask("rmdir", "s", "old")
    box.alone("s")
    assert box["s"].result == ""
    box.rest()
    box.do("freeze", "s", "A")
    assert box["c"].cgroup.name == "A"
    assert box["c"].flags & PF_FROZEN
    memcg = box.k.memcgs["M"]
    assert box["c"].memcg is memcg
    assert memcg.tasks == [box["v"], box["c"]]
    assert box["c"].mm is not None
    assert box["c"].mm.memcg is memcg


def test_children_inherit_scores_and_the_memory_cgroup(box: Box) -> None:
    """oom_score_adj, memcg and its list; oom_mm is not inherited."""
    box.do("oom_score_adj", "init", "v", 300)
    box.do("memcg_attach", "init", "v", "M")
    box["v"].signal.oom_mm = box["v"].mm
    box.do("fork", "v", "c")
    assert box["c"].signal.oom_score_adj == 300
    assert box["c"].memcg is box.k.memcgs["M"]
    assert box["c"] in box.k.memcgs["M"].tasks
    assert box["c"].signal.oom_mm is None


def test_vfork_waits_for_exec_and_for_exit(box: Box) -> None:
    """The parent sleeps KILLABLE with FREEZER_SKIP until the child leaves its mm."""
    for operation in ("execve", "exit_group"):
        name = f"c_{operation}"
        box.do("vfork", "v", name)
        assert box["v"].flags & PF_FREEZER_SKIP
        box.do(operation, name)
        assert box.user_mode("v")
        assert not box["v"].flags & PF_FREEZER_SKIP


def test_vfork_survives_a_signal_but_not_sigkill(box: Box) -> None:
    """Killable: a fatal signal ends the wait and takes back the child's vfork_done."""
    box.do("vfork", "v", "c")
    box["v"].thread_flags |= TIF_SIGPENDING
    box.rest()
    assert not box.user_mode("v")
    box.do("kill", "s", "v", "KILL")
    assert box["v"].at is None
    assert box["c"].vfork_done is None
    assert box.user_mode("c")


def test_a_child_that_is_done_while_its_parent_dies(box: Box) -> None:
    """vfork_done may be gone by the time the killed parent takes the child's alloc_lock."""
    box.do("vfork", "v", "c")
    box.ask("kill", "s", "v", "KILL")
    box.alone("s")
    box.until("v", "the child's alloc_lock")
    box.ask("execve", "c")
    box.alone("c")
    box.rest()
    assert box["v"].at is None
    assert box["c"].vfork_done is None


def test_a_vfork_child_that_is_faster_than_the_wait(box: Box) -> None:
    """The completion is there before the parent sleeps."""
    box.ask("vfork", "v", "c")
    box.until("v", "freezer_do_not_count")
    box.ask("execve", "c")
    box.alone("c")
    box.alone("v")
    assert box.user_mode("v")


def test_a_dying_namespace_takes_no_new_pids(box: Box) -> None:
    """ENOMEM, and no endless restart."""
    box.do("clone_newpid", "v", "n")
    box.fork("c", by="n")
    box["c"].pid_ns.disabled = True
    assert box.do("fork", "c", "d") == "ENOMEM"
    assert "d" not in box.m.names_now()


def test_the_init_of_a_namespace(box: Box) -> None:
    """UNKILLABLE, reaper of its own namespace, known in all namespaces above."""
    box.do("clone_newpid", "v", "n")
    n = box["n"]
    assert n.signal.flags & SIGNAL_UNKILLABLE
    assert n.pid_ns.child_reaper is n
    assert n in n.pid_ns.tasks
    assert n in box.k.init_pid_ns.tasks


def test_being_born_into_a_killed_group_is_seen(box: Box) -> None:
    """An unkillable init's sibling may still fork between the dequeue and the zap: the event says so, the zap hits the child."""
    box.do("clone_newpid", "v", "n")
    box.clone("n", "t1")
    box.ask("kill", "v", "n", "KILL")
    box.alone("v")
    assert box["n"].signal.shared_pending == {SIGKILL}
    box.until("n", "do_group_exit")
    box.ask("clone", "t1", "t2")
    box.until("t1", "wake_up_new_task")
    assert not box["n"].signal.flags & SIGNAL_GROUP_EXIT
    assert box.events(events.Born)[-1] == events.Born(
        box["t2"].pid, box["n"].signal.number, into_killed=False
    )
    box.rest()
    assert all(box[n].at is None for n in ("n", "t1", "t2"))
