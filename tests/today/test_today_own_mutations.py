"""Break what only today's kernels are asked for: for each function a check that goes red, and is green on a copy of 7.3."""

from __future__ import annotations

import pytest
import test_today_cgroup_kill as of_cgroup_kill
import test_today_freezer_v2 as of_freezer_v2
import test_today_io_wq as of_io_wq
import test_today_mrelease as of_mrelease
import test_today_oom_group as of_oom_group
from test_today_mutations import Mutation, instead, rewritten, run

from kernel_model.errors import ModelBug
from oom_kernels.today import (
    cgroup,
    cgroup_freezer_v2,
    coredump,
    exec,  # noqa: A004 - the kernel's file name
    exit,  # noqa: A004 - the kernel's file name
    fork,
    get_signal,
    io_wq,
    memcontrol,
    oom_kill,
    oom_reaper,
    ptrace_stop,
    signal,
)

MUTATIONS = {
    "a worker takes all signals": Mutation(
        get_signal,
        "dequeue_signal",
        "unblocked(cur, pending)",
        "pending",
        of_io_wq.test_what_it_blocks_does_not_wake_it,
    ),
    "a worker is chosen for a signal": Mutation(
        signal,
        "wants_signal",
        "not blocked and ",
        "",
        of_io_wq.test_what_it_blocks_does_not_wake_it,
    ),
    "a worker is woken for what it blocks": Mutation(
        exit,
        "retarget_shared_pending",
        "unblocked(t, left)",
        "left",
        of_io_wq.test_what_it_blocks_goes_to_the_next_thread,
    ),
    "a worker is never through with its signals": Mutation(
        get_signal,
        "recalc_sigpending_tsk",
        "unblocked(t, t.pending)",
        "t.pending",
        of_io_wq.test_what_it_blocks_does_not_wake_it,
    ),
    "a worker takes its group down itself": Mutation(
        get_signal,
        "get_signal",
        "if not cur.flags & PF_USER_WORKER:",
        "if True:",
        of_io_wq.test_at_work_it_does_what_is_left_before_it_looks_at_sigkill,
    ),
    "a killed worker does what is left": Mutation(
        io_wq,
        "io_wq_worker",
        "wq.requests and (wq.exit or not killed)",
        "wq.requests",
        of_io_wq.test_asleep_it_looks_at_sigkill_first,
    ),
    "a killed worker does nothing for who leaves": Mutation(
        io_wq,
        "io_wq_worker",
        "wq.requests and (wq.exit or not killed)",
        "wq.requests and not killed",
        of_io_wq.test_killed_it_does_what_is_left_for_an_owner_who_leaves,
    ),
    "who dies cancels everything": Mutation(
        io_wq,
        "io_uring_cancel",
        "if cancel_all:",
        "if True:",
        of_io_wq.test_whoever_dies_waits_for_its_workers_with_its_mm,
    ),
    "nobody waits for workers": Mutation(
        io_wq,
        "io_uring_cancel",
        "if not wq.workers:",
        "if True:",
        of_io_wq.test_whoever_dies_waits_for_its_workers_with_its_mm,
    ),
    "an exec keeps io_uring": Mutation(
        exec,
        "de_thread",
        "if io_uring_before_de_thread():",
        "if False:",
        of_io_wq.test_an_exec_leaves_io_uring_before_its_threads,
        {"first": "io_wq_exit_start"},
    ),
    "requests without a worker stay": Mutation(
        io_wq,
        "_without_worker",
        "wq.requests if wq.workers else 0",
        "wq.requests",
        of_io_wq.test_a_killed_process_gets_no_worker,
    ),
    "a freezer is the end of a worker": Mutation(
        io_wq,
        "_without_worker",
        "fatal_signal_pending(cur) or",
        "True or",
        of_io_wq.test_a_freezer_delays_a_worker,
    ),
    "a request is done twice": Mutation(
        io_wq,
        "_without_worker",
        "if not wq.requests:",
        "if False:",
        of_io_wq.test_a_freezer_delays_a_worker,
    ),
    "a request wakes nobody": Mutation(
        io_wq,
        "io_uring_request",
        "_wake(wq)",
        "pass",
        of_io_wq.test_a_request_wakes_a_worker_that_is_there,
    ),
    "cgroup.kill spares who is below": Mutation(
        cgroup,
        "cgroup_kill_write",
        "mem_cgroup_tree(memcg)",
        "(memcg,)",
        of_cgroup_kill.test_whoever_is_there_or_below_dies,
    ),
    "cgroup.kill tells everybody": Mutation(
        cgroup,
        "cgroup_kill",
        "if SIGKILL not in p.pending:",
        "if True:",
        of_cgroup_kill.test_whoever_has_a_sigkill_is_passed_by,
    ),
    "cgroup.kill tells leaders": Mutation(
        cgroup,
        "cgroup_kill",
        "not cgroup_kill_walks_threads()",
        "True",
        of_cgroup_kill.test_a_dead_leader_hid_its_threads,
        {"dies": True},
    ),
    "cgroup.kill reaches an ancestor's init": Mutation(
        cgroup,
        "cgroup_kill",
        "cur.pid_ns is not p.pid_ns",
        "True",
        of_cgroup_kill.test_a_namespaces_init_dies_by_an_ancestor_only,
    ),
    "cgroup.kill is forgotten at once": Mutation(
        cgroup,
        "cgroup_kill",
        "memcg.kill_seq += 1",
        "pass",
        of_cgroup_kill.test_who_is_being_born_meanwhile_is_killed,
    ),
    "a fork does not note the number": Mutation(
        cgroup,
        "cgroup_can_fork",
        "if cur.memcg is not None:",
        "if False:",
        of_cgroup_kill.test_who_is_born_after_the_seq_and_before_his_parents_sigkill_lives,
    ),
    "who moves does not wait": Mutation(
        cgroup,
        "_memcg_attach",
        "yield MEMCG_ATTACH, k.cgroup_mutex\n    acquire(cur, k.cgroup_mutex)",
        "yield MEMCG_ATTACH, k.css_set_lock",
        of_cgroup_kill.test_a_move_out_of_the_cgroup_waits_for_the_kill,
    ),
    "memory.oom.group is not asked": Mutation(
        oom_kill,
        "oom_kill_process",
        "if group is not None:",
        "if False:",
        of_oom_group.test_the_whole_group_dies,
        {"how": "charge"},
    ),
    "who is dying takes the group along": Mutation(
        oom_kill,
        "oom_kill_process",
        "release(cur, p.alloc_lock)\n        return",
        "release(cur, p.alloc_lock)\n        yield from oom_kill_memcg_members(k, cur, p.memcg)\n        return",
        of_oom_group.test_who_is_dying_anyway_takes_nobody_along,
    ),
    "a member of -1000 dies": Mutation(
        oom_kill,
        "oom_kill_memcg_members",
        "p.signal.oom_score_adj != OOM_SCORE_ADJ_MIN and",
        "",
        of_oom_group.test_a_member_that_can_not_be_killed_is_spared,
    ),
    "the walk does not see who is new": Mutation(
        oom_kill,
        "oom_kill_memcg_members",
        "met: Met = ()",
        "met: Met = tuple((pid, True) for pid in range(max(k.tasks) + 1, 99))",
        of_oom_group.test_who_is_born_during_the_walk_dies_too,
    ),
    "the lowest group counts": Mutation(
        memcontrol,
        "mem_cgroup_get_oom_group",
        "memcg if memcg.oom_group else group",
        "memcg if memcg.oom_group and group is None else group",
        of_oom_group.test_it_is_the_highest_group_from_the_victims_up,
    ),
    "a group above the one without memory counts": Mutation(
        memcontrol,
        "mem_cgroup_get_oom_group",
        "None if memcg is oom_domain else memcg.parent",
        "memcg.parent",
        of_oom_group.test_it_is_the_highest_group_from_the_victims_up,
    ),
    "a victim elsewhere counts": Mutation(
        memcontrol,
        "mem_cgroup_get_oom_group",
        "if oom_domain is not None and not mem_cgroup_is_descendant(memcg, oom_domain):",
        "if False:",
        of_oom_group.test_it_is_the_highest_group_from_the_victims_up,
    ),
    "process_mrelease() reaps the living": Mutation(
        oom_reaper,
        "process_mrelease",
        "task_will_free_mem(k, p)",
        "True",
        of_mrelease.test_who_does_not_die_is_not_reaped,
    ),
    "process_mrelease() hides who was reaped": Mutation(
        oom_reaper,
        "process_mrelease",
        "yield from _reap(k, mm)",
        "yield from _reap(k, mm); mm.flags |= MMF_OOM_SKIP",
        of_mrelease.test_who_was_killed_in_the_fridge_is_reaped_there,
    ),
    "process_mrelease() keeps the mm": Mutation(
        oom_reaper,
        "process_mrelease",
        "mm.mm_count -= 1",
        "pass",
        of_mrelease.test_who_was_killed_in_the_fridge_is_reaped_there,
    ),
    "process_mrelease() does not look again": Mutation(
        oom_reaper,
        "process_mrelease",
        "if not mm.flags & MMF_OOM_SKIP:",
        "if True:",
        of_mrelease.test_exit_mmap_may_be_faster,
    ),
    "process_mrelease() looks at the leader alone": Mutation(
        oom_reaper,
        "process_mrelease",
        "if target.hashed else None",
        "if target.mm is not None else None",
        of_mrelease.test_a_thread_that_has_its_mm_still_will_do,
    ),
    "a thaw wakes nobody": Mutation(
        cgroup_freezer_v2,
        "cgroup_freeze_task",
        "wake_up_process(p)",
        "pass",
        of_freezer_v2.test_every_thread_traps_until_the_thaw,
    ),
    "nobody is woken for the trap": Mutation(
        cgroup_freezer_v2,
        "cgroup_freeze_task",
        "signal_wake_up(p, fatal=False)",
        "pass",
        of_freezer_v2.test_a_system_call_begins_again,
    ),
    "one below goes its own way": Mutation(
        cgroup_freezer_v2,
        "cgroup_freeze_write",
        "(each.freeze or freezes(each.parent))",
        "each.freeze",
        of_freezer_v2.test_the_one_above_freezes_those_below,
    ),
    "the trap does not freeze in place": Mutation(
        cgroup_freezer_v2,
        "do_freezer_trap",
        " | TASK_FREEZABLE",
        "",
        of_freezer_v2.test_suspend_on_top,
    ),
    "the trap remembers the signal": Mutation(
        cgroup_freezer_v2,
        "do_freezer_trap",
        "cur.thread_flags &= ~TIF_SIGPENDING",
        "pass",
        of_freezer_v2.test_a_v1_request_that_comes_before_the_trap_is_lost,
    ),
    "who leaves does not ask for the trap": Mutation(
        cgroup_freezer_v2,
        "cgroup_leave_frozen",
        "cur.jobctl |= JOBCTL_TRAP_FREEZE",
        "pass",
        of_freezer_v2.test_who_leaves_while_the_cgroup_freezes_again_stays,
        {"sleep": "trap"},
    ),
    "who leaves does not look": Mutation(
        cgroup_freezer_v2,
        "cgroup_leave_frozen",
        "cur.frozen = freezes(cur.memcg)",
        "cur.frozen = False",
        of_freezer_v2.test_who_leaves_while_the_cgroup_freezes_again_stays,
        {"sleep": "trap"},
    ),
    "who is moved stays as it is": Mutation(
        cgroup_freezer_v2,
        "cgroup_freezer_migrate_task",
        "if p.frozen or freezes(source) or freezes(p.memcg):",
        "if False:",
        of_freezer_v2.test_who_is_moved_does_as_the_others_there,
    ),
    "a child is born free": Mutation(
        cgroup,
        "cgroup_post_fork",
        "if freezes(child.memcg):",
        "if False:",
        of_freezer_v2.test_who_is_born_into_it_traps_first_of_all,
        {"how": "fork"},
    ),
    "a stop is no trap": Mutation(
        get_signal,
        "_sleep_stopped",
        "if freezes(cur.memcg):",
        "if False:",
        of_freezer_v2.test_who_leaves_while_the_cgroup_freezes_again_stays,
        {"sleep": "stop"},
    ),
    "a vfork is no trap": Mutation(
        fork,
        "wait_for_vfork_done",
        "if freezes(cur.memcg):",
        "if False:",
        of_freezer_v2.test_who_leaves_while_the_cgroup_freezes_again_stays,
        {"sleep": "vfork"},
    ),
    "a tracee counts as frozen": Mutation(
        ptrace_stop,
        "ptrace_stop",
        "cur.frozen = False",
        "pass",
        of_freezer_v2.test_a_stop_that_begins_in_the_trap_is_none_any_more,
    ),
    "the trap comes before death": Mutation(
        get_signal,
        "get_signal",
        "        if signal_group_exit(cur.signal):",
        "        if signal_group_exit(cur.signal) and not cur.frozen:",
        of_freezer_v2.test_whoever_is_killed_leaves_the_trap_and_dies,
        {"how": "kill"},
    ),
    "who dies counts as frozen": Mutation(
        get_signal,
        "get_signal",
        "cur.frozen = False",
        "pass",
        of_freezer_v2.test_whoever_is_killed_leaves_the_trap_and_dies,
        {"how": "kill"},
    ),
    "a signal comes before the trap": Mutation(
        get_signal,
        "get_signal",
        "if cur.jobctl & JOBCTL_TRAP_FREEZE or cur.frozen:",
        "if not cur.signal.shared_pending and (cur.jobctl & JOBCTL_TRAP_FREEZE or cur.frozen):",
        of_freezer_v2.test_a_signal_that_does_not_kill_waits_in_the_trap,
    ),
    "a dump begins in a frozen cgroup": Mutation(
        coredump,
        "zap_threads",
        " or cur.jobctl & JOBCTL_TRAP_FREEZE",
        "",
        of_freezer_v2.test_a_dump_does_not_begin,
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Green on a copy of 7.3, red on the broken one."""
    mutation = MUTATIONS[name]
    right = getattr(mutation.module, mutation.function)
    run(mutation, instead(mutation, right), monkeypatch)
    with pytest.raises((AssertionError, KeyError, ModelBug)):
        run(mutation, instead(mutation, rewritten(mutation)), monkeypatch)
