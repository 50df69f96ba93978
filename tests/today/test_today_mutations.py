"""Break today's base as a kernel developer might: for each of its functions a check that goes red, and is green on a copy of 7.3.

A check is a test of this directory, run on the broken kernel in the place of 7.3.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import attrs
import pytest
import test_today_exit as of_exit
import test_today_freezer as of_freezer
import test_today_oom as of_oom
from todays import AFTER

from kernel_model.errors import ModelBug
from kernel_model.variant import Variant
from oom_kernels.today import (
    cgroup_freezer,
    coredump,
    exit,  # noqa: A004 - the kernel's file name
    file,
    fork,
    freezer,
    get_signal,
    memcontrol,
    oom_kill,
    oom_reaper,
    power,
    ptrace,
    ptrace_stop,
    sched,
    signal,
    wait,
)


@attrs.define(frozen=True)
class Mutation:
    """``function`` of ``module`` with ``old`` replaced by ``new``; ``check`` notices it, with these arguments beside the kernel."""

    module: ModuleType
    function: str
    old: str
    new: str
    check: Callable[..., None]
    arguments: dict[str, Any] = attrs.Factory(dict)


def rewritten(mutation: Mutation) -> FunctionType:
    """The function as it is in the broken kernel."""
    source = inspect.getsource(getattr(mutation.module, mutation.function))
    assert source.count(mutation.old) == 1, f"{mutation.old!r} occurs {source.count(mutation.old)} times"
    namespace = dict(vars(mutation.module))
    text = f"from __future__ import annotations\n{source.replace(mutation.old, mutation.new)}"
    exec(compile(text, f"<{mutation.function}>", "exec"), namespace)  # noqa: S102 - this is how it is rewritten
    function: FunctionType = namespace[mutation.function]
    return function


def instead(mutation: Mutation, function: FunctionType) -> Variant:
    """7.3 with that function where the right one stands."""
    right = getattr(mutation.module, mutation.function)
    names = [n for n, f in (AFTER.functions() | AFTER.additions()).items() if f is right]
    return Variant(AFTER.name, tuple((name, function) for name in names), base=AFTER)


def run(mutation: Mutation, variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check on that kernel."""
    monkeypatch.setitem(mutation.check.__globals__, "AFTER", variant)
    takes = inspect.signature(mutation.check).parameters
    mutation.check(**({"variant": variant} if "variant" in takes else {}), **mutation.arguments)


