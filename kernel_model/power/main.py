"""Suspend, hibernation and the snapshot device as a user asks for them (kernel/power/{main,suspend,hibernate,user}.c)."""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import wake_up_process
from kernel_model.freezer import freezer_do_not_count
from kernel_model.locking import acquire, release, trylock
from kernel_model.power.process import freeze_kernel_threads, freeze_processes, thaw_processes
from kernel_model.preempt import Steps, lock, point, sleep
from kernel_model.sched import PF_FREEZER_SKIP, TASK_RUNNING, TASK_UNINTERRUPTIBLE, Kernel, TaskStruct

PM_TRYLOCK = point("state_store", "mutex_trylock(pm_mutex)")
DEVICES = point("dpm_suspend", "devices are suspended")
DEVICE_SLEEP = sleep("suspend_enter", "asleep until somebody wakes the machine", outside=True)
DEVICES_UP = point("dpm_resume", "devices work again")
IMAGE = point("swsusp_write", "the image is being written")
SNAPSHOT_OWNER = point("snapshot_ioctl", "SNAPSHOT_UNFREEZE: frozen by this process?")
SYSTEM_SLEEP = lock("lock_system_sleep", "pm_mutex")


def _device_phase(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Devices are down from here until somebody wakes the machine."""
    yield DEVICES
    events.pm_phase(k, "suspended")
    while True:
        cur.state = TASK_UNINTERRUPTIBLE
        if k.pm_wakeup:
            break
        yield DEVICE_SLEEP
    cur.state = TASK_RUNNING
    k.pm_wakeup = False


def pm_suspend(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """A write of "mem" to /sys/power/state; "" or the cause of -EBUSY (kernel/power/suspend.c, enter_state)."""
    yield PM_TRYLOCK
    if not trylock(cur, k.pm_mutex):
        return finish(k, cur, "suspend", "another suspend is under way")
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
    return finish(k, cur, "suspend", error)


def lock_system_sleep(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Wait for another suspend's end without holding it up (include/linux/suspend.h)."""
    yield from freezer_do_not_count(cur)
    yield SYSTEM_SLEEP, k.pm_mutex
    acquire(cur, k.pm_mutex)


def unlock_system_sleep(k: Kernel, cur: TaskStruct) -> None:
    """No freeze point here, unlike freezer_count() (include/linux/suspend.h)."""
    cur.flags &= ~PF_FREEZER_SKIP
    release(cur, k.pm_mutex)


def hibernate(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """A write of "disk" to /sys/power/state: snapshot, then write the image (kernel/power/hibernate.c)."""
    yield from lock_system_sleep(k, cur)
    k.pm_wakeup = False
    error = yield from freeze_processes(k, cur)
    if not error:
        error = yield from freeze_kernel_threads(k, cur)
        if not error:
            yield DEVICES
            events.pm_phase(k, "suspended")
            yield IMAGE
            events.pm_phase(k, "image")
            while True:
                cur.state = TASK_UNINTERRUPTIBLE
                if k.pm_wakeup:
                    break
                yield DEVICE_SLEEP
            cur.state = TASK_RUNNING
            k.pm_wakeup = False
        yield from thaw_processes(k, cur)
    unlock_system_sleep(k, cur)
    return finish(k, cur, "hibernate", error)


def _snapshot_freeze(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """SNAPSHOT_FREEZE of /dev/snapshot: freeze_processes() alone, kernel threads go on (kernel/power/user.c)."""
    yield from lock_system_sleep(k, cur)
    error = ""
    if not k.pm_freezing:
        error = yield from freeze_processes(k, cur)
        if not error:
            k.snapshot_owner = cur.signal
    unlock_system_sleep(k, cur)
    return finish(k, cur, "snapshot_freeze", error)


def _snapshot_unfreeze(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """SNAPSHOT_UNFREEZE of /dev/snapshot (kernel/power/user.c)."""
    yield SNAPSHOT_OWNER
    yield from snapshot_release(k, cur)
    return ""


def snapshot_release(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Whoever froze through /dev/snapshot thaws, at the latest when its last thread closes the file (kernel/power/user.c)."""
    if k.snapshot_owner is not cur.signal:
        return
    yield from lock_system_sleep(k, cur)
    k.snapshot_owner = None
    yield from thaw_processes(k, cur)
    unlock_system_sleep(k, cur)


def pm_wakeup(k: Kernel) -> None:
    """The user presses the power button: whoever waits in the device phase resumes."""
    k.pm_wakeup = True
    for p in k.tasks.values():
        if p.at is DEVICE_SLEEP:
            wake_up_process(p)


def finish(k: Kernel, cur: TaskStruct, operation: str, error: str) -> str:
    """What the writer of /sys/power/state gets to know."""
    events.pm_result(k, cur, operation, "EBUSY" if error else "ok", error)
    return error
