"""Who freezes all others is freezable, too: it enters the fridge before it has thawed anybody (fixed by 2b44c4db2e2f)."""

from __future__ import annotations

from kernel_model import events
from kernel_model.oom_kill import oom_killer_disable
from kernel_model.power import process
from kernel_model.power.process import BEGIN, thaw_processes, try_to_freeze_tasks
from kernel_model.preempt import Steps
from kernel_model.sched import FREEZE_TIMEOUT, Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out


def freeze_processes(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Without PF_SUSPEND_TASK."""
    yield BEGIN
    if not k.pm_freezing:
        k.system_freezing_cnt += 1
    k.pm_freezing = True
    error = ""
    if (yield from try_to_freeze_tasks(k, cur)):
        events.pm_phase(k, "frozen")
        if not (yield from oom_killer_disable(k, cur, FREEZE_TIMEOUT)):
            error = "oom_killer_disable() failed"
    else:
        error = "tasks refused to freeze"
    if error:
        yield from thaw_processes(k, cur)
    else:
        events.pm_phase(k, "disabled")
    return error


VARIANT = Variant(__name__, (replaces(process.freeze_processes, freeze_processes),), base=last_out.VARIANT)
