"""hash_task() (kernel/fork.c, copy_process): a thread that can be found does I/O until it says otherwise."""

from __future__ import annotations

from kernel_model.fork import CloneArgs
from kernel_model.fork import hash_task as hash_task_of_the_base
from kernel_model.sched import CLONE_THREAD, Kernel, TaskStruct


def hash_task(k: Kernel, cur: TaskStruct, p: TaskStruct, args: CloneArgs) -> None:
    """Tasklist_lock and siglock held: ``io_live`` rises in the section that raises ``live``."""
    hash_task_of_the_base(k, cur, p, args)
    if args.flags & CLONE_THREAD:
        p.signal.io_live += 1
