"""execve() (fs/exec.c): the caller's io_uring goes with its threads."""

from __future__ import annotations

from kernel_model.exec import de_thread as de_thread_of_the_base
from kernel_model.preempt import Steps
from kernel_model.sched import Kernel, TaskStruct

from .io_wq import io_uring_cancel
from .switches import io_uring_before_de_thread


def de_thread(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Be alone in the group, and its leader, without io_uring (begin_new_exec: io_uring_task_cancel, de_thread)."""
    if io_uring_before_de_thread():
        yield from io_uring_cancel(k, cur, cancel_all=True)
        return (yield from de_thread_of_the_base(k, cur))
    error = yield from de_thread_of_the_base(k, cur)
    if not error:
        yield from io_uring_cancel(k, cur, cancel_all=True)
    return error
