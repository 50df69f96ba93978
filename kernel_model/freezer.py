"""The refrigerator (kernel/freezer.c), but for freezing_slow_path(), which belongs to the variants."""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import frozen, wake_up_process, wake_up_state
from kernel_model.locking import acquire, release
from kernel_model.preempt import Steps, lock, point, sleep, visits_one
from kernel_model.prototypes import freezing_slow_path
from kernel_model.sched import (
    PF_FREEZER_SKIP,
    PF_FROZEN,
    PF_KTHREAD,
    TASK_INTERRUPTIBLE,
    TASK_UNINTERRUPTIBLE,
    Kernel,
    TaskStruct,
)
from kernel_model.signal import signal_wake_up

TRY_TO_FREEZE = point("try_to_freeze", "freezing(current)?")
REFRIGERATOR_LOCK = lock("refrigerator", "freezer_lock: set or clear PF_FROZEN")
REFRIGERATOR_SLEEP = sleep("refrigerator", "schedule()")
FREEZE_TASK_SKIP = point("freeze_task", "freezer_should_skip(p)?", walk=True)
FREEZE_TASK_LOCK = lock("freeze_task", "freezer_lock: ask p to freeze", walk=True)
THAW_TASK_LOCK = lock("thaw_task", "freezer_lock: wake p if frozen", walk=True)
DO_NOT_COUNT = point("freezer_do_not_count", "set PF_FREEZER_SKIP")
COUNT = point("freezer_count", "clear PF_FREEZER_SKIP")


def freezing(k: Kernel, p: TaskStruct) -> bool:
    """Some condition wants ``p`` in the fridge (include/linux/freezer.h, freezing)."""
    if not k.system_freezing_cnt:
        return False
    return freezing_slow_path(k, p)


def refrigerator(k: Kernel, cur: TaskStruct) -> Steps[bool]:
    """Sit in the fridge until nothing freezes us any more (kernel/freezer.c, __refrigerator)."""
    was_frozen = False
    saved_state = cur.state
    while True:
        yield REFRIGERATOR_LOCK, k.freezer_lock
        acquire(cur, k.freezer_lock)
        cur.state = TASK_UNINTERRUPTIBLE
        if freezing(k, cur):
            if not frozen(cur):
                cur.flags |= PF_FROZEN
                events.froze(k, cur)
        elif frozen(cur):
            cur.flags &= ~PF_FROZEN
            events.left_fridge(k, cur)
        release(cur, k.freezer_lock)
        if not frozen(cur):
            break
        was_frozen = True
        yield REFRIGERATOR_SLEEP
    cur.state = saved_state
    return was_frozen


def try_to_freeze(k: Kernel, cur: TaskStruct) -> Steps[bool]:
    """A freeze point (include/linux/freezer.h, try_to_freeze)."""
    yield TRY_TO_FREEZE
    if not freezing(k, cur):
        return False
    return (yield from refrigerator(k, cur))


def freezer_do_not_count(cur: TaskStruct) -> Steps[None]:
    """The sleep that follows does not hold up the freezer (include/linux/freezer.h)."""
    yield DO_NOT_COUNT
    cur.flags |= PF_FREEZER_SKIP


def freezer_count(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Count again, and freeze if somebody asked meanwhile (include/linux/freezer.h)."""
    yield COUNT
    cur.flags &= ~PF_FREEZER_SKIP
    yield from try_to_freeze(k, cur)


@visits_one
def freeze_task(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[bool]:
    """Ask ``p`` to freeze; True if it has yet to (kernel/freezer.c, freeze_task)."""
    yield FREEZE_TASK_SKIP, p
    if p.flags & PF_FREEZER_SKIP:
        return False
    yield FREEZE_TASK_LOCK, k.freezer_lock
    acquire(cur, k.freezer_lock)
    if not freezing(k, p) or frozen(p):
        release(cur, k.freezer_lock)
        return False
    if p.flags & PF_KTHREAD:
        wake_up_state(p, TASK_INTERRUPTIBLE)
    else:
        fake_signal_wake_up(cur, p)
    release(cur, k.freezer_lock)
    return True


def fake_signal_wake_up(cur: TaskStruct, p: TaskStruct) -> None:
    """A signal that isn't one, to get ``p`` to its freeze point (kernel/freezer.c)."""
    sighand = p.sighand
    if sighand is not None:
        acquire(cur, sighand.siglock)
        signal_wake_up(p, fatal=False)
        release(cur, sighand.siglock)


@visits_one
def thaw_task(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[None]:
    """Wake ``p`` if it sits in the fridge; it looks itself whether it may leave (kernel/freezer.c, __thaw_task)."""
    yield THAW_TASK_LOCK, k.freezer_lock
    acquire(cur, k.freezer_lock)
    if frozen(p):
        events.thawed(k, cur, p)
        wake_up_process(p)
    release(cur, k.freezer_lock)
