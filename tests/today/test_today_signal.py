"""Single functions of today's signals, stops and end of a task, each called alone on a state that the test sets up."""

from __future__ import annotations

import pytest
from boot import Box
from todays import AFTER, BEFORE, V6_18, V7_2, each, ended, ran, reach, victim

import patched
from kernel_model.events import Killed
from kernel_model.get_signal import GROUP_EXIT, STOP_SLEEP
from kernel_model.locking import acquire
from kernel_model.ptrace_stop import STOP_SLEEP as TRAP_SLEEP
from kernel_model.sched import (
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
    PF_EXITING,
    PF_SIGNALED,
    PT_PTRACED,
    PT_SEIZED,
    SIG_DFL,
    SIG_HANDLED,
    SIG_IGN,
    SIGABRT,
    SIGCHLD,
    SIGCONT,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    SIGNAL_STOP_STOPPED,
    SIGNAL_UNKILLABLE,
    SIGSTOP,
    SIGTERM,
    TASK_INTERRUPTIBLE,
    TASK_KILLABLE,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_TRACED,
    TIF_SIGPENDING,
    CoreState,
)
from kernel_model.variant import Variant
from oom_kernels.today.get_signal import STOPPING

in_all = pytest.mark.parametrize(
    "variant", [patched.VARIANT, BEFORE, V6_18, V7_2, AFTER], ids=lambda v: v.name.rpartition(".")[2]
)


@in_all
def test_who_takes_over_a_signal_is_woken_as_by_any(variant: Variant) -> None:
    """Not from a sleep that only SIGKILL ends."""
    box = victim(variant, "t1")
    v, t1 = box["v"], box["t1"]
    v.signal.shared_pending, v.thread_flags, t1.state = {SIGTERM}, TIF_SIGPENDING, TASK_KILLABLE
    ran(box, "exit_signals", box.k, v)
    assert (t1.thread_flags & TIF_SIGPENDING, t1.state) == (TIF_SIGPENDING, TASK_KILLABLE)


def others_of(box: Box) -> list[bool]:
    """Which threads beside the leader know that a signal is pending."""
    return [bool(t.thread_flags & TIF_SIGPENDING) for t in box["v"].signal.threads[1:]]


@pytest.mark.parametrize(
    ("threads", "flags", "pending", "told"),
    [
        (("t1", "t2"), 0, True, [True, False]),
        (("t1", "t2"), 0, False, [False, False]),
        (("t1", "t2"), SIGNAL_GROUP_EXIT, True, [False, False]),
        ((), 0, True, []),
    ],
)
@in_all
def test_who_exits_hands_its_groups_signals_on(
    variant: Variant, threads: tuple[str, ...], flags: int, pending: bool, told: list[bool]
) -> None:
    """To one thread of a group that lives on, if it was woken for them itself; the stop of such a group counts on without it.

    Before 7.2 only such a thread takes siglock.
    """
    box = victim(variant, *threads)
    v = box["v"]
    v.signal.flags, v.signal.shared_pending = flags, {SIGTERM}
    v.signal.group_stop_count, v.jobctl = 2, JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME
    v.thread_flags = TIF_SIGPENDING if pending else 0
    sections = len(list(box.call("exit_signals", v)))
    assert sections == (2 if variant in (V7_2, AFTER) or (threads and not flags) else 1)
    assert others_of(box) == told
    assert v.signal.group_stop_count == (1 if any(told) else 2)
    assert v.flags & PF_EXITING
    assert v.signal.shared_pending == {SIGTERM}
    assert v.held == []


@pytest.mark.parametrize(("left", "told"), [(1, True), (2, False)])
@in_all
def test_the_end_of_a_stop_is_told_by_who_exits_last(variant: Variant, left: int, told: bool) -> None:
    """Its leader's parent looks again, and only then."""
    box = Box(variant)
    box.fork("parent")
    box.fork("v", by="parent")
    box.clone("v", "t1")
    t1 = box["t1"]
    box["v"].signal.group_stop_count, t1.jobctl = left, JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME
    t1.thread_flags |= TIF_SIGPENDING
    box["parent"].signal.wait_chldexit = [box["parent"]]
    box["parent"].state = TASK_INTERRUPTIBLE
    ran(box, "exit_signals", box.k, t1)
    assert (box["parent"].state == TASK_RUNNING) == told


