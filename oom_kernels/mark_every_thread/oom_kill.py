"""mark_oom_victim() (mm/oom_kill.c): every thread of the group."""

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


def mark_oom_victim(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """oom_lock held, and tsk's alloc_lock unless tsk is current: tsk.mm is there and stays, the others' need not."""
    mm = tsk.mm
    assert mm is not None

    yield WARN
    warn_on(k, cur, k.oom_killer_disabled, "oom_killer_disabled")
    yield SET_OOM_MM, tsk
    if not cmpxchg_oom_mm(k, tsk.signal, mm):
        atomic_inc_mm_count(k, tsk.signal)

    threads = tsk.signal.threads
    for _i, t in enumerate(threads):
        yield SET_MEMDIE, t
        if test_and_set_tsk_thread_flag(k, t, TIF_MEMDIE):
            continue
        yield from thaw_task(k, cur, t)
        yield INC
        atomic_inc_oom_victims(k, cur)
