"""do_exit() in today's order, and where signals, lists and forks of a dying group end."""

from __future__ import annotations

import pytest
from boot import Box
from todays import AFTER, BEFORE, V6_18, V7_2, each, in_fridge, short, victim

from kernel_model.events import Io
from kernel_model.sched import (
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_PENDING,
    PF_EXITING,
    SIGABRT,
    SIGCONT,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    SIGNAL_STOP_STOPPED,
    SIGSTOP,
    SIGTERM,
    TASK_DEAD,
    TASK_STOPPED,
    TASK_TRACED,
    TIF_SIGPENDING,
)
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out, v7_3_last_out, v7_3_rfc
from oom_kernels.today import switches
from oom_kernels.today.sched import PF_POSTCOREDUMP, TASK_FREEZABLE, TASK_IDLE

FILES, TTY = "exit_files", "disassociate_ctty"


@each
def test_the_order_of_device_accesses(variant: Variant) -> None:
    """7.3 hangs the terminal up before it closes files, the others after."""
    box = victim(variant)
    box.do("kill", "init", "v", "KILL")
    hang_up = [TTY, FILES] if variant is AFTER else [FILES, TTY]
    assert [e.what for e in box.events(Io)] == [
        "mmput",
        "exit_mmap",
        "acct_process",
        *hang_up,
        "exit_task_namespaces",
        "exit_task_work",
    ]


def test_only_the_last_user_of_the_files_closes_them() -> None:
    box = victim(AFTER, "t1")
    box.do("open_ttys", "v")
    box.do("exit", "v")
    assert "tty_release" not in [e.what for e in box.events(Io)]
    box.do("exit", "t1")
    assert [e.task for e in box.events(Io) if e.what == "tty_release"] == [box["t1"].pid] * 2


@each
def test_the_last_to_enter_do_exit_makes_it_a_group_exit(variant: Variant) -> None:
    """Threads that leave one by one, each on its own."""
    box = victim(variant, "t1")
    box.do("exit", "t1")
    assert not box["v"].signal.flags & SIGNAL_GROUP_EXIT
    box.ask("exit", "v")
    box.until("v", "ptrace_event")
    assert box["v"].signal.flags & SIGNAL_GROUP_EXIT
    assert (box["v"].signal.quick_threads, box["v"].signal.live) == (0, 1)


@each
def test_who_exits_alone_says_so_too(variant: Variant) -> None:
    """exit_group() of a single thread sets SIGNAL_GROUP_EXIT; in 2016 it did not."""
    box = victim(variant)
    box.ask("exit_group", "v")
    box.until("v", "synchronize_group_exit")
    assert box["v"].signal.flags & SIGNAL_GROUP_EXIT


@each
def test_a_private_sigkill_is_gone_after_exit_signals_in_7_2_and_later(variant: Variant) -> None:
    """So that fatal_signal_pending() is false although the group dies; from then on private signals are dropped."""
    box = victim(variant, "t1")
    box.ask("exit", "t1")
    box.until("t1", "exit_signals")
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    assert SIGKILL in box["t1"].pending
    box.until("t1", "atomic_dec_and_test(signal->live)")
    assert box["t1"].flags & PF_EXITING
    assert (SIGKILL in box["t1"].pending) == (variant in (BEFORE, V6_18))
    assert box["t1"].thread_flags & TIF_SIGPENDING


@each
def test_a_signal_to_an_exiting_thread_is_dropped_in_7_2_and_later(variant: Variant) -> None:
    """Before, it stays in its set."""
    box = victim(variant, "t1")
    box.ask("exit", "t1")
    box.until("t1", "atomic_dec_and_test(signal->live)")
    box.ask("tgkill", "init", "t1", "TERM")
    box.alone("init")
    assert box["t1"].pending == ({SIGTERM} if variant in (BEFORE, V6_18) else set())


@each
def test_a_marked_thread_dequeues_nothing(variant: Variant) -> None:
    """What was sent to the group stays in the shared set for ever."""
    box = victim(variant)
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.until("v", "do_group_exit")
    assert (box["v"].pending, box["v"].signal.shared_pending) == (set(), {SIGKILL})
    assert box["v"].thread_flags & TIF_SIGPENDING


