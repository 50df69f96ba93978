"""Sending signals: prepare_signal, complete_signal's choice, zap_other_threads, do_notify_parent (semantics.md, section 6)."""

from __future__ import annotations

import pytest
from boot import Box

from kernel_model import events
from kernel_model.sched import (
    JOBCTL_STOP_PENDING,
    PF_EXITING,
    PF_KTHREAD,
    SIG_IGN,
    SIGABRT,
    SIGCHLD,
    SIGCONT,
    SIGKILL,
    SIGNAL_GROUP_COREDUMP,
    SIGNAL_GROUP_EXIT,
    SIGNAL_STOP_STOPPED,
    SIGNAL_UNKILLABLE,
    SIGSTOP,
    SIGTERM,
    SIGUSR1,
    TASK_INTERRUPTIBLE,
    TASK_KILLABLE,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_TRACED,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
)
from kernel_model.signal import (
    prepare_signal,
    send_signal,
    sig_ignored,
    signal_wake_up,
    wants_signal,
    zap_other_threads,
)


@pytest.fixture
def box() -> Box:
    """A process v with the threads t1, t2 and t3."""
    box = Box()
    box.fork("v")
    box.clone("v", "t1", "t2", "t3")
    return box


GROUP = ("v", "t1", "t2", "t3")


def hit(box: Box) -> list[str]:
    return [n for n in GROUP if box[n].thread_flags & TIF_SIGPENDING]


def test_a_fatal_signal_kills_every_thread(box: Box) -> None:
    """c2: GROUP_EXIT, SIGKILL in each private set, group stops forgotten."""
    for n in GROUP:
        box[n].jobctl = JOBCTL_STOP_PENDING
    send_signal(box.k, box["t2"], SIGTERM, group=True, force=False)
    assert hit(box) == list(GROUP)
    assert all(box[n].pending == {SIGKILL} and not box[n].jobctl for n in GROUP)
    assert box["v"].signal.flags == SIGNAL_GROUP_EXIT
    assert box["v"].signal.group_exit_code == SIGTERM
    assert box["v"].signal.shared_pending == {SIGTERM}
    assert box.events(events.Killed) == [events.Killed(box["v"].signal.number)]


def test_a_second_group_sigkill_is_dropped(box: Box) -> None:
    """SIGKILL that is pending already wakes nobody, although the thread would wake."""
    send_signal(box.k, box["v"], SIGKILL, group=True, force=True)
    box["t1"].state = TASK_KILLABLE
    send_signal(box.k, box["v"], SIGKILL, group=True, force=True)
    assert box["t1"].state == TASK_KILLABLE


def test_c3_wakes_one_thread_when_the_group_exits_already(box: Box) -> None:
    """After exit_group() the shared set is free, so SIGKILL is queued and only the addressed thread is woken."""
    box["v"].signal.flags = SIGNAL_GROUP_EXIT
    for n in GROUP:
        box[n].state = TASK_TRACED
    send_signal(box.k, box["t1"], SIGKILL, group=True, force=True)
    assert hit(box) == ["t1"]
    assert box["t1"].state == TASK_RUNNING
    assert box["t2"].state == TASK_TRACED


def test_the_addressed_thread_is_preferred_then_round_robin(box: Box) -> None:
    """c1: p if it wants the signal, else the first from curr_target on that does, which becomes curr_target."""
    signal = box["v"].signal
    signal.flags |= SIGNAL_UNKILLABLE
    send_signal(box.k, box["t1"], SIGKILL, group=True, force=True)
    assert hit(box) == ["t1"]
    signal.shared_pending.clear()
    box["t1"].thread_flags = 0
    box["t1"].flags |= PF_EXITING
    signal.curr_target = box["t3"]
    box["t3"].flags |= PF_EXITING
    send_signal(box.k, box["t1"], SIGKILL, group=True, force=True)
    assert hit(box) == ["v"]
    assert signal.curr_target is box["v"]
    assert not signal.flags & SIGNAL_GROUP_EXIT


def test_the_search_begins_at_curr_target(box: Box) -> None:
    """Though the leader would take it, too."""
    signal = box["v"].signal
    signal.flags |= SIGNAL_UNKILLABLE
    box["t1"].flags |= PF_EXITING
    signal.curr_target = box["t2"]
    send_signal(box.k, box["t1"], SIGKILL, group=True, force=True)
    assert hit(box) == ["t2"]


