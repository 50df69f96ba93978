"""The victim is marked without its task_lock: the mark can come after exit_mm() (fixed by 83363b917a29)."""

from __future__ import annotations

from kernel_model import oom_kill
from kernel_model.core import atomic_inc_mm_count, atomic_inc_oom_victims, cmpxchg_oom_mm
from kernel_model.freezer import thaw_task
from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.oom import OomControl
from kernel_model.oom_kill import (
    CHOSEN_LOCK,
    WORST_CHILD,
    _kill_sharers,
    find_lock_task_mm,
    task_will_free_mem,
    worst_child,
)
from kernel_model.oom_reaper import wake_oom_reaper
from kernel_model.preempt import Steps
from kernel_model.prototypes import mark_oom_victim
from kernel_model.sched import SIGKILL, Kernel, MmStruct, TaskStruct
from kernel_model.signal import do_send_sig_info
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out
from patched.oom_kill import INC, SET_OOM_MM


def oom_kill_process(k: Kernel, cur: TaskStruct, oc: OomControl) -> Steps[None]:
    """The lock is dropped before the mark."""
    p = oc.chosen
    assert p is not None
    yield CHOSEN_LOCK, p.alloc_lock
    acquire(cur, p.alloc_lock)
    if task_will_free_mem(k, p):
        yield from mark_oom_victim(k, cur, p)
        yield from wake_oom_reaper(k, cur, p)
        release(cur, p.alloc_lock)
        return
    release(cur, p.alloc_lock)
    yield WORST_CHILD, k.tasklist_lock
    acquire_read(cur, k.tasklist_lock)
    victim: TaskStruct | None = worst_child(k, p, oc)
    release_read(cur, k.tasklist_lock)
    assert victim is not None
    victim = yield from find_lock_task_mm(cur, victim)
    if victim is None:
        return
    mm = victim.mm
    assert mm is not None
    mm.mm_count += 1
    yield from do_send_sig_info(k, cur, victim, SIGKILL, group=True, force=True)
    release(cur, victim.alloc_lock)
    yield from _mark(k, cur, victim, mm)
    can_reap = yield from _kill_sharers(k, cur, victim, mm)
    if can_reap:
        yield from wake_oom_reaper(k, cur, victim)
    mm.mm_count -= 1


def _mark(k: Kernel, cur: TaskStruct, tsk: TaskStruct, mm: MmStruct) -> Steps[None]:
    """Whatever became of the task meanwhile."""
    yield SET_OOM_MM, tsk
    if not cmpxchg_oom_mm(k, tsk.signal, mm):
        atomic_inc_mm_count(k, tsk.signal)
        yield INC
        atomic_inc_oom_victims(k, cur)
    threads = tsk.signal.threads
    for _i, t in enumerate(threads):
        yield from thaw_task(k, cur, t)


VARIANT = Variant(__name__, (replaces(oom_kill.oom_kill_process, oom_kill_process),), base=last_out.VARIANT)