STOPPED = {"sleep": "stopped"}
MUTATIONS = {
    "a tracee is not frozen in its stop": Mutation(
        freezer, "set_task_frozen", " | __TASK_TRACED", "", of_freezer.test_a_tracer_reaches_a_frozen_tracee
    ),
    "a sleep that ends at once is frozen": Mutation(
        freezer,
        "set_task_frozen",
        "signal_pending_state(state, p) or",
        "",
        of_freezer.test_a_sleep_that_ends_at_once_is_none,
    ),
    "who is frozen in place is asked, too": Mutation(
        freezer,
        "freeze_task",
        "or set_task_frozen(k, p)",
        "",
        of_freezer.test_one_pass_freezes_sleepers_without_a_step_of_theirs,
    ),
    "a thaw wakes": Mutation(
        freezer,
        "thaw_task",
        "set_thawed(k, p)",
        "p.saved_state = TASK_RUNNING; set_thawed(k, p)",
        of_freezer.test_a_sleeper_is_frozen_where_it_sleeps_and_thawed_into_its_sleep,
        STOPPED,
    ),
    "one thread is thawed": Mutation(
        freezer,
        "thaw_process",
        "enumerate(threads)",
        "enumerate(threads[:1])",
        of_oom.test_the_whole_group_is_thawed_or_one_thread,
    ),
    "a frozen sleeper loses its event": Mutation(
        sched,
        "wake_up_state",
        "elif p.saved_state & state:",
        "elif False:",
        of_freezer.test_a_frozen_sleeper_does_not_lose_its_event,
    ),
    "a frozen stop is none": Mutation(
        sched,
        "task_is_traced",
        "state_before_frozen(p)",
        "p.state",
        of_freezer.test_a_tracer_reaches_a_frozen_tracee,
    ),
    "a dying group takes SIGKILL": Mutation(
        signal,
        "prepare_signal",
        "signal.core_state is not None and sig",
        "sig",
        of_exit.test_a_dying_group_takes_no_second_sigkill,
    ),
    "a namespace's init is killed one by one": Mutation(
        signal,
        "_kills_at_once",
        "sig == SIGKILL or not p.ptrace",
        "not p.signal.flags & SIGNAL_UNKILLABLE",
        of_exit.test_the_init_of_a_pid_namespace_is_killed_with_all_its_threads,
    ),
    "an exiting thread takes signals": Mutation(
        signal,
        "send_signal",
        "or not p.flags & PF_EXITING",
        "or True",
        of_exit.test_a_signal_to_an_exiting_thread_is_dropped_in_7_2_and_later,
    ),
    "a tracer makes init mortal": Mutation(
        signal,
        "sig_ignored",
        "p.ptrace and sig != SIGKILL",
        "p.ptrace",
        of_exit.test_the_global_init_is_not_killed_for_its_tracer,
    ),
    "the private SIGKILL stays": Mutation(
        get_signal,
        "get_signal",
        "cur.pending.discard(SIGKILL)",
        "pass",
        of_exit.test_only_its_tracer_moves_a_killed_thread_on_from_its_exit_stop,
    ),
    "a killed tracee takes its signal": Mutation(
        get_signal,
        "get_signal",
        " or fatal_signal_pending(cur)",
        "",
        of_exit.test_who_is_killed_in_a_signals_stop_stops_at_its_exit_still,
    ),
    "a stop is on its CPU": Mutation(
        get_signal,
        "_sleep_stopped",
        "cur.on_cpu = False",
        "pass",
        of_freezer.test_a_sleeper_is_frozen_where_it_sleeps_and_thawed_into_its_sleep,
        STOPPED,
    ),
    "a stop with SIGKILL pending": Mutation(
        ptrace_stop,
        "ptrace_stop",
        " or fatal_signal_pending(cur)",
        "",
        of_exit.test_who_is_killed_on_its_way_to_the_exit_stop_does_not_stop,
    ),
    "an attach does not stop": Mutation(
        ptrace,
        "trap_if_stopped",
        "if not target.ptrace & PT_SEIZED:",
        "if False:",
        of_exit.test_an_attach_stops_its_tracee_in_the_section_that_links_it,
    ),
    "a dump begins while frozen": Mutation(
        coredump, "zap_threads", "and not refused", "", of_exit.test_a_freezer_and_a_dump
    ),
    "who exits waits for the dump": Mutation(
        coredump,
        "coredump_task_exit",
        "if tsk.flags & PF_SIGNALED:",
        "if True:",
        of_exit.test_who_exits_without_a_signal_does_not_wait_for_the_dump,
    ),
    "the last thread makes no group exit": Mutation(
        coredump,
        "synchronize_group_exit",
        "if not signal.quick_threads and",
        "if False and",
        of_exit.test_the_last_to_enter_do_exit_makes_it_a_group_exit,
    ),
    "exit_signals() keeps what is pending": Mutation(
        exit,
        "exit_signals",
        "cur.pending = set()",
        "pass",
        of_exit.test_a_private_sigkill_is_gone_after_exit_signals_in_7_2_and_later,
    ),
    "the terminal goes last": Mutation(
        exit,
        "_exit_files_and_namespaces",
        "    if tty_before_files():",
        "    if False:",
        of_exit.test_the_order_of_device_accesses,
    ),
    "init ends without a panic": Mutation(
        exit,
        "_exit_io",
        "if group_dead and",
        "if False and",
        of_exit.test_the_global_inits_end_is_a_panic_before_its_memory_goes,
    ),
    "off the list for ever": Mutation(
        exit,
        "do_task_dead",
        "if listed_until_dead():",
        "if False:",
        of_exit.test_when_a_task_leaves_its_cgroups_list,
    ),
    "tracees wait for a dying namespace": Mutation(
        exit,
        "forget_original_parent",
        "if dead and",
        "if False and",
        of_exit.test_the_tracees_of_a_dying_namespace_are_released_before_it_waits,
    ),
    "a freeze request aborts a fork at its end": Mutation(
        fork,
        "copy_process",
        "aborted = fatal_signal_pending(cur)",
        "aborted = signal_pending(cur)",
        of_exit.test_a_freeze_request_aborts_a_fork_at_its_beginning_only,
    ),
    "a newborn joins no stop": Mutation(
        fork,
        "hash_task",
        "if signal.group_stop_count:",
        "if False:",
        of_exit.test_a_thread_that_is_born_into_a_group_stop_joins_it,
    ),
    "a newborn hears nothing": Mutation(
        fork,
        "hash_task",
        "recalc_sigpending_tsk(p)",
        "pass",
        of_exit.test_a_thread_is_born_with_the_groups_signals,
    ),
    "who waits for a dump frees memory": Mutation(
        oom_kill,
        "group_will_free_mem",
        "t.signal.core_state is not None",
        "False",
        of_exit.test_an_oom_kill_reaches_who_waits_for_a_dump,
    ),
    "the first of equals dies": Mutation(
        oom_kill,
        "oom_evaluate_task",
        "points < oc.chosen_points",
        "points <= oc.chosen_points",
        of_oom.test_the_last_of_equals_dies,
    ),
    "a low score is none": Mutation(
        oom_kill,
        "oom_badness",
        "return t.mm.pages + adj",
        "return t.mm.pages + adj if t.mm.pages + adj > 0 else LONG_MIN",
        of_oom.test_a_low_score_is_still_a_score,
    ),
    "a memory cgroup sees the dead": Mutation(
        memcontrol,
        "mem_cgroup_sees",
        "not (listed_until_dead() and leader.flags & PF_EXITING)",
        "True",
        of_oom.test_when_a_memory_cgroup_stops_seeing_its_victim,
    ),
    "an mm is queued twice": Mutation(
        oom_reaper,
        "queue_oom_reaper",
        "mm.flags |= MMF_OOM_REAP_QUEUED",
        "pass",
        of_oom.test_an_mm_is_reaped_once,
    ),
    "the reaper is not freezable": Mutation(
        oom_reaper,
        "oom_reaper",
        "cur.flags &= ~PF_NOFREEZE",
        "pass",
        of_oom.test_the_reaper_is_frozen_with_the_kernel_threads,
    ),
    "the reaper tries eleven times": Mutation(
        oom_reaper,
        "oom_reap_task",
        "attempts < MAX_OOM_REAP_RETRIES",
        "attempts <= MAX_OOM_REAP_RETRIES",
        of_oom.test_the_reaper_gives_up_on_a_busy_mmap_lock,
    ),
    "a thaw reaches the dead to the walk": Mutation(
        cgroup_freezer,
        "_tell_tasks",
        " and not css_task_iter_hides(t)",
        "",
        of_exit.test_a_thaw_passes_by_who_froze_in_do_exit_before_its_group_was_dead_to_the_walk,
    ),
    "a waiter is not freezable": Mutation(
        wait,
        "_state_of_wait",
        "TASK_FREEZABLE if waits_are_freezable() else 0",
        "0",
        of_freezer.test_a_sleeper_is_frozen_where_it_sleeps_and_thawed_into_its_sleep,
        {"sleep": "wait"},
    ),
    "who waits to hibernate is frozen": Mutation(
        power,
        "lock_system_sleep",
        "cur.flags |= PF_NOFREEZE",
        "pass",
        of_freezer.test_who_waits_to_hibernate_does_not_hold_up_a_suspend,
    ),
    "every thread closes the files": Mutation(
        file,
        "exit_files",
        "if not signal.files_count:",
        "if True:",
        of_exit.test_only_the_last_user_of_the_files_closes_them,
    ),
    "the first to arrive starts the dump": Mutation(
        coredump,
        "coredump_task_exit",
        "if not core_state.nr_threads:",
        "if True:",
        of_exit.test_the_last_to_arrive_starts_the_dump,
    ),
    "who exits is waited for by a stop": Mutation(
        exit,
        "exit_signals",
        "if signal_pending(cur) and others_live_on:",
        "if False:",
        of_exit.test_who_leaves_the_group_hands_its_signals_on,
    ),
    "a newborn runs in a finished stop": Mutation(
        fork,
        "hash_task",
        "elif signal.flags & SIGNAL_STOP_STOPPED:",
        "elif False:",
        of_exit.test_a_thread_that_is_born_into_a_finished_stop_stops_too,
    ),
    "a parent cgroup does not ask the one below": Mutation(
        cgroup_freezer,
        "update_if_frozen",
        "not child.state & CGROUP_FROZEN",
        "False",
        of_exit.test_a_parent_cgroup_waits_for_the_one_below,
    ),
    "a kernel thread is killed": Mutation(
        signal, "sig_ignored", "p.flags & PF_KTHREAD", "False", of_exit.test_nobody_kills_a_kernel_thread
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Green on a copy of 7.3, red on the broken one."""
    mutation = MUTATIONS[name]
    run(mutation, instead(mutation, getattr(mutation.module, mutation.function)), monkeypatch)
    with pytest.raises((AssertionError, KeyError, ModelBug)):
        run(mutation, instead(mutation, rewritten(mutation)), monkeypatch)
