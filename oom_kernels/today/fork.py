"""Creating tasks (kernel/fork.c): a signal aborts a fork at its beginning, only a fatal one at its end."""

from __future__ import annotations

from kernel_model.cgroup_freezer import cgroup_post_fork, threadgroup_change_begin, threadgroup_change_end
from kernel_model.fork import (
    ATTACH,
    DUP,
    VFORK_KILLED,
    VFORK_SLEEP,
    CloneArgs,
)
from kernel_model.fork import dup_task_struct as dup_task_struct_of_the_base
from kernel_model.fork import hash_task as hash_task_of_the_base
from kernel_model.get_signal import recalc_sigpending
from kernel_model.locking import acquire, release
from kernel_model.mm import mmput
from kernel_model.preempt import Steps, lock
from kernel_model.ptrace_stop import recalc_sigpending_tsk
from kernel_model.sched import (
    CLONE_PARENT,
    CLONE_THREAD,
    CLONE_VM,
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_PENDING,
    PF_USER_WORKER,
    SIGNAL_STOP_STOPPED,
    TASK_KILLABLE,
    TASK_RUNNING,
    Kernel,
    TaskStruct,
    fatal_signal_pending,
    signal_pending,
)

from .cgroup import cgroup_can_fork
from .cgroup_freezer_v2 import cgroup_leave_frozen, freezes
from .sched import TASK_FREEZABLE

CLONE_IO_THREAD = 1 << 40
"""kernel_clone_args.io_thread: no flag in C."""

BEGIN = lock("copy_process", "siglock: recalc_sigpending()")


def dup_task_struct(k: Kernel, cur: TaskStruct, args: CloneArgs) -> TaskStruct:
    """As before; a worker is marked as one before anybody sees it (kernel/fork.c, copy_process)."""
    p = dup_task_struct_of_the_base(k, cur, args)
    if args.flags & CLONE_IO_THREAD:
        p.flags |= PF_USER_WORKER
        p.io_wq = cur.io_wq
    return p


def copy_process(k: Kernel, cur: TaskStruct, args: CloneArgs) -> Steps[TaskStruct | None]:
    """The child, hashed but not yet running; None for -ERESTARTNOINTR, -EINTR or -ENOMEM (kernel/fork.c)."""
    sighand = cur.sighand
    assert sighand is not None
    yield BEGIN, sighand.siglock
    acquire(cur, sighand.siglock)
    recalc_sigpending(k, cur)
    release(cur, sighand.siglock)
    if signal_pending(cur):
        return None
    yield DUP
    p = dup_task_struct(k, cur, args)
    yield from threadgroup_change_begin(k, cur)
    cgroup_can_fork(cur)
    yield ATTACH, k.tasklist_lock
    acquire(cur, k.tasklist_lock)
    acquire(cur, sighand.siglock)
    if args.flags & (CLONE_PARENT | CLONE_THREAD):
        p.real_parent = cur.real_parent
        p.parent_exec_id = cur.parent_exec_id
    else:
        p.real_parent = cur
        p.parent_exec_id = cur.self_exec_id
    aborted = fatal_signal_pending(cur) or p.pid_ns.disabled
    if not aborted:
        hash_task(k, cur, p, args)
    release(cur, sighand.siglock)
    release(cur, k.tasklist_lock)
    if aborted:
        threadgroup_change_end(k, cur)
        assert p.mm is not None
        if args.flags & CLONE_VM:
            yield from mmput(k, cur, p.mm)
        return None
    yield from cgroup_post_fork(k, cur, p)
    threadgroup_change_end(k, cur)
    return p


def hash_task(k: Kernel, cur: TaskStruct, p: TaskStruct, args: CloneArgs) -> None:
    """Tasklist_lock and siglock held.  From here on everybody can find the child (kernel/fork.c, copy_process)."""
    hash_task_of_the_base(k, cur, p, args)
    signal = p.signal
    if not args.flags & CLONE_THREAD:
        return
    signal.quick_threads += 1
    signal.files_count += 1
    # Source: kernel/signal.c, task_join_group_stop().
    if signal.group_stop_count:
        signal.group_stop_count += 1
        p.jobctl |= JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME
    elif signal.flags & SIGNAL_STOP_STOPPED:
        p.jobctl |= JOBCTL_STOP_PENDING
    # Source: kernel/signal.c, calculate_sigpending(), which the thread itself calls first of all.
    recalc_sigpending_tsk(p)


def wait_for_vfork_done(k: Kernel, cur: TaskStruct, child: TaskStruct) -> Steps[None]:
    """The parent sleeps until the child has left the address space, or it is killed (kernel/fork.c)."""
    while True:
        cur.state = TASK_KILLABLE | TASK_FREEZABLE
        if child.vfork_done is not cur:
            break
        if fatal_signal_pending(cur):
            break
        yield VFORK_SLEEP
    cur.state = TASK_RUNNING
    if freezes(cur.memcg):
        yield from cgroup_leave_frozen(k, cur)
    if child.vfork_done is cur:
        yield VFORK_KILLED, child.alloc_lock
        acquire(cur, child.alloc_lock)
        if child.vfork_done is cur:
            child.vfork_done = None
        release(cur, child.alloc_lock)