@each
def test_a_dying_group_takes_no_second_sigkill(variant: Variant) -> None:
    """Neither one to the group nor one to a thread."""
    box = victim(variant, "t1")
    box.ask("exit_group", "v")
    box.until("v", "synchronize_group_exit")
    assert SIGKILL in box["t1"].pending
    box.until("t1", "siglock: dequeue")
    box.step("t1")
    assert SIGKILL not in box["t1"].pending
    box.ask("kill", "init", "t1", "KILL")
    box.alone("init")
    box.ask("tgkill", "init", "t1", "KILL")
    box.alone("init")
    assert (box["t1"].pending, box["t1"].signal.shared_pending) == (set(), set())


@each
def test_only_its_tracer_moves_a_killed_thread_on_from_its_exit_stop(variant: Variant) -> None:
    """Not even a SIGKILL to that very thread, as in 2016."""
    box = victim(variant)
    box.fork("tracer")
    box.do("ptrace_seize_exit", "tracer", "v")
    box.do("kill", "init", "v", "KILL")
    assert box["v"].state == TASK_TRACED
    box.do("kill", "init", "v", "KILL")
    box.do("tgkill", "init", "v", "KILL")
    assert box["v"].state == TASK_TRACED
    box.do("ptrace_cont", "tracer", "v")
    assert box.at("v") == "TASK_DEAD"


@each
def test_the_death_of_its_tracer_moves_it_on_too(variant: Variant) -> None:
    box = victim(variant)
    box.fork("tracer")
    box.do("ptrace_seize_exit", "tracer", "v")
    box.do("kill", "init", "v", "KILL")
    box.do("exit_group", "tracer")
    assert box.at("v") == "TASK_DEAD"


@each
def test_who_is_killed_on_its_way_to_the_exit_stop_does_not_stop(variant: Variant) -> None:
    """An exit of its own, and a SIGKILL that nobody has taken yet."""
    box = victim(variant, "t1")
    box.fork("tracer")
    box.do("ptrace_seize_exit", "tracer", "t1")
    box.ask("exit", "t1")
    box.until("t1", "ptrace_notify")
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.step("t1")
    assert box.at("t1").startswith("exit_signals")
    box.alone("t1")
    assert box.at("t1") == "TASK_DEAD"


@each
def test_a_killed_thread_does_not_stop_for_its_tracer(variant: Variant) -> None:
    """Between the dequeue and the stop nobody can send it a SIGKILL; before the dequeue it finds the group marked for death."""
    box = victim(variant)
    box.fork("tracer")
    box.do("ptrace_seize", "tracer", "v")
    box.ask("kill", "init", "v", "TERM")
    box.alone("init")
    box.until("v", "siglock: dequeue")
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.alone("v")
    assert box.at("v") == "TASK_DEAD"


@pytest.mark.parametrize("frozen", [False, True])
@each
def test_a_signal_to_a_group_is_not_for_a_stopped_thread(variant: Variant, frozen: bool) -> None:
    """Frozen in its stop or not: the next thread takes it."""
    box = victim(variant, "t1")
    box.do("attach", "init", "v", "A")
    box.fork("tracer")
    box.do("ptrace_attach", "tracer", "v")
    assert box["v"].state == TASK_TRACED
    if frozen:
        box.do("freeze", "init", "A")
        assert in_fridge(box, "v")
    box["t1"].thread_flags &= ~TIF_SIGPENDING
    box.ask("kill", "init", "v", "TERM")
    box.alone("init")
    assert [bool(box[n].thread_flags & TIF_SIGPENDING) for n in ("v", "t1")] == [False, True]


@each
def test_the_init_of_a_pid_namespace_is_killed_with_all_its_threads(variant: Variant) -> None:
    """In 2016 only the thread that took the signal, and the others with its do_group_exit()."""
    box = Box(variant)
    box.do("clone_newpid", "init", "v")
    box.clone("v", "t1")
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    assert all(SIGKILL in box[name].pending for name in ("v", "t1"))
    assert box["v"].signal.flags & SIGNAL_GROUP_EXIT


