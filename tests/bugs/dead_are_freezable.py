"""A dead task that nobody reaped counts as freezable: suspend beside a zombie fails (PF_NOFREEZE in do_task_dead() mends it)."""

from __future__ import annotations

from kernel_model import events, exit  # noqa: A004 - the kernel's file name
from kernel_model.exit import DEAD
from kernel_model.mm import put_task_struct
from kernel_model.preempt import Steps
from kernel_model.sched import TASK_DEAD, Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out


def do_task_dead(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Without PF_NOFREEZE."""
    yield DEAD
    cur.state = TASK_DEAD
    events.dead(k, cur)
    put_task_struct(k, cur)


VARIANT = Variant(__name__, (replaces(exit.do_task_dead, do_task_dead),), base=last_out.VARIANT)
