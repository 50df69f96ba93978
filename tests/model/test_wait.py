"""wait4(), the EXIT_TRACE window, and the end of a pid namespace (sections 10 and 11)."""

from __future__ import annotations

import pytest
from boot import Box

from kernel_model.sched import EXIT_TRACE, EXIT_ZOMBIE, PF_FROZEN, SIG_IGN, SIGCHLD, SIGKILL, TIF_SIGPENDING


@pytest.fixture
def box() -> Box:
    """A process p with the child c, and s."""
    box = Box()
    box.fork("p", "s")
    box.fork("c", by="p")
    return box


def test_wait_reaps_a_zombie_or_sleeps_or_fails(box: Box) -> None:
    """Sleep while a child lives, reap it when it dies, ECHILD when none is left."""
    box.do("wait", "p")
    assert box.at("p") == "do_wait: schedule() in TASK_INTERRUPTIBLE"
    box.do("exit_group", "c")
    assert box["p"].result == "reaped c"
    assert not box["c"].hashed
    assert box.do("wait", "p") == "ECHILD"
    assert box["p"].signal.wait_chldexit == []


def test_any_thread_waits_for_the_children_of_all(box: Box) -> None:
    """The scan goes over the children of every thread of the group."""
    box.clone("p", "p1")
    box.do("exit_group", "c")
    assert box.do("wait", "p1") == "reaped c"


def test_a_child_with_another_exit_signal_needs_wall(box: Box) -> None:
    """Without __WALL it is no child at all."""
    box.do("exit_group", "c")
    box.do("wait", "p")
    box.do("clone_nosig", "p", "n")
    assert box.do("wait", "p") == "ECHILD"
    box.do("wait_all", "p")
    assert box.at("p").startswith("do_wait")


def test_a_child_without_an_exit_signal_tells_nobody(box: Box) -> None:
    """It stays a zombie although its parent ignores SIGCHLD, until __WALL; an orphan sends SIGCHLD like any other."""
    box.do("ignore_sigchld", "p")
    box.do("clone_silent", "p", "n")
    box.do("exit_group", "n")
    assert box["n"].exit_state == EXIT_ZOMBIE
    assert box.do("wait_nohang", "p") == "0"
    assert box.do("wait_all", "p") == "reaped n"
    box.do("clone_silent", "p", "m")
    box.do("exit_group", "m")
    box.do("exit_group", "p")
    assert box["m"].exit_signal == SIGCHLD
    assert box.do("wait", "init") in {"reaped p", "reaped m"}


def test_wnohang_does_not_sleep(box: Box) -> None:
    """0 while a child lives, the child when it is a zombie, ECHILD when none is left."""
    assert box.do("wait_nohang", "p") == "0"
    assert box.user_mode("p")
    box.do("exit_group", "c")
    assert box.do("wait_nohang", "p") == "reaped c"
    assert box.do("wait_nohang", "p") == "ECHILD"
    assert box["p"].signal.wait_chldexit == []


def test_waitpid_sees_one_child_only(box: Box) -> None:
    """Another zombie stays; who is no child is none; a tracee counts."""
    box.fork("d", by="p")
    box.do("exit_group", "d")
    box.do("waitpid", "p", "c")
    assert box.at("p") == "do_wait: schedule() until one child is dead"
    assert box["d"].exit_state == EXIT_ZOMBIE
    box.do("exit_group", "c")
    assert box["p"].result == "reaped c"
    assert box.do("waitpid", "p", "s") == "ECHILD"
    box.do("ptrace_seize", "p", "s")
    box.do("exit_group", "s")
    assert box.do("waitpid", "p", "s") == "reaped s"


def test_a_leader_with_threads_can_not_be_reaped(box: Box) -> None:
    """delay_group_leader()."""
    box.clone("c", "c1")
    box.do("exit", "c")
    box.do("wait", "p")
    assert box.at("p").startswith("do_wait")
    box.do("exit", "c1")
    assert box["p"].result == "reaped c"


def test_a_signal_ends_the_wait_after_one_more_scan(box: Box) -> None:
    """do_wait() scans before it looks at signals: a waiter woken by the fake signal may still reap."""
    box.do("attach", "init", "p", "A")
    box.do("wait", "p")
    box.ask("exit_group", "c")
    box.alone("c")
    box["p"].thread_flags |= TIF_SIGPENDING
    box.rest()
    assert box["p"].result == "reaped c"


