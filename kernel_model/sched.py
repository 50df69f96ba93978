"""The kernel's data (include/linux/sched.h, mm_types.h, and the globals of the files that we model), and nothing else.

Names are the kernel's.  Times are in milliseconds of the logical clock, memory is in pages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from kernel_model import locking
from kernel_model.fields import Beside, Constant, Count, Flags, LastOne, News, Result, structure
from kernel_model.locking import Lock
from kernel_model.preempt import Steps, Yield
from kernel_model.variant import Variant


class Jiffies(int):
    """A time of the logical clock: what is added to it is one, too, so that whoever keeps one is known to keep a time."""

    __slots__ = ()

    def __add__(self, ms: int) -> Jiffies:
        """So much later."""
        return Jiffies(int(self) + ms)

    __radd__ = __add__

    def __sub__(self, other: int) -> int:
        """So much earlier; or how much later than another time."""
        return int(self) - other if isinstance(other, Jiffies) else Jiffies(int(self) - other)


# task_struct.state and exit_state
TASK_RUNNING = 0
TASK_INTERRUPTIBLE = 1
TASK_UNINTERRUPTIBLE = 2
__TASK_STOPPED = 4
__TASK_TRACED = 8
EXIT_DEAD = 16
EXIT_ZOMBIE = 32
EXIT_TRACE = EXIT_ZOMBIE | EXIT_DEAD
TASK_DEAD = 64
TASK_WAKEKILL = 128
TASK_KILLABLE = TASK_WAKEKILL | TASK_UNINTERRUPTIBLE
TASK_STOPPED = TASK_WAKEKILL | __TASK_STOPPED
TASK_TRACED = TASK_WAKEKILL | __TASK_TRACED
TASK_NORMAL = TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE

# task_struct.flags
PF_EXITING = 0x4
PF_SIGNALED = 0x400
PF_DUMPCORE = 0x200
PF_USER_WORKER = 0x4000
PF_NOFREEZE = 0x8000
PF_FROZEN = 0x10000
PF_KTHREAD = 0x200000
PF_FREEZER_SKIP = 0x40000000
PF_SUSPEND_TASK = 0x80000000

# thread_info.flags
TIF_SIGPENDING = 0x4
TIF_MEMDIE = 0x100000

# signal_struct.flags
SIGNAL_STOP_STOPPED = 0x1
SIGNAL_GROUP_EXIT = 0x4
SIGNAL_GROUP_COREDUMP = 0x8
SIGNAL_UNKILLABLE = 0x40

# task_struct.jobctl
JOBCTL_STOP_PENDING = 0x20000
JOBCTL_STOP_CONSUME = 0x40000
JOBCTL_TRAP_STOP = 0x80000

# task_struct.ptrace
PT_PTRACED = 0x1
PT_SEIZED = 0x10000
PT_TRACE_EXIT = 0x200
PT_EXITKILL = 0x800000

# clone flags
CLONE_VM = 0x100
CLONE_SIGHAND = 0x800
CLONE_VFORK = 0x4000
CLONE_PARENT = 0x8000
CLONE_THREAD = 0x10000
CLONE_NEWPID = 0x20000000

SIGABRT = 6
SIGKILL = 9
SIGUSR1 = 10
SIGTERM = 15
SIGCHLD = 17
SIGCONT = 18
SIGSTOP = 19

# mm_struct.flags
MMF_OOM_SKIP = 0x1
MMF_UNSTABLE = 0x2

# freezer.state (kernel/cgroup_freezer.c)
CGROUP_FREEZING_SELF = 0x2
CGROUP_FREEZING_PARENT = 0x4
CGROUP_FROZEN = 0x8
CGROUP_FREEZING = CGROUP_FREEZING_SELF | CGROUP_FREEZING_PARENT

OOM_SCORE_ADJ_MIN = -1000
FREEZE_TIMEOUT = 20_000

SIG_DFL = "default"
SIG_IGN = "ignored"
SIG_HANDLED = "handled"


@structure("core", "dumper.pid")
@attrs.define(eq=False, slots=True, repr=False)
class CoreState:
    """A dump in progress (struct core_state): who dumps, how many must still arrive in exit_mm, who waits there."""

    dumper: TaskStruct
    nr_threads: Count
    startup: bool = False
    waiters: list[TaskStruct] = attrs.Factory(list)


@structure("MmStruct", "number")
@attrs.define(eq=False, slots=True, repr=False)
class MmStruct:
    """An address space.  ``mm_users`` counts its tasks, ``mm_count`` its pins (all users together are one).

    ``memcg`` is the memory cgroup to which its pages are charged: page->mem_cgroup in C, the same for all of them here.
    """

    number: Beside[int]
    mm_users: LastOne = 1
    mm_count: Count = 1
    flags: Flags = 0
    pages: int = 1
    memcg: MemCgroup | None = None
    core_state: CoreState | None = None
    aio_in_flight: bool = False
    mmap_sem: Lock = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Each address space has a lock of its own."""
        self.mmap_sem = Lock(locking.MMAP_SEM, f"mm{self.number}")