@pytest.mark.parametrize(
    ("init", "thread", "dead", "early"),
    [
        (True, False, True, True),
        (True, True, True, False),
        (False, False, True, False),
        (False, True, True, False),
        (True, True, False, False),
        (False, False, False, False),
    ],
)
@each
def test_whose_dead_tracees_are_released_before_it_waits(
    variant: Variant, init: bool, thread: bool, dead: bool, early: bool
) -> None:
    """Only those of a namespace's init with no thread left; everybody else keeps tasklist_lock all the way."""
    box = Box(variant)
    box.do("clone_newpid" if init else "fork", "init", "v")
    if thread:
        box.clone("v", "t1")
    box.fork("c")
    box.do("exit_group", "c")
    v, c, k = box["v"], box["c"], box.k
    v.flags |= PF_EXITING
    acquire(v, k.tasklist_lock)
    zombies = [c] if dead else []
    kept = True
    for _ in box.call("forget_original_parent", v, zombies):
        kept = kept and k.tasklist_lock in v.held
    assert zombies == ([c] if dead and not early else [])
    assert c.hashed != early
    assert kept != early
    assert k.tasklist_lock in v.held


@in_all
def test_a_tracer_hears_of_each_stop_of_its_tracee(variant: Variant) -> None:
    """SIGCHLD, and whoever waits in its group looks again."""
    box = victim(variant)
    box.fork("tracer")
    box.clone("tracer", "waiter")
    box.do("ptrace_seize", "tracer", "v")
    tracer, waiter = box["tracer"], box["waiter"]
    tracer.signal.wait_chldexit, waiter.state = [waiter], TASK_INTERRUPTIBLE
    tracer.sighand.sigchld = "handled"  # type: ignore[union-attr]
    tracer.signal.shared_pending.clear()
    box.ask("kill", "init", "v", "TERM")
    box.alone("init")
    box.until("v", "ptrace_stop: tasklist_lock")
    assert (tracer.signal.shared_pending, waiter.state) == (set(), TASK_INTERRUPTIBLE)
    box.alone("v")
    assert box["v"].state == TASK_TRACED
    assert (tracer.signal.shared_pending, waiter.state) == ({SIGCHLD}, TASK_RUNNING)


@pytest.mark.parametrize("stop", ["traced", "stopped"])
@each
def test_a_stop_leaves_the_cpu_and_comes_back_to_it(variant: Variant, stop: str) -> None:
    """Between the state and the sleep, and after it, the task runs: no freezer takes it for asleep."""
    box = victim(variant)
    if stop == "traced":
        box.fork("tracer")
        box.do("ptrace_seize", "tracer", "v")
    box.ask("kill", "init", "v", "TERM" if stop == "traced" else "STOP")
    box.alone("init")
    v = box["v"]
    while not v.state & (TASK_TRACED | TASK_STOPPED):
        box.step("v")
    on_cpu = [v.on_cpu]
    box.alone("v")
    on_cpu.append(v.on_cpu)
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.step("v")
    assert [*on_cpu, v.on_cpu] == [True, False, True]
    assert v.state == TASK_RUNNING


@pytest.mark.parametrize("sig", [SIGTERM, SIGKILL])
@pytest.mark.parametrize("dump", [False, True])
@each
def test_what_a_dying_group_takes(variant: Variant, sig: int, dump: bool) -> None:
    """Nothing but SIGKILL, while it dumps; nor does it continue."""
    box = victim(variant)
    v = box["v"]
    v.signal.flags = SIGNAL_GROUP_EXIT | SIGNAL_STOP_STOPPED
    v.signal.core_state = CoreState(v, 0) if dump else None
    assert ran(box, "prepare_signal", v, sig, force=False) == (dump and sig == SIGKILL)
    assert not ran(box, "prepare_signal", v, SIGCONT, force=False)
    assert v.signal.flags & SIGNAL_STOP_STOPPED


