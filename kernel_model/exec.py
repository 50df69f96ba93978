"""execve() of a multi-threaded process (fs/exec.c): the caller outlives its group and becomes its leader."""

from __future__ import annotations

from kernel_model.cgroup_freezer import threadgroup_change_begin, threadgroup_change_end
from kernel_model.fork import new_sighand
from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.mm import mm_release, mmput
from kernel_model.preempt import Steps, lock, point, read_lock, sleep
from kernel_model.prototypes import release_task
from kernel_model.sched import (
    EXIT_DEAD,
    SIG_DFL,
    SIG_HANDLED,
    SIGCHLD,
    TASK_KILLABLE,
    TASK_RUNNING,
    Kernel,
    MmStruct,
    TaskStruct,
    fatal_signal_pending,
    signal_group_exit,
    thread_group_empty,
    thread_group_leader,
)
from kernel_model.signal import wake_up_parent, zap_other_threads

ALONE = point("de_thread", "thread_group_empty(tsk)?")
ZAP = lock("de_thread", "siglock: zap_other_threads")
WAIT_THREADS = lock("de_thread", "siglock: notify_count?")
SLEEP_THREADS = sleep("de_thread", "wait for the other threads")
WAIT_LEADER = lock("de_thread", "tasklist_lock: leader's exit_state?")
SLEEP_LEADER = sleep("de_thread", "wait for the leader")
KILLED = read_lock("de_thread", "tasklist_lock: killed meanwhile")
DONE = lock("de_thread", "siglock: group_exit_task = NULL")
SHARED = point("de_thread", "sighand->count")
UNSHARE = lock("de_thread", "tasklist_lock, siglock: handlers of its own")
EXEC_MMAP_READ = read_lock("exec_mmap", "down_read(old mmap_sem)")
EXEC_MMAP = lock("exec_mmap", "task_lock: switch to the new mm")

EAGAIN = "EAGAIN"


def execve(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Replace the program: "" or EAGAIN/EINTR (fs/exec.c, flush_old_exec)."""
    error = yield from de_thread(k, cur)
    if error:
        return error
    yield from unshare_sighand(k, cur)
    error = yield from exec_mmap(k, cur)
    if not error:
        cur.self_exec_id += 1
        sighand = cur.sighand
        if sighand is not None and sighand.sigchld == SIG_HANDLED:
            sighand.sigchld = SIG_DFL
    return error


def de_thread(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Be alone in the group, and its leader (fs/exec.c, de_thread)."""
    yield ALONE
    if thread_group_empty(cur):
        return ""
    signal = cur.signal
    sighand = cur.sighand
    assert sighand is not None
    yield ZAP, sighand.siglock
    acquire(cur, sighand.siglock)
    if signal_group_exit(signal):
        release(cur, sighand.siglock)
        return EAGAIN
    signal.group_exit_task = cur
    signal.notify_count = zap_other_threads(cur)
    if not thread_group_leader(cur):
        signal.notify_count -= 1
    release(cur, sighand.siglock)
    while True:
        yield WAIT_THREADS, sighand.siglock
        if not signal.notify_count:
            break
        cur.state = TASK_KILLABLE
        yield SLEEP_THREADS
        cur.state = TASK_RUNNING
        if fatal_signal_pending(cur):
            return (yield from _killed(k, cur))
    if not thread_group_leader(cur) and not (yield from _become_leader(k, cur)):
        return (yield from _killed(k, cur))
    yield DONE, sighand.siglock
    signal.group_exit_task = None
    signal.notify_count = 0
    return ""


def unshare_sighand(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """A program does not share its handlers with another one's processes (the end of fs/exec.c, de_thread)."""
    old = cur.sighand
    assert old is not None
    yield SHARED
    if all(t is cur or t.sighand is not old for t in k.tasks.values()):
        return
    yield UNSHARE, k.tasklist_lock
    acquire(cur, k.tasklist_lock)
    acquire(cur, old.siglock)
    cur.sighand = new_sighand(cur.name, old)
    release(cur, old.siglock)
    release(cur, k.tasklist_lock)


def _killed(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """The wait ended with a SIGKILL (fs/exec.c, de_thread)."""
    yield KILLED, k.tasklist_lock
    acquire_read(cur, k.tasklist_lock)
    cur.signal.group_exit_task = None
    cur.signal.notify_count = 0
    release_read(cur, k.tasklist_lock)
    return EAGAIN


def _become_leader(k: Kernel, cur: TaskStruct) -> Steps[bool]:
    """Wait for the leader to be a zombie and take its place; False if killed meanwhile (fs/exec.c, de_thread)."""
    leader = cur.group_leader
    while True:
        yield from threadgroup_change_begin(k, cur)
        yield WAIT_LEADER, k.tasklist_lock
        acquire(cur, k.tasklist_lock)
        cur.signal.notify_count = -1
        if leader.exit_state:
            break
        cur.state = TASK_KILLABLE
        release(cur, k.tasklist_lock)
        threadgroup_change_end(k, cur)
        yield SLEEP_LEADER
        cur.state = TASK_RUNNING
        if fatal_signal_pending(cur):
            return False
    siblings = leader.real_parent.children
    # Nobody's child but the idle task's, which is not modelled: init.
    if leader in siblings:
        siblings[siblings.index(leader)] = cur
    cur.group_leader = cur
    leader.group_leader = cur
    cur.exit_signal = SIGCHLD
    leader.exit_signal = -1
    leader.exit_state = EXIT_DEAD
    if leader.ptrace:
        wake_up_parent(leader.parent)
    release(cur, k.tasklist_lock)
    threadgroup_change_end(k, cur)
    yield from release_task(k, cur, leader)
    return True


def exec_mmap(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Leave the old address space for a new one; EINTR if it is being dumped (fs/exec.c, exec_mmap)."""
    old = cur.mm
    assert old is not None
    yield from mm_release(cur)
    yield EXEC_MMAP_READ, old.mmap_sem
    acquire_read(cur, old.mmap_sem)
    if old.core_state is not None:
        release_read(cur, old.mmap_sem)
        return "EINTR"
    yield EXEC_MMAP, cur.alloc_lock
    acquire(cur, cur.alloc_lock)
    cur.mm = MmStruct(k.number(), memcg=cur.memcg)
    release(cur, cur.alloc_lock)
    release_read(cur, old.mmap_sem)
    yield from mmput(k, cur, old)
    return ""