@structure("sighand", "siglock.name")
@attrs.define(eq=False, slots=True, repr=False)
class SighandStruct:
    """Signal handlers, shared by the threads of a group and by CLONE_SIGHAND processes; only SIGCHLD's matters here."""

    siglock: Lock
    sigchld: str = SIG_DFL
    sa_nocldwait: bool = False


@structure("SignalStruct", "number")
@attrs.define(eq=False, slots=True, repr=False)
class SignalStruct:
    """A thread group.  ``threads`` is the list of hashed threads; it is replaced, never shortened, as RCU readers need.

    Only kernels of oom_kernels use ``io_live``, ``quick_threads``, ``core_state``, and of the files that the group shares
    ``files_count`` (their users), ``fuse_file`` (a server has to answer its flush) and ``tty_files`` (each close is I/O); only a
    kernel in which exec and attach exclude each other uses ``cred_guard_mutex`` (who holds it) and who waits for it.
    """

    number: Beside[int]
    threads: list[TaskStruct] = attrs.Factory(list)
    flags: Flags = 0
    group_exit_code: int = 0
    group_exit_task: TaskStruct | None = None
    notify_count: int = 0
    live: LastOne = 1
    io_live: LastOne = 1
    quick_threads: LastOne = 1
    core_state: CoreState | None = None
    files_count: LastOne = 1
    fuse_file: bool = False
    tty_files: int = 0
    cred_guard_mutex: TaskStruct | None = None
    cred_guard_waiters: list[TaskStruct] = attrs.Factory(list)
    nr_threads: Count = 1
    sigcnt: Count = 1
    curr_target: TaskStruct | None = None
    shared_pending: set[int] = attrs.Factory(set)
    group_stop_count: int = 0
    wait_chldexit: list[TaskStruct] = attrs.Factory(list)
    is_child_subreaper: bool = False
    has_child_subreaper: bool = False
    oom_mm: MmStruct | None = None
    oom_score_adj: int = 0

    def empty_but_for(self, p: TaskStruct) -> bool:
        """No thread but this one is on the list: a question that is asked here only, so that a recorder can note it as such."""
        threads = self.threads
        return len(threads) == 0 or (len(threads) == 1 and threads[0] is p)


@structure("PidNamespace", "number")
@attrs.define(eq=False, slots=True, repr=False)
class PidNamespace:
    """A pid namespace: its reaper and the tasks whose pids it still holds."""

    number: Beside[int]
    parent: PidNamespace | None = None
    child_reaper: TaskStruct | None = None
    tasks: list[TaskStruct] = attrs.Factory(list)
    disabled: bool = False

    def has_at_most(self, pids: int) -> bool:
        """So few tasks are left: see empty_but_for()."""
        return len(self.tasks) <= pids