@each
def test_the_dying_init_of_a_namespace_kills_the_groups_in_it(variant: Variant) -> None:
    """And waits for them where a freezer freezes it in place, but for 7.2.12."""
    box = Box(variant)
    box.do("clone_newpid", "init", "v")
    box.fork("w", by="v")
    box.clone("w", "w1")
    box.fork("tracer")
    box.do("ptrace_seize_exit", "tracer", "w")
    box.do("kill", "init", "v", "KILL")
    assert box.at("w1") == "TASK_DEAD"
    assert box.at("v") == "do_wait: schedule() in TASK_INTERRUPTIBLE"
    assert bool(box["v"].state & TASK_FREEZABLE) == (variant is not V7_2)
    box.do("ptrace_cont", "tracer", "w")
    box.do("wait_all", "tracer")
    assert box.at("v") == "TASK_DEAD"


@each
def test_a_namespace_within_a_dying_one_dies_too(variant: Variant) -> None:
    """Its init takes no SIGKILL from within, and this one is forced."""
    box = Box(variant)
    box.do("clone_newpid", "init", "v")
    box.do("clone_newpid", "v", "inner")
    box.fork("w", by="inner")
    box.do("kill", "init", "v", "KILL")
    assert [box.at(n) for n in ("v", "inner", "w")] == ["TASK_DEAD"] * 3


@each
def test_when_a_task_leaves_its_cgroups_list(variant: Variant) -> None:
    """6.12 in do_exit(), before exit_notify(); 7.2 and later after TASK_DEAD."""
    box = victim(variant)
    box.do("attach", "init", "v", "A")
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.until("v", "exit_notify")
    in_do_exit = variant in (BEFORE, V6_18)
    assert box["v"].on_cgroup_list == (not in_do_exit)
    box.rest()
    assert not box["v"].on_cgroup_list


@pytest.mark.parametrize(("threads", "early"), [((), True), (("t1",), False)], ids=["last", "not last"])
@each
def test_what_the_reading_of_frozen_waits_for(
    variant: Variant, threads: tuple[str, ...], early: bool
) -> None:
    """A group that is dead to the walk is not waited for any more; who dies in company is, until it leaves the list."""
    box = victim(variant, *threads)
    box.do("attach", "init", "v", "A")
    box.ask("exit", "v")
    box.until("v", "exit_files")
    box.ask("freeze", "init", "A")
    box.alone("init")
    for t in threads:
        box.alone(t)
    in_do_exit = variant in (BEFORE, V6_18)
    box.ask("read_state", "init", "A")
    box.alone("init")
    assert box["init"].result == ("FROZEN" if early and not in_do_exit else "FREEZING")
    box.until("v", "exit_notify")
    box.ask("read_state", "init", "A")
    box.alone("init")
    assert box["init"].result == ("FREEZING" if not in_do_exit and not early else "FROZEN")


@pytest.mark.parametrize("variant", [BEFORE, AFTER], ids=short)
def test_a_thaw_passes_by_who_froze_in_do_exit_before_its_group_was_dead_to_the_walk(
    variant: Variant,
) -> None:
    """The init of a pid namespace, frozen in its wait while another of its threads had yet to drop ``live``.

    In 6.12 it is off the list by then, and no cgroup freezes it there.
    """
    box = Box(variant)
    box.do("clone_newpid", "init", "v")
    box.clone("v", "t1")
    box.fork("w", by="v")
    box.do("attach", "init", "v", "A")
    box.fork("tracer")
    box.do("ptrace_seize_exit", "tracer", "w")
    box.ask("exit_group", "v")
    box.until("v", "synchronize_group_exit")
    box.until("t1", "atomic_dec_and_test(signal->live)")
    for name in ("v", "w", "v"):
        box.alone(name)
    assert box.at("v") == "do_wait: schedule() in TASK_INTERRUPTIBLE"
    box.ask("freeze", "init", "A")
    box.alone("init")
    assert in_fridge(box, "v") == (variant is AFTER)
    box.alone("t1")
    assert box.at("t1") == "TASK_DEAD"
    box.ask("thaw", "init", "A")
    box.alone("init")
    assert in_fridge(box, "v") == (variant is AFTER)
    box.do("suspend", "init")
    box.do("wakeup")
    assert not in_fridge(box, "v")


