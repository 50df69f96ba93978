"""Tracers and tracees (section 9)."""

from __future__ import annotations

import pytest
from boot import Box

from kernel_model.sched import (
    EXIT_DEAD,
    EXIT_ZOMBIE,
    PF_EXITING,
    PF_FREEZER_SKIP,
    PF_FROZEN,
    PT_EXITKILL,
    PT_PTRACED,
    PT_SEIZED,
    PT_TRACE_EXIT,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_TRACED,
    TIF_SIGPENDING,
)


@pytest.fixture
def box() -> Box:
    """A process v with the thread t1, a tracer s, and an onlooker o."""
    box = Box()
    box.fork("v", "s", "o")
    box.clone("v", "t1")
    return box


def test_attach_links_and_stops(box: Box) -> None:
    """PTRACE_ATTACH: parent is the tracer, real_parent stays, SIGSTOP traps the tracee; CONT lets it go on."""
    assert box.do("ptrace_attach", "s", "v") == ""
    assert box["v"].parent is box["s"]
    assert box["v"].real_parent is box["init"]
    assert box["s"].ptraced == [box["v"]]
    assert box["v"].state == TASK_TRACED
    assert box.user_mode("t1")
    assert box.do("ptrace_cont", "s", "v") == ""
    assert box.user_mode("v")


def test_seize_does_not_stop(box: Box) -> None:
    """PTRACE_SEIZE."""
    assert box.do("ptrace_seize", "s", "t1") == ""
    assert box["t1"].ptrace & PT_SEIZED
    assert box.user_mode("t1")


def test_who_can_not_be_traced(box: Box) -> None:
    """Kernel threads, the own group, the traced, the dead and the unhashed: EPERM."""
    assert box.do("ptrace_attach", "s", "kswapd") == "EPERM"
    assert box.do("ptrace_attach", "v", "t1") == "EPERM"
    box.do("ptrace_seize", "s", "t1")
    assert box.do("ptrace_seize", "o", "t1") == "EPERM"
    box.do("exit", "v")
    assert box["v"].exit_state == EXIT_ZOMBIE
    assert box.do("ptrace_seize", "s", "v") == "EPERM"
    box.do("exit_group", "o")
    box.do("wait", "init")
    assert box.do("ptrace_seize", "s", "o") == "EPERM"


def test_requests_need_a_stopped_tracee_of_ours(box: Box) -> None:
    """ESRCH: running, somebody else's, killed, or not traced."""
    assert box.do("ptrace_cont", "s", "v") == "ESRCH"
    assert box.do("ptrace_detach", "s", "v") == "ESRCH"
    assert box.do("ptrace_exitkill", "s", "v") == "ESRCH"
    box.do("ptrace_seize", "s", "v")
    assert box.do("ptrace_cont", "s", "v") == "ESRCH"
    assert box.do("ptrace_detach", "s", "v") == "ESRCH"
    box.do("kill", "init", "v", "TERM")
    assert box["v"].state == TASK_TRACED
    for request in ("ptrace_cont", "ptrace_detach", "ptrace_exitkill"):
        assert box.do(request, "o", "v") == "ESRCH"
    box["v"].pending.add(SIGKILL)
    box.ask("ptrace_cont", "s", "v")
    box["v"].thread_flags |= TIF_SIGPENDING
    box.alone("s")
    assert box["s"].result == "ESRCH"
    box.ask("ptrace_detach", "s", "v")
    box.alone("s")
    assert box["s"].result == "ESRCH"
    assert box["v"].state == TASK_TRACED


def test_options_replace_one_another(box: Box) -> None:
    """PTRACE_SETOPTIONS: EXITKILL takes the place of TRACEEXIT, PT_SEIZED stays."""
    box.do("ptrace_seize_exit", "s", "v")
    assert box.do("ptrace_exitkill", "s", "v") == ""
    assert box["v"].ptrace & PT_EXITKILL
    assert not box["v"].ptrace & PT_TRACE_EXIT
    assert box["v"].ptrace & PT_SEIZED


