"""Break what only today's kernels are asked for: for each function a check that goes red, and is green on a copy of 7.3."""

from __future__ import annotations

import pytest
import test_today_io_wq as of_io_wq
from test_today_mutations import Mutation, instead, rewritten, run

from kernel_model.errors import ModelBug
from oom_kernels.today import (
    exec,  # noqa: A004 - the kernel's file name
    exit,  # noqa: A004 - the kernel's file name
    get_signal,
    io_wq,
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
        "io_uring_worker",
        "wq.requests = 0",
        "pass",
        of_io_wq.test_a_killed_process_gets_no_worker,
    ),
    "a request wakes nobody": Mutation(
        io_wq,
        "io_uring_request",
        "_wake(wq)",
        "pass",
        of_io_wq.test_a_request_wakes_a_worker_that_is_there,
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