@each
def test_a_freeze_request_aborts_a_fork_at_its_beginning_only(variant: Variant) -> None:
    """In 2016 at its end."""
    box = victim(variant)
    box.do("attach", "init", "v", "A")
    box.ask("fork", "v", "child")
    box.until("v", "dup_task_struct")
    box.ask("freeze", "init", "A")
    box.alone("init")
    box.alone("v")
    assert box["child"].hashed
    box.do("thaw", "init", "A")
    box.ask("fork", "v", "other")
    box.until("v", "recalc_sigpending()")
    box.ask("freeze", "init", "A")
    box.alone("init")
    box.rest()
    assert in_fridge(box, "v")
    assert "other" not in box.m.names_now()
    box.do("thaw", "init", "A")
    assert box["other"].hashed


@each
def test_the_exit_code_of_a_group(variant: Variant) -> None:
    """The first thread's that asks for it, or the last one's, or the dump's signal."""
    box = victim(variant, "t1")
    steps = box.call("do_group_exit", box["v"], 7)
    next(steps)
    next(steps)
    assert box["v"].signal.group_exit_code == 7
    box = victim(variant)
    for _ in box.call("synchronize_group_exit", box["v"], 7):
        pass
    assert box["v"].signal.group_exit_code == 7
    box = victim(variant, "t1")
    box.do("kill", "init", "v", "ABRT")
    assert box["v"].signal.group_exit_code == SIGABRT
    assert box["t1"].exit_code == SIGABRT


@each
def test_a_dump_ends_a_stop_that_has_just_begun(variant: Variant) -> None:
    """zap_process() takes the pending stop from each thread."""
    box = victim(variant, "t1")
    box["t1"].jobctl = JOBCTL_STOP_PENDING
    box.ask("kill", "init", "v", "ABRT")
    box.alone("init")
    box.until("v", "wait_for_completion")
    assert not box["t1"].jobctl


@each
def test_an_ignored_signal_does_not_hide_the_next(variant: Variant) -> None:
    """No freeze point lies between the two."""
    box = victim(variant)
    box["v"].pending |= {SIGCONT, SIGSTOP}
    box["v"].thread_flags |= TIF_SIGPENDING
    box.until("v", "get_signal")
    box.step("v")
    assert box["v"].state & TASK_STOPPED


@each
def test_an_exit_stop_is_no_part_of_a_group_stop(variant: Variant) -> None:
    """Only who is asked to stop with its group counts for it; who exits is counted out later."""
    box = victim(variant, "t1")
    box.fork("tracer")
    box.do("ptrace_seize_exit", "tracer", "t1")
    box.ask("exit", "t1")
    box.until("t1", "ptrace_event")
    box.ask("kill", "init", "v", "STOP")
    box.alone("init")
    box.alone("v")
    assert box["v"].signal.group_stop_count == 1
    box.alone("t1")
    assert box["t1"].state & TASK_TRACED
    assert box["v"].signal.group_stop_count == 1


@each
def test_a_stale_signal_aborts_no_fork(variant: Variant) -> None:
    """A freeze request that was taken back: recalc_sigpending() finds nothing."""
    box = victim(variant)
    box.ask("fork", "v", "child")
    box.until("v", "recalc_sigpending()")
    box["v"].thread_flags |= TIF_SIGPENDING
    box.step("v")
    assert box.at("v").startswith("copy_process: dup_task_struct")
    assert not box["v"].thread_flags & TIF_SIGPENDING


@each
def test_a_killed_task_forks_nothing(variant: Variant) -> None:
    """At the end of a fork it is the private SIGKILL that counts."""
    box = victim(variant, "t1")
    box.ask("clone", "v", "t2")
    box.until("v", "tasklist_lock, siglock: hash")
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.rest()
    assert "t2" not in box.m.names_now()
    assert box.at("v") == "TASK_DEAD"


def test_a_thread_that_is_born_into_a_group_stop_joins_it() -> None:
    """The signal comes between the fork's look at it and the hashing."""
    box = victim(AFTER, "t1")
    box.ask("clone", "v", "t2")
    box.until("v", "tasklist_lock, siglock: hash")
    box.ask("kill", "init", "t1", "STOP")
    box.alone("init")
    box.alone("t1")
    box.rest()
    assert [box.at(n) for n in ("v", "t1", "t2")] == ["do_signal_stop: schedule() in TASK_STOPPED"] * 3
    assert (box["v"].signal.group_stop_count, box["v"].signal.flags) == (0, SIGNAL_STOP_STOPPED)


