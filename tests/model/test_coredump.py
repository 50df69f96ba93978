"""Core dumps (sections 1 and 6)."""

from __future__ import annotations

import pytest
from boot import Box

import legacy_tifmemdie
import patched
from kernel_model import events
from kernel_model.sched import (
    PF_FREEZER_SKIP,
    PF_FROZEN,
    SIGKILL,
    SIGNAL_GROUP_COREDUMP,
    SIGNAL_GROUP_EXIT,
    TIF_SIGPENDING,
)


@pytest.fixture(params=[legacy_tifmemdie.VARIANT, patched.VARIANT], ids=lambda v: v.name)
def box(request: pytest.FixtureRequest) -> Box:
    """A process v with the threads t1 and t2, and s."""
    box = Box(request.param)
    box.fork("v", "s")
    box.clone("v", "t1", "t2")
    return box


def dumps(box: Box) -> list[str]:
    return [box.k.tasks[e.task].name for e in box.events(events.Io) if e.what == "do_coredump"]


def start(box: Box, name: str = "v") -> None:
    """SIGABRT is sent, its dumper has zapped the others."""
    box.ask("kill", "s", name, "ABRT")
    box.alone("s")
    box.until(name, "wait_for_completion(core_state")


def test_the_dumper_waits_for_all_and_all_wait_for_the_dump(box: Box) -> None:
    """zap_threads() counts, exit_mm() completes and waits, coredump_finish() lets go."""
    start(box)
    core = box["v"].mm.core_state if box["v"].mm else None
    assert core is not None
    assert core.nr_threads == 2
    assert box["v"].signal.flags == SIGNAL_GROUP_COREDUMP
    assert box["v"].signal.group_exit_task is box["v"]
    assert box["v"].flags & PF_FREEZER_SKIP
    box.alone("t1")
    assert box.at("t1") == "exit_mm: wait until the dump is written"
    assert box["t1"].flags & PF_FREEZER_SKIP
    assert not box.m.runnable(box["v"])
    box.alone("t2")
    assert core.startup
    box.alone("v")
    assert dumps(box) == ["v"]
    assert box["v"].signal.flags == SIGNAL_GROUP_EXIT
    box.rest()
    assert all(box[n].at is None for n in ("v", "t1", "t2"))


def test_a_single_thread_dumps_without_a_wait() -> None:
    """Nobody to wait for: no FREEZER_SKIP sleep, no freeze point."""
    box = Box()
    box.fork("v", "s")
    box.ask("kill", "s", "v", "ABRT")
    box.alone("s")
    box.until("v", "zap_threads")
    box.step("v")
    assert box.at("v") == "do_coredump: write the core file"
    box.rest()
    assert dumps(box) == ["v"]


def test_other_processes_that_share_the_mm_die_too() -> None:
    """A sharer gets COREDUMP|GROUP_EXIT and SIGKILL, also when its leader is gone; others are left alone."""
    box = Box()
    box.fork("v", "s")
    box.do("clone_vm", "v", "c")
    box.clone("c", "c1")
    box.do("exit", "c")
    start(box)
    assert box["c"].signal.flags == SIGNAL_GROUP_COREDUMP | SIGNAL_GROUP_EXIT
    assert SIGKILL in box["c1"].pending
    box.rest()
    assert box["c1"].at is None
    assert box["v"].at is None
    assert box.user_mode("s")


def test_a_sharer_that_dies_meanwhile_is_passed_over() -> None:
    """It lost its sighand while the dumper waited for siglock."""
    box = Box()
    box.fork("v", "s")
    box.do("ignore_sigchld", "v")
    box.do("clone_vm", "v", "c")
    box.ask("kill", "s", "v", "ABRT")
    box.alone("s")
    box.until("v", "siglock of a process that shares the mm")
    box["c"].sighand = None
    box.step("v")
    assert box["c"].signal.flags == 0


def test_a_dump_gives_way_to_a_group_exit(box: Box) -> None:
    """signal_group_exit() before the section: no dump, the exit goes on."""
    box["t1"].pending = {6}
    box["t1"].thread_flags |= TIF_SIGPENDING
    box.ask("exit_group", "v")
    box.until("t1", "zap_threads")
    box.rest()
    assert dumps(box) == []
    assert all(box[n].at is None for n in ("v", "t1", "t2"))


def test_two_dumps_of_one_mm() -> None:
    """The second one finds core_state set and just exits."""
    box = Box()
    box.fork("v", "s")
    box.clone("v", "t1")
    box.do("clone_vm", "v", "c")
    start(box)
    box["c"].pending = {6}
    box["c"].signal.flags = 0
    box.rest()
    assert dumps(box) == ["v"]
    assert box["c"].at is None


