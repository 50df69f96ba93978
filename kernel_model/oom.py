"""include/linux/oom.h: what the rest of the kernel knows of the OOM killer."""

from __future__ import annotations

import attrs

from kernel_model.sched import MemCgroup, TaskStruct


@attrs.define(slots=True, eq=False)
class OomControl:
    """One OOM situation (struct oom_control): of a memory cgroup or of the machine; order -1 is SysRq-f."""

    memcg: MemCgroup | None = None
    order: int = 0
    chosen: TaskStruct | None = None
    chosen_points: int = 0
    aborted: bool = False


def tsk_is_oom_victim(tsk: TaskStruct) -> bool:
    """The whole group is marked, for as long as its signal_struct lives (include/linux/oom.h)."""
    return tsk.signal.oom_mm is not None
