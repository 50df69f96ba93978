"""execve() of a multi-threaded process (section 8)."""

from __future__ import annotations

import pytest
from boot import Box

import legacy_tifmemdie
import patched
from kernel_model.sched import EXIT_ZOMBIE, PF_FROZEN, SIG_DFL, SIG_IGN, SIGCHLD


@pytest.fixture(params=[legacy_tifmemdie.VARIANT, patched.VARIANT], ids=lambda v: v.name)
def box(request: pytest.FixtureRequest) -> Box:
    """A process v with the threads t1 and t2, and s."""
    box = Box(request.param)
    box.fork("v", "s")
    box.clone("v", "t1", "t2")
    return box


def test_the_leader_outlives_its_threads(box: Box) -> None:
    """x2, x3, x7: all others die and are unhashed, the caller goes on with a new mm."""
    mm = box["v"].mm
    assert box.do("execve", "v") == ""
    assert not box["t1"].hashed
    assert not box["t2"].hashed
    assert box["v"].mm is not mm
    assert mm is not None
    assert mm.mm_users == 0
    assert (box["v"].signal.group_exit_task, box["v"].signal.notify_count) == (None, 0)
    assert box["v"].signal.nr_threads == 1
    assert box["v"].self_exec_id == 1


def test_a_thread_becomes_the_leader(box: Box) -> None:
    """x4, x5, x6: it takes the leader's place among the children; the old leader is released, its parent sees no zombie."""
    box.do("execve", "t1")
    t1 = box["t1"]
    assert t1.result == ""
    assert t1.group_leader is t1
    assert t1.exit_signal == SIGCHLD
    assert not box["v"].hashed
    assert t1 in box["init"].children
    assert box["v"] not in box["init"].children
    assert t1.signal.threads == [t1]
    box.do("exit_group", "t1")
    assert box["t1"].exit_state == EXIT_ZOMBIE
    assert box.do("wait", "init") == "reaped t1"


def test_the_caller_waits_for_a_leader_that_lives_on(box: Box) -> None:
    """x4: it sleeps until the leader's exit_notify() wakes it (notify_count -1)."""
    box.ask("execve", "t1")
    box.alone("t1")
    assert box.at("t1") == "de_thread: wait for the other threads"
    box.alone("t2")
    box.alone("t1")
    assert box.at("t1") == "de_thread: wait for the leader"
    assert box["v"].signal.notify_count == -1
    box.alone("v")
    assert box.m.runnable(box["t1"])
    box.rest()
    assert box["t1"].result == ""


@pytest.mark.parametrize("others", [("t2",), ()], ids=["at the leader", "at the threads"])
def test_killed_while_it_waits(box: Box, others: tuple[str, ...]) -> None:
    """A group SIGKILL ends either wait: EAGAIN, group_exit_task taken back, and everybody dies."""
    box.ask("execve", "t1")
    box.alone("t1")
    for name in others:
        box.alone(name)
        box.alone("t1")
    box.ask("kill", "s", "t1", "KILL")
    box.alone("s")
    box.until("t1", "get_signal")
    assert box["t1"].result == "EAGAIN"
    assert (box["v"].signal.group_exit_task, box["v"].signal.notify_count) == (None, 0)
    box.rest()
    assert all(box[n].at is None for n in ("v", "t1", "t2"))


def test_killed_before_it_looks_whether_it_is_alone(box: Box) -> None:
    """x1: the others of a killed group can be gone when the caller looks; then nothing tells it, and it gets a new mm."""
    mm = box["v"].mm
    box.ask("execve", "v")
    box.step("v")
    box.ask("kill", "s", "v", "KILL")
    for name in ("s", "t1", "t2"):
        box.alone(name)
    box.until("v", "get_signal")
    assert box["v"].result == ""
    assert box["v"].mm is not mm
    box.rest()
    assert box["v"].at is None


def test_two_execs_race(box: Box) -> None:
    """x2: signal_group_exit() sends the second one home with EAGAIN."""
    box.ask("execve", "t1")
    box.ask("execve", "t2")
    box.until("t2", "de_thread")
    box.alone("t1")
    box.until("t2", "get_signal")
    assert box["t2"].result == "EAGAIN"
    box.rest()
    assert box.user_mode("t1")


def test_a_sibling_in_the_cgroup_fridge_holds_up_exec(box: Box) -> None:
    """x3 waits KILLABLE without FREEZER_SKIP for a sibling that only a thaw lets die."""
    box.do("attach", "init", "v", "A")
    box.do("freeze", "s", "A")
    box["v"].flags &= ~PF_FROZEN
    box["v"].cgroup = box.k.root_cgroup
    box["v"].state = 0
    box.rest()
    box.do("execve", "v")
    assert box.at("v") == "de_thread: wait for the other threads"
    box.do("thaw", "s", "A")
    assert box["v"].result == ""


def test_exec_resets_a_handler_but_not_an_ignored_sigchld(box: Box) -> None:
    """flush_signal_handlers()."""
    assert box["s"].sighand is not None
    box.do("handle_sigchld", "s")
    box.do("execve", "s")
    assert box["s"].sighand.sigchld == SIG_DFL
    box.do("ignore_sigchld", "s")
    box.do("execve", "s")
    assert box["s"].sighand.sigchld == SIG_IGN


def test_exec_unshares_the_handlers(box: Box) -> None:
    """A CLONE_SIGHAND process has handlers of its own after exec."""
    box.do("handle_sigchld", "s")
    box.do("clone_sighand", "s", "c")
    box.do("execve", "c")
    box.do("ignore_sigchld", "c")
    assert box["s"].sighand is not None
    assert box["s"].sighand is not box["c"].sighand
    assert box["s"].sighand.sigchld == "handled"


def test_exec_fails_while_the_old_mm_is_dumped(box: Box) -> None:
    """exec_mmap(): EINTR."""
    box.do("clone_vm", "s", "c")
    box.ask("execve", "c")
    box.until("c", "down_read(old mmap_sem)")
    box.ask("kill", "init", "s", "ABRT")
    box.alone("init")
    box.until("s", "wait_for_completion(core_state")
    box.until("c", "get_signal")
    assert box["c"].result == "EINTR"
    box.rest()
    assert box["s"].at is None
    assert box["c"].at is None


def test_a_traced_leader_tells_its_tracer(box: Box) -> None:
    """x5 wakes the tracer of the old leader; x6 unlinks it."""
    box.do("ptrace_seize", "s", "v")
    box.do("wait_all", "s")
    box.do("execve", "t1")
    assert box["t1"].result == ""
    assert not box["v"].hashed
    assert box["s"].ptraced == []
    assert box["s"].result == "ECHILD"


def test_a_thread_of_init_becomes_its_leader(box: Box) -> None:
    """x5 for init, which is nobody's child here: it stays init, and the OOM killer's exception stays with its group."""
    box.clone("init", "i1")
    assert box.do("execve", "i1") == ""
    assert box["i1"].group_leader is box["i1"]
    assert not box["init"].hashed
    assert box["i1"].signal is box.k.init.signal
    assert box.k.panicked == ""
