"""Receiving signals: the freeze point, the dequeue, group stop, signal-delivery stops, do_group_exit (sections 1 and 6)."""

from __future__ import annotations

import pytest
from boot import Box

from kernel_model.get_signal import dequeue_signal, task_set_jobctl_stop
from kernel_model.ptrace_stop import recalc_sigpending_tsk
from kernel_model.sched import (
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
    PF_EXITING,
    PF_FREEZER_SKIP,
    PF_FROZEN,
    PF_SIGNALED,
    SIGCHLD,
    SIGCONT,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    SIGNAL_STOP_STOPPED,
    SIGSTOP,
    SIGTERM,
    TASK_STOPPED,
    TASK_TRACED,
    TIF_SIGPENDING,
)


@pytest.fixture
def box() -> Box:
    """A process v with the thread t1, and a bystander s."""
    box = Box()
    box.fork("v", "s")
    box.clone("v", "t1")
    return box


def move(box: Box, name: str, cgroup: str = "A") -> None:
    box.do("attach", "init", name, cgroup)


def test_a_killed_thread_freezes_before_it_dequeues(box: Box) -> None:
    """g2 precedes g3: SIGKILL stays pending in the fridge, and nothing but a thaw wakes the thread."""
    move(box, "v")
    box.do("freeze", "s", "A")
    assert box["v"].flags & PF_FROZEN
    box.do("kill", "s", "v", "KILL")
    assert box["v"].flags & PF_FROZEN
    assert SIGKILL in box["v"].pending
    assert box["v"].state
    box.do("thaw", "s", "A")
    assert box["v"].at is None
    assert box["v"].flags & PF_SIGNALED


def test_a_signal_in_user_mode_comes_before_the_next_system_call(box: Box) -> None:
    """A call that is only asked for begins after the signal's handling, and never if that is fatal."""
    box.ask("io_submit", "v")
    box.ask("kill", "s", "v", "STOP")
    box.alone("s")
    box.rest()
    assert box["v"].state == TASK_STOPPED
    assert not box.k.aio
    box.do("kill", "s", "v", "CONT")
    assert box.user_mode("v")
    assert box.k.aio == [box["v"].mm]
    box.ask("io_submit", "s")
    box.ask("kill", "init", "s", "KILL")
    box.alone("init")
    box.rest()
    assert box["s"].at is None
    assert box["s"].mm not in box.k.aio
    assert box.k.aio == [box["v"].mm]


def test_a_signal_comes_after_the_system_call_that_has_begun(box: Box) -> None:
    """What has left user mode does its work first, although it has not touched anything yet."""
    box.ask("io_submit", "v")
    box.step("v")
    box.do("kill", "s", "v", "STOP")
    assert box["v"].state == TASK_STOPPED
    assert box.k.aio == [box["v"].mm]


def test_sigkill_first_then_the_lowest_and_the_own_set_first(box: Box) -> None:
    """Dequeue order; TIF_SIGPENDING goes with the last one."""
    v = box["v"]
    v.pending = {SIGTERM, SIGKILL, SIGCHLD}
    v.signal.shared_pending = {SIGKILL}
    v.thread_flags |= TIF_SIGPENDING
    assert [dequeue_signal(box.k, v) for _ in range(5)] == [SIGKILL, SIGTERM, SIGCHLD, SIGKILL, 0]
    assert not v.thread_flags & TIF_SIGPENDING


def test_sigpending_stays_while_the_task_is_freezing(box: Box) -> None:
    """recalc_sigpending() keeps the freezer's fake signal, and a pending stop; the tsk variant only ever sets it."""
    v = box["v"]
    v.thread_flags |= TIF_SIGPENDING
    box.k.system_freezing_cnt, box.k.pm_freezing = 1, True
    box.call("recalc_sigpending", v)
    assert v.thread_flags & TIF_SIGPENDING
    box.k.pm_freezing = False
    v.jobctl = JOBCTL_TRAP_STOP
    box.call("recalc_sigpending", v)
    assert v.thread_flags & TIF_SIGPENDING
    v.jobctl = 0
    box.call("recalc_sigpending", v)
    assert not v.thread_flags & TIF_SIGPENDING
    v.thread_flags |= TIF_SIGPENDING
    assert not recalc_sigpending_tsk(v)
    assert v.thread_flags & TIF_SIGPENDING


