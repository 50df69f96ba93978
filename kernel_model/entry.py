"""User mode and the ways in and out of it (arch/x86/entry/common.c)."""

from __future__ import annotations

from kernel_model.get_signal import get_signal
from kernel_model.preempt import Steps, user
from kernel_model.sched import TASK_DEAD, TIF_SIGPENDING, Kernel, TaskStruct

USER_MODE = user("user mode", "a system call or a signal")

# What a system call returns that starts again once its signal turned out to be none, or to have no handler.
RESTART = frozenset({"ERESTARTSYS", "ERESTARTNOINTR"})


def _user_mode(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """The life of a user task: system calls, and signals on the way back (do_syscall_64, exit_to_usermode_loop)."""
    while True:
        yield USER_MODE
        # A signal that finds the task in user mode comes before its next instruction: the system call begins after it.
        call = None
        if not cur.thread_flags & TIF_SIGPENDING:
            call, cur.syscall = cur.syscall, None
        if call is not None:
            cur.result = yield from call(k, cur)
        while cur.state != TASK_DEAD and cur.thread_flags & TIF_SIGPENDING:
            yield from get_signal(k, cur)
        if cur.state == TASK_DEAD:
            return
        if call is not None and cur.result in RESTART:
            cur.syscall = call


def ret_from_fork(k: Kernel, p: TaskStruct) -> None:
    """A new user task stands at the door of user mode (arch/x86/entry/entry_64.S)."""
    p.context = _user_mode(k, p)
    p.at = next(p.context)