@each
def test_who_waits_for_a_dump_has_not_begun_to_exit(variant: Variant) -> None:
    """It is at the very start of do_exit(): alive, with an mm, frozen in place by a freezer, and counted by the OOM killer."""
    box = victim(variant, "t1")
    box.ask("kill", "init", "v", "ABRT")
    box.alone("init")
    box.meet("t1", "wait until the dump is written")
    assert box["t1"].state == TASK_IDLE | TASK_FREEZABLE
    assert box["t1"].flags & (PF_EXITING | PF_POSTCOREDUMP) == PF_POSTCOREDUMP
    assert (box["t1"].mm is not None, box["v"].signal.live) == (True, 2)
    assert not box.m.image.functions["group_will_free_mem"](box["v"])
    box.rest()
    assert [box.at(n) for n in ("v", "t1")] == ["TASK_DEAD"] * 2
    assert "do_coredump" in [e.what for e in box.events(Io)]


@each
def test_a_dump_is_of_one_group(variant: Variant) -> None:
    """Who shares the mm lives on; in 2016 it was killed."""
    box = victim(variant)
    box.do("clone_vm", "v", "sharer")
    box.do("kill", "init", "v", "ABRT")
    assert box.at("v") == "TASK_DEAD"
    assert box.user_mode("sharer")


@each
def test_a_freezer_and_a_dump(variant: Variant) -> None:
    """A request that comes before the dump refuses it, but in 7.2.12; one that comes during the dump ends it everywhere."""
    for where in ("siglock: core_state", "write the core"):
        box = victim(variant)
        box.do("attach", "init", "v", "A")
        box.ask("kill", "init", "v", "ABRT")
        box.alone("init")
        box.until("v", where)
        box.ask("freeze", "init", "A")
        box.alone("init")
        if where == "siglock: core_state":
            box.step("v")
            assert (box["v"].signal.core_state is not None) == (variant is V7_2)
        box.alone("v")
        assert box.at("v") == "TASK_DEAD"
        assert "do_coredump" not in [e.what for e in box.events(Io)]


@each
def test_an_oom_kill_reaches_who_waits_for_a_dump(variant: Variant) -> None:
    """The group is killed and marked, as a dump is no way out of the memory; the marked one is the first with an mm."""
    box = victim(variant, "t1")
    box.ask("kill", "init", "v", "ABRT")
    box.alone("init")
    box.meet("t1", "wait until the dump is written")
    box.ask("alloc", "kworker")
    box.alone("kworker")
    assert box.k.oom_victims == 1
    assert SIGKILL in box["t1"].pending
    assert box["t1"].state == TASK_IDLE | TASK_FREEZABLE
    box.rest()
    assert (box.k.oom_victims, box.at("t1"), box.at("v")) == (0, "TASK_DEAD", "TASK_DEAD")


def test_who_exits_without_a_signal_does_not_wait_for_the_dump() -> None:
    """It only arrives, and leaves its mm while the group dumps."""
    box = victim(AFTER, "t1")
    box.ask("exit", "t1")
    box.until("t1", "synchronize_group_exit")
    box.ask("kill", "init", "v", "ABRT")
    box.alone("init")
    box.alone("v")
    assert box.at("v").startswith("coredump_wait")
    box.alone("t1")
    assert box.at("t1") == "TASK_DEAD"
    assert box.m.runnable(box["v"])


@each
def test_a_sigkill_during_the_dump_moves_an_exit_stop_on(variant: Variant) -> None:
    """The one exception: while another thread dumps, a dying group takes SIGKILL."""
    box = victim(variant, "t1")
    box.fork("tracer")
    box.do("ptrace_seize_exit", "tracer", "t1")
    box.ask("exit", "t1")
    box.alone("t1")
    assert box["t1"].state == TASK_TRACED
    box.ask("kill", "init", "v", "ABRT")
    box.alone("init")
    box.until("v", "write the core")
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.alone("t1")
    assert box.at("t1") == "TASK_DEAD"


@each
def test_the_tracees_of_a_dying_namespace_are_released_before_it_waits(variant: Variant) -> None:
    """Or its init would wait for one that only it can release, as in 2016: here for its own child, traced, that nobody wants."""
    for kernel, gone in ((variant, True), (last_out.VARIANT, False)):
        box = Box(kernel)
        box.do("clone_newpid", "init", "n")
        box.do("nocldwait", "n")
        box.do("fork", "n", "c")
        box.do("ptrace_seize", "n", "c")
        box.do("exit_group", "c")
        box.do("kill", "init", "n", "KILL")
        assert (box["n"].state == TASK_DEAD) == gone
        assert box["c"].hashed != gone