def test_traceme(box: Box) -> None:
    """The parent traces, without a stop; once; a dying parent does not."""
    box.fork("p")
    box.fork("c", by="p")
    assert box.do("ptrace_traceme", "c") == ""
    assert box["c"].ptrace == PT_PTRACED
    assert box["p"].ptraced == [box["c"]]
    assert box.user_mode("c")
    assert box.do("ptrace_traceme", "c") == "EPERM"
    box.do("kill", "s", "c", "TERM")
    assert box["c"].state == TASK_TRACED
    assert box.do("ptrace_traceme", "init") == "EPERM"
    box.fork("d", by="p")
    box["p"].flags |= PF_EXITING
    assert box.do("ptrace_traceme", "d") == ""
    assert not box["d"].ptrace


def test_detach_gives_the_tracee_back(box: Box) -> None:
    """Parent is real_parent again, the stop ends, the signal is swallowed."""
    box.do("ptrace_attach", "s", "v")
    assert box.do("ptrace_detach", "s", "v") == ""
    assert not box["v"].ptrace
    assert box["v"].parent is box["init"]
    assert box["s"].ptraced == []
    assert box.user_mode("v")


def test_sigkill_ends_a_trap(box: Box) -> None:
    """TRACED is a WAKEKILL state; a sub-thread that is traced becomes a zombie, its tracer reaps it."""
    box.do("ptrace_attach", "s", "t1")
    box.do("kill", "init", "v", "KILL")
    assert box["t1"].exit_state == EXIT_ZOMBIE
    assert box["v"].exit_state == EXIT_ZOMBIE
    assert box.do("wait_all", "s") == "reaped t1"
    assert not box["t1"].hashed


def test_a_tracers_exit_frees_its_tracees(box: Box) -> None:
    """exit_ptrace(): unlinked and out of the trap."""
    box.do("ptrace_attach", "s", "v")
    box.ask("exit_group", "s")
    box.alone("s")
    assert not box["v"].ptrace
    assert box["v"].state == TASK_RUNNING
    box.rest()
    assert box["v"].state == TASK_STOPPED


def test_exitkill(box: Box) -> None:
    """PTRACE_O_EXITKILL: the tracer's death is the tracee's group's death."""
    box.do("ptrace_seize", "s", "t1")
    box.do("ptrace_exitkill", "s", "t1")
    box.do("exit_group", "s")
    assert box["v"].signal.flags & SIGNAL_GROUP_EXIT
    assert box["v"].at is None


def test_a_zombie_sub_thread_goes_with_its_tracer(box: Box) -> None:
    """__ptrace_detach(): a zombie that is no leader is dead at once and released by the tracer."""
    box.do("ptrace_seize", "s", "t1")
    box.do("exit", "t1")
    assert box["t1"].exit_state == EXIT_ZOMBIE
    box.do("exit_group", "s")
    assert not box["t1"].hashed
    assert box["t1"].exit_state == EXIT_DEAD


@pytest.mark.parametrize(("ignores", "reaped"), [(False, False), (True, True)])
def test_a_zombie_leader_goes_back_to_its_parent(box: Box, ignores: bool, reaped: bool) -> None:
    """Another group's child: do_notify_parent() decides when the tracer goes."""
    box.do("exit", "t1")
    if ignores:
        box.do("ignore_sigchld", "init")
    box.do("ptrace_seize", "s", "v")
    box.do("exit_group", "v")
    assert box["v"].exit_state == EXIT_ZOMBIE
    box.do("exit_group", "s")
    assert (not box["v"].hashed) is reaped


@pytest.mark.parametrize(
    ("operation", "reaped"), [(None, False), ("ignore_sigchld", True), ("nocldwait", True)]
)
def test_the_tracers_own_child_is_released_if_the_tracer_ignores_sigchld(
    box: Box, operation: str | None, reaped: bool
) -> None:
    """Own child: no signal; dead if SIGCHLD is ignored; the tracer's other thread takes over as parent."""
    box.clone("s", "s2")
    box.fork("c", by="s2")
    box.do("ptrace_seize", "s", "c")
    if operation:
        box.do(operation, "s")
    box.do("exit_group", "c")
    assert box["c"].exit_state == EXIT_ZOMBIE
    box.do("exit", "s")
    assert (not box["c"].hashed) is reaped


