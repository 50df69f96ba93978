"""The freezer skips zombies and dead tasks: a patch that was rejected, and that nobody may notice.

What is left of their way is no device's business in this model.
"""

from __future__ import annotations

from kernel_model import freezer
from kernel_model.freezer import freeze_task as freeze_task_of_the_base
from kernel_model.preempt import Steps, point
from kernel_model.sched import Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out

EXIT_STATE = point("freeze_task", "p->exit_state?")


def freeze_task(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[bool]:
    """Whoever has told its parent is left alone."""
    yield EXIT_STATE, p
    if p.exit_state:
        return False
    return (yield from freeze_task_of_the_base(k, cur, p))


VARIANT = Variant(__name__, (replaces(freezer.freeze_task, freeze_task),), base=last_out.VARIANT)