@each
def test_who_is_killed_in_a_signals_stop_stops_at_its_exit_still(variant: Variant) -> None:
    """The signal is put back, and its private SIGKILL is taken before it dies (ptrace_signal)."""
    box = victim(variant)
    box.fork("tracer")
    box.do("ptrace_seize_exit", "tracer", "v")
    box.do("kill", "init", "v", "TERM")
    assert box["v"].exit_code == SIGTERM
    box.do("kill", "init", "v", "KILL")
    assert (box["v"].state, box["v"].exit_code) == (TASK_TRACED, 5)
    assert SIGKILL not in box["v"].pending


@each
def test_an_attach_stops_its_tracee_in_the_section_that_links_it(variant: Variant) -> None:
    """In 2016 SIGSTOP came a moment later."""
    box = victim(variant)
    box.fork("tracer")
    box.ask("ptrace_attach", "tracer", "v")
    box.until("tracer", "ptrace_attach")
    assert not box["v"].pending
    box.step("tracer")
    assert box["v"].ptrace
    assert box["v"].pending == {SIGSTOP}
    box.rest()
    assert box["v"].state == TASK_TRACED
    box.do("ptrace_cont", "tracer", "v")
    assert box.user_mode("v")


@each
def test_the_global_init_is_not_killed_for_its_tracer(variant: Variant) -> None:
    """In 2016 a tracer made it mortal; other signals it gets as a tracee, and only then."""
    box = Box(variant)
    box.fork("tracer")
    box.do("kill", "tracer", "init", "TERM")
    assert box.user_mode("init")
    box.do("ptrace_seize", "tracer", "init")
    box.do("kill", "tracer", "init", "KILL")
    assert box.user_mode("init")
    box.do("kill", "tracer", "init", "TERM")
    assert box["init"].state == TASK_TRACED


@each
def test_the_init_of_a_namespace_obeys_its_ancestors_sigkill_and_sigstop_alone(variant: Variant) -> None:
    box = Box(variant)
    box.do("clone_newpid", "init", "v")
    box.fork("child", by="v")
    for sender, sig in (("child", "STOP"), ("child", "KILL"), ("init", "TERM")):
        box.do("kill", sender, "v", sig)
        assert box.user_mode("v")
    box.do("kill", "init", "v", "STOP")
    assert box["v"].state == TASK_STOPPED
    box.do("kill", "init", "v", "KILL")
    assert box.at("v") == "TASK_DEAD"


@each
def test_the_global_inits_end_is_a_panic_before_its_memory_goes(variant: Variant) -> None:
    """As soon as no thread of it lives; in 2016 when it looked for a reaper."""
    box = Box(variant)
    box.do("exit_group", "init")
    assert box.k.panicked == "Attempted to kill init!"
    assert box["init"].mm is not None


@each
def test_a_thread_is_born_with_the_groups_signals(variant: Variant) -> None:
    """A signal that came after the fork's look at it is the new thread's, too (calculate_sigpending)."""
    box = victim(variant, "t1")
    box.ask("clone", "v", "t2")
    box.until("v", "tasklist_lock, siglock: hash")
    box.ask("kill", "init", "t1", "ABRT")
    box.alone("init")
    box.until("v", "wake_up_new_task")
    assert box["t2"].thread_flags & TIF_SIGPENDING


def test_who_is_alone_takes_part_in_no_stop_when_it_exits() -> None:
    """7.2 and later: nobody waits for it to stop (exit_signals)."""
    box = victim(AFTER)
    box.ask("exit", "v")
    box.until("v", "exit_signals: siglock")
    box["v"].jobctl |= JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME
    box["v"].thread_flags |= TIF_SIGPENDING
    box.step("v")
    assert box["v"].signal.group_stop_count == 0