def test_a_curr_target_that_is_gone_starts_at_the_first_thread(box: Box) -> None:
    """c1 with a stale curr_target."""
    signal = box["v"].signal
    signal.flags |= SIGNAL_UNKILLABLE
    box["t1"].flags |= PF_EXITING
    signal.curr_target = box["t3"]
    box.m.request("exit", "t3")
    box.alone("t3")
    assert signal.curr_target is box["v"]
    send_signal(box.k, box["t1"], SIGKILL, group=True, force=True)
    assert hit(box) == ["v"]


def test_curr_target_moves_to_the_next_thread_when_it_is_unhashed(box: Box) -> None:
    """__exit_signal: next_thread(tsk)."""
    signal = box["v"].signal
    signal.curr_target = box["t2"]
    box.m.request("exit", "t2")
    box.alone("t2")
    assert signal.curr_target is box["t3"]


def test_nobody_wants_it_but_it_stays_queued(box: Box) -> None:
    """c1: all EXITING: nothing is set, the signal stays in the shared set."""
    for n in GROUP:
        box[n].flags |= PF_EXITING
    send_signal(box.k, box["v"], SIGKILL, group=True, force=True)
    assert hit(box) == []
    assert box["v"].signal.shared_pending == {SIGKILL}
    assert not box["v"].signal.flags


def test_an_exiting_thread_of_a_thread_directed_signal_ends_the_search(box: Box) -> None:
    """Thread-directed and EXITING: no other thread is tried."""
    box["t1"].flags |= PF_EXITING
    send_signal(box.k, box["t1"], SIGKILL, group=False, force=True)
    assert hit(box) == []
    assert box["t1"].pending == {SIGKILL}


def test_a_thread_directed_sigkill_kills_the_group(box: Box) -> None:
    """c2 does not ask how the signal was addressed."""
    send_signal(box.k, box["t1"], SIGKILL, group=False, force=False)
    assert hit(box) == list(GROUP)


@pytest.mark.parametrize(
    ("sig", "state", "pending", "wants"),
    [
        (SIGTERM, TASK_RUNNING, False, True),
        (SIGTERM, TASK_RUNNING, True, True),
        (SIGTERM, TASK_INTERRUPTIBLE, False, True),
        (SIGTERM, TASK_INTERRUPTIBLE, True, False),
        (SIGTERM, TASK_STOPPED, False, False),
        (SIGTERM, TASK_TRACED, False, False),
        (SIGKILL, TASK_TRACED, True, True),
        (SIGKILL, TASK_STOPPED, True, True),
    ],
)
def test_wants_signal(box: Box, sig: int, state: int, pending: bool, wants: bool) -> None:
    """wants_signal() by state and what is pending."""
    p = box["t1"]
    p.state = state
    p.thread_flags = TIF_SIGPENDING if pending else 0
    assert wants_signal(p, sig) is wants


@pytest.mark.parametrize("sig", [SIGTERM, SIGABRT])
def test_a_tracer_gets_a_signal_first(box: Box, sig: int) -> None:
    """c2 needs SIGKILL or an untraced target, and no core dump: else only the target is woken."""
    box["t1"].ptrace = 1
    send_signal(box.k, box["t1"], sig, group=False, force=False)
    assert hit(box) == ["t1"]
    assert not box["v"].signal.flags


def test_sigabrt_is_left_to_the_dumper(box: Box) -> None:
    """A signal that dumps core does not take the short way of c2."""
    send_signal(box.k, box["t1"], SIGABRT, group=True, force=False)
    assert hit(box) == ["t1"]


@pytest.mark.parametrize(
    ("state", "fatal", "woken"),
    [
        (TASK_INTERRUPTIBLE, False, True),
        (TASK_INTERRUPTIBLE, True, True),
        (TASK_UNINTERRUPTIBLE, True, False),
        (TASK_KILLABLE, False, False),
        (TASK_KILLABLE, True, True),
        (TASK_STOPPED, False, False),
        (TASK_STOPPED, True, True),
        (TASK_TRACED, False, False),
        (TASK_TRACED, True, True),
    ],
)
def test_signal_wake_up(box: Box, state: int, fatal: bool, woken: bool) -> None:
    """INTERRUPTIBLE by any signal, WAKEKILL states by a fatal one, the refrigerator's by none."""
    p = box["t1"]
    p.state = state
    signal_wake_up(p, fatal=fatal)
    assert (p.state == TASK_RUNNING) is woken
    assert p.thread_flags & TIF_SIGPENDING


