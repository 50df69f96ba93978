"""The OOM reaper (mm/oom_kill.c): takes the victim's memory while the victim may still be anywhere.  Never freezes."""

from __future__ import annotations

from kernel_model.core import wake_up_state
from kernel_model.locking import acquire, release, release_read, trylock_read
from kernel_model.mm import free_pages, mmput_async, put_task_struct
from kernel_model.preempt import Steps, lock, point, sleep
from kernel_model.sched import (
    MMF_OOM_SKIP,
    MMF_UNSTABLE,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    Kernel,
    MmStruct,
    TaskStruct,
)

QUEUE = lock("wake_oom_reaper", "oom_reaper_lock: queue the victim")
IDLE = sleep("oom_reaper", "wait_event_freezable()")
POP = lock("oom_reaper", "oom_reaper_lock: next victim")
REAP_LOCK = lock("oom_reap_task_mm", "oom_lock, trylock mmap_sem")
UNMAP = point("oom_reap_task_mm", "unmap")
RETRY = sleep("oom_reap_task", "schedule_timeout_idle(HZ/10)")
SKIP = point("oom_reap_task", "MMF_OOM_SKIP")
MAX_OOM_REAP_RETRIES = 10
RETRY_TIME = 100


def wake_oom_reaper(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """Hand the victim to the reaper, once (mm/oom_kill.c)."""
    if tsk.oom_reaper_listed:
        return
    yield QUEUE, k.oom_reaper_lock
    acquire(cur, k.oom_reaper_lock)
    tsk.usage += 1
    tsk.oom_reaper_listed = True
    k.oom_reaper_list = [tsk, *k.oom_reaper_list]
    release(cur, k.oom_reaper_lock)
    wake_up_state(k.oom_reaper, TASK_INTERRUPTIBLE)


def oom_reaper(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """The kernel thread's loop (mm/oom_kill.c)."""
    while True:
        cur.state = TASK_INTERRUPTIBLE
        while not k.oom_reaper_list:
            yield IDLE
            cur.state = TASK_INTERRUPTIBLE
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
        cur.state = TASK_UNINTERRUPTIBLE
        cur.timer = k.clock + RETRY_TIME
        yield RETRY
        cur.state = TASK_RUNNING
    yield SKIP
    mm.flags |= MMF_OOM_SKIP
    tsk.oom_reaper_listed = False
    put_task_struct(k, tsk)


def oom_reap_task_mm(k: Kernel, cur: TaskStruct, mm: MmStruct) -> Steps[bool]:
    """Unmap what is private; False if mmap_sem is busy (mm/oom_kill.c, __oom_reap_task_mm)."""
    yield REAP_LOCK, k.oom_lock
    acquire(cur, k.oom_lock)
    if not trylock_read(cur, mm.mmap_sem):
        release(cur, k.oom_lock)
        return False
    if not mm.mm_users:
        release_read(cur, mm.mmap_sem)
        release(cur, k.oom_lock)
        return True
    mm.mm_users += 1
    mm.flags |= MMF_UNSTABLE
    yield UNMAP
    free_pages(k, mm)
    release_read(cur, mm.mmap_sem)
    mmput_async(k, mm)
    release(cur, k.oom_lock)
    return True
