"""Creating tasks (kernel/fork.c)."""

from __future__ import annotations

import attrs

from kernel_model import events
from kernel_model.cgroup_freezer import cgroup_post_fork, threadgroup_change_begin, threadgroup_change_end
from kernel_model.freezer import freezer_count, freezer_do_not_count
from kernel_model.get_signal import recalc_sigpending
from kernel_model.locking import SIGLOCK, Lock, acquire, release
from kernel_model.mm import mmput
from kernel_model.preempt import Steps, lock, point, sleep
from kernel_model.sched import (
    CLONE_NEWPID,
    CLONE_PARENT,
    CLONE_SIGHAND,
    CLONE_THREAD,
    CLONE_VFORK,
    CLONE_VM,
    SIGCHLD,
    SIGNAL_GROUP_EXIT,
    SIGNAL_UNKILLABLE,
    TASK_KILLABLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
    Kernel,
    MmStruct,
    PidNamespace,
    SighandStruct,
    SignalStruct,
    TaskStruct,
    fatal_signal_pending,
    signal_pending,
)

DUP = point("copy_process", "dup_task_struct, copy_mm")
ATTACH = lock("copy_process", "tasklist_lock, siglock: hash the child unless a signal is pending")
WAKE_NEW = point("wake_up_new_task", "the child runs")
VFORK_SLEEP = sleep("wait_for_vfork_done", "wait_for_completion_killable()")
VFORK_KILLED = lock("wait_for_vfork_done", "the child's alloc_lock: forget vfork_done")


@attrs.define(frozen=True)
class CloneArgs:
    """What clone() was asked for.  ``traced`` is PTRACE_O_TRACECLONE's automatic attach."""

    name: str
    flags: int = 0
    exit_signal: int = SIGCHLD


def next_pid(k: Kernel) -> int:
    """Pids are given out in order and never again: a scenario is too short to wrap round."""
    return max(k.tasks) + 1


def new_signal(k: Kernel, old: SignalStruct) -> SignalStruct:
    """Source: kernel/fork.c, copy_signal()."""
    signal = SignalStruct(k.number())
    signal.oom_score_adj = old.oom_score_adj
    signal.has_child_subreaper = old.has_child_subreaper or old.is_child_subreaper
    return signal


def new_sighand(name: str, old: SighandStruct) -> SighandStruct:
    """Source: kernel/fork.c, copy_sighand()."""
    sighand = SighandStruct(Lock(SIGLOCK, name))
    sighand.sigchld = old.sigchld
    sighand.sa_nocldwait = old.sa_nocldwait
    return sighand


def dup_task_struct(k: Kernel, cur: TaskStruct, args: CloneArgs) -> TaskStruct:
    """A task that nobody sees yet (the first half of kernel/fork.c, copy_process)."""
    thread = bool(args.flags & CLONE_THREAD)
    signal = cur.signal if thread else new_signal(k, cur.signal)
    old = cur.sighand
    assert old is not None, "a task that forks is hashed"
    sighand = old if args.flags & CLONE_SIGHAND else new_sighand(args.name, old)
    p = TaskStruct(next_pid(k), args.name, signal, sighand)
    # All flags are inherited, PF_SUSPEND_TASK too: a child of the snapshot device's user never freezes.
    p.flags = cur.flags
    p.thread_flags = cur.thread_flags & ~TIF_SIGPENDING
    p.state = TASK_UNINTERRUPTIBLE
    p.group_leader = cur.group_leader if thread else p
    if thread:
        p.exit_signal = -1
    elif args.flags & CLONE_PARENT:
        p.exit_signal = cur.group_leader.exit_signal
    else:
        p.exit_signal = args.exit_signal
    p.cgroup = cur.cgroup
    p.memcg = cur.memcg
    p.pid_ns = cur.pid_ns
    p.io_context = True
    copy_mm(k, cur, p, args.flags)
    return p


