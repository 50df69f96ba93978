"""io_uring's workers (io_uring/io-wq.c) over a kernel of oom_kernels: threads of the group that live and die in the kernel.

A worker is cloned with CLONE_THREAD, so that whatever counts threads counts it.  It takes SIGKILL and SIGSTOP alone, freezes in get_signal() like
everybody, does, once at work, what requests are left before it looks at a signal, and leaves by do_exit() of its own.  Whoever dies, or
execs, waits uninterruptibly for its workers first, before exit_signals().

Left out: SQPOLL's thread (a worker that polls); requests that wait for the device (writeback stands for them); retries of a worker that could not be made;
the wait for requests in flight, which is the wait for the workers here: neither ends with a signal nor freezes.
"""

from __future__ import annotations

from kernel_model import events
from kernel_model import exec as base_exec
from kernel_model import exit as base_exit
from kernel_model import fork as base_fork
from kernel_model import get_signal as base_get_signal
from kernel_model import ptrace_stop as base_ptrace_stop
from kernel_model import signal as base_signal
from kernel_model.core import wake_up_state
from kernel_model.exec import execve as execve_of_the_base
from kernel_model.fork import WAKE_NEW, CloneArgs, copy_process
from kernel_model.fork import dup_task_struct as dup_task_struct_of_the_base
from kernel_model.get_signal import get_signal, recalc_sigpending
from kernel_model.operations import Arg, Operation
from kernel_model.preempt import Steps, point, sleep
from kernel_model.prototypes import do_exit
from kernel_model.sched import (
    CLONE_SIGHAND,
    CLONE_THREAD,
    CLONE_VM,
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
    PF_SIGNALED,
    PF_USER_WORKER,
    SIGKILL,
    SIGSTOP,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
    IoWq,
    Kernel,
    TaskStruct,
    list_del_rcu,
    signal_pending,
)
from kernel_model.signal import wants_signal as wants_signal_of_the_base
from kernel_model.variant import Variant, replaces
from oom_kernels.today.exit import exit_signals as exit_signals_of_today
from oom_kernels.today.get_signal import do_group_exit as do_group_exit_of_today

CLONE_IO_THREAD = 1 << 40
"""kernel_clone_args.io_thread: no flag in C."""
TASK_NORMAL = TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE
UNBLOCKED = frozenset({SIGKILL, SIGSTOP})

ENQUEUE = point("io_wq_enqueue", "acct->lock: a request")
LOOK = point("io_wq_worker", "IO_WQ_BIT_EXIT? a request?")
IDLE = sleep("io_wq_worker", "schedule_timeout()")
SUBMIT = point("io_wq_submit_work", "a request")
LEAVE = point("io_worker_exit", "the last one completes worker_done")
EXIT_START = point("io_wq_exit_start", "IO_WQ_BIT_EXIT; cancel what is pending, wake the workers")
WAIT = sleep("io_wq_exit_workers", "wait_for_completion(worker_done)")


def io_uring_worker(k: Kernel, cur: TaskStruct, name: str) -> Steps[str]:
    """A request for which a worker has to be made (io_wq_enqueue, create_io_worker, kernel/fork.c: create_io_thread)."""
    yield ENQUEUE
    if cur.io_wq is None:
        cur.io_wq = IoWq(cur)
    wq = cur.io_wq
    wq.requests += 1
    p = yield from copy_process(
        k, cur, CloneArgs(name, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_IO_THREAD)
    )
    if p is None:
        return "ENOMEM"
    yield WAKE_NEW, p
    wq.workers = [*wq.workers, p]
    p.context = io_wq_worker(k, p)
    p.at = next(p.context)
    p.state = TASK_RUNNING
    return ""


