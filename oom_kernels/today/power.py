"""Freezing everybody, and suspend (kernel/power/): no skip flag any more, and s2idle, in which CPUs only idle."""

from __future__ import annotations

from kernel_model import events
from kernel_model.freezer import freeze_task
from kernel_model.locking import acquire, acquire_read, release, release_read, trylock
from kernel_model.power.main import (
    DEVICES_UP,
    PM_TRYLOCK,
    SYSTEM_SLEEP,
    _device_phase,
    finish,
)
from kernel_model.power.process import (
    PASS,
    all_threads,
    freeze_kernel_threads,
    freeze_processes,
    thaw_processes,
)
from kernel_model.preempt import Steps, point
from kernel_model.sched import PF_NOFREEZE, Kernel, TaskStruct

NOFREEZE = point("lock_system_sleep", "set PF_NOFREEZE")


def _freeze_pass(k: Kernel, cur: TaskStruct) -> Steps[bool]:
    """One pass over all threads under tasklist_lock; True if some have yet to freeze (kernel/power/process.c)."""
    todo = False
    yield PASS, k.tasklist_lock
    acquire_read(cur, k.tasklist_lock)
    threads = all_threads(k)
    for _i, p in enumerate(threads):
        if p is not cur and (yield from freeze_task(k, cur, p)):
            todo = True
    release_read(cur, k.tasklist_lock)
    return todo


def lock_system_sleep(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Wait for another suspend's end without being frozen by it (kernel/power/main.c)."""
    yield NOFREEZE
    cur.flags |= PF_NOFREEZE
    yield SYSTEM_SLEEP, k.pm_mutex
    acquire(cur, k.pm_mutex)


def unlock_system_sleep(k: Kernel, cur: TaskStruct) -> None:
    """Source: kernel/power/main.c."""
    cur.flags &= ~PF_NOFREEZE
    release(cur, k.pm_mutex)


def s2idle(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """A write of "freeze" to /sys/power/state: as mem, but who is not frozen runs on (kernel/power/suspend.c, s2idle_enter)."""
    yield PM_TRYLOCK
    if not trylock(cur, k.pm_mutex):
        return finish(k, cur, "s2idle", "another suspend is under way")
    k.pm_wakeup = False
    error = yield from freeze_processes(k, cur)
    if not error:
        error = yield from freeze_kernel_threads(k, cur)
        if not error:
            yield from _device_phase(k, cur)
            yield DEVICES_UP
            events.pm_phase(k, "disabled")
        yield from thaw_processes(k, cur)
    release(cur, k.pm_mutex)
    return finish(k, cur, "s2idle", error)