def test_a_multithreaded_zombie_leader_only_loses_its_tracer(box: Box) -> None:
    """Leader ZOMBIE, group not empty: unlinked, not dead."""
    box.do("ptrace_seize", "s", "v")
    box.do("exit", "v")
    box.do("exit_group", "s")
    assert box["v"].exit_state == EXIT_ZOMBIE
    assert box["v"].hashed
    assert not box["v"].ptrace


def test_event_exit_holds_a_victim_until_the_tracer_continues_it(box: Box) -> None:
    """PTRACE_EVENT_EXIT stops after SIGKILL was dequeued; a second group SIGKILL is dropped as pending already."""
    box.do("ptrace_seize_exit", "s", "v")
    box.do("kill", "init", "v", "KILL")
    assert box["v"].state == TASK_TRACED
    assert box["v"].flags & PF_FREEZER_SKIP
    assert box["v"].mm is not None
    box.do("kill", "o", "v", "KILL")
    assert box["v"].state == TASK_TRACED
    assert box.do("ptrace_cont", "s", "v") == ""
    assert box["v"].exit_state == EXIT_ZOMBIE


def test_a_thread_directed_sigkill_continues_event_exit(box: Box) -> None:
    """Its own set is free, so c3 wakes it."""
    box.do("ptrace_seize_exit", "s", "v")
    box.do("kill", "init", "v", "KILL")
    box.do("tgkill", "o", "v", "KILL")
    assert box["v"].exit_state == EXIT_ZOMBIE


def test_event_exit_does_not_stop_with_sigkill_pending(box: Box) -> None:
    """A thread that exits by itself and was zapped meanwhile doesn't sleep."""
    box.do("ptrace_seize_exit", "s", "t1")
    box.ask("exit", "t1")
    box.until("t1", "ptrace_event")
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.alone("t1")
    assert box["t1"].exit_state == EXIT_ZOMBIE


def test_event_exit_is_a_freeze_point(box: Box) -> None:
    """The tracer's continue sends the thread into the fridge if its cgroup freezes meanwhile."""
    box.do("attach", "init", "v", "A")
    box.do("ptrace_seize_exit", "s", "t1")
    box.do("exit", "t1")
    assert box["t1"].state == TASK_TRACED
    box.do("freeze", "o", "A")
    assert not box["t1"].flags & PF_FROZEN
    box.do("ptrace_cont", "s", "t1")
    assert box["t1"].flags & PF_FROZEN
    box.do("thaw", "o", "A")
    assert box["t1"].exit_state == EXIT_ZOMBIE


def test_no_stop_when_the_tracer_is_gone_or_dumps_the_same_mm(box: Box) -> None:
    """may_ptrace_stop(): untraced by now, or the tracer waits for us in its own dump."""
    box.do("ptrace_seize_exit", "s", "t1")
    box.ask("exit", "t1")
    box.until("t1", "ptrace_stop: tasklist_lock")
    box.ask("exit_group", "s")
    box.alone("s")
    box.rest()
    assert not box["t1"].hashed
    box = Box()
    box.fork("s")
    box.do("clone_vm", "s", "c")
    box.do("ptrace_seize_exit", "s", "c")
    box.do("kill", "init", "s", "ABRT")
    assert box["s"].at is None
    assert box["c"].at is None


def test_a_tracer_that_ignores_sigchld_or_has_no_sighand_is_not_signalled(box: Box) -> None:
    """notify_tracer(): SIG_IGN sends nothing, but a waiter is woken."""
    box.do("ignore_sigchld", "s")
    box.do("ptrace_attach", "s", "v")
    assert box["v"].state == TASK_TRACED
    assert not box["s"].signal.shared_pending
    assert box.user_mode("s")