def test_a_frozen_parent_reaps_nobody(box: Box) -> None:
    """The waiter is INTERRUPTIBLE and goes into the fridge; it reaps after the thaw."""
    box.do("attach", "init", "p", "A")
    box.do("wait", "p")
    box.do("freeze", "s", "A")
    assert box["p"].flags & PF_FROZEN
    box["c"].cgroup = box.k.root_cgroup
    box.do("kill", "s", "c", "KILL")
    box["c"].state = 0
    box.rest()
    assert box["c"].exit_state == EXIT_ZOMBIE
    box.do("thaw", "s", "A")
    assert box["p"].result == "reaped c"


def test_two_waiters_and_one_zombie(box: Box) -> None:
    """The exit state goes atomically: one reaps, the other finds no child."""
    box.clone("p", "p1")
    box.do("wait", "p")
    box.do("wait", "p1")
    box.do("exit_group", "c")
    assert sorted([box["p"].result, box["p1"].result]) == ["ECHILD", "reaped c"]


def test_the_trace_window(box: Box) -> None:
    """A foreign tracer makes it EXIT_TRACE, which nobody else may touch, then ZOMBIE again for the natural parent."""
    box.do("ptrace_seize", "s", "c")
    box.do("exit_group", "c")
    box.do("wait", "p")
    assert box.at("p").startswith("do_wait")
    box.ask("wait", "s")
    box.until("s", "from EXIT_TRACE")
    assert box["c"].exit_state == EXIT_TRACE
    box["p"].state = 0
    box.alone("p")
    assert box.at("p").startswith("do_wait")
    box.rest()
    assert box["s"].result == "reaped c"
    assert box["p"].result == "reaped c"
    assert not box["c"].hashed


def test_the_trace_window_ends_in_dead_for_an_ignoring_parent(box: Box) -> None:
    """do_notify_parent() says that nobody wants it: the tracer releases it."""
    box.do("ignore_sigchld", "p")
    box.do("ptrace_seize", "s", "c")
    box.do("exit_group", "c")
    assert box["c"].hashed
    box.ask("wait", "s")
    box.until("s", "from EXIT_TRACE")
    box.clone("init", "x")
    assert box["s"].result == "reaped c"
    assert not box["c"].hashed


def test_another_thread_of_the_tracer_sees_no_trace_child(box: Box) -> None:
    """EXIT_TRACE does not count for a second tracing waiter: ECHILD."""
    box.clone("s", "s1")
    box.do("ptrace_seize", "s", "c")
    box.do("exit_group", "c")
    box.ask("wait", "s")
    box.until("s", "from EXIT_TRACE")
    box.ask("wait", "s1")
    box.alone("s1")
    assert box["s1"].result == "ECHILD"


def test_a_parent_that_traces_its_own_child_reaps_it_at_once(box: Box) -> None:
    """ptrace_reparented() is false: no EXIT_TRACE round."""
    box.do("ptrace_seize", "p", "c")
    box.do("exit_group", "c")
    assert box.do("wait", "p") == "reaped c"
    assert not box["c"].hashed


def test_the_parent_of_a_child_traced_by_others_waits(box: Box) -> None:
    """A zombie that is traced from outside is for the tracer first."""
    box.do("ptrace_seize", "s", "c")
    box.do("exit_group", "c")
    box.do("wait", "p")
    assert box["c"].exit_state == EXIT_ZOMBIE
    assert box.at("p").startswith("do_wait")


@pytest.fixture
def ns() -> Box:
    """A pid namespace: init n, its child a, a's child b; p outside."""
    box = Box()
    box.fork("p")
    box.do("clone_newpid", "p", "n")
    box.fork("a", by="n")
    box.fork("b", by="a")
    return box


def test_the_end_of_a_pid_namespace(ns: Box) -> None:
    """Its dying init kills, reaps and outwaits everybody; SIGCHLD is ignored from then on; no new pids."""
    ns.do("exit_group", "n")
    assert ns["a"].at is None
    assert ns["b"].at is None
    assert not ns["a"].hashed
    assert not ns["b"].hashed
    assert ns["n"].at is None
    assert ns["n"].exit_state == EXIT_ZOMBIE
    assert ns["n"].pid_ns.disabled
    assert ns["p"].pid_ns is not ns["n"].pid_ns