@each
def test_a_living_group_takes_what_it_does_not_ignore(variant: Variant) -> None:
    """SIGCONT ends its stop, whether anybody notices it or not."""
    box = victim(variant)
    v = box["v"]
    v.signal.flags = SIGNAL_STOP_STOPPED
    taken = [s for s in (SIGTERM, SIGCHLD, SIGSTOP) if ran(box, "prepare_signal", v, s, force=False)]
    assert taken == [SIGTERM, SIGSTOP]
    assert v.signal.flags & SIGNAL_STOP_STOPPED
    assert not ran(box, "prepare_signal", v, SIGCONT, force=False)
    assert not v.signal.flags & SIGNAL_STOP_STOPPED


ALL = (SIGKILL, SIGTERM, SIGCHLD, SIGCONT, SIGSTOP)


@pytest.mark.parametrize(
    ("who", "ptraced", "sigchld", "forced", "not_forced"),
    [
        ("v", 0, SIG_DFL, {SIGCHLD, SIGCONT}, {SIGCHLD, SIGCONT}),
        ("v", 0, SIG_HANDLED, {SIGCONT}, {SIGCONT}),
        ("v", 0, SIG_IGN, {SIGCHLD, SIGCONT}, {SIGCHLD, SIGCONT}),
        ("v", PT_PTRACED, SIG_IGN, set(), set()),
        ("n", 0, SIG_DFL, {SIGTERM, SIGCHLD, SIGCONT}, set(ALL)),
        ("n", 0, SIG_HANDLED, {SIGTERM, SIGCONT}, {SIGTERM, SIGCONT, SIGKILL, SIGSTOP}),
        ("n", PT_PTRACED, SIG_DFL, set(), {SIGKILL}),
        ("init", 0, SIG_DFL, set(ALL), set(ALL)),
        ("init", 0, SIG_HANDLED, set(ALL) - {SIGCHLD}, set(ALL) - {SIGCHLD}),
        ("init", PT_PTRACED, SIG_DFL, {SIGKILL}, {SIGKILL}),
        ("kswapd", PT_PTRACED, SIG_DFL, set(ALL), set(ALL)),
    ],
)
@each
def test_who_ignores_what(
    variant: Variant, who: str, ptraced: int, sigchld: str, forced: set[int], not_forced: set[int]
) -> None:
    """A process, a namespace's init, the global one, a kernel thread; as a tracee it is the tracer that says so, but of SIGKILL."""
    box = victim(variant)
    box.do("clone_newpid", "init", "n")
    p = box[who]
    p.ptrace = ptraced
    if p.sighand is not None:
        p.sighand.sigchld = sigchld
    assert {s for s in ALL if ran(box, "sig_ignored", p, s, force=True)} == forced
    assert {s for s in ALL if ran(box, "sig_ignored", p, s, force=False)} == not_forced


@pytest.mark.parametrize("sig", [SIGTERM, SIGKILL])
@pytest.mark.parametrize("ptraced", [0, PT_PTRACED])
@each
def test_whose_fatal_signal_waits_for_its_tracer(variant: Variant, sig: int, ptraced: int) -> None:
    """It is the addressed thread that counts, not the one that shall take it."""
    box = victim(variant, "t1")
    box["v"].ptrace = ptraced
    at_once = sig == SIGKILL or not ptraced
    assert ran(box, "_kills_at_once", box["v"], box["t1"], sig) == at_once
    assert ran(box, "_kills_at_once", box["t1"], box["v"], sig)


@pytest.mark.parametrize("group", [False, True])
@pytest.mark.parametrize("exiting", [False, True])
@each
def test_which_signal_an_exiting_thread_is_not_sent(variant: Variant, group: bool, exiting: bool) -> None:
    """Its own, in 7.2 and later."""
    box = victim(variant)
    v = box["v"]
    v.flags |= PF_EXITING if exiting else 0
    ran(box, "send_signal", box.k, v, SIGABRT, group=group, force=False)
    dropped = exiting and not group and variant in (V7_2, AFTER)
    assert v.pending | v.signal.shared_pending == (set() if dropped else {SIGABRT})


