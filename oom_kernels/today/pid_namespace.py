"""The end of a pid namespace (kernel/pid_namespace.c): its dying init freezes in place where it waits for the others."""

from __future__ import annotations

from kernel_model.sched import SIGKILL, TASK_INTERRUPTIBLE, Kernel, TaskStruct
from kernel_model.signal import send_signal

from .sched import TASK_FREEZABLE, TASK_IDLE
from .switches import waits_are_freezable


def _sigkill(k: Kernel, p: TaskStruct) -> None:
    """Siglock held.  For the whole group (kernel/pid_namespace.c, zap_pid_ns_processes)."""
    send_signal(k, p, SIGKILL, group=True, force=True)


def _state_until_empty() -> int:
    """In which init waits for the last task to go (kernel/pid_namespace.c, zap_pid_ns_processes)."""
    return TASK_IDLE | TASK_FREEZABLE if waits_are_freezable() else TASK_INTERRUPTIBLE
