"""A task that dumps core "will free its memory soon" (fixed by d003f371b270)."""

from __future__ import annotations

from kernel_model import oom_kill
from kernel_model.sched import PF_EXITING, SIGNAL_GROUP_EXIT, TaskStruct, thread_group_empty
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out


def group_will_free_mem(t: TaskStruct) -> bool:
    """Without a look at SIGNAL_GROUP_COREDUMP."""
    if t.signal.flags & SIGNAL_GROUP_EXIT:
        return True
    return thread_group_empty(t) and bool(t.flags & PF_EXITING)


VARIANT = Variant(
    __name__, (replaces(oom_kill.group_will_free_mem, group_will_free_mem),), base=last_out.VARIANT
)
