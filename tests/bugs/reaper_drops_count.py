"""The reaper drops the count when it is done with the memory: disabling returns while the victim still exits (fixed by 7d2e7a22cf27)."""

from __future__ import annotations

from kernel_model import oom_reaper
from kernel_model.oom_reaper import oom_reap_task as oom_reap_task_of_the_base
from kernel_model.preempt import Steps, point
from kernel_model.prototypes import exit_oom_victim
from kernel_model.sched import Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out

DROP = point("oom_reap_task", "exit_oom_victim(tsk)")


def oom_reap_task(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """Once a group: whose threads come to the same place later finds it taken."""
    signal = tsk.signal
    yield from oom_reap_task_of_the_base(k, cur, tsk)
    yield DROP
    if signal.io_live > 0:
        signal.io_live = 0
        yield from exit_oom_victim(k, cur)


VARIANT = Variant(__name__, (replaces(oom_reaper.oom_reap_task, oom_reap_task),), base=last_out.VARIANT)