@structure("FreezerCgroup", "name")
@attrs.define(eq=False, slots=True, repr=False)
class FreezerCgroup:
    """A cgroup of the v1 freezer (struct freezer), with its listed tasks in order of joining."""

    name: Beside[str]
    parent: FreezerCgroup | None = None
    children: list[FreezerCgroup] = attrs.Factory(list)
    state: int = 0
    tasks: list[TaskStruct] = attrs.Factory(list)


@structure("MemCgroup", "name")
@attrs.define(eq=False, slots=True, repr=False)
class MemCgroup:
    """A memory cgroup with a limit that is reached, or below one; ``freed`` counts the pages that were uncharged from it.

    Only kernels of oom_kernels use ``kill_seq``, how often cgroup.kill was written, and ``oom_group``, memory.oom.group,
    ``freeze``, cgroup.freeze, and ``e_freeze``, whether it or one above freezes (CGRP_FREEZE).
    """

    name: Beside[str]
    parent: MemCgroup | None = None
    children: list[MemCgroup] = attrs.Factory(list)
    tasks: list[TaskStruct] = attrs.Factory(list)
    freed: Count = 0
    oom_locked_by: TaskStruct | None = None
    oom_waitq: list[TaskStruct] = attrs.Factory(list)
    kill_seq: int = 0
    oom_group: bool = False
    freeze: bool = False
    e_freeze: bool = False


@structure("io_wq", "task.pid")
@attrs.define(eq=False, slots=True, repr=False)
class IoWq:
    """A task's queue of requests for its io_uring workers: what waits, who works, and whether it is being left."""

    task: TaskStruct
    requests: int = 0
    workers: list[TaskStruct] = attrs.Factory(list)
    exit: bool = False


@structure("task", "pid")
@attrs.define(eq=False, slots=True, repr=False)
class TaskStruct:
    """A thread.  ``context`` is its suspended kernel code and ``at`` what that yielded last; both are ours, the rest is C's.

    ``saved_state`` and ``on_cpu`` are for the kernels of oom_kernels; on_cpu is kept only where a state is set before the sleep.
    ``oom_reaper_list``, the next one in the reaper's list, is for a kernel that links it; ``task_works``: it has a file whose last close allocates.
    ``io_wq``: a kernel with io_uring has it, for who asks and for who works; ``kill_seq``: its cgroup's, when its fork began;
    ``frozen``: in the v2 freezer's trap, or counted as such until it is back there.
    """

    pid: Beside[int]
    name: Beside[str]
    signal: SignalStruct
    sighand: SighandStruct | None
    group_leader: TaskStruct = attrs.field(default=None)
    mm: MmStruct | None = None
    flags: Flags = 0
    thread_flags: Flags = 0
    state: Flags = TASK_RUNNING
    saved_state: Flags = TASK_RUNNING
    on_cpu: bool = True
    exit_state: int = 0
    exit_signal: int = SIGCHLD
    exit_code: int = 0
    ptrace: int = 0
    parent: TaskStruct = attrs.field(default=None)
    real_parent: TaskStruct = attrs.field(default=None)
    children: list[TaskStruct] = attrs.Factory(list)
    ptraced: list[TaskStruct] = attrs.Factory(list)
    hashed: bool = False
    pending: set[int] = attrs.Factory(set)
    jobctl: Flags = 0
    cgroup: FreezerCgroup = attrs.field(default=None)
    on_cgroup_list: bool = False
    memcg: MemCgroup | None = None
    pid_ns: PidNamespace = attrs.field(default=None)
    vfork_done: TaskStruct | None = None
    self_exec_id: int = 0
    parent_exec_id: int = 0
    io_context: bool = True
    task_works: int = 0
    io_wq: IoWq | None = None
    kill_seq: int = 0
    frozen: bool = False
    usage: Count = 2
    oom_reaper_listed: bool = False
    oom_reaper_list: TaskStruct | None = None
    alloc_lock: Lock = attrs.field(init=False)
    held: list[Lock] = attrs.Factory(list)
    timer: Jiffies | None = None
    polling: bool = False
    seen_progress: News = -1
    restless: bool = False
    syscall: Callable[[Kernel, TaskStruct], Steps[Any]] | None = None
    result: Result = None
    context: Beside[Steps[None] | None] = None
    at: Yield | None = None

    def __attrs_post_init__(self) -> None:
        """Each thread has an alloc_lock of its own."""
        self.alloc_lock = Lock(locking.ALLOC_LOCK, self.name)

    def __repr__(self) -> str:
        """The name that scenarios use."""
        return self.name

    def try_to_wake_up(self, state: int) -> None:
        """Make the task runnable if it sleeps in one of these states (kernel/sched/core.c): see empty_but_for()."""
        if self.state & state:
            self.state = TASK_RUNNING
            self.timer = None


