"""The alphabet: what user space, the keyboard and the devices can do to the machine, by name.

An operation is a function of the kernel, the calling task and its arguments that gives the generator which the task then runs; an
outside event acts at once, on the kernel.  Where the C source has the function, it is the operation itself.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import attrs

from kernel_model import sched
from kernel_model.cgroup_freezer import (
    cgroup_attach_task,
    freezer_change_state,
    freezer_css_offline,
    freezer_css_online,
    freezer_read,
)
from kernel_model.coredump import core_read
from kernel_model.exec import execve
from kernel_model.filemap import wait_on_page_writeback
from kernel_model.fork import CloneArgs, do_fork
from kernel_model.futex import futex_wait, futex_wake
from kernel_model.get_signal import do_group_exit
from kernel_model.hrtimer import nanosleep
from kernel_model.locking import acquire, release
from kernel_model.mm import io_complete, mem_cgroup_commit_charge, mem_over_limit
from kernel_model.page_alloc import (
    _handle_fault,
    alloc_pages_slowpath,
    mem_cgroup_oom,
    mem_cgroup_oom_synchronize,
    sysrq_handle_moom,
)
from kernel_model.power.main import (
    _snapshot_freeze,
    _snapshot_unfreeze,
    hibernate,
    pm_suspend,
    pm_wakeup,
)
from kernel_model.preempt import Steps, lock, point
from kernel_model.prototypes import do_exit
from kernel_model.ptrace import ptrace_attach, ptrace_detach, ptrace_resume, ptrace_setoptions, ptrace_traceme
from kernel_model.sched import FreezerCgroup, Kernel, MemCgroup, TaskStruct, list_del_rcu
from kernel_model.signal import do_send_sig_info
from kernel_model.wait import do_wait

SIBLING = point("copy_process", "CLONE_PARENT: SIGNAL_UNKILLABLE?")
SET_HANDLER = lock("do_sigaction", "siglock: SIGCHLD's handler")
SCORE_ADJ = point("oom_score_adj_write", "for all that share the mm")
SUBREAPER = point("prctl", "PR_SET_CHILD_SUBREAPER")
MEMCG_ATTACH = lock("cgroup_migrate", "css_set_lock: move the task to a memory cgroup")
OPEN = point("do_sys_open", "a file whose last close allocates")
IO_SUBMIT = point("io_submit", "I/O in flight")
MAKE = lock("freezer_css_online", "freezer_mutex")
REMOVE = lock("freezer_css_offline", "freezer_mutex")
SIGNALS = {
    "KILL": sched.SIGKILL,
    "TERM": sched.SIGTERM,
    "ABRT": sched.SIGABRT,
    "STOP": sched.SIGSTOP,
    "CONT": sched.SIGCONT,
}


class Arg(enum.Enum):
    """What an argument names."""

    TASK = "task"  # an existing task
    NEW = "new task"  # a name not yet in use
    CGROUP = "freezer cgroup"
    NEW_CGROUP = "new freezer cgroup"
    MEMCG = "memory cgroup"
    SIGNAL = "signal"
    NUMBER = "number"


@attrs.define(frozen=True)
class Operation:
    """One letter of the alphabet.  ``by`` says who does it: "user" tasks, "kthread" too, or nobody ("event").

    ``takes``: what its arguments name, by the function's names for them; ``args``: the same, in order.  ``weight``: how often
    random programs ask for it beside its kernel's other own operations, 0 for never; those of every kernel have rules of their own.
    """

    name: str
    by: str
    takes: dict[str, Arg]
    start: Callable[..., Any]
    meaning: str
    weight: int = attrs.field(
        default=1, validator=[attrs.validators.instance_of(int), attrs.validators.ge(0)]
    )
    args: tuple[Arg, ...] = attrs.field(
        init=False, default=attrs.Factory(lambda self: tuple(self.takes.values()), takes_self=True)
    )

    def bound(self, arguments: Sequence[Any]) -> Callable[..., Any]:
        """The function with its arguments: of the kernel and the calling task, or of the kernel alone."""
        return (
            partial(self.start, **dict(zip(self.takes, arguments, strict=True))) if arguments else self.start
        )


OPERATIONS: dict[str, Operation] = {}
F = TypeVar("F", bound=Callable[..., Any])


def operation(name: str, meaning: str, by: str = "user", /, **takes: Arg) -> Callable[[F], F]:
    """Make the function the operation of that name."""

    def made(start: F) -> F:
        OPERATIONS[name] = Operation(name, by, takes, start, meaning)
        return start

    return made


TASK, NEW, CGROUP = Arg.TASK, Arg.NEW, Arg.CGROUP


# Births and deaths


def _clone(
    k: Kernel, cur: TaskStruct, name: str, *, flags: int, exit_signal: int = sched.SIGCHLD
) -> Steps[str]:
    if flags & sched.CLONE_PARENT:
        yield SIBLING
        if cur.signal.flags & sched.SIGNAL_UNKILLABLE:
            return "EINVAL"
    if (yield from do_fork(k, cur, CloneArgs(name, flags, exit_signal))) is not None:
        return ""
    return "ENOMEM" if cur.pid_ns.disabled else "ERESTARTNOINTR"


_VM, _SIGHAND = sched.CLONE_VM, sched.CLONE_VM | sched.CLONE_SIGHAND
for _name, _flags, _meaning in (
    ("clone", _SIGHAND | sched.CLONE_THREAD, "start a thread"),
    ("fork", 0, "fork a process"),
    ("vfork", _VM | sched.CLONE_VFORK, "fork a process and wait until it execs or exits"),
    ("clone_vm", _VM, "a process that shares the mm but not the signal handlers"),
    ("clone_sighand", _SIGHAND, "a process that shares mm and handlers"),
    ("clone_parent", sched.CLONE_PARENT, "a process that becomes a sibling"),
    ("clone_newpid", sched.CLONE_NEWPID, "the init of a new pid namespace"),
):
    operation(_name, _meaning, name=NEW)(partial(_clone, flags=_flags))
operation("clone_nosig", "a process whose exit signal is SIGUSR1", name=NEW)(
    partial(_clone, flags=0, exit_signal=sched.SIGUSR1)
)
operation("clone_silent", "a process without an exit signal", name=NEW)(
    partial(_clone, flags=0, exit_signal=0)
)
operation("execve", "run another program")(execve)


@operation("exit", "exit of this thread alone (pthread_exit)")
def _exit(k: Kernel, cur: TaskStruct) -> Steps[None]:
    yield from do_exit(k, cur, 0)


@operation("exit_group", "exit of the process")
def _exit_group(k: Kernel, cur: TaskStruct) -> Steps[None]:
    yield from do_group_exit(k, cur, 0)


def _wait4(
    k: Kernel, cur: TaskStruct, target: TaskStruct | None = None, *, wall: bool = False, nohang: bool = False
) -> Steps[str]:
    reaped = yield from do_wait(k, cur, wall=wall, only=target, nohang=nohang)
    return reaped if isinstance(reaped, str) else f"reaped {reaped.name}"


operation("wait", "wait for any child")(_wait4)
operation("wait_all", "wait for any child, __WALL")(partial(_wait4, wall=True))
operation("wait_nohang", "reap a child if there is a zombie, WNOHANG")(partial(_wait4, nohang=True))
operation("waitpid", "wait for one child", target=TASK)(_wait4)


@operation("subreaper", "become a child subreaper")
def _subreaper(k: Kernel, cur: TaskStruct) -> Steps[str]:
    del k
    yield SUBREAPER
    cur.signal.is_child_subreaper = True
    return ""


operation("futex_wait", "wait on a futex")(futex_wait)
operation("futex_wake", "wake who waits on a futex", target=TASK)(futex_wake)
operation("nanosleep", "sleep for 100 ms")(nanosleep)

# Signals and ptrace


@operation("kill", "send a signal to a process", target=TASK, sig=Arg.SIGNAL)
def _kill(k: Kernel, cur: TaskStruct, target: TaskStruct, sig: int) -> Steps[str]:
    # A namespace's init is safe from its own children, not from its ancestors.
    from_ancestor = cur.pid_ns is not target.pid_ns
    yield from do_send_sig_info(k, cur, target, sig, group=True, force=from_ancestor)
    return ""


@operation("tgkill", "send a signal to a thread", target=TASK, sig=Arg.SIGNAL)
def _tgkill(k: Kernel, cur: TaskStruct, target: TaskStruct, sig: int) -> Steps[str]:
    from_ancestor = cur.pid_ns is not target.pid_ns
    yield from do_send_sig_info(k, cur, target, sig, group=False, force=from_ancestor)
    return ""


def _sigaction(
    k: Kernel, cur: TaskStruct, *, disposition: str | None = None, nocldwait: bool | None = None
) -> Steps[str]:
    del k
    sighand = cur.sighand
    assert sighand is not None
    yield SET_HANDLER, sighand.siglock
    acquire(cur, sighand.siglock)
    if disposition is not None:
        sighand.sigchld = disposition
    if nocldwait is not None:
        sighand.sa_nocldwait = nocldwait
    release(cur, sighand.siglock)
    return ""


operation("ignore_sigchld", "set SIGCHLD to SIG_IGN")(partial(_sigaction, disposition=sched.SIG_IGN))
operation("handle_sigchld", "install a handler for SIGCHLD")(
    partial(_sigaction, disposition=sched.SIG_HANDLED)
)
operation("nocldwait", "set SA_NOCLDWAIT")(partial(_sigaction, nocldwait=True))
for _name, _flags, _meaning in (
    ("ptrace_attach", 0, "PTRACE_ATTACH: trace a thread and stop it"),
    ("ptrace_seize", sched.PT_SEIZED, "PTRACE_SEIZE: trace a thread"),
    (
        "ptrace_seize_exit",
        sched.PT_SEIZED | sched.PT_TRACE_EXIT,
        "PTRACE_SEIZE with PTRACE_O_TRACEEXIT",
    ),
):
    operation(_name, _meaning, target=TASK)(partial(ptrace_attach, flags=_flags))
operation("ptrace_traceme", "PTRACE_TRACEME: be traced by the parent")(ptrace_traceme)
operation("ptrace_exitkill", "set PTRACE_O_EXITKILL", target=TASK)(
    partial(ptrace_setoptions, options=sched.PT_EXITKILL)
)
operation("ptrace_cont", "PTRACE_CONT without a signal", target=TASK)(ptrace_resume)
operation("ptrace_detach", "PTRACE_DETACH", target=TASK)(ptrace_detach)


# Memory

operation("alloc", "allocate until the global OOM killer runs", "kthread")(alloc_pages_slowpath)
operation("fault", "page faults until the global OOM killer runs")(_handle_fault)


@operation("charge", "a system call past the memory cgroup's limit")
def _charge(k: Kernel, cur: TaskStruct) -> Steps[Any]:
    if cur.memcg is None:
        return (yield from alloc_pages_slowpath(k, cur))
    return (yield from mem_cgroup_oom(k, cur, mem_over_limit(cur.memcg)))


@operation("charge_fault", "a page fault past the memory cgroup's limit")
def _charge_fault(k: Kernel, cur: TaskStruct) -> Steps[Any]:
    if cur.memcg is None:
        return (yield from _handle_fault(k, cur))
    return (yield from mem_cgroup_oom_synchronize(k, cur, mem_over_limit(cur.memcg)))


@operation("oom_score_adj", "write oom_score_adj", target=TASK, value=Arg.NUMBER)
def _oom_score_adj(k: Kernel, cur: TaskStruct, target: TaskStruct, value: int) -> Steps[str]:
    del cur
    yield SCORE_ADJ
    target.signal.oom_score_adj = value
    first = sched.first_with_mm(target)
    if first is None or target.vfork_done is not None:
        return ""
    for p in k.tasks.values():
        # Processes that share the mm share the score, but for init and a vfork child.
        if p.mm is first.mm and p.vfork_done is None and not sched.same_thread_group(p, k.init):
            p.signal.oom_score_adj = value
    return ""


@operation("io_submit", "leave asynchronous I/O in flight")
def _io_submit(k: Kernel, cur: TaskStruct) -> Steps[str]:
    yield IO_SUBMIT
    if cur.mm is not None and not cur.mm.aio_in_flight:
        cur.mm.aio_in_flight = True
        k.aio.append(cur.mm)
    return ""


@operation("open_delalloc", "open a file of one's own whose last close allocates, past exit_mm()")
def _open_delalloc(k: Kernel, cur: TaskStruct) -> Steps[str]:
    del k
    yield OPEN
    cur.task_works = 1
    return ""


operation("writeback", "write a page and wait for the device, in D state", "kthread")(wait_on_page_writeback)


# Control groups


@operation("attach", "move a process to a freezer cgroup", target=TASK, cgroup=CGROUP)
def _attach(k: Kernel, cur: TaskStruct, target: TaskStruct, cgroup: FreezerCgroup) -> Steps[str]:
    return cgroup_attach_task(k, cur, target.group_leader, cgroup)


@operation("memcg_attach", "move a process to a memory cgroup", target=TASK, memcg=Arg.MEMCG)
def _memcg_attach(k: Kernel, cur: TaskStruct, target: TaskStruct, memcg: MemCgroup) -> Steps[str]:
    yield MEMCG_ATTACH, k.css_set_lock
    memcg_migrate(k, cur, target, memcg)
    return ""


def memcg_migrate(k: Kernel, cur: TaskStruct, target: TaskStruct, memcg: MemCgroup) -> None:
    """The threads that are listed move, under css_set_lock (kernel/cgroup.c, cgroup_migrate)."""
    acquire(cur, k.css_set_lock)
    for p in target.signal.threads:
        if p.on_cgroup_list and p.memcg is not memcg:
            if p.memcg is not None:
                p.memcg.tasks = list_del_rcu(p.memcg.tasks, p)
            p.memcg = memcg
            memcg.tasks.append(p)
    mem_cgroup_commit_charge(k, target.signal, memcg)
    release(cur, k.css_set_lock)


operation("freeze", "write FROZEN to freezer.state", cgroup=CGROUP)(
    partial(freezer_change_state, freeze=True)
)
operation("thaw", "write THAWED to freezer.state", cgroup=CGROUP)(partial(freezer_change_state, freeze=False))
operation("read_state", "read freezer.state", cgroup=CGROUP)(freezer_read)


@operation("mkdir", "make a freezer cgroup below another", name=Arg.NEW_CGROUP, parent=CGROUP)
def _mkdir(k: Kernel, cur: TaskStruct, name: str, parent: FreezerCgroup) -> Steps[str]:
    yield MAKE, k.freezer_mutex
    if name in k.cgroups or k.cgroups.get(parent.name) is not parent:
        return "EEXIST"
    acquire(cur, k.freezer_mutex)
    cgroup = FreezerCgroup(name, parent)
    parent.children.append(cgroup)
    k.cgroups[name] = cgroup
    freezer_css_online(k, cgroup)
    release(cur, k.freezer_mutex)
    return ""


@operation("rmdir", "remove an empty freezer cgroup", cgroup=CGROUP)
def _rmdir(k: Kernel, cur: TaskStruct, cgroup: FreezerCgroup) -> Steps[str]:
    yield REMOVE, k.freezer_mutex
    if k.cgroups.get(cgroup.name) is not cgroup:
        return "ENOENT"
    if cgroup.tasks or cgroup.children or cgroup.parent is None:
        return "EBUSY"
    acquire(cur, k.freezer_mutex)
    cgroup.parent.children.remove(cgroup)
    del k.cgroups[cgroup.name]
    freezer_css_offline(k, cgroup)
    release(cur, k.freezer_mutex)
    return ""


# Power management, and what nobody asks for

operation("suspend", "write mem to /sys/power/state")(pm_suspend)
operation("hibernate", "write disk to /sys/power/state")(hibernate)
operation("snapshot_freeze", "SNAPSHOT_FREEZE: freeze_processes() alone")(_snapshot_freeze)
operation("snapshot_unfreeze", "SNAPSHOT_UNFREEZE")(_snapshot_unfreeze)
operation("sysrq_f", "SysRq-f on the keyboard", "event")(sysrq_handle_moom)
operation("wakeup", "the power button resumes the machine", "event")(pm_wakeup)
operation("io_complete", "the devices finish all I/O in flight", "event")(io_complete)


@operation("memory_pressure", "from now on dying and dumping tasks allocate too", "event")
def _pressure(k: Kernel) -> None:
    k.memory_pressure = True


@operation("core_pipe", "from now on core dumps go to a pipe, whose reader is late", "event")
def _core_pipe(k: Kernel) -> None:
    k.core_pipe = True


operation("core_read", "the reader of the core dumps' pipe reads", "event")(core_read)


@operation("kill_allocating_task", "sysctl vm.oom_kill_allocating_task = 1", "event")
def _kill_allocating(k: Kernel) -> None:
    k.sysctl_oom_kill_allocating_task = True
