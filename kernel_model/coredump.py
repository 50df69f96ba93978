"""Core dumps (fs/coredump.c): the dumper kills the other users of its mm and waits until they stand in exit_mm."""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import wake_up_process
from kernel_model.freezer import freezer_count, freezer_do_not_count
from kernel_model.locking import acquire, release
from kernel_model.page_alloc import alloc_pages_slowpath
from kernel_model.preempt import Steps, lock, lock_killable, point, sleep
from kernel_model.sched import (
    SIGKILL,
    SIGNAL_GROUP_COREDUMP,
    SIGNAL_GROUP_EXIT,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
    CoreState,
    Kernel,
    MmStruct,
    TaskStruct,
    fatal_signal_pending,
    first_with_mm,
    next_process,
    signal_group_exit,
    signal_pending,
)
from kernel_model.signal import signal_wake_up

MMAP_SEM_WRITE = lock_killable("coredump_wait", "down_write_killable(mmap_sem)")
ZAP_THREADS = lock("zap_threads", "siglock: SIGNAL_GROUP_COREDUMP, SIGKILL to the others")
ZAP_SHARER = lock("zap_threads", "siglock of a process that shares the mm")
WAIT_SLEEP = sleep("coredump_wait", "wait_for_completion(core_state.startup)")
WRITE_CORE = point("do_coredump", "write the core file")
# Not ``outside``: a victim has SIGKILL, which ends this sleep.
PIPE_SLEEP = sleep("pipe_wait", "wait for the reader of the core")
FINISH = lock("coredump_finish", "siglock: SIGNAL_GROUP_EXIT")
RELEASE = point("coredump_finish", "release the waiters")


def zap_process(start: TaskStruct, dumper: TaskStruct, flags: int) -> int:
    """Siglock held.  SIGKILL for every other thread with an mm; returns their number (fs/coredump.c, zap_process)."""
    start.signal.flags = flags
    start.signal.group_stop_count = 0
    count = 0
    for t in start.signal.threads:
        t.jobctl = 0
        if t is not dumper and t.mm is not None:
            t.pending.add(SIGKILL)
            signal_wake_up(t, fatal=True)
            count += 1
    return count


def zap_threads(k: Kernel, cur: TaskStruct, mm: MmStruct) -> Steps[int]:
    """mmap_sem held for writing.  Everybody who must arrive in exit_mm, or -1 if the group dies anyway (fs/coredump.c)."""
    sighand = cur.sighand
    assert sighand is not None
    yield ZAP_THREADS, sighand.siglock
    acquire(cur, sighand.siglock)
    if signal_group_exit(cur.signal):
        release(cur, sighand.siglock)
        return -1
    core_state = mm.core_state = CoreState(cur, 0)
    cur.signal.group_exit_task = cur
    core_state.nr_threads = zap_process(cur, cur, SIGNAL_GROUP_COREDUMP)
    # A freezer's fake signal goes too: it would truncate the dump.
    cur.thread_flags &= ~TIF_SIGPENDING
    events.killed(k, cur.signal)
    release(cur, sighand.siglock)
    p: TaskStruct | None = None
    while (p := next_process(k, p)) is not None:
        sharer = first_with_mm(p)
        if p.signal is cur.signal or sharer is None or sharer.mm is not mm:
            continue
        sighand = sharer.sighand
        assert sighand is not None, "a task with an mm is hashed"
        yield ZAP_SHARER, sighand.siglock
        if sharer.sighand is not sighand:
            continue
        acquire(cur, sighand.siglock)
        core_state.nr_threads += zap_process(sharer, cur, SIGNAL_GROUP_COREDUMP | SIGNAL_GROUP_EXIT)
        events.killed(k, sharer.signal)
        release(cur, sighand.siglock)
    return core_state.nr_threads


def do_coredump(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Dump core: wait for the others, write, let them go (fs/coredump.c, do_coredump and coredump_wait)."""
    mm = cur.mm
    assert mm is not None
    yield MMAP_SEM_WRITE, mm.mmap_sem
    if mm.mmap_sem.owner is not None or mm.mmap_sem.readers:
        return
    acquire(cur, mm.mmap_sem)
    waited_for = -1 if mm.core_state is not None else (yield from zap_threads(k, cur, mm))
    release(cur, mm.mmap_sem)
    if waited_for < 0:
        return
    core_state = mm.core_state
    assert core_state is not None
    if waited_for > 0:
        yield from freezer_do_not_count(cur)
        while True:
            cur.state = TASK_UNINTERRUPTIBLE
            if core_state.startup:
                break
            yield WAIT_SLEEP
        cur.state = TASK_RUNNING
        yield from freezer_count(k, cur)
    yield from elf_core_dump(k, cur)
    yield from coredump_finish(k, cur, mm)


def dump_interrupted(k: Kernel, cur: TaskStruct) -> bool:
    """A signal, or the freezer's request, cuts the dump short (fs/coredump.c)."""
    del k
    return signal_pending(cur)


def elf_core_dump(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Write the core, to a file or to a pipe; its buffers, and the pages of a file, need memory (fs/binfmt_elf.c)."""
    if k.memory_pressure:
        yield from alloc_pages_slowpath(k, cur)
    yield WRITE_CORE
    if dump_interrupted(k, cur):
        return
    if k.core_pipe:
        yield from pipe_wait(cur)
    else:
        events.io(k, cur, "do_coredump")


def pipe_wait(cur: TaskStruct) -> Steps[None]:
    """The pipe is full: until its reader reads, or a signal comes (fs/pipe.c)."""
    cur.state = TASK_INTERRUPTIBLE
    yield PIPE_SLEEP
    cur.state = TASK_RUNNING


def core_read(k: Kernel) -> None:
    """The reader of the pipe takes all that the dumpers have."""
    for p in k.tasks.values():
        if p.at is PIPE_SLEEP:
            wake_up_process(p)


def coredump_finish(k: Kernel, cur: TaskStruct, mm: MmStruct) -> Steps[None]:
    """The group exits now, and so do those that wait in exit_mm (fs/coredump.c, coredump_finish)."""
    del k
    sighand = cur.sighand
    assert sighand is not None
    yield FINISH, sighand.siglock
    acquire(cur, sighand.siglock)
    if not fatal_signal_pending(cur):
        cur.signal.group_exit_code = 6
    cur.signal.group_exit_task = None
    cur.signal.flags = SIGNAL_GROUP_EXIT
    release(cur, sighand.siglock)
    yield RELEASE
    core_state = mm.core_state
    assert core_state is not None
    waiters, core_state.waiters = core_state.waiters, []
    for t in waiters:
        wake_up_process(t)
    mm.core_state = None
