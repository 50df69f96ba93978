"""mark_oom_victim() and exit_oom_victim() (mm/oom_kill.c): the count that oom_killer_disable() waits for."""

from __future__ import annotations

from kernel_model.core import (
    atomic_dec_return_oom_victims,
    atomic_inc_mm_count,
    atomic_inc_oom_victims,
    cmpxchg_oom_mm,
    wake_up_all,
    warn_on,
)
from kernel_model.freezer import thaw_task
from kernel_model.preempt import Steps, point
from kernel_model.sched import Kernel, TaskStruct

WARN = point("mark_oom_victim", "WARN_ON(oom_killer_disabled)")
SET_OOM_MM = point("mark_oom_victim", "cmpxchg(signal->oom_mm)")
INC = point("mark_oom_victim", "atomic_inc(oom_victims)")
DEC = point("exit_oom_victim", "atomic_dec_return(oom_victims)")


def mark_oom_victim(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """oom_lock held, and tsk's alloc_lock unless tsk is current: tsk.mm is there and stays."""
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

    # Out of the fridge, all of them: freezing_slow_path() leaves a victim's threads alone from now on.
    threads = tsk.signal.threads
    for _i, t in enumerate(threads):
        yield from thaw_task(k, cur, t)


def exit_oom_victim(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """A victim is gone; the last one wakes oom_killer_disable().

    Once for each group.
    """
    yield DEC
    if not atomic_dec_return_oom_victims(k, cur):
        wake_up_all(k.oom_victims_wait)
