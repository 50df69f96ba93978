"""io_uring's workers (io_uring/io-wq.c): threads of the group that live and die in the kernel.

A worker is cloned with CLONE_THREAD, so that whatever counts threads counts it.  It takes SIGKILL and SIGSTOP alone, freezes in get_signal() like
everybody, does, once at work, what requests are left before it looks at a signal, and leaves by do_exit() of its own.  Whoever dies, or
execs, waits uninterruptibly for its workers.  Requests are those on files and block devices: they are done even when their owner is leaving.

Left out: SQPOLL's thread (a worker that polls); requests that wait for the device (writeback stands for them); workers that task work makes;
the wait for requests in flight, which is the wait for the workers here: neither ends with a signal nor freezes.
"""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import wake_up_state
from kernel_model.fork import WAKE_NEW, CloneArgs, copy_process
from kernel_model.get_signal import get_signal
from kernel_model.preempt import Steps, point, sleep
from kernel_model.prototypes import do_exit
from kernel_model.sched import (
    CLONE_SIGHAND,
    CLONE_THREAD,
    CLONE_VM,
    PF_SIGNALED,
    TASK_INTERRUPTIBLE,
    TASK_NORMAL,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    IoWq,
    Kernel,
    TaskStruct,
    fatal_signal_pending,
    list_del_rcu,
    signal_pending,
)

from .fork import CLONE_IO_THREAD

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
        return _without_worker(cur, wq)
    yield WAKE_NEW, p
    wq.workers = [*wq.workers, p]
    p.context = io_wq_worker(k, p)
    p.at = next(p.context)
    p.state = TASK_RUNNING
    return ""


def _without_worker(cur: TaskStruct, wq: IoWq) -> str:
    """Once more when the signal is handled (io_should_retry_thread), but for who dies: his request is cancelled if nobody can do it."""
    if fatal_signal_pending(cur) or cur.pid_ns.disabled:
        wq.requests = wq.requests if wq.workers else 0
        return "ENOMEM"
    if not wq.requests:
        return ""
    wq.requests -= 1
    return "ERESTARTNOINTR"


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
    """The life of a worker; who was killed does what is left only if the owner is leaving, too."""
    wq = cur.io_wq
    assert wq is not None
    while True:
        yield LOOK
        killed = bool(cur.flags & PF_SIGNALED)
        # At work it does what is left before it looks at a signal.
        if wq.requests and (wq.exit or not killed):
            wq.requests -= 1
            yield SUBMIT
            events.io(k, cur, "io_wq_submit_work")
            continue
        if wq.exit or killed:
            break
        if not signal_pending(cur):
            cur.state = TASK_INTERRUPTIBLE
            yield IDLE
            cur.state = TASK_RUNNING
        if signal_pending(cur):
            yield from get_signal(k, cur)
    yield LEAVE
    wq.workers = list_del_rcu(wq.workers, cur)
    if not wq.workers and wq.task.at is WAIT:
        wake_up_state(wq.task, TASK_UNINTERRUPTIBLE)
    yield from do_exit(k, cur, 0)


def io_uring_cancel(k: Kernel, cur: TaskStruct, *, cancel_all: bool) -> Steps[None]:
    """No worker of ours is left, and no request (io_uring/cancel.c, io_uring_cancel_generic, and io_wq_put_and_exit)."""
    del k
    wq = cur.io_wq
    if wq is None or wq.task is not cur:
        return
    yield EXIT_START
    wq.exit = True
    if cancel_all:
        wq.requests = 0
    _wake(wq)
    while True:
        cur.state = TASK_UNINTERRUPTIBLE
        if not wq.workers:
            break
        yield WAIT
    cur.state = TASK_RUNNING
    cur.io_wq = None