@structure("kernel")
@attrs.define(eq=False, slots=True)
class Kernel:
    """Everything global.  ``events`` is what an observer has not yet seen, oldest first (see kernel_model.events)."""

    variant: Beside[Variant]
    ret_from_fork: Beside[Callable[[Kernel, TaskStruct], None]]
    clock: Beside[Jiffies] = Jiffies(0)  # noqa: RUF009 - never changed in place
    tasks: dict[int, TaskStruct] = attrs.Factory(dict)
    events: Beside[list[Any]] = attrs.Factory(list)
    progress: Beside[int] = 0
    panicked: str = ""
    # mm/oom_kill.c
    oom_victims: int = 0
    oom_killer_disabled: bool = False
    oom_victims_wait: list[TaskStruct] = attrs.Factory(list)
    oom_reaper_list: list[TaskStruct] = attrs.Factory(list)
    oom_reaper: Constant[TaskStruct] = attrs.field(default=None)
    freed: Count = 0
    memory_pressure: bool = False
    core_pipe: bool = False
    sysctl_oom_kill_allocating_task: bool = False
    # fs/aio.c: the address spaces with I/O in flight
    aio: list[MmStruct] = attrs.Factory(list)
    # mm/filemap.c: who waits for the device to write a page
    writeback: list[TaskStruct] = attrs.Factory(list)
    # kernel/futex.c: one futex for each waiter
    futex_waiters: list[TaskStruct] = attrs.Factory(list)
    # kernel/freezer.c, kernel/power/
    system_freezing_cnt: int = 0
    pm_freezing: bool = False
    pm_nosig_freezing: bool = False
    pm_phase: str = "running"
    pm_wakeup: bool = False
    snapshot_owner: SignalStruct | None = None
    # the system workqueue's one item that we need: moom_callback
    kworker: Constant[TaskStruct] = attrs.field(default=None)
    moom_pending: bool = False
    # cgroups
    root_cgroup: Constant[FreezerCgroup] = attrs.Factory(lambda: FreezerCgroup("/"))
    cgroups: dict[str, FreezerCgroup] = attrs.Factory(dict)
    memcgs: dict[str, MemCgroup] = attrs.Factory(dict)
    init_pid_ns: Constant[PidNamespace] = attrs.Factory(lambda: PidNamespace(0))
    next_number: int = 4  # the groups of the boot tasks have 1 to 4
    # locks
    oom_lock: Lock = attrs.Factory(lambda: Lock(locking.OOM_LOCK))
    pm_mutex: Lock = attrs.Factory(lambda: Lock(locking.PM_MUTEX))
    cgroup_mutex: Lock = attrs.Factory(lambda: Lock(locking.CGROUP_MUTEX))
    freezer_mutex: Lock = attrs.Factory(lambda: Lock(locking.FREEZER_MUTEX))
    threadgroup_rwsem: Lock = attrs.Factory(lambda: Lock(locking.THREADGROUP_RWSEM))
    tasklist_lock: Lock = attrs.Factory(lambda: Lock(locking.TASKLIST_LOCK))
    freezer_lock: Lock = attrs.Factory(lambda: Lock(locking.FREEZER_LOCK))
    oom_reaper_lock: Lock = attrs.Factory(lambda: Lock(locking.REAPER_LOCK))
    css_set_lock: Lock = attrs.Factory(lambda: Lock(locking.CSS_SET_LOCK))

    @property
    def init(self) -> TaskStruct:
        """The global init, pid 1."""
        return self.tasks[1]

    def number(self) -> int:
        """The next number for a structure that has no pid (signal, mm, namespace)."""
        self.next_number += 1
        return self.next_number