def test_a_group_stop_stops_every_thread_and_continues_all(box: Box) -> None:
    """SIGSTOP to the process: all threads STOPPED, the last one sets the group's flag; SIGCONT ends it."""
    box.do("kill", "s", "v", "STOP")
    assert box["v"].state == box["t1"].state == TASK_STOPPED
    assert box["v"].signal.flags == SIGNAL_STOP_STOPPED
    assert box["v"].signal.group_stop_count == 0
    assert box["v"].flags & PF_FREEZER_SKIP
    box.do("kill", "s", "v", "CONT")
    assert box.user_mode("v", "t1")
    assert not box["v"].signal.flags


def test_a_stopped_group_is_frozen_enough_and_freezes_when_continued(box: Box) -> None:
    """do_signal_stop() sleeps with FREEZER_SKIP: the cgroup is FROZEN; the wake-up is a freeze point."""
    box.do("kill", "s", "v", "STOP")
    move(box, "v")
    box.do("freeze", "s", "A")
    assert box.do("read_state", "s", "A") == "FROZEN"
    assert not box["v"].flags & PF_FROZEN
    box.do("kill", "s", "v", "CONT")
    assert box["v"].flags & PF_FROZEN
    assert box["t1"].flags & PF_FROZEN
    box.do("thaw", "s", "A")
    assert box.user_mode("v", "t1")


def test_sigkill_ends_a_stop(box: Box) -> None:
    """STOPPED is a WAKEKILL state."""
    box.do("kill", "s", "v", "STOP")
    box.do("kill", "s", "v", "KILL")
    assert box["v"].at is None
    assert box["t1"].at is None


def test_a_dying_thread_completes_the_group_stop(box: Box) -> None:
    """exit_signals(): who exits with a stop pending takes part in it; an EXITING or killed thread is not asked."""
    box.ask("kill", "s", "v", "STOP")
    box.alone("s")
    box.until("v", "schedule() in TASK_STOPPED")
    t1 = box["t1"]
    assert t1.jobctl == JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME
    assert box["v"].signal.group_stop_count == 1
    assert not box["v"].signal.flags
    t1.context = box.call("do_exit", t1, 0)
    t1.at = next(t1.context)
    box.alone("t1")
    assert box["v"].signal.group_stop_count == 0
    assert box["v"].signal.flags == SIGNAL_STOP_STOPPED


def test_who_is_not_asked_to_stop(box: Box) -> None:
    """task_set_jobctl_pending(): neither the killed nor the EXITING."""
    v = box["v"]
    v.flags |= PF_EXITING
    assert not task_set_jobctl_stop(v)
    v.flags &= ~PF_EXITING
    v.thread_flags |= TIF_SIGPENDING
    v.pending = {SIGKILL}
    assert not task_set_jobctl_stop(v)
    assert not v.jobctl


def test_a_second_stop_while_one_is_under_way_changes_nothing(box: Box) -> None:
    """start_group_stop() with a stop pending, or in a group that exits, is void."""
    box.ask("kill", "s", "v", "STOP")
    box.alone("s")
    box.until("v", "schedule() in TASK_STOPPED")
    box["t1"].pending = {SIGSTOP}
    box.rest()
    assert box["t1"].state == TASK_STOPPED
    assert box["v"].signal.group_stop_count == 0


def test_exit_retargets_what_was_sent_to_the_group() -> None:
    """A signal that the dying thread was chosen for wakes the next living one, and only one."""
    box = Box()
    box.fork("v", "s")
    box.clone("v", "t1", "t2", "t3")
    box["t2"].flags |= PF_EXITING
    t1 = box["t1"]
    box["v"].signal.shared_pending = {SIGTERM}
    t1.thread_flags |= TIF_SIGPENDING
    t1.context = box.call("do_exit", t1, 0)
    t1.at = next(t1.context)
    box.until("t1", "atomic_dec_and_test")
    assert [n for n in ("v", "t2", "t3") if box[n].thread_flags & TIF_SIGPENDING] == ["t3"]