@each
def test_who_takes_the_others_down_does_not_stop_either(variant: Variant) -> None:
    """In 2016 it kept what it was asked for."""
    box = victim(variant, "t1", "t2")
    for t in box["v"].signal.threads:
        t.jobctl = JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME | JOBCTL_TRAP_STOP
    assert ran(box, "zap_other_threads", box["t1"]) == 2
    assert [t.jobctl for t in box["v"].signal.threads] == [0] * 3
    assert [t.pending for t in box["v"].signal.threads] == [{SIGKILL}, set(), {SIGKILL}]


@each
def test_a_marked_thread_takes_its_sigkill_and_nothing_else(variant: Variant) -> None:
    """What else is pending keeps TIF_SIGPENDING set; without it the flag goes."""
    for pending in (set(), {SIGTERM}):
        box = victim(variant, "t1")
        v = box["v"]
        v.signal.flags, v.signal.group_exit_code = SIGNAL_GROUP_EXIT, SIGABRT
        v.pending, v.thread_flags = {SIGKILL} | pending, TIF_SIGPENDING
        steps = box.call("get_signal", v)
        reach(steps, (GROUP_EXIT, v.sighand.siglock))  # type: ignore[union-attr]
        assert (v.pending, v.thread_flags) == (pending, TIF_SIGPENDING if pending else 0)
        assert v.flags & PF_SIGNALED
        assert v.held == []


@pytest.mark.parametrize(
    ("state", "code", "flags"),
    [
        ("living", 7, SIGNAL_GROUP_EXIT),
        ("stopped", 7, SIGNAL_GROUP_EXIT),
        ("dying", SIGABRT, SIGNAL_GROUP_EXIT),
        ("exec", 0, 0),
    ],
)
@each
def test_who_exits_with_which_code(variant: Variant, state: str, code: int, flags: int) -> None:
    """The group's own if it dies already, none if another thread replaces the program; then nobody else is killed."""
    box = victim(variant, "t1")
    t1, signal = box["t1"], box["v"].signal
    if state == "dying":
        signal.flags, signal.group_exit_code = SIGNAL_GROUP_EXIT, SIGABRT
    signal.flags |= SIGNAL_STOP_STOPPED if state == "stopped" else 0
    signal.group_exit_task = box["v"] if state == "exec" else None
    steps = box.call("do_group_exit", t1, 7)
    next(steps)
    next(steps)
    assert (t1.exit_code, signal.flags) == (code, flags)
    assert (box["v"].pending == {SIGKILL}) == (state in ("living", "stopped"))
    assert t1.pending == set()
    assert len([e for e in box.events(Killed) if e.group == signal.number]) == (code == 7)


@in_all
def test_a_stop_takes_the_code_that_the_tracer_let_through(variant: Variant) -> None:
    """And leaves none behind; what is pending is noted again."""
    box = victim(variant)
    v = box["v"]
    v.ptrace, v.jobctl, v.thread_flags = PT_PTRACED, JOBCTL_TRAP_STOP, 0
    acquire(v, v.sighand.siglock)  # type: ignore[union-attr]
    steps = box.call("ptrace_stop", v, SIGTERM)
    next(steps)
    assert (v.exit_code, v.jobctl, v.held) == (SIGTERM, 0, [])
    v.pending, v.exit_code = {SIGABRT}, SIGCONT
    assert ended(steps) == SIGCONT
    assert (v.exit_code, v.thread_flags, v.state) == (0, TIF_SIGPENDING, TASK_RUNNING)
    assert v.held == [v.sighand.siglock]  # type: ignore[union-attr]


@in_all
def test_a_signal_comes_right_after_a_trap(variant: Variant) -> None:
    """Before the tracee runs on, or freezes."""
    box = victim(variant)
    v = box["v"]
    v.ptrace, v.jobctl, v.pending = PT_PTRACED, JOBCTL_TRAP_STOP, {SIGTERM}
    steps = box.call("get_signal", v)
    reach(steps, TRAP_SLEEP)
    assert v.exit_code == SIGSTOP
    reach(steps, TRAP_SLEEP)
    assert v.exit_code == SIGTERM


