"""A task on its way out "will free its memory soon", although it waits for a dump (fixed by d003f371b270).

Who is chosen while it waits for its own group's dump is marked, and nobody is killed: the dump goes on for as long as it likes.
"""

from __future__ import annotations

from kernel_model import oom_kill
from kernel_model.sched import PF_EXITING, SIGNAL_GROUP_EXIT, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out


def group_will_free_mem(t: TaskStruct) -> bool:
    """Without a look at SIGNAL_GROUP_COREDUMP, and one thread's PF_EXITING is enough."""
    return bool(t.signal.flags & SIGNAL_GROUP_EXIT or t.flags & PF_EXITING)


VARIANT = Variant(
    __name__, (replaces(oom_kill.group_will_free_mem, group_will_free_mem),), base=last_out.VARIANT
)
