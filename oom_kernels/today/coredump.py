"""Core dumps (fs/coredump.c, and kernel/exit.c's half): of one group, which waits at the very start of do_exit()."""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import wake_up_process
from kernel_model.coredump import elf_core_dump
from kernel_model.freezer import freezing
from kernel_model.locking import acquire, release
from kernel_model.preempt import Steps, lock, point, sleep
from kernel_model.sched import (
    PF_DUMPCORE,
    PF_SIGNALED,
    SIGABRT,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
    CoreState,
    Kernel,
    MmStruct,
    SignalStruct,
    TaskStruct,
    fatal_signal_pending,
    signal_group_exit,
    signal_pending,
)
from kernel_model.signal import JOBCTL_PENDING, signal_wake_up

from .sched import JOBCTL_TRAP_FREEZE, PF_POSTCOREDUMP, TASK_FREEZABLE, TASK_IDLE
from .switches import dump_is_refused_while_freezing

ZAP_THREADS = lock("zap_threads", "siglock: core_state, SIGKILL to the others")
WAIT_SLEEP = sleep("coredump_wait", "wait_for_completion_state(core_state.startup)")
FINISH = lock("coredump_finish", "siglock: core_state = NULL")
RELEASE = point("coredump_finish", "wake the waiters")
SYNCHRONIZE = lock("synchronize_group_exit", "siglock: quick_threads, PF_POSTCOREDUMP; a dump?")
ARRIVE = point("coredump_task_exit", "atomic_dec_and_test(core_state.nr_threads)")
EXIT_SLEEP = sleep("coredump_task_exit", "wait until the dump is written", outside=True)


def zap_process(signal: SignalStruct, cur: TaskStruct) -> int:
    """Siglock held.  SIGKILL for the others that have yet to pass their coredump point; returns their number."""
    signal.flags = SIGNAL_GROUP_EXIT
    signal.group_exit_code = SIGABRT
    signal.group_stop_count = 0
    count = 0
    for t in signal.threads:
        t.jobctl &= ~JOBCTL_PENDING
        if t is not cur and not t.flags & PF_POSTCOREDUMP:
            t.pending.add(SIGKILL)
            signal_wake_up(t, fatal=True)
            count += 1
    return count


def zap_threads(k: Kernel, cur: TaskStruct, mm: MmStruct) -> Steps[int]:
    """How many have to arrive, or -1 if the group dies anyway or a freezer wants us (fs/coredump.c)."""
    del mm
    sighand, signal = cur.sighand, cur.signal
    assert sighand is not None
    yield ZAP_THREADS, sighand.siglock
    acquire(cur, sighand.siglock)
    waited_for = -1
    refused = dump_is_refused_while_freezing() and (freezing(k, cur) or cur.jobctl & JOBCTL_TRAP_FREEZE)
    if not signal_group_exit(signal) and not refused:
        signal.core_state = CoreState(cur, 0)
        waited_for = zap_process(signal, cur)
        signal.core_state.nr_threads = waited_for
        cur.thread_flags &= ~TIF_SIGPENDING
        cur.flags |= PF_DUMPCORE
        events.killed(k, signal)
    release(cur, sighand.siglock)
    return waited_for


def dump_interrupted(k: Kernel, cur: TaskStruct) -> bool:
    """SIGKILL, or a freezer's request (fs/coredump.c)."""
    if dump_is_refused_while_freezing():
        return signal_pending(cur)
    return fatal_signal_pending(cur) or freezing(k, cur)


def do_coredump(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Dump core: wait for the others, write, let them go (fs/coredump.c, do_coredump and coredump_wait)."""
    mm = cur.mm
    assert mm is not None
    waited_for = yield from zap_threads(k, cur, mm)
    if waited_for < 0:
        return
    core_state = cur.signal.core_state
    assert core_state is not None
    if waited_for > 0:
        while True:
            cur.state = TASK_UNINTERRUPTIBLE | TASK_FREEZABLE
            if core_state.startup:
                break
            yield WAIT_SLEEP
        cur.state = TASK_RUNNING
    yield from elf_core_dump(k, cur)
    yield from coredump_finish(k, cur, mm)


def coredump_finish(k: Kernel, cur: TaskStruct, mm: MmStruct) -> Steps[None]:
    """Who waits for the dump goes on to die (fs/coredump.c)."""
    del k, mm
    sighand = cur.sighand
    assert sighand is not None
    yield FINISH, sighand.siglock
    acquire(cur, sighand.siglock)
    core_state = cur.signal.core_state
    assert core_state is not None
    cur.signal.core_state = None
    release(cur, sighand.siglock)
    yield RELEASE
    waiters, core_state.waiters = core_state.waiters, []
    for t in waiters:
        wake_up_process(t)


def synchronize_group_exit(k: Kernel, tsk: TaskStruct, code: int) -> Steps[CoreState | None]:
    """The last thread to come here makes it a group exit; the dump to wait for, if there is one (kernel/exit.c).

    6.12 sets PF_POSTCOREDUMP in a second section: a dump that begins in between counts the thread, which then arrives.
    """
    sighand, signal = tsk.sighand, tsk.signal
    assert sighand is not None
    yield SYNCHRONIZE, sighand.siglock
    acquire(tsk, sighand.siglock)
    signal.quick_threads -= 1
    if not signal.quick_threads and not signal.flags & SIGNAL_GROUP_EXIT:
        signal.flags = SIGNAL_GROUP_EXIT
        signal.group_exit_code = code
        signal.group_stop_count = 0
        events.killed(k, signal)
    tsk.flags |= PF_POSTCOREDUMP
    core_state = signal.core_state
    release(tsk, sighand.siglock)
    return core_state


def coredump_task_exit(k: Kernel, tsk: TaskStruct, core_state: CoreState) -> Steps[None]:
    """Arrive, and wait for the end of the dump; who exits without a signal only arrives (kernel/exit.c)."""
    del k
    yield ARRIVE
    if tsk.flags & PF_SIGNALED:
        core_state.waiters.append(tsk)
    core_state.nr_threads -= 1
    if not core_state.nr_threads:
        core_state.startup = True
        wake_up_process(core_state.dumper)
    while True:
        tsk.state = TASK_IDLE | TASK_FREEZABLE
        if tsk not in core_state.waiters:
            break
        yield EXIT_SLEEP
    tsk.state = TASK_RUNNING