def io_uring_request(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """A request for workers that are there (io_wq_enqueue)."""
    del k
    yield ENQUEUE
    wq = cur.io_wq
    if wq is None or not wq.workers:
        return "ENXIO"
    wq.requests += 1
    _wake(wq)
    return ""


def _wake(wq: IoWq) -> None:
    for worker in wq.workers:
        if worker.at is IDLE:
            wake_up_state(worker, TASK_NORMAL)


def io_wq_worker(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """The life of a worker (io_uring/io-wq.c)."""
    wq = cur.io_wq
    assert wq is not None
    while True:
        yield LOOK
        # At work it does what is left before it looks at a signal.
        if wq.requests:
            wq.requests -= 1
            yield SUBMIT
            events.io(k, cur, "io_wq_submit_work")
            continue
        if wq.exit:
            break
        if not signal_pending(cur):
            cur.state = TASK_INTERRUPTIBLE
            yield IDLE
            cur.state = TASK_RUNNING
        if signal_pending(cur):
            yield from get_signal(k, cur)
            if cur.flags & PF_SIGNALED:
                break
    yield LEAVE
    wq.workers = list_del_rcu(wq.workers, cur)
    if not wq.workers and wq.task.at is WAIT:
        wake_up_state(wq.task, TASK_UNINTERRUPTIBLE)
    yield from do_exit(k, cur, 0)


def io_uring_cancel(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """No request of ours is left, and no worker (io_uring/cancel.c, io_uring_cancel_generic, and io_wq_put_and_exit)."""
    del k
    wq = cur.io_wq
    if wq is None or wq.task is not cur:
        return
    yield EXIT_START
    wq.exit = True
    wq.requests = 0
    _wake(wq)
    while True:
        cur.state = TASK_UNINTERRUPTIBLE
        if not wq.workers:
            break
        yield WAIT
    cur.state = TASK_RUNNING
    cur.io_wq = None


def dup_task_struct(k: Kernel, cur: TaskStruct, args: CloneArgs) -> TaskStruct:
    """As before; a worker is marked as one before anybody sees it (kernel/fork.c, copy_process)."""
    p = dup_task_struct_of_the_base(k, cur, args)
    if args.flags & CLONE_IO_THREAD:
        p.flags |= PF_USER_WORKER
        p.io_wq = cur.io_wq
    return p


def exit_signals(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """What do_exit() does before it (io_uring_files_cancel), and as before."""
    yield from io_uring_cancel(k, cur)
    yield from exit_signals_of_today(k, cur)


def execve(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """As before, without io_uring (fs/exec.c, begin_new_exec: io_uring_task_cancel)."""
    yield from io_uring_cancel(k, cur)
    return (yield from execve_of_the_base(k, cur))


def do_group_exit(k: Kernel, cur: TaskStruct, code: int) -> Steps[None]:
    """A worker cleans up and leaves by itself (kernel/signal.c, get_signal: PF_USER_WORKER)."""
    if not cur.flags & PF_USER_WORKER:
        yield from do_group_exit_of_today(k, cur, code)


def wants_signal(p: TaskStruct, sig: int) -> bool:
    """A worker blocks all but SIGKILL and SIGSTOP (kernel/signal.c)."""
    return not _blocked(p, sig) and wants_signal_of_the_base(p, sig)


def _blocked(p: TaskStruct, sig: int) -> bool:
    return bool(p.flags & PF_USER_WORKER) and sig not in UNBLOCKED


def _pending(p: TaskStruct, signals: set[int]) -> set[int]:
    return signals & UNBLOCKED if p.flags & PF_USER_WORKER else signals


def recalc_sigpending_tsk(t: TaskStruct) -> bool:
    """Siglock held.  What is blocked does not count (kernel/signal.c)."""
    stops = t.jobctl & (JOBCTL_STOP_PENDING | JOBCTL_TRAP_STOP)
    if stops or _pending(t, t.pending) or _pending(t, t.signal.shared_pending):
        t.thread_flags |= TIF_SIGPENDING
        return True
    return False


def dequeue_signal(k: Kernel, cur: TaskStruct) -> int:
    """Siglock held.  What is blocked stays (kernel/signal.c)."""
    sig = 0
    for pending in (cur.pending, cur.signal.shared_pending):
        if found := _pending(cur, pending):
            sig = SIGKILL if SIGKILL in found else min(found)
            pending.discard(sig)
            break
    recalc_sigpending(k, cur)
    return sig


REPLACED = (
    replaces(base_fork.dup_task_struct, dup_task_struct),
    replaces(base_exit.exit_signals, exit_signals),
    replaces(base_exec.execve, execve),
    replaces(base_get_signal.do_group_exit, do_group_exit),
    replaces(base_get_signal.dequeue_signal, dequeue_signal),
    replaces(base_signal.wants_signal, wants_signal),
    replaces(base_ptrace_stop.recalc_sigpending_tsk, recalc_sigpending_tsk),
)
OPERATIONS = (
    Operation(
        "io_uring_worker", "user", {"name": Arg.NEW}, io_uring_worker, "ask for I/O by a new worker", 4
    ),
    Operation(
        "io_uring_request", "user", {}, io_uring_request, "ask for I/O by the workers that are there", 4
    ),
)


def over(base: Variant) -> Variant:
    """That kernel with io_uring."""
    return Variant(f"{base.name} with io_uring", REPLACED, base=base, operations=OPERATIONS)