def test_exit_retargets_nothing_without_a_signal_or_without_a_taker() -> None:
    """No shared signal, or nobody alive: nobody is woken; a single thread takes the short way."""
    box = Box()
    box.fork("v")
    box.clone("v", "t1")
    for shared, exiting in ((set(), False), ({SIGTERM}, True)):
        box["v"].signal.shared_pending = set(shared)
        if exiting:
            box["v"].flags |= PF_EXITING
        name = "t1"
        t1 = box[name]
        t1.thread_flags |= TIF_SIGPENDING
        t1.context = box.call("do_exit", t1, 0)
        t1.at = next(t1.context)
        box.until(name, "atomic_dec_and_test")
        assert not box["v"].thread_flags & TIF_SIGPENDING


def test_signals_without_effect(box: Box) -> None:
    """SIGCONT, an ignored or handled SIGCHLD, and whatever init gets do not kill."""
    v = box["v"]
    assert v.sighand is not None
    for sig, disposition in (
        (SIGCONT, "default"),
        (SIGCHLD, "default"),
        (SIGCHLD, "handled"),
        (SIGCHLD, "ignored"),
    ):
        v.sighand.sigchld = disposition
        v.pending = {sig}
        v.thread_flags |= TIF_SIGPENDING
        box.rest()
        assert box.user_mode("v")
        assert not v.pending
    box["init"].pending = {SIGTERM}
    box["init"].thread_flags |= TIF_SIGPENDING
    box.rest()
    assert box.user_mode("init")


def test_a_tracer_decides_about_a_signal(box: Box) -> None:
    """g4: a signal other than SIGKILL stops the tracee; PTRACE_CONT without a signal swallows it."""
    box.do("ptrace_seize", "s", "v")
    box.do("kill", "init", "v", "TERM")
    assert box["v"].state == TASK_TRACED
    assert box["v"].flags & PF_FREEZER_SKIP
    assert box.do("ptrace_cont", "s", "v") == ""
    assert box.user_mode("v", "t1")
    box.do("kill", "init", "v", "KILL")
    assert box["v"].exit_state


def test_a_tracer_that_leaves_lets_the_signal_through(box: Box) -> None:
    """The stop ends with the tracer's death; exit_code still holds the signal."""
    box.do("ptrace_seize", "s", "v")
    box.do("kill", "init", "v", "TERM")
    box.do("exit_group", "s")
    assert box["v"].at is None


def test_a_tracee_joins_a_group_stop_as_a_trap(box: Box) -> None:
    """The untraced thread is STOPPED, the tracee TRACED, and together they complete the stop."""
    box.do("ptrace_seize", "s", "t1")
    box.do("kill", "init", "v", "STOP")
    assert box["v"].state == TASK_STOPPED
    assert box["t1"].state == TASK_TRACED
    assert box["v"].signal.flags == SIGNAL_STOP_STOPPED
    assert box["v"].signal.group_stop_count == 0


def test_detaching_a_tracee_puts_it_back_into_the_group_stop(box: Box) -> None:
    """__ptrace_unlink() re-arms the stop."""
    box.do("ptrace_seize", "s", "t1")
    box.do("kill", "init", "v", "STOP")
    box.do("ptrace_detach", "s", "t1")
    assert box["t1"].state == TASK_STOPPED
    box.do("kill", "init", "v", "CONT")
    assert box.user_mode("v", "t1")


def test_attaching_to_a_stopped_thread_traps_it(box: Box) -> None:
    """TASK_STOPPED becomes TASK_TRACED so that the tracer can control it."""
    box.do("kill", "init", "v", "STOP")
    box.do("ptrace_seize", "s", "t1")
    assert box["t1"].state == TASK_TRACED
    assert box["v"].state == TASK_STOPPED


