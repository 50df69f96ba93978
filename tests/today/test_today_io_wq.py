"""io_uring's workers: threads that live in the kernel, on each kernel."""

from __future__ import annotations

import pytest
from boot import Box
from todays import AFTER, BEFORE, V7_2, each, short

from kernel_model.events import Io
from kernel_model.sched import PF_SIGNALED, SIGKILL, SIGTERM, TASK_DEAD, TIF_SIGPENDING
from kernel_model.variant import Variant
from oom_kernels import v7_3_last_out


def box(variant: Variant, *requests: str) -> Box:
    """Process v with a worker w, and requests of it that nobody has taken."""
    made = Box(variant)
    made.fork("v")
    made.do("io_uring_worker", "v", "w")
    for request in requests:
        made.ask(request, "v")
        made.alone("v")
    return made


def done(made: Box) -> int:
    """How many requests were done."""
    return [e.what for e in made.events(Io)].count("io_wq_submit_work")


def test_a_worker_is_a_thread_of_the_group() -> None:
    made = box(v7_3_last_out.VARIANT)
    signal = made["v"].signal
    assert (signal.live, signal.io_live, signal.nr_threads, made["w"].group_leader.name) == (2, 2, 2, "v")
    assert [e.what for e in made.events(Io)] == ["io_wq_submit_work"]


@each
def test_a_request_wakes_a_worker_that_is_there(variant: Variant) -> None:
    made = box(variant)
    assert made.do("io_uring_request", "v") == ""
    assert done(made) == 2
    made.fork("alone")
    assert made.do("io_uring_request", "alone") == "ENXIO"


@each
def test_it_takes_no_signal_but_sigkill_and_sigstop(variant: Variant) -> None:
    made = box(variant)
    made.do("tgkill", "init", "w", "TERM")
    assert (made["w"].pending, made["v"].state == TASK_DEAD) == ({SIGTERM}, False)
    made.do("kill", "init", "v", "STOP")
    assert made.at("w").startswith("do_signal_stop")
    made.do("kill", "init", "v", "KILL")
    assert {made["v"].state, made["w"].state} == {TASK_DEAD}


@each
def test_what_it_blocks_does_not_wake_it(variant: Variant) -> None:
    """Nor does it die of it when a freezer has woken it."""
    made = box(variant)
    wants_signal = made.m.image.functions["wants_signal"]
    assert (wants_signal(made["w"], SIGTERM), wants_signal(made["w"], SIGKILL)) == (False, True)
    made.do("attach", "init", "v", "A")
    made.do("tgkill", "init", "w", "TERM")
    made.do("freeze", "init", "A")
    made.do("thaw", "init", "A")
    assert made.at("w").startswith("io_wq_worker: schedule_timeout()")
    assert not made["w"].thread_flags & TIF_SIGPENDING


@each
def test_what_it_blocks_goes_to_the_next_thread(variant: Variant) -> None:
    """Of v's signals too, when v leaves with one that it did not take."""
    made = Box(variant)
    made.fork("v")
    made.clone("v", "t")
    made.do("io_uring_worker", "t", "w")
    made.ask("exit", "v")
    made.until("v", "exit_signals: siglock")
    made["v"].signal.shared_pending.add(SIGTERM)
    made["v"].signal.threads = [made["v"], made["w"], made["t"]]
    made["v"].thread_flags |= TIF_SIGPENDING
    made.alone("v")
    assert not made["w"].thread_flags & TIF_SIGPENDING
    made.rest()
    assert {made["t"].state, made["w"].state} == {TASK_DEAD}


@each
def test_at_work_it_does_what_is_left_before_it_looks_at_sigkill(variant: Variant) -> None:
    made = box(variant, "io_uring_request", "io_uring_request")
    made.until("w", "io_wq_submit_work")
    made.ask("kill", "init", "v", "KILL")
    made.alone("init")
    made.until("w", "io_worker_exit")
    assert done(made) == 3
    assert made["w"].flags & PF_SIGNALED
    # It leaves by itself: do_exit() comes after it has said so.
    assert made["w"].mm is not None


@each
def test_asleep_it_looks_at_sigkill_first(variant: Variant) -> None:
    made = box(variant, "io_uring_request")
    made.ask("kill", "init", "v", "KILL")
    made.alone("init")
    made.until("w", "io_worker_exit")
    assert done(made) == 1


@each
def test_killed_it_does_what_is_left_for_an_owner_who_leaves(variant: Variant) -> None:
    made = box(variant, "io_uring_request")
    made.ask("kill", "init", "v", "KILL")
    made.alone("init")
    made.until("v", "io_wq_exit_workers")
    made.until("w", "io_worker_exit")
    assert done(made) == 2


@each
def test_whoever_dies_waits_for_its_workers_with_its_mm(variant: Variant) -> None:
    """A request that nobody had taken is done, as its file is a file or a device."""
    made = box(variant, "io_uring_request")
    made.ask("exit", "v")
    made.alone("v")
    assert made.at("v").startswith("io_wq_exit_workers")
    assert made["v"].mm is not None
    made.rest()
    assert {made["v"].state, made["w"].state} == {TASK_DEAD}
    assert done(made) == 2


def test_an_exec_leaves_them_behind() -> None:
    """And what nobody has taken is cancelled."""
    made = box(v7_3_last_out.VARIANT, "io_uring_request")
    assert made.do("execve", "v") == ""
    assert (made["w"].state, made["v"].io_wq, made["v"].signal.io_live) == (TASK_DEAD, None, 1)
    assert done(made) == 1


@pytest.mark.parametrize(
    ("variant", "first"),
    [(BEFORE, "io_wq_exit_start"), (AFTER, "io_wq_exit_start"), (V7_2, "de_thread")],
    ids=short,
)
def test_an_exec_leaves_io_uring_before_its_threads(variant: Variant, first: str) -> None:
    """In 7.2.12 after: there they are killed first."""
    made = box(variant)
    made.ask("execve", "v")
    made.step("v")
    assert made.at("v").startswith(first)
    made.rest()
    assert (made["v"].result, made["w"].state, made["v"].io_wq) == ("", TASK_DEAD, None)


@each
def test_a_freezer_delays_a_worker(variant: Variant) -> None:
    """It is made after the thaw; a request that another one has done meanwhile needs none."""
    made = Box(variant)
    made.fork("v")
    made.do("attach", "init", "v", "A")
    made.ask("io_uring_worker", "v", "w")
    made.step("v", 2)
    made.do("freeze", "init", "A")
    assert "w" not in made.m.names_now()
    made.do("thaw", "init", "A")
    assert (done(made), made["v"].result) == (1, "")
    made.ask("io_uring_worker", "v", "w2")
    made.step("v", 2)
    made.ask("freeze", "init", "A")
    made.alone("init")
    wq = made["v"].io_wq
    assert wq is not None
    wq.requests = 0
    made.rest()
    assert (made["v"].result, "w2" in made.m.names_now()) == ("", False)


@each
def test_a_killed_process_gets_no_worker(variant: Variant) -> None:
    """And what it asked for is cancelled."""
    made = Box(variant)
    made.fork("v")
    made.ask("io_uring_worker", "v", "w")
    made.step("v", 2)
    made.ask("kill", "init", "v", "KILL")
    made.alone("init")
    made.until("v", "get_signal")
    wq = made["v"].io_wq
    assert wq is not None
    assert (wq.requests, wq.workers, "w" in made.m.names_now()) == (0, [], False)
    made.rest()
    assert made["v"].state == TASK_DEAD