def test_the_dying_init_waits_until_its_children_are_gone(ns: Box) -> None:
    """The tasklist_lock is dropped: a member in the cgroup fridge holds the init, not the machine."""
    ns.do("attach", "init", "a", "A")
    ns.do("freeze", "init", "A")
    ns.do("exit_group", "n")
    assert ns["n"].at is not None
    assert ns.at("n").startswith("do_wait")
    assert ns.k.tasklist_lock.owner is None
    assert ns["n"].sighand is not None
    assert ns["n"].sighand.sigchld == SIG_IGN
    assert SIGKILL in ns["a"].pending
    ns.do("thaw", "init", "A")
    assert ns["n"].at is None


def test_the_dying_init_swallows_the_freezers_signal(ns: Box) -> None:
    """TIF_SIGPENDING is cleared before each wait4(): it neither freezes nor lets suspend pass."""
    ns.do("attach", "init", "a", "A")
    ns.do("freeze", "init", "A")
    ns.do("exit_group", "n")
    ns.do("suspend", "p")
    assert ns["p"].result == "tasks refused to freeze"
    assert not ns["n"].flags & PF_FROZEN
    ns.do("thaw", "init", "A")
    assert ns["n"].at is None


def test_the_dying_init_waits_for_pids_that_others_hold(ns: Box) -> None:
    """A zombie whose tracer is outside keeps its pid: plain UNINTERRUPTIBLE wait."""
    ns.fork("s")
    ns.do("ptrace_seize", "s", "b")
    ns.do("exit_group", "n")
    assert ns["b"].exit_state == EXIT_ZOMBIE
    ns.do("wait_all", "s")
    assert ns["n"].at is None


def test_a_threads_exec_and_a_sub_thread_as_reaper(ns: Box) -> None:
    """The last thread need not be the leader: then two pids may stay."""
    ns.clone("n", "n1")
    ns.do("exit", "n")
    assert ns["n"].pid_ns.child_reaper is ns["n1"]
    ns.do("exit", "n1")
    assert ns["n1"].at is None
    assert ns["a"].at is None


def test_members_that_are_dying_already_are_not_killed_twice(ns: Box) -> None:
    """A private SIGKILL that is pending is enough; a reaped one has no sighand."""
    ns.do("attach", "init", "a", "A")
    ns.do("freeze", "init", "A")
    ns.do("kill", "p", "a", "KILL")
    ns.do("exit_group", "n")
    assert ns["a"].pending == {SIGKILL}
    ns.do("thaw", "init", "A")
    assert ns["n"].at is None


def test_a_dead_child_that_is_being_released_is_no_child(box: Box) -> None:
    """EXIT_DEAD between the end of exit_notify()'s section and its own release: ECHILD."""
    box.do("ignore_sigchld", "p")
    box.ask("exit_group", "c")
    box.until("c", "release_task")
    assert box["c"] in box["p"].children
    box.ask("wait", "p")
    box.alone("p")
    assert box["p"].result == "ECHILD"


def test_the_dying_init_waits_for_those_that_release_themselves(ns: Box) -> None:
    """No child left to reap, but a pid: an UNINTERRUPTIBLE wait that free_pid() ends."""
    ns.ask("exit_group", "n")
    ns.until("n", "clear TIF_SIGPENDING")
    ns.alone("b")
    ns.until("a", "release_task")
    ns.alone("b")
    ns.alone("n")
    assert ns.at("n") == "zap_pid_ns_processes: wait until only init's own pids are left"
    ns["n"].state = 0
    ns.alone("n")
    assert ns.at("n").startswith("zap_pid_ns_processes")
    ns.rest()
    assert ns["n"].at is None


def test_the_dying_init_hangs_on_a_tracee_that_it_has_yet_to_release(ns: Box) -> None:
    """The base's own hang: what exit_ptrace() put on init's dead list is released only after the wait for its leader."""
    ns.clone("b", "b1")
    ns.do("ptrace_seize", "n", "b1")
    ns.do("exit", "b1")
    assert ns["b1"].exit_state == EXIT_ZOMBIE
    ns.do("exit_group", "n")
    assert ns.at("n") == "do_wait: schedule() in TASK_INTERRUPTIBLE"
    assert ns["b1"].hashed
    assert not ns["b1"].ptrace
