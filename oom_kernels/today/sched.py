"""What include/linux/sched.h has today and had not in 2016: states, flags, and how to ask for a state that the freezer set aside.

``frozen()`` is ``__state == TASK_FROZEN`` today.  Schedulers and observers know it as PF_FROZEN: here that flag is set and cleared
with the state, in the same step, and says nothing else.  TASK_TRACED keeps the bit TASK_WAKEKILL that it had: today's mask of a fatal
signal names TRACED instead, which is the same for a stop that begins without a private SIGKILL, as all of them do.
"""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import frozen
from kernel_model.sched import (
    __TASK_STOPPED,
    __TASK_TRACED,
    PF_FROZEN,
    TASK_NORMAL,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    Kernel,
    TaskStruct,
)

# task_struct.__state
TASK_NOLOAD = 0x400
TASK_FREEZABLE = 0x2000
TASK_FROZEN = 0x8000
TASK_IDLE = TASK_UNINTERRUPTIBLE | TASK_NOLOAD

# task_struct.flags
PF_POSTCOREDUMP = 0x8

# task_struct.jobctl
JOBCTL_TRAP_FREEZE = 0x800000

# mm_struct.flags
MMF_OOM_REAP_QUEUED = 0x4


def state_before_frozen(p: TaskStruct) -> int:
    """The state in which it sleeps, frozen there or not; jobctl's STOPPED and TRACED say this of the stops."""
    return p.saved_state if frozen(p) else p.state


def task_is_stopped(p: TaskStruct) -> bool:
    """Source: include/linux/sched.h, task_is_stopped()."""
    return bool(state_before_frozen(p) & __TASK_STOPPED)


def task_is_traced(p: TaskStruct) -> bool:
    """Source: include/linux/sched.h, task_is_traced()."""
    return bool(state_before_frozen(p) & __TASK_TRACED)


def task_is_stopped_or_traced(p: TaskStruct) -> bool:
    """Source: include/linux/sched.h, task_is_stopped_or_traced()."""
    return bool(state_before_frozen(p) & (__TASK_STOPPED | __TASK_TRACED))


def set_frozen(k: Kernel, p: TaskStruct, saved_state: int) -> None:
    """pi_lock held in C: TASK_FROZEN, and what to go back to (kernel/freezer.c)."""
    p.saved_state = saved_state
    p.state = TASK_FROZEN
    p.flags |= PF_FROZEN
    events.froze(k, p)


def set_thawed(k: Kernel, p: TaskStruct) -> None:
    """pi_lock held in C: back to the saved state, in which it sleeps on; TASK_RUNNING there means woken (kernel/freezer.c)."""
    p.flags &= ~PF_FROZEN
    p.state, p.saved_state = p.saved_state, TASK_RUNNING
    events.left_fridge(k, p)


def wake_up_state(p: TaskStruct, state: int) -> None:
    """A frozen sleeper does not miss its event: the thaw will let it run (kernel/sched/core.c, ttwu_state_match)."""
    if not frozen(p):
        p.try_to_wake_up(state)
    elif p.saved_state & state:
        p.saved_state = TASK_RUNNING
        p.timer = None


def wake_up_process(p: TaskStruct) -> None:
    """Source: kernel/sched/core.c, wake_up_process()."""
    wake_up_state(p, TASK_NORMAL)
