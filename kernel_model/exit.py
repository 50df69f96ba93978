"""The half of exit that the RFC leaves alone (kernel/exit.c): reparenting, unhashing, the I/O of a dying task, wait."""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import wake_up_process, wake_up_state
from kernel_model.freezer import freezer_count, freezer_do_not_count
from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.mm import put_task_struct
from kernel_model.page_alloc import alloc_pages_slowpath
from kernel_model.pid_namespace import zap_pid_ns_processes
from kernel_model.power.main import snapshot_release
from kernel_model.preempt import Steps, lock, point, read_lock, sleep
from kernel_model.ptrace import exit_ptrace
from kernel_model.ptrace_stop import task_participate_group_stop
from kernel_model.sched import (
    EXIT_DEAD,
    EXIT_ZOMBIE,
    JOBCTL_STOP_PENDING,
    PF_EXITING,
    PF_NOFREEZE,
    SIGCHLD,
    TASK_DEAD,
    TASK_KILLABLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    CoreState,
    Kernel,
    MmStruct,
    PidNamespace,
    TaskStruct,
    list_del_rcu,
    same_thread_group,
    signal_group_exit,
    signal_pending,
    thread_group_empty,
    thread_group_leader,
)
from kernel_model.signal import do_notify_parent, signal_wake_up, wake_up_parent

EXIT_SIGNALS_BEGIN = read_lock("exit_signals", "cgroup_threadgroup_rwsem for reading: PF_EXITING")
EXIT_SIGNALS = lock("exit_signals", "siglock: PF_EXITING, retarget")
ACCT = point("acct_update_integrals", "taskstats allocation")
MMAP_READ = read_lock("exit_mm", "down_read(mmap_sem)")
CORE_SLEEP = sleep("exit_mm", "wait until the dump is written", outside=True)
CORE_DONE = point("exit_mm", "has the dump been written?", outside=True)
ACCT_PROCESS = point("acct_process", "write the accounting file")
EXIT_FILES = point("exit_files", "close files")
DISASSOCIATE_CTTY = point("disassociate_ctty", "hang up the terminal")
EXIT_NAMESPACES = point("exit_task_namespaces", "unmount")
EXIT_TASK_WORK = point("exit_task_work", "final fput()")
RETAKE = lock("find_child_reaper", "tasklist_lock again")
DEAD = point("do_task_dead", "TASK_DEAD, PF_NOFREEZE")

# A dying namespace's init waits until only its own pids are left: one, or two if it is not the leader.
OWN_PIDS = 2