def test_do_group_exit_takes_an_earlier_code_and_kills_the_others(box: Box) -> None:
    """The first one's code counts; exit_group() of a single thread sets no flag."""
    box.ask("exit_group", "v")
    box.ask("exit_group", "t1")
    box.until("v", "ptrace_event")
    assert box["v"].signal.flags & SIGNAL_GROUP_EXIT
    assert SIGKILL in box["t1"].pending
    box["v"].signal.group_exit_code = 77
    box.rest()
    assert box["t1"].exit_code == 77
    box.do("exit_group", "s")
    assert not box["s"].signal.flags


def test_the_last_that_stops_tells_the_parent(box: Box) -> None:
    """A parent that waits is woken, to see that nobody is dead."""
    box.ask("wait", "init")
    box.alone("init")
    box.ask("kill", "s", "v", "STOP")
    box.alone("s")
    for name, last in (("v", False), ("t1", True)):
        box.alone(name)
        assert box[name].state == TASK_STOPPED
        assert box.m.runnable(box["init"]) is last


def test_a_group_stop_wakes_no_killable_sleeper(box: Box) -> None:
    """A thread that waits for its vfork child stops when that is done."""
    box.ask("vfork", "t1", "child")
    box.alone("t1")
    box.ask("kill", "s", "v", "STOP")
    box.alone("s")
    box.alone("v")
    assert box["v"].state == TASK_STOPPED
    assert box["t1"].jobctl
    assert not box.m.runnable(box["t1"])


def test_an_ignored_signal_does_not_hide_the_next(box: Box) -> None:
    """The loop goes on under siglock: no freeze point lies between the two."""
    box["v"].pending |= {SIGCONT, SIGSTOP}
    box["v"].thread_flags |= TIF_SIGPENDING
    box.until("v", "get_signal")
    box.step("v")
    assert box["v"].state == TASK_STOPPED


def test_the_first_code_is_the_group_s(box: Box) -> None:
    """do_group_exit(7) of one thread: the others end with 7, too."""
    steps = box.call("do_group_exit", box["v"], 7)
    next(steps)
    next(steps)
    assert (box["v"].exit_code, box["v"].signal.group_exit_code) == (7, 7)
    box.rest()
    assert box["t1"].exit_code == 7


def test_the_stop_of_a_killed_group_is_void() -> None:
    """SIGSTOP that is dequeued after GROUP_EXIT stops nobody."""
    box = Box()
    box.fork("v", "s")
    box["v"].signal.flags = SIGNAL_GROUP_EXIT
    box["v"].pending = {SIGSTOP}
    box["v"].thread_flags |= TIF_SIGPENDING
    box.rest()
    assert box.user_mode("v")


def test_a_killed_thread_that_was_told_to_stop_stops_the_others_only() -> None:
    """PTRACE_O_EXITKILL hits an unkillable init in its signal-delivery stop for SIGSTOP: it is not asked to stop."""
    box = Box()
    box.fork("s")
    box.do("clone_newpid", "init", "n")
    box.clone("n", "n1")
    box.do("ptrace_seize", "s", "n")
    box.do("ptrace_exitkill", "s", "n")
    box.do("tgkill", "init", "n", "STOP")
    assert box["n"].state == TASK_TRACED
    box.ask("exit_group", "s")
    box.alone("s")
    assert SIGKILL in box["n"].pending
    box.until("n", "do_group_exit")
    assert box["n1"].jobctl == JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME
    assert box["n"].signal.group_stop_count == 1
    box.rest()
    assert box["n1"].at is None


def test_a_stop_under_way_when_the_tracer_goes(box: Box) -> None:
    """__ptrace_unlink() re-arms the stop and counts nobody twice."""
    box.do("ptrace_seize", "s", "t1")
    box.ask("kill", "init", "v", "STOP")
    box.alone("init")
    box.until("v", "schedule() in TASK_STOPPED")
    assert box["v"].signal.group_stop_count == 1
    box.ask("exit_group", "s")
    box.alone("s")
    box.rest()
    assert box["t1"].state == box["v"].state == TASK_STOPPED
    assert box["v"].signal.group_stop_count == 0
    assert box["v"].signal.flags == SIGNAL_STOP_STOPPED