@pytest.mark.parametrize("why", ["let go", "killed"])
@each
def test_who_does_not_stop_for_its_tracer(variant: Variant, why: str) -> None:
    """The code comes back at once, and nothing is changed."""
    box = victim(variant)
    v = box["v"]
    v.ptrace, v.jobctl = 0 if why == "let go" else PT_PTRACED, JOBCTL_TRAP_STOP
    v.pending, v.thread_flags = ({SIGKILL}, TIF_SIGPENDING) if why == "killed" else (set(), 0)
    assert ran(box, "ptrace_stop", box.k, v, SIGTERM) == SIGTERM
    assert (v.state, v.exit_code, v.jobctl) == (TASK_RUNNING, 0, JOBCTL_TRAP_STOP)


@pytest.mark.parametrize("with_group", [False, True])
@pytest.mark.parametrize("stopping", [False, True])
@each
def test_which_tracees_stop_counts_for_its_group(variant: Variant, with_group: bool, stopping: bool) -> None:
    """That of who was asked to stop with it, and only for a stop of the group."""
    box = victim(variant, "t1")
    v = box["v"]
    v.ptrace, v.signal.group_stop_count = PT_PTRACED, 2
    v.jobctl = (JOBCTL_STOP_PENDING if stopping else 0) | JOBCTL_STOP_CONSUME
    acquire(v, v.sighand.siglock)  # type: ignore[union-attr]
    next(box.call("ptrace_stop", v, SIGTERM, with_group=with_group))
    assert v.signal.group_stop_count == (1 if with_group and stopping else 2)


@in_all
def test_a_tracee_traps_when_its_group_stops(variant: Variant) -> None:
    """Attached or seized, it counts for the stop from the trap."""
    box = victim(variant, "t1", "t2")
    box.fork("tracer")
    box.do("ptrace_attach", "tracer", "v")
    box.do("ptrace_cont", "tracer", "v")
    box.do("ptrace_seize", "tracer", "t2")
    box.do("tgkill", "init", "t1", "STOP")
    assert [box[n].state for n in ("v", "t1", "t2")] == [TASK_TRACED, TASK_STOPPED, TASK_TRACED]
    assert (box["v"].signal.group_stop_count, box["v"].signal.flags) == (0, SIGNAL_STOP_STOPPED)


@pytest.mark.parametrize("seized", [False, True])
@pytest.mark.parametrize("stopped", [False, True])
@each
def test_how_an_attach_stops_its_tracee(variant: Variant, seized: bool, stopped: bool) -> None:
    """SIGSTOP, but for who is seized; who is stopped already goes on to a trap."""
    box = victim(variant)
    v = box["v"]
    v.ptrace = PT_PTRACED | (PT_SEIZED if seized else 0)
    v.state = TASK_STOPPED if stopped else TASK_INTERRUPTIBLE
    v.signal.flags |= SIGNAL_UNKILLABLE
    ran(box, "trap_if_stopped", box.k, box["init"], v)
    assert v.pending == (set() if seized else {SIGSTOP})
    assert bool(v.jobctl & JOBCTL_TRAP_STOP) == stopped
    assert v.state == (TASK_INTERRUPTIBLE if seized and not stopped else TASK_RUNNING)
    assert box["init"].held == []
    assert list(box.call("_stop_attached", box["init"], v, 0)) == []


@pytest.mark.parametrize("told", [False, True])
@each
def test_who_told_its_parent_of_the_stop_goes_to_sleep_at_once(variant: Variant, told: bool) -> None:
    """It has left its lock on the way; the others have one moment more in which the state is set and they run."""
    box = victim(variant)
    v = box["v"]
    v.state = TASK_STOPPED
    steps = box.call("_sleep_stopped", v, told=told)
    points = [next(steps)] if told else [next(steps), next(steps)]
    assert points == ([STOP_SLEEP] if told else [STOPPING, STOP_SLEEP])
    assert next(steps, None) is None
    assert v.state == TASK_RUNNING