def test_zap_other_threads_counts_all_but_kills_only_the_living(box: Box) -> None:
    """zap: every other thread counts, zombies too; those are not sent SIGKILL; the caller is spared."""
    box["t2"].exit_state = 32
    box["v"].signal.group_stop_count = 2
    for n in GROUP:
        box[n].jobctl = JOBCTL_STOP_PENDING
    assert zap_other_threads(box["t1"]) == 3
    assert hit(box) == ["v", "t3"]
    assert box["v"].signal.group_stop_count == 0
    assert [box[n].jobctl for n in GROUP] == [0, JOBCTL_STOP_PENDING, 0, 0]


@pytest.mark.parametrize(
    ("flags", "sig", "queued"),
    [
        (SIGNAL_GROUP_EXIT, SIGTERM, True),
        (SIGNAL_GROUP_EXIT | SIGNAL_GROUP_COREDUMP, SIGTERM, True),
        (SIGNAL_GROUP_COREDUMP, SIGTERM, False),
        (SIGNAL_GROUP_COREDUMP, SIGKILL, True),
    ],
)
def test_prepare_signal_in_a_dying_group(box: Box, flags: int, sig: int, queued: bool) -> None:
    """GROUP_EXIT still queues; a dump lets only SIGKILL pass."""
    box["v"].signal.flags = flags
    assert prepare_signal(box["v"], sig, force=False) is queued


def test_sigkill_overwrites_a_dump(box: Box) -> None:
    """c2: flags := GROUP_EXIT, COREDUMP goes."""
    box["v"].signal.flags = SIGNAL_GROUP_COREDUMP
    send_signal(box.k, box["v"], SIGKILL, group=True, force=False)
    assert box["v"].signal.flags == SIGNAL_GROUP_EXIT


def test_stop_and_continue_cancel_each_other(box: Box) -> None:
    """SIGSTOP flushes SIGCONT; SIGCONT flushes SIGSTOP, ends the stop and wakes the stopped."""
    signal = box["v"].signal
    signal.shared_pending = {SIGCONT}
    box["t1"].pending = {SIGCONT}
    assert prepare_signal(box["v"], SIGSTOP, force=False)
    assert not signal.shared_pending
    assert not box["t1"].pending
    signal.shared_pending = {SIGSTOP}
    box["t1"].pending = {SIGSTOP}
    signal.group_stop_count, signal.flags = 2, SIGNAL_STOP_STOPPED
    box["t1"].state = TASK_STOPPED
    box["t1"].jobctl = JOBCTL_STOP_PENDING
    assert not prepare_signal(box["v"], SIGCONT, force=False)
    assert (signal.shared_pending, box["t1"].pending) == (set(), set())
    assert (signal.group_stop_count, signal.flags) == (0, 0)
    assert (box["t1"].state, box["t1"].jobctl) == (TASK_RUNNING, 0)


def test_sigcont_does_not_wake_a_seized_thread(box: Box) -> None:
    """PT_SEIZED tracees learn of it through their tracer."""
    box["t1"].state = TASK_STOPPED
    box["t1"].ptrace = 0x10001
    prepare_signal(box["v"], SIGCONT, force=False)
    assert box["t1"].state == TASK_STOPPED


def test_who_ignores_what(box: Box) -> None:
    """SIGCHLD and SIGCONT by default, SIG_IGN, init without force, kernel threads always; a tracer wants to know."""
    v = box["v"]
    assert v.sighand is not None
    assert sig_ignored(v, SIGCHLD, force=False)
    assert sig_ignored(v, SIGCONT, force=False)
    assert not sig_ignored(v, SIGTERM, force=False)
    v.sighand.sigchld = "handled"
    assert not sig_ignored(v, SIGCHLD, force=False)
    v.sighand.sigchld = SIG_IGN
    assert sig_ignored(v, SIGCHLD, force=False)
    v.ptrace = 1
    assert not sig_ignored(v, SIGCHLD, force=False)
    assert sig_ignored(box["init"], SIGKILL, force=False)
    assert not sig_ignored(box["init"], SIGKILL, force=True)
    box["t1"].flags |= PF_KTHREAD
    assert sig_ignored(box["t1"], SIGKILL, force=True)


def test_a_kernel_thread_survives_kill() -> None:
    """It ran ignore_signals(); the worker goes on working."""
    box = Box()
    box.fork("v")
    box.do("kill", "v", "kworker", "KILL")
    assert not box["kworker"].thread_flags
    assert box.do("kill", "v", "init", "KILL") == ""
    assert box.user_mode("init", "v")


