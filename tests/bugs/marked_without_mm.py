"""Who allocates on its way out, past exit_mm(), is marked, and will never drop the count (fixed by d7a94e7e11ba).

That kernel had no signal->oom_mm; an empty address space stands there, so that the mark is seen.
"""

from __future__ import annotations

import legacy_tifmemdie
from kernel_model import oom_kill, prototypes
from kernel_model.core import (
    atomic_inc_mm_count,
    atomic_inc_oom_victims,
    cmpxchg_oom_mm,
    test_and_set_tsk_thread_flag,
)
from kernel_model.freezer import thaw_task
from kernel_model.oom_kill import group_will_free_mem
from kernel_model.oom_kill import task_will_free_mem as task_will_free_mem_of_the_base
from kernel_model.preempt import Steps
from kernel_model.sched import TIF_MEMDIE, Kernel, MmStruct, TaskStruct
from kernel_model.variant import Variant, replaces
from legacy_tifmemdie.oom_kill import INC, SET_MEMDIE, SET_OOM_MM
from legacy_tifmemdie.oom_kill import mark_oom_victim as mark_oom_victim_of_the_base


def task_will_free_mem(k: Kernel, t: TaskStruct) -> bool:
    """Also if it has none any more."""
    return group_will_free_mem(t) if t.mm is None else task_will_free_mem_of_the_base(k, t)


def mark_oom_victim(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """Whatever memory it has."""
    if tsk.mm is not None:
        yield from mark_oom_victim_of_the_base(k, cur, tsk)
        return
    yield SET_MEMDIE, tsk
    if test_and_set_tsk_thread_flag(k, tsk, TIF_MEMDIE):
        return
    yield SET_OOM_MM, tsk
    if tsk.signal.oom_mm is None:
        cmpxchg_oom_mm(k, tsk.signal, MmStruct(k.number(), pages=0))
        atomic_inc_mm_count(k, tsk.signal)
    yield from thaw_task(k, cur, tsk)
    yield INC
    atomic_inc_oom_victims(k, cur)


VARIANT = Variant(
    __name__,
    (
        replaces(oom_kill.task_will_free_mem, task_will_free_mem),
        replaces(prototypes.mark_oom_victim, mark_oom_victim),
    ),
    base=legacy_tifmemdie.VARIANT,
)
