"""The reaper's list takes a task a second time, and loses another one with it (fixed by 9bcdeb51bd7d; the kernel of 2016 has it).

The list is linked through the tasks; who is neither its head nor has a successor counts as not queued.  The tail has none, nor has
who is being reaped: queued again, it is followed by others, and the end of the first reaping cuts them off.
"""

from __future__ import annotations

from kernel_model import oom_reaper as base
from kernel_model.core import wake_up_state
from kernel_model.locking import acquire, release
from kernel_model.oom_reaper import IDLE, POP, QUEUE
from kernel_model.oom_reaper import oom_reap_task as oom_reap_task_of_the_base
from kernel_model.preempt import Steps
from kernel_model.sched import TASK_INTERRUPTIBLE, TASK_RUNNING, Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out


def wake_oom_reaper(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """Hand the victim to the reaper, again and again; k.oom_reaper_list holds the head alone."""
    if tsk in k.oom_reaper_list or tsk.oom_reaper_list is not None:
        return
    tsk.usage += 1
    yield QUEUE, k.oom_reaper_lock
    acquire(cur, k.oom_reaper_lock)
    tsk.oom_reaper_list = k.oom_reaper_list[0] if k.oom_reaper_list else None
    k.oom_reaper_list = [tsk]
    release(cur, k.oom_reaper_lock)
    wake_up_state(k.oom_reaper, TASK_INTERRUPTIBLE)


def oom_reaper(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """The head's successor is the next one."""
    while True:
        cur.state = TASK_INTERRUPTIBLE
        while not k.oom_reaper_list:
            yield IDLE
            cur.state = TASK_INTERRUPTIBLE
        cur.state = TASK_RUNNING
        yield POP, k.oom_reaper_lock
        acquire(cur, k.oom_reaper_lock)
        tsk = k.oom_reaper_list[0]
        k.oom_reaper_list = [] if tsk.oom_reaper_list is None else [tsk.oom_reaper_list]
        release(cur, k.oom_reaper_lock)
        yield from oom_reap_task(k, cur, tsk)


def oom_reap_task(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """Whatever the task's successor is by now."""
    yield from oom_reap_task_of_the_base(k, cur, tsk)
    tsk.oom_reaper_list = None


VARIANT = Variant(
    __name__,
    (
        replaces(base.wake_oom_reaper, wake_oom_reaper),
        replaces(base.oom_reaper, oom_reaper),
        replaces(base.oom_reap_task, oom_reap_task),
    ),
    base=last_out.VARIANT,
)
