"""mark_oom_victim() and oom_killer_disable() (mm/oom_kill.c) without oom_victims."""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import (
    atomic_inc_mm_count,
    cmpxchg_oom_mm,
    frozen,
    test_and_set_tsk_thread_flag,
    test_tsk_thread_flag,
    warn_on,
)
from kernel_model.freezer import freezing, thaw_task
from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.oom_kill import DISABLE_LOCK, DISABLE_SLEEP, oom_killer_enable
from kernel_model.power.process import all_threads
from kernel_model.preempt import Steps, read_lock
from kernel_model.sched import (
    PF_FREEZER_SKIP,
    TASK_DEAD,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TIF_MEMDIE,
    Kernel,
    TaskStruct,
    signal_pending,
)
from legacy_tifmemdie.oom_kill import SET_MEMDIE, SET_OOM_MM, WARN

POLL = read_lock("oom_killer_disable", "tasklist_lock: is a victim left?")


def mark_oom_victim(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """oom_lock held, and tsk's alloc_lock unless tsk is current: tsk.mm is there and stays."""
    mm = tsk.mm
    assert mm is not None

    yield WARN
    warn_on(k, cur, k.oom_killer_disabled, "oom_killer_disabled")
    yield SET_MEMDIE, tsk
    if test_and_set_tsk_thread_flag(k, tsk, TIF_MEMDIE):
        return
    yield SET_OOM_MM, tsk
    if not cmpxchg_oom_mm(k, tsk.signal, mm):
        atomic_inc_mm_count(k, tsk.signal)
    yield from thaw_task(k, cur, tsk)


def _in_the_way(k: Kernel, p: TaskStruct) -> bool:
    if p.flags & PF_FREEZER_SKIP or frozen(p) or p.state == TASK_DEAD:
        return False
    return freezing(k, p) or test_tsk_thread_flag(p, TIF_MEMDIE)


def oom_killer_disable(k: Kernel, cur: TaskStruct, timeout: int) -> Steps[bool]:
    """No victim from here on; look again and again until the present ones are gone, for ``timeout`` ms at most."""
    yield DISABLE_LOCK, k.oom_lock
    if k.oom_lock.owner is not None:
        return False
    acquire(cur, k.oom_lock)
    k.oom_killer_disabled = True
    release(cur, k.oom_lock)
    end = k.clock + timeout
    while True:
        yield POLL, k.tasklist_lock
        acquire_read(cur, k.tasklist_lock)
        left = any(p is not cur and _in_the_way(k, p) for p in all_threads(k))
        release_read(cur, k.tasklist_lock)
        if not left or k.clock >= end or signal_pending(cur):
            break
        cur.state = TASK_INTERRUPTIBLE
        cur.timer = end
        cur.polling = True
        yield DISABLE_SLEEP
        cur.state = TASK_RUNNING
        cur.timer = None
    cur.polling = False
    if left:
        events.disable_failed(k, cur)
        oom_killer_enable(k)
    return not left
