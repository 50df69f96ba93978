"""copy_process() looks for signals in one section and puts the thread on its lists in another (fixed by 3f17da699431)."""

from __future__ import annotations

from kernel_model import fork
from kernel_model.cgroup_freezer import cgroup_post_fork, threadgroup_change_begin, threadgroup_change_end
from kernel_model.fork import ATTACH, DUP, CloneArgs, dup_task_struct, hash_task
from kernel_model.get_signal import recalc_sigpending
from kernel_model.locking import acquire, release
from kernel_model.mm import mmput
from kernel_model.preempt import Steps
from kernel_model.sched import (
    CLONE_PARENT,
    CLONE_THREAD,
    CLONE_VM,
    Kernel,
    TaskStruct,
    signal_pending,
)
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out


def copy_process(k: Kernel, cur: TaskStruct, args: CloneArgs) -> Steps[TaskStruct | None]:
    """A signal between the two sections misses the child."""
    yield DUP
    p = dup_task_struct(k, cur, args)
    yield from threadgroup_change_begin(k, cur)
    yield ATTACH, k.tasklist_lock
    acquire(cur, k.tasklist_lock)
    sighand = cur.sighand
    assert sighand is not None
    acquire(cur, sighand.siglock)
    recalc_sigpending(k, cur)
    aborted = signal_pending(cur) or p.pid_ns.disabled
    release(cur, sighand.siglock)
    release(cur, k.tasklist_lock)
    if aborted:
        threadgroup_change_end(k, cur)
        assert p.mm is not None
        if args.flags & CLONE_VM:
            yield from mmput(k, cur, p.mm)
        return None
    yield ATTACH, k.tasklist_lock
    acquire(cur, k.tasklist_lock)
    acquire(cur, sighand.siglock)
    if args.flags & (CLONE_PARENT | CLONE_THREAD):
        p.real_parent = cur.real_parent
        p.parent_exec_id = cur.parent_exec_id
    else:
        p.real_parent = cur
        p.parent_exec_id = cur.self_exec_id
    hash_task(k, cur, p, args)
    release(cur, sighand.siglock)
    release(cur, k.tasklist_lock)
    yield from cgroup_post_fork(k, cur, p)
    threadgroup_change_end(k, cur)
    return p


VARIANT = Variant(__name__, (replaces(fork.copy_process, copy_process),), base=last_out.VARIANT)
