"""mark_oom_victim() (mm/oom_kill.c) in the two forms between legacy's and the RFC's."""

from __future__ import annotations

from kernel_model.core import (
    atomic_inc_mm_count,
    atomic_inc_oom_victims,
    cmpxchg_oom_mm,
    test_and_set_tsk_thread_flag,
    warn_on,
)
from kernel_model.freezer import thaw_task
from kernel_model.preempt import Steps
from kernel_model.sched import TIF_MEMDIE, Kernel, TaskStruct
from legacy_tifmemdie.oom_kill import INC, SET_MEMDIE, SET_OOM_MM, WARN


def mark_and_thaw_all(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """Legacy's count and flag, and all threads thawed: what went into v6.18."""
    mm = tsk.mm
    assert mm is not None

    yield WARN
    warn_on(k, cur, k.oom_killer_disabled, "oom_killer_disabled")
    # A task that was marked already is counted already.
    yield SET_MEMDIE, tsk
    if test_and_set_tsk_thread_flag(k, tsk, TIF_MEMDIE):
        return

    # The first mark of the group pins the mm for as long as the signal_struct lives.
    yield SET_OOM_MM, tsk
    if not cmpxchg_oom_mm(k, tsk.signal, mm):
        atomic_inc_mm_count(k, tsk.signal)

    threads = tsk.signal.threads
    for _i, t in enumerate(threads):
        yield from thaw_task(k, cur, t)
    yield INC
    atomic_inc_oom_victims(k, cur)


def mark_and_count_once(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """The RFC's count, one for the group and no flag; one thread is thawed."""
    mm = tsk.mm
    assert mm is not None

    yield WARN
    warn_on(k, cur, k.oom_killer_disabled, "oom_killer_disabled")

    # The first mark of the group pins the mm for as long as the signal_struct lives.
    yield SET_OOM_MM, tsk
    if not cmpxchg_oom_mm(k, tsk.signal, mm):
        atomic_inc_mm_count(k, tsk.signal)

        # One count for the whole group.
        yield INC
        atomic_inc_oom_victims(k, cur)

    yield from thaw_task(k, cur, tsk)
