"""The OOM reaper (mm/oom_kill.c): two seconds after the mark, without oom_lock or a use of the mm; freeze_kernel_threads() freezes it.

process_mrelease() does its work for who dies anyway.  The timers of the victims are one: the reaper's own.  Who is queued while another waits has its two seconds from when the reaper comes back.
"""

from __future__ import annotations

from kernel_model.locking import acquire, acquire_read, release, release_read, trylock_read
from kernel_model.mm import free_pages, put_task_struct
from kernel_model.oom_kill import find_lock_task_mm, task_will_free_mem
from kernel_model.oom_reaper import IDLE, MAX_OOM_REAP_RETRIES, POP, RETRY, RETRY_TIME, SKIP
from kernel_model.preempt import Steps, point, read_lock
from kernel_model.sched import (
    MMF_OOM_SKIP,
    MMF_UNSTABLE,
    PF_NOFREEZE,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    Kernel,
    MmStruct,
    TaskStruct,
)

from .sched import MMF_OOM_REAP_QUEUED, TASK_FREEZABLE, TASK_IDLE, state_before_frozen

OOM_REAPER_DELAY = 2000
QUEUE = point("queue_oom_reaper", "test_and_set_bit(MMF_OOM_REAP_QUEUED); a timer of 2 s")
TRYLOCK = point("oom_reap_task_mm", "mmap_read_trylock()")
PIDFD = point("process_mrelease", "pidfd_get_task(): is it there?")
MMAP_READ = read_lock("process_mrelease", "mmap_read_lock_killable()")
UNMAP = point("__oom_reap_task_mm", "unmap")


def queue_oom_reaper(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """Hand the mm to the reaper, once, in two seconds (mm/oom_kill.c)."""
    del cur
    yield QUEUE
    mm = tsk.signal.oom_mm
    assert mm is not None, "only a marked task is queued"
    if mm.flags & MMF_OOM_REAP_QUEUED:
        return
    mm.flags |= MMF_OOM_REAP_QUEUED
    tsk.usage += 1
    k.oom_reaper_list = [*k.oom_reaper_list, tsk]
    reaper = k.oom_reaper
    if state_before_frozen(reaper) & TASK_INTERRUPTIBLE and reaper.timer is None:
        reaper.timer = k.clock + OOM_REAPER_DELAY


def oom_reaper(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """The kernel thread's loop (mm/oom_kill.c)."""
    # Source: kernel/freezer.c, set_freezable().
    cur.flags &= ~PF_NOFREEZE
    while True:
        cur.state = TASK_INTERRUPTIBLE | TASK_FREEZABLE
        cur.timer = k.clock + OOM_REAPER_DELAY if k.oom_reaper_list else None
        yield IDLE
        cur.state = TASK_RUNNING
        yield POP, k.oom_reaper_lock
        acquire(cur, k.oom_reaper_lock)
        tsk, k.oom_reaper_list = k.oom_reaper_list[0], k.oom_reaper_list[1:]
        release(cur, k.oom_reaper_lock)
        yield from oom_reap_task(k, cur, tsk)


def oom_reap_task(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """Try ten times, 100 ms apart; hide the mm from the OOM killer whatever comes of it (mm/oom_kill.c)."""
    mm = tsk.signal.oom_mm
    assert mm is not None, "only a marked task is queued"
    attempts = 0
    while attempts < MAX_OOM_REAP_RETRIES and not (yield from oom_reap_task_mm(k, cur, mm)):
        attempts += 1
        cur.state = TASK_IDLE
        cur.timer = k.clock + RETRY_TIME
        yield RETRY
        cur.state = TASK_RUNNING
    yield SKIP
    mm.flags |= MMF_OOM_SKIP
    put_task_struct(k, tsk)


def oom_reap_task_mm(k: Kernel, cur: TaskStruct, mm: MmStruct) -> Steps[bool]:
    """Unmap what is private; False if mmap_sem is busy (mm/oom_kill.c)."""
    yield TRYLOCK
    if not trylock_read(cur, mm.mmap_sem):
        return False
    if mm.flags & MMF_OOM_SKIP:
        release_read(cur, mm.mmap_sem)
        return True
    yield from _reap(k, mm)
    release_read(cur, mm.mmap_sem)
    return True


def _reap(k: Kernel, mm: MmStruct) -> Steps[None]:
    """Mmap_sem held for reading.  Whoever reads there from now on finds nothing (__oom_reap_task_mm)."""
    mm.flags |= MMF_UNSTABLE
    yield UNMAP
    free_pages(k, mm)


def process_mrelease(k: Kernel, cur: TaskStruct, target: TaskStruct) -> Steps[str]:
    """Reap who dies anyway, at once and by the caller: nobody is marked, thawed or counted, and the OOM killer is told nothing."""
    yield PIDFD
    p = (yield from find_lock_task_mm(cur, target)) if target.hashed else None
    if p is None:
        return "ESRCH"
    mm = p.mm
    assert mm is not None
    mm.mm_count += 1
    reap = task_will_free_mem(k, p)
    skipped = bool(mm.flags & MMF_OOM_SKIP)
    release(cur, p.alloc_lock)
    if reap:
        yield MMAP_READ, mm.mmap_sem
        acquire_read(cur, mm.mmap_sem)
        if not mm.flags & MMF_OOM_SKIP:
            yield from _reap(k, mm)
        release_read(cur, mm.mmap_sem)
    mm.mm_count -= 1
    return "" if reap or skipped else "EINVAL"
