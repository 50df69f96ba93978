"""What the C files under comparison define, as the kernel's headers declare it: each variant brings its own."""

from __future__ import annotations

from kernel_model.preempt import Steps
from kernel_model.sched import Kernel, TaskStruct


def release_task(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[bool | None]:
    """Source: include/linux/sched.h."""
    raise NotImplementedError


def exit_mm(k: Kernel, tsk: TaskStruct) -> Steps[None]:
    """Static in kernel/exit.c."""
    raise NotImplementedError


def exit_notify(k: Kernel, tsk: TaskStruct, group_dead: bool) -> Steps[bool | None]:
    """Static in kernel/exit.c; the RFC's answers whether the group's last thread is going."""
    raise NotImplementedError


def do_exit(k: Kernel, tsk: TaskStruct, code: int) -> Steps[None]:
    """Source: include/linux/kernel.h."""
    raise NotImplementedError


def freezing_slow_path(k: Kernel, p: TaskStruct) -> bool:
    """Source: include/linux/freezer.h."""
    raise NotImplementedError


def mark_oom_victim(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """Source: include/linux/oom.h."""
    raise NotImplementedError


def exit_oom_victim(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Source: include/linux/oom.h."""
    raise NotImplementedError