@each
def test_the_last_to_arrive_starts_the_dump(variant: Variant) -> None:
    """Two have to, one after the other."""
    box = victim(variant, "t1", "t2")
    box.ask("tgkill", "init", "v", "ABRT")
    box.alone("init")
    box.until("v", "coredump_wait: wait")
    box.alone("v")
    box.alone("t1")
    assert not box.m.runnable(box["v"])
    box.alone("t2")
    assert box.m.runnable(box["v"])
    box.rest()
    assert {box.at(name) for name in ("v", "t1", "t2")} == {"TASK_DEAD"}


@each
def test_who_leaves_the_group_hands_its_signals_on(variant: Variant) -> None:
    """And takes part in the stop that it does not live to see."""
    box = victim(variant, "t1")
    box.ask("exit", "t1")
    box.until("t1", "exit_signals: cgroup_threadgroup_rwsem")
    box.ask("kill", "init", "v", "STOP")
    box.alone("init")
    box.alone("v")
    assert box["v"].signal.group_stop_count == 1
    box.alone("t1")
    assert (box["v"].signal.group_stop_count, box["v"].signal.flags) == (0, SIGNAL_STOP_STOPPED)
    assert box["v"].state == TASK_STOPPED


@each
def test_a_thread_that_is_born_into_a_finished_stop_stops_too(variant: Variant) -> None:
    """It is not counted: the parent has heard of the stop."""
    box = victim(variant, "t1")
    box.fork("tracer")
    box.do("ptrace_seize", "tracer", "v")
    box.do("tgkill", "init", "t1", "STOP")
    assert box["v"].signal.flags & SIGNAL_STOP_STOPPED
    box.do("ptrace_cont", "tracer", "v")
    box.do("clone", "v", "t2")
    assert box["t2"].state == TASK_STOPPED
    assert box["v"].signal.group_stop_count == 0


@each
def test_a_killed_process_forks_no_process(variant: Variant) -> None:
    box = victim(variant)
    box.ask("fork", "v", "w")
    box.until("v", "tasklist_lock, siglock: hash")
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.rest()
    assert "w" not in box.m.names_now()


@each
def test_a_killed_parent_forgets_its_vfork(variant: Variant) -> None:
    """Unless the child has let it go meanwhile."""
    box = victim(variant)
    box.ask("vfork", "v", "w")
    box.rest()
    box.ask("kill", "init", "v", "KILL")
    box.alone("init")
    box.until("v", "forget vfork_done")
    box.ask("exit_group", "w")
    box.rest()
    assert box["w"].vfork_done is None
    assert box.at("v") == "TASK_DEAD"


@each
def test_a_parent_cgroup_waits_for_the_one_below(variant: Variant) -> None:
    """FROZEN comes from the leaves up."""
    box = victim(variant)
    box.do("attach", "init", "v", "A/B")
    box.ask("freeze", "init", "A")
    box.alone("init")
    box.ask("read_state", "init", "A")
    box.alone("init")
    assert box["init"].result == "FREEZING"
    box.rest()
    assert box.do("read_state", "init", "A") == "FROZEN"


@each
def test_a_tracee_that_is_let_go_on_its_way_into_a_stop_does_not_stop(variant: Variant) -> None:
    box = victim(variant)
    box.fork("tracer")
    box.do("ptrace_seize", "tracer", "v")
    box.ask("kill", "init", "v", "TERM")
    box.alone("init")
    box.until("v", "ptrace_stop: tasklist_lock")
    box.ask("exit_group", "tracer")
    box.alone("tracer")
    box.alone("v")
    assert box.at("v") == "TASK_DEAD"


@pytest.mark.parametrize("variant", [v7_3_rfc.VARIANT, v7_3_last_out.VARIANT], ids=short)
def test_the_repairs_leave_a_list_in_do_exit_where_their_kernel_does(variant: Variant) -> None:
    """On 6.18 they would."""
    on_6_18 = Variant(variant.name, (replaces(switches.listed_until_dead, switches.no),), base=variant)
    for kernel, listed in ((variant, True), (on_6_18, False)):
        box = victim(kernel)
        box.ask("exit_group", "v")
        box.until("v", "exit_notify")
        assert box["v"].on_cgroup_list == listed


@each
def test_nobody_kills_a_kernel_thread(variant: Variant) -> None:
    box = Box(variant)
    box.do("kill", "init", "kswapd", "KILL")
    assert not box["kswapd"].pending
    assert not box["kswapd"].signal.shared_pending
