"""The files that a group shares, as far as their last close can take its time (fs/file.c, fs/open.c, fs/fuse/, drivers/tty/)."""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import wake_up_process
from kernel_model.exit import EXIT_FILES
from kernel_model.preempt import Steps, point, sleep
from kernel_model.sched import TASK_RUNNING, TASK_UNINTERRUPTIBLE, Kernel, SignalStruct, TaskStruct

OPEN = point("do_sys_openat2", "a file is open")
TTY_RELEASE = point("tty_release", "hang up a terminal")
FUSE_SLEEP = sleep("request_wait_answer", "until the server has answered the flush", outside=True)
# A close is I/O for each of so many.
TTYS = 2


def exit_files(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Give up the table of files; its last user closes them (kernel/exit.c and fs/file.c, put_files_struct)."""
    yield EXIT_FILES
    signal = cur.signal
    signal.files_count -= 1
    if not signal.files_count:
        events.io(k, cur, "exit_files")
        yield from close_files(k, cur, signal)


def close_files(k: Kernel, cur: TaskStruct, signal: SignalStruct) -> Steps[None]:
    """Flush and release what is open (fs/file.c, close_files)."""
    while signal.tty_files:
        yield TTY_RELEASE
        signal.tty_files -= 1
        events.io(k, cur, "tty_release")
    asked = signal.fuse_file
    while signal.fuse_file:
        # A forced request: neither a signal nor a freezer ends the wait.
        cur.state = TASK_UNINTERRUPTIBLE
        yield FUSE_SLEEP
        cur.state = TASK_RUNNING
    if asked:
        events.io(k, cur, "fuse_flush")


def open_fuse(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Open a file of a FUSE server, which will have to answer when it is closed."""
    del k
    yield OPEN
    cur.signal.fuse_file = True
    return ""


def open_ttys(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Open many files whose close is I/O."""
    del k
    yield OPEN
    cur.signal.tty_files = TTYS
    return ""


def fuse_answer(k: Kernel) -> None:
    """The server, a machine elsewhere, answers the flushes that wait for it (fs/fuse/dev.c, fuse_request_end)."""
    for p in k.tasks.values():
        if p.at is FUSE_SLEEP:
            p.signal.fuse_file = False
            wake_up_process(p)
