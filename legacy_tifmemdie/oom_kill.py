"""mark_oom_victim() and exit_oom_victim() (mm/oom_kill.c): the count that oom_killer_disable() waits for."""

from __future__ import annotations

from kernel_model.core import (
    atomic_dec_return_oom_victims,
    atomic_inc_mm_count,
    atomic_inc_oom_victims,
    clear_thread_flag,
    cmpxchg_oom_mm,
    test_and_set_tsk_thread_flag,
    wake_up_all,
    warn_on,
)
from kernel_model.freezer import thaw_task
from kernel_model.preempt import Steps, point
from kernel_model.sched import TIF_MEMDIE, Kernel, TaskStruct

WARN = point("mark_oom_victim", "WARN_ON(oom_killer_disabled)")
SET_MEMDIE = point("mark_oom_victim", "test_and_set TIF_MEMDIE")
SET_OOM_MM = point("mark_oom_victim", "cmpxchg(signal->oom_mm)")
INC = point("mark_oom_victim", "atomic_inc(oom_victims)")
DEC = point("exit_oom_victim", "atomic_dec_return(oom_victims)")


def mark_oom_victim(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """oom_lock held, and tsk's alloc_lock unless tsk is current: tsk.mm is there and stays."""
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

    # Out of the fridge: freezing_slow_path() leaves a TIF_MEMDIE task alone from now on.
    yield from thaw_task(k, cur, tsk)
    yield INC
    atomic_inc_oom_victims(k, cur)


def exit_oom_victim(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """A victim is gone; the last one wakes oom_killer_disable()."""
    yield DEC
    clear_thread_flag(cur, TIF_MEMDIE)

    if not atomic_dec_return_oom_victims(k, cur):
        wake_up_all(k.oom_victims_wait)