def signal_group_exit(sig: SignalStruct) -> bool:
    """The group is exiting, dumping or being replaced by exec (include/linux/sched.h, signal_group_exit)."""
    return bool(sig.flags & SIGNAL_GROUP_EXIT) or sig.group_exit_task is not None


def list_del_rcu(tasks: list[TaskStruct], p: TaskStruct) -> list[TaskStruct]:
    """A new list without ``p``: whoever walks the old one under RCU still sees it whole (include/linux/rculist.h)."""
    new = tasks.copy()
    new.remove(p)
    return new


def next_process(k: Kernel, p: TaskStruct | None) -> TaskStruct | None:
    """The hashed leader, zombies included, after ``p``, or the first: one step of a walk that sees who is born meanwhile.

    Source: include/linux/sched.h, for_each_process(), in the order of pids.
    """
    after = 0 if p is None else p.pid
    return next((t for t in k.tasks.values() if t.pid > after and t.group_leader is t and t.hashed), None)


def first_with_mm(p: TaskStruct) -> TaskStruct | None:
    """The first thread of the group that has an mm (mm/oom_kill.c, find_lock_task_mm, without the lock)."""
    return next((t for t in p.signal.threads if t.mm is not None), None)


def thread_group_leader(p: TaskStruct) -> bool:
    """Source: include/linux/sched.h, thread_group_leader()."""
    return p.exit_signal >= 0


def thread_group_empty(p: TaskStruct) -> bool:
    """No other thread of the group is hashed (include/linux/sched.h)."""
    return p.signal.empty_but_for(p)


def delay_group_leader(p: TaskStruct) -> bool:
    """A leader that its parent can't reap yet (include/linux/sched.h)."""
    return thread_group_leader(p) and not thread_group_empty(p)


def same_thread_group(a: TaskStruct, b: TaskStruct) -> bool:
    """Source: include/linux/sched.h, same_thread_group()."""
    return a.signal is b.signal


def task_is_stopped(p: TaskStruct) -> bool:
    """In a group stop (include/linux/sched.h)."""
    return bool(p.state & __TASK_STOPPED)


def task_is_traced(p: TaskStruct) -> bool:
    """Stopped for its tracer (include/linux/sched.h)."""
    return bool(p.state & __TASK_TRACED)


def task_is_stopped_or_traced(p: TaskStruct) -> bool:
    """Source: include/linux/sched.h, task_is_stopped_or_traced()."""
    return bool(p.state & (__TASK_STOPPED | __TASK_TRACED))


def signal_pending(p: TaskStruct) -> bool:
    """Source: include/linux/sched.h, signal_pending()."""
    return bool(p.thread_flags & TIF_SIGPENDING)


def fatal_signal_pending(p: TaskStruct) -> bool:
    """SIGKILL is in the thread's own set (include/linux/sched.h); the shared set does not count."""
    # The set first: to a task that nobody killed, the freezer's signal makes no difference here.
    return SIGKILL in p.pending and bool(p.thread_flags & TIF_SIGPENDING)


def signal_pending_state(state: int, p: TaskStruct) -> bool:
    """A sleep in this state would end at once (include/linux/sched.h)."""
    if not state & TASK_INTERRUPTIBLE and (not state & TASK_WAKEKILL or SIGKILL not in p.pending):
        return False
    return bool(p.thread_flags & TIF_SIGPENDING)