def copy_mm(k: Kernel, cur: TaskStruct, p: TaskStruct, flags: int) -> None:
    """Source: kernel/fork.c, copy_mm()."""
    mm = cur.mm
    assert mm is not None, "a task that forks has an mm"
    if flags & CLONE_VM:
        mm.mm_users += 1
        p.mm = mm
    else:
        p.mm = MmStruct(k.number(), pages=max(1, mm.pages), memcg=p.memcg)


def link_process(k: Kernel, p: TaskStruct, flags: int) -> None:
    """Tasklist_lock and siglock held.  A new group: link it everywhere (kernel/fork.c, copy_process)."""
    if flags & CLONE_NEWPID:
        ns = PidNamespace(k.number(), parent=p.pid_ns, child_reaper=p)
        p.pid_ns = ns
        p.signal.flags |= SIGNAL_UNKILLABLE
    p.signal.curr_target = p
    p.real_parent.children.append(p)


def copy_process(k: Kernel, cur: TaskStruct, args: CloneArgs) -> Steps[TaskStruct | None]:
    """The child, hashed but not yet running; None for -ERESTARTNOINTR or -ENOMEM (kernel/fork.c, copy_process)."""
    yield DUP
    p = dup_task_struct(k, cur, args)
    yield from threadgroup_change_begin(k, cur)
    yield ATTACH, k.tasklist_lock
    acquire(cur, k.tasklist_lock)
    sighand = cur.sighand
    assert sighand is not None
    acquire(cur, sighand.siglock)
    if args.flags & (CLONE_PARENT | CLONE_THREAD):
        p.real_parent = cur.real_parent
        p.parent_exec_id = cur.parent_exec_id
    else:
        p.real_parent = cur
        p.parent_exec_id = cur.self_exec_id
    recalc_sigpending(k, cur)
    aborted = signal_pending(cur) or p.pid_ns.disabled
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
    p.pid = next_pid(k)
    p.parent = p.real_parent
    killed = bool(p.signal.flags & SIGNAL_GROUP_EXIT)
    if args.flags & CLONE_THREAD:
        p.signal.nr_threads += 1
        p.signal.live += 1
        p.signal.sigcnt += 1
    else:
        link_process(k, p, args.flags)
    if args.flags & CLONE_VFORK:
        p.vfork_done = cur
    p.signal.threads.append(p)
    alloc_pid(p)
    p.hashed = True
    k.tasks[p.pid] = p
    events.born(k, p, into_killed=killed)


def alloc_pid(p: TaskStruct) -> None:
    """Every namespace from the task's own up to the first knows its pid (kernel/pid.c)."""
    ns: PidNamespace | None = p.pid_ns
    while ns is not None:
        ns.tasks.append(p)
        ns = ns.parent


def do_fork(k: Kernel, cur: TaskStruct, args: CloneArgs) -> Steps[TaskStruct | None]:
    """Clone, fork or vfork (kernel/fork.c, _do_fork)."""
    p = yield from copy_process(k, cur, args)
    if p is None:
        return None
    yield WAKE_NEW, p
    k.ret_from_fork(k, p)
    p.state = TASK_RUNNING
    if args.flags & CLONE_VFORK:
        yield from wait_for_vfork_done(k, cur, p)
    return p


def wait_for_vfork_done(k: Kernel, cur: TaskStruct, child: TaskStruct) -> Steps[None]:
    """The parent sleeps until the child has left the address space, or it is killed (kernel/fork.c)."""
    yield from freezer_do_not_count(cur)
    while True:
        cur.state = TASK_KILLABLE
        if child.vfork_done is not cur:
            break
        if fatal_signal_pending(cur):
            break
        yield VFORK_SLEEP
    cur.state = TASK_RUNNING
    killed = child.vfork_done is cur
    yield from freezer_count(k, cur)
    if killed:
        yield VFORK_KILLED, child.alloc_lock
        acquire(cur, child.alloc_lock)
        if child.vfork_done is cur:
            child.vfork_done = None
        release(cur, child.alloc_lock)
