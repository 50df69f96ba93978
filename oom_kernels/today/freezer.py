"""The refrigerator (kernel/freezer.c): TASK_FROZEN, sleepers that are frozen where they sleep, and a whole group thawed at once.

One abstraction: that freezing() is false, and leaving for TASK_RUNNING, are one step; in C the state is stored after freezer_lock
was dropped.  A split model would see a thread leave that the next freeze, begun in between, has taken for frozen.
"""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import frozen, wake_up_state
from kernel_model.freezer import (
    FREEZE_TASK_LOCK,
    REFRIGERATOR_LOCK,
    REFRIGERATOR_SLEEP,
    THAW_TASK_LOCK,
    fake_signal_wake_up,
    freezing,
)
from kernel_model.locking import acquire, release
from kernel_model.preempt import Steps, visits_one
from kernel_model.sched import (
    __TASK_STOPPED,
    __TASK_TRACED,
    PF_KTHREAD,
    TASK_NORMAL,
    TASK_RUNNING,
    Kernel,
    TaskStruct,
    signal_pending_state,
)

from .sched import TASK_FREEZABLE, set_frozen, set_thawed


def refrigerator(k: Kernel, cur: TaskStruct) -> Steps[bool]:
    """Sit in the fridge until nothing freezes us any more (kernel/freezer.c, __refrigerator)."""
    was_frozen = False
    while True:
        yield REFRIGERATOR_LOCK, k.freezer_lock
        acquire(cur, k.freezer_lock)
        freeze = freezing(k, cur)
        if freeze:
            set_frozen(k, cur, TASK_RUNNING)
        release(cur, k.freezer_lock)
        if not freeze:
            break
        was_frozen = True
        yield REFRIGERATOR_SLEEP
    return was_frozen


def set_task_frozen(k: Kernel, p: TaskStruct) -> bool:
    """Freezer_lock held, pi_lock in C.  Freeze a sleeper in place; False if it has to do it itself (__set_task_frozen)."""
    state = p.state
    if not state & (TASK_FREEZABLE | __TASK_STOPPED | __TASK_TRACED):
        return False
    # On a CPU still, or again: a stop is set before the sleep, and a sleep that a signal ends at once is none.
    if signal_pending_state(state, p) or (not state & TASK_FREEZABLE and p.on_cpu):
        return False
    set_frozen(k, p, state)
    return True


@visits_one
def freeze_task(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[bool]:
    """Freeze a sleeper, or ask ``p`` to freeze; True if it has yet to (kernel/freezer.c)."""
    yield FREEZE_TASK_LOCK, k.freezer_lock
    acquire(cur, k.freezer_lock)
    if not freezing(k, p) or frozen(p) or set_task_frozen(k, p):
        release(cur, k.freezer_lock)
        return False
    if p.flags & PF_KTHREAD:
        # One that waits for a device is left out: it would only look whether that is done, and sleep on.
        if p not in k.writeback:
            wake_up_state(p, TASK_NORMAL)
    else:
        fake_signal_wake_up(cur, p)
    release(cur, k.freezer_lock)
    return True


@visits_one
def thaw_task(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[None]:
    """Out of the fridge; who was frozen in place sleeps on unless its event came (kernel/freezer.c, __thaw_task).

    It does not ask whether somebody else still freezes ``p``.
    """
    yield THAW_TASK_LOCK, k.freezer_lock
    acquire(cur, k.freezer_lock)
    if frozen(p):
        events.thawed(k, cur, p)
        set_thawed(k, p)
    release(cur, k.freezer_lock)


def thaw_process(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[None]:
    """Thaw every hashed thread of the process (kernel/freezer.c)."""
    threads = p.signal.threads
    for _i, t in enumerate(threads):
        yield from thaw_task(k, cur, t)
