"""oom_killer_disable() takes no lock and does not wait for victims (fixed by c32b3cbe0d06)."""

from __future__ import annotations

from kernel_model import oom_kill
from kernel_model.oom_kill import DISABLE_CHECK
from kernel_model.preempt import Steps
from kernel_model.sched import Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out


def oom_killer_disable(k: Kernel, cur: TaskStruct, timeout: int) -> Steps[bool]:
    """A flag, and that is all."""
    del cur, timeout
    yield DISABLE_CHECK
    k.oom_killer_disabled = True
    return True


VARIANT = Variant(
    __name__, (replaces(oom_kill.oom_killer_disable, oom_killer_disable),), base=last_out.VARIANT
)