def test_a_signal_to_a_reaped_task_is_lost() -> None:
    """No sighand, no section: also when it goes while the sender waits for siglock."""
    box = Box()
    box.fork("v", "killer")
    box.do("ignore_sigchld", "init")
    box.ask("kill", "killer", "v", "TERM")
    box.until("killer", "do_send_sig_info")
    box.ask("exit_group", "v")
    box.alone("v")
    assert not box["v"].hashed
    box.rest()
    assert not box["v"].signal.shared_pending
    assert box.do("kill", "killer", "v", "TERM") == ""
    assert not box["v"].signal.shared_pending


@pytest.mark.parametrize(
    ("operations", "autoreaped", "woken"),
    [
        ((), False, True),
        (("handle_sigchld",), False, True),
        (("ignore_sigchld",), True, True),
        (("nocldwait",), True, True),
        (("handle_sigchld", "nocldwait"), True, True),
    ],
)
def test_do_notify_parent_autoreaps(operations: tuple[str, ...], autoreaped: bool, woken: bool) -> None:
    """SIG_IGN or SA_NOCLDWAIT: nobody wants the zombie; a waiter is woken in any case."""
    box = Box()
    box.fork("p")
    box.fork("c", by="p")
    for operation in operations:
        box.do(operation, "p")
    box.ask("wait", "p")
    box.alone("p")
    box.ask("exit_group", "c")
    box.alone("c")
    assert (not box["c"].hashed) is autoreaped
    assert box.m.runnable(box["p"]) is woken
    box.rest()
    assert box["p"].result == ("ECHILD" if autoreaped else "reaped c")


def test_an_ignored_sigchld_is_not_sent_but_nocldwait_sends_it() -> None:
    """SIG_IGN sets the signal to 0; SA_NOCLDWAIT with a handler delivers it."""
    for operation, sent in (("ignore_sigchld", False), ("nocldwait", True)):
        box = Box()
        box.fork("p")
        box.fork("c", by="p")
        box.do("handle_sigchld", "p")
        box.do(operation, "p")
        box.ask("exit_group", "c")
        box.alone("c")
        assert (SIGCHLD in box["p"].signal.shared_pending) is sent


def test_a_child_with_another_exit_signal_is_never_autoreaped() -> None:
    """exit_signal SIGUSR1: no autoreap, and the signal's default kills the parent."""
    box = Box()
    box.fork("p")
    box.do("nocldwait", "p")
    box.do("clone_nosig", "p", "c")
    assert box["c"].exit_signal == SIGUSR1
    box.ask("exit_group", "c")
    box.alone("c")
    assert box["c"].hashed
    assert box["p"].signal.flags & SIGNAL_GROUP_EXIT


def test_a_child_forces_no_signal_on_init() -> None:
    """Which ignores what it has no handler for, whatever signal its child ends with."""
    box = Box()
    box.fork("v")
    assert not box.call("do_notify_parent", box["v"], box["v"], SIGUSR1)
    assert box["init"].signal.shared_pending == set()


def test_exec_of_the_parent_turns_the_exit_signal_into_sigchld() -> None:
    """parent_exec_id differs from self_exec_id."""
    box = Box()
    box.fork("p")
    box.do("nocldwait", "p")
    box.do("clone_nosig", "p", "c")
    box.do("execve", "p")
    box.do("exit_group", "c")
    assert not box["c"].hashed
    assert not box["p"].signal.flags


def test_the_namespaces_init_is_killed_from_outside_only() -> None:
    """SIGNAL_UNKILLABLE: not by its child, but by an ancestor."""
    box = Box()
    box.do("clone_newpid", "init", "n")
    box.fork("c", by="n")
    box.do("kill", "c", "n", "KILL")
    assert box.user_mode("n")
    box.do("kill", "init", "n", "TERM")
    assert box.user_mode("n")
    box.do("kill", "init", "n", "KILL")
    assert box["n"].at is None
    assert box["c"].at is None


def test_tgkill_and_handlers_of_a_dead_parent() -> None:
    """A thread-directed TERM kills the process; a parent without sighand is told nothing."""
    box = Box()
    box.fork("v")
    box.clone("v", "t1")
    box.do("tgkill", "init", "t1", "TERM")
    assert box["v"].at is None
    assert box["t1"].at is None


def test_an_ancestor_stops_the_init_of_a_namespace_and_its_children_do_not() -> None:
    """Only SIGKILL and SIGSTOP have an effect on it; other signals are taken, and do nothing."""
    box = Box()
    box.do("clone_newpid", "init", "v")
    box.fork("child", by="v")
    box.do("kill", "child", "v", "STOP")
    assert box.user_mode("v")
    box.do("kill", "init", "v", "TERM")
    assert box.user_mode("v")
    box.do("tgkill", "init", "v", "STOP")
    assert box["v"].state == TASK_STOPPED