def test_sigkill_frees_who_waits_for_mmap_sem() -> None:
    """down_write_killable(): a reader holds mmap_sem, the would-be dumper is killed: no dump."""
    box = Box()
    box.fork("v", "s")
    box.do("clone_vm", "v", "c")
    box.ask("execve", "c")
    box.until("c", "switch to the new mm")
    box.ask("kill", "s", "v", "ABRT")
    box.alone("s")
    box.alone("v")
    assert box.at("v") == "coredump_wait: down_write_killable(mmap_sem)"
    box.ask("kill", "s", "v", "KILL")
    box.alone("s")
    box.alone("v")
    assert dumps(box) == []
    assert box["v"].at is None
    box.rest()


def test_a_signal_truncates_the_dump(box: Box) -> None:
    """Any TIF_SIGPENDING during the dump, the freezer's too; one from before is cleared by zap_threads()."""
    start(box)
    for n in ("t1", "t2"):
        box.alone(n)
    box.until("v", "write the core file")
    box["v"].thread_flags |= TIF_SIGPENDING
    box.rest()
    assert dumps(box) == []
    box = Box()
    box.fork("v", "s")
    box.ask("kill", "s", "v", "ABRT")
    box.alone("s")
    box.until("v", "zap_threads")
    box["v"].thread_flags |= TIF_SIGPENDING
    box.rest()
    assert dumps(box) == ["v"]


def test_dumper_and_waiters_can_freeze(box: Box) -> None:
    """Both sleeps are FREEZER_SKIP, and both wake-ups are freeze points."""
    box.do("attach", "init", "v", "A")
    start(box)
    box.alone("t1")
    box.alone("t2")
    box.ask("freeze", "s", "A")
    box.alone("s")
    box.rest()
    assert box["v"].flags & PF_FROZEN
    assert box["t1"].flags & PF_FREEZER_SKIP
    assert box.do("read_state", "s", "A") == "FROZEN"
    assert dumps(box) == []
    box.do("thaw", "s", "A")
    assert all(box[n].at is None for n in ("v", "t1", "t2"))


def test_sigkill_of_a_dumping_group(box: Box) -> None:
    """Overwrites COREDUMP; the dumper still waits for the others, the dump is truncated, all exit by signal 9."""
    start(box)
    box.do("kill", "s", "v", "KILL")
    assert dumps(box) == []
    assert box["v"].signal.group_exit_code == SIGKILL
    assert all(box[n].at is None for n in ("v", "t1", "t2"))


def test_a_waiter_that_is_woken_early_waits_on(box: Box) -> None:
    """exit_mm()'s loop tests whether it is still queued."""
    start(box)
    box.alone("t1")
    box["t1"].state = 0
    box.alone("t1")
    assert box.at("t1") == "exit_mm: wait until the dump is written"
    box["v"].state = 0
    box.alone("v")
    assert box.at("v") == "coredump_wait: wait_for_completion(core_state.startup)"
    box.rest()
    assert dumps(box) == ["v"]


def test_a_dumper_allocates_under_memory_pressure() -> None:
    """It is on its way out but dumps, so that it is killed like any other: the dump is cut short."""
    box = Box()
    box.fork("v", "s")
    box.do("oom_score_adj", "s", "v", 1000)
    box.do("memory_pressure")
    box.do("kill", "s", "v", "ABRT")
    assert [e.group for e in box.events(events.Marked)] == [box["v"].signal.number]
    assert dumps(box) == []
    assert box["v"].at is None


def test_without_pressure_a_dumper_needs_no_memory(box: Box) -> None:
    start(box)
    box.rest()
    assert not box.events(events.Marked)


def into_a_pipe(box: Box) -> None:
    """v has dumped into a pipe that nobody reads."""
    box.do("core_pipe")
    start(box)
    box.rest()
    assert box.at("v") == "pipe_wait: wait for the reader of the core"


def test_a_dump_waits_for_the_reader_of_its_pipe(box: Box) -> None:
    """A read lets it go on; one that came before does not, and the write is no device's."""
    box.do("core_read")
    into_a_pipe(box)
    assert box.at("t1") == "exit_mm: wait until the dump is written"
    box.do("core_read")
    assert all(box[n].at is None for n in ("v", "t1", "t2"))
    assert dumps(box) == []


@pytest.mark.parametrize("by", ["SIGKILL", "OOM killer", "freezer"])
def test_a_signal_ends_the_wait_for_the_pipe_s_reader(box: Box, by: str) -> None:
    """pipe_wait() is interruptible: the killers', and the freezer's fake signal."""
    into_a_pipe(box)
    if by == "SIGKILL":
        box.do("kill", "s", "v", "KILL")
    elif by == "OOM killer":
        box.do("oom_score_adj", "s", "v", 1000)
        box.do("sysrq_f")
    else:
        box.do("suspend", "s")
        assert box.k.pm_phase == "suspended"
        # Who waited for the dump goes to the fridge on its way.
        assert all(box[n].flags & PF_FROZEN for n in ("t1", "t2"))
        box.do("wakeup")
    assert all(box[n].at is None for n in ("v", "t1", "t2"))