def exit_signals(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """No signal for us any more: others shall take what was meant for the group (kernel/signal.c, exit_signals)."""
    yield EXIT_SIGNALS_BEGIN, k.threadgroup_rwsem
    acquire_read(cur, k.threadgroup_rwsem)
    if thread_group_empty(cur) or signal_group_exit(cur.signal):
        cur.flags |= PF_EXITING
        release_read(cur, k.threadgroup_rwsem)
        return
    sighand = cur.sighand
    assert sighand is not None
    yield EXIT_SIGNALS, sighand.siglock
    acquire(cur, sighand.siglock)
    cur.flags |= PF_EXITING
    release_read(cur, k.threadgroup_rwsem)
    if signal_pending(cur):
        retarget_shared_pending(cur)
        if cur.jobctl & JOBCTL_STOP_PENDING and task_participate_group_stop(cur):
            wake_up_parent(cur.group_leader.real_parent)
    release(cur, sighand.siglock)


def retarget_shared_pending(cur: TaskStruct) -> None:
    """Siglock held.  The next thread that lives on takes what was sent to the group (kernel/signal.c)."""
    if not cur.signal.shared_pending:
        return
    t = next((t for t in after(cur) if not t.flags & PF_EXITING), None)
    if t is not None and not signal_pending(t):
        signal_wake_up(t, fatal=False)


def after(p: TaskStruct) -> list[TaskStruct]:
    """The other threads of the group in the order of next_thread()."""
    threads = p.signal.threads
    here = threads.index(p)
    return threads[here + 1 :] + threads[:here]


def _exit_accounting(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Statistics need memory: under pressure a dying task meets the OOM killer (do_exit, taskstats and audit)."""
    if not k.memory_pressure or cur.mm is None:
        return
    yield ACCT
    yield from alloc_pages_slowpath(k, cur)


def _down_read_mmap_sem(cur: TaskStruct, mm: MmStruct) -> Steps[None]:
    """down_read(&mm->mmap_sem) in exit_mm()."""
    yield MMAP_READ, mm.mmap_sem
    acquire_read(cur, mm.mmap_sem)


def _coredump_wait_in_exit_mm(k: Kernel, cur: TaskStruct, mm: MmStruct, core_state: CoreState) -> Steps[None]:
    """mmap_sem held for reading on entry and return.  Stand still while our mm is dumped (kernel/exit.c, exit_mm)."""
    release_read(cur, mm.mmap_sem)
    core_state.waiters.append(cur)
    core_state.nr_threads -= 1
    if not core_state.nr_threads:
        core_state.startup = True
        wake_up_process(core_state.dumper)
    while True:
        yield CORE_DONE
        cur.state = TASK_UNINTERRUPTIBLE
        if cur not in core_state.waiters:
            break
        yield from freezer_do_not_count(cur)
        yield CORE_SLEEP
        cur.state = TASK_RUNNING
        yield from freezer_count(k, cur)
    cur.state = TASK_RUNNING
    yield from _down_read_mmap_sem(cur, mm)


def _exit_files_and_namespaces(k: Kernel, cur: TaskStruct, *, group_dead: bool) -> Steps[None]:
    """Everything of a dying task that may touch a device after its memory is gone (do_exit, from acct_process on)."""
    if group_dead:
        yield ACCT_PROCESS
        events.io(k, cur, "acct_process")
    yield EXIT_FILES
    events.io(k, cur, "exit_files")
    if group_dead:
        yield DISASSOCIATE_CTTY
        events.io(k, cur, "disassociate_ctty")
    yield EXIT_NAMESPACES
    events.io(k, cur, "exit_task_namespaces")
    yield EXIT_TASK_WORK
    if cur.task_works:
        yield from alloc_pages_slowpath(k, cur)
    events.io(k, cur, "exit_task_work")
    if group_dead:
        yield from snapshot_release(k, cur)


def exit_io_context(k: Kernel, cur: TaskStruct) -> None:
    """The task's io_context goes: no I/O of its own from here on (block/blk-ioc.c)."""
    cur.io_context = False
    events.io_context_gone(k, cur)


def do_task_dead(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """The last schedule(): off the CPU for ever, and the scheduler drops its reference (the end of do_exit)."""
    yield DEAD
    cur.state = TASK_DEAD
    cur.flags |= PF_NOFREEZE
    events.dead(k, cur)
    put_task_struct(k, cur)


def find_alive_thread(p: TaskStruct) -> TaskStruct | None:
    """Source: kernel/exit.c, find_alive_thread()."""
    return next((t for t in p.signal.threads if not t.flags & PF_EXITING), None)


def find_child_reaper(k: Kernel, father: TaskStruct) -> Steps[TaskStruct]:
    """Tasklist_lock held for writing, dropped while a dying pid namespace is emptied (kernel/exit.c)."""
    ns = father.pid_ns
    assert ns.child_reaper is not None
    if ns.child_reaper is not father:
        return ns.child_reaper
    reaper = find_alive_thread(father)
    if reaper is not None:
        ns.child_reaper = reaper
        return reaper
    release(father, k.tasklist_lock)
    if ns is k.init_pid_ns:
        events.panic(k, "Attempted to kill init!")
    yield from zap_pid_ns_processes(k, father, ns)
    yield RETAKE, k.tasklist_lock
    acquire(father, k.tasklist_lock)
    return father


def find_new_reaper(k: Kernel, father: TaskStruct, child_reaper: TaskStruct) -> TaskStruct:
    """A thread of the own group, else the nearest subreaper, else the namespace's reaper (kernel/exit.c)."""
    thread = find_alive_thread(father)
    if thread is not None:
        return thread
    if not father.signal.has_child_subreaper:
        return child_reaper
    reaper = father
    while not same_thread_group(reaper, child_reaper) and not same_thread_group(reaper, k.init):
        if reaper.signal.is_child_subreaper:
            thread = find_alive_thread(reaper)
            if thread is not None:
                return thread
        reaper = reaper.real_parent
    return child_reaper


def reparent_leader(k: Kernel, father: TaskStruct, p: TaskStruct, dead: list[TaskStruct]) -> None:
    """Tasklist_lock held for writing.  A child got another group for a parent (kernel/exit.c, reparent_leader)."""
    if p.exit_state == EXIT_DEAD:
        return
    p.exit_signal = SIGCHLD
    zombie = not p.ptrace and p.exit_state == EXIT_ZOMBIE and thread_group_empty(p)
    if zombie and do_notify_parent(k, father, p, p.exit_signal):
        p.exit_state = EXIT_DEAD
        dead.insert(0, p)


def forget_original_parent(k: Kernel, father: TaskStruct, dead: list[TaskStruct]) -> Steps[None]:
    """Tasklist_lock held for writing.  Let tracees go and find the children a new parent (kernel/exit.c)."""
    if father.ptraced:
        exit_ptrace(k, father, dead)
    reaper = yield from find_child_reaper(k, father)
    if not father.children:
        return
    reaper = find_new_reaper(k, father, reaper)
    for p in father.children:
        for t in p.signal.threads:
            t.real_parent = reaper
            if not t.ptrace:
                t.parent = reaper
        if not same_thread_group(reaper, father):
            reparent_leader(k, father, p, dead)
    children, father.children = father.children, []
    reaper.children += children


def exit_signal(k: Kernel, cur: TaskStruct, p: TaskStruct) -> None:
    """Tasklist_lock held for writing.  The thread leaves its group (kernel/exit.c, __exit_signal)."""
    sighand = p.sighand
    assert sighand is not None, "a task is unhashed once"
    acquire(cur, sighand.siglock)
    signal = p.signal
    if not thread_group_leader(p):
        if signal.notify_count > 0:
            signal.notify_count -= 1
            if not signal.notify_count and signal.group_exit_task is not None:
                wake_up_state(signal.group_exit_task, TASK_KILLABLE)
        if signal.curr_target is p:
            signal.curr_target = next(iter(after(p)), None)
    unhash_process(p)
    release(cur, sighand.siglock)
    p.sighand = None
    p.pending = set()
    events.reaped(k, p)


def unhash_process(p: TaskStruct) -> None:
    """Tasklist_lock and siglock held.  Nobody finds the task any more (kernel/exit.c, __unhash_process)."""
    signal = p.signal
    signal.nr_threads -= 1
    p.hashed = False
    if thread_group_leader(p):
        p.real_parent.children.remove(p)
    signal.threads = list_del_rcu(signal.threads, p)
    ns: PidNamespace | None = p.pid_ns
    while ns is not None:
        ns.tasks.remove(p)
        if ns.has_at_most(OWN_PIDS) and ns.child_reaper is not None:
            # Source: kernel/pid.c, free_pid(); the reaper may wait for its namespace to empty.
            wake_up_process(ns.child_reaper)
        ns = ns.parent
