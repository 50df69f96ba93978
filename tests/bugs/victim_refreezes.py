"""freezing() does not look at the victim's mark: a killed task goes back into the fridge (fixed by 51fae6da640e)."""

from __future__ import annotations

from kernel_model import prototypes
from kernel_model.cgroup_freezer import cgroup_freezing
from kernel_model.sched import PF_KTHREAD, PF_NOFREEZE, PF_SUSPEND_TASK, Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out


def freezing_slow_path(k: Kernel, p: TaskStruct) -> bool:
    """No word of victims."""
    if p.flags & (PF_NOFREEZE | PF_SUSPEND_TASK):
        return False
    if k.pm_nosig_freezing or cgroup_freezing(p):
        return True
    return k.pm_freezing and not p.flags & PF_KTHREAD


VARIANT = Variant(
    __name__, (replaces(prototypes.freezing_slow_path, freezing_slow_path),), base=last_out.VARIANT
)
