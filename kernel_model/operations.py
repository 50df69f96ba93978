"""The alphabet: what user space, the keyboard and the devices can do to the machine, by name.

Each operation is a function of the kernel, the calling task and its arguments; a system call returns the generator that the
task then runs, an outside event acts at once.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs

from kernel_model import sched
from kernel_model.cgroup_freezer import (
    cgroup_attach_task,
    freezer_change_state,
    freezer_css_offline,
    freezer_css_online,
    freezer_read,
)
from kernel_model.exec import execve
from kernel_model.fork import CloneArgs, do_fork
from kernel_model.get_signal import do_group_exit
from kernel_model.locking import acquire, release
from kernel_model.mm import io_complete, mem_cgroup_commit_charge
from kernel_model.page_alloc import (
    alloc_pages_slowpath,
    handle_fault,
    mem_cgroup_oom,
    mem_cgroup_oom_synchronize,
    sysrq_handle_moom,
)
from kernel_model.power import main as power
from kernel_model.preempt import Steps, lock, point
from kernel_model.prototypes import do_exit
from kernel_model.ptrace import ptrace_attach, ptrace_detach, ptrace_resume, ptrace_setoptions
from kernel_model.sched import FreezerCgroup, Kernel, MemCgroup, TaskStruct, list_del_rcu
from kernel_model.signal import do_send_sig_info
from kernel_model.wait import do_wait

Call = Callable[[Kernel, TaskStruct], Steps[Any]]

SIBLING = point("copy_process", "CLONE_PARENT: SIGNAL_UNKILLABLE?")
SET_HANDLER = lock("do_sigaction", "siglock: SIGCHLD's handler")
SCORE_ADJ = point("oom_score_adj_write", "for all that share the mm")
SUBREAPER = point("prctl", "PR_SET_CHILD_SUBREAPER")
MEMCG_ATTACH = lock("cgroup_migrate", "css_set_lock: move the task to a memory cgroup")
IO_SUBMIT = point("io_submit", "I/O in flight")
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
    """One letter of the alphabet.  ``by`` says who does it: "user" tasks, "kthread" too, or nobody ("event")."""

    name: str
    by: str
    args: tuple[Arg, ...]
    start: Callable[..., Any]
    meaning: str


OPERATIONS: dict[str, Operation] = {}


def _operation(name: str, by: str, args: tuple[Arg, ...], start: Callable[..., Any], meaning: str) -> None:
    OPERATIONS[name] = Operation(name, by, args, start, meaning)


def _clone(flags: int, exit_signal: int = sched.SIGCHLD) -> Callable[[Kernel, str], Call]:
    def start(_k: Kernel, name: str) -> Call:
        return partial(_fork, args=CloneArgs(name, flags, exit_signal))

    return start


def _fork(k: Kernel, cur: TaskStruct, args: CloneArgs) -> Steps[str]:
    if args.flags & sched.CLONE_PARENT:
        yield SIBLING
        if cur.signal.flags & sched.SIGNAL_UNKILLABLE:
            return "EINVAL"
    if (yield from do_fork(k, cur, args)) is not None:
        return ""
    return "ENOMEM" if cur.pid_ns.disabled else "ERESTARTNOINTR"


def _exit(k: Kernel, cur: TaskStruct) -> Steps[None]:
    yield from do_exit(k, cur, 0)


def _exit_group(k: Kernel, cur: TaskStruct) -> Steps[None]:
    yield from do_group_exit(k, cur, 0)


def _kill(_k: Kernel, target: TaskStruct, sig: int) -> Call:
    def kill(k: Kernel, cur: TaskStruct) -> Steps[str]:
        # A namespace's init is safe from its own children, not from its ancestors.
        from_ancestor = cur.pid_ns is not target.pid_ns
        yield from do_send_sig_info(
            k, cur, target, sig, group=True, force=from_ancestor and sig == sched.SIGKILL
        )
        return ""

    return kill


def _tgkill(_k: Kernel, target: TaskStruct, sig: int) -> Call:
    def tgkill(k: Kernel, cur: TaskStruct) -> Steps[str]:
        yield from do_send_sig_info(k, cur, target, sig, group=False)
        return ""

    return tgkill


def _sigchld(*, disposition: str | None = None, nocldwait: bool | None = None) -> Callable[[Kernel], Call]:
    def sigaction(k: Kernel, cur: TaskStruct) -> Steps[str]:
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

    return lambda _k: sigaction


def _wait(*, wall: bool) -> Callable[[Kernel], Call]:
    def wait4(k: Kernel, cur: TaskStruct) -> Steps[str]:
        reaped = yield from do_wait(k, cur, wall=wall)
        return reaped if isinstance(reaped, str) else f"reaped {reaped.name}"

    return lambda _k: wait4


def _ptrace(request: Callable[..., Steps[str]], *extra: int) -> Callable[[Kernel, TaskStruct], Call]:
    def start(_k: Kernel, target: TaskStruct) -> Call:
        return lambda k, cur: request(k, cur, target, *extra)

    return start


def _plain(function: Call) -> Callable[[Kernel], Call]:
    return lambda _k: function


def _memcg(
    charge: Callable[[Kernel, TaskStruct, MemCgroup], Steps[Any]], otherwise: Call
) -> Callable[[Kernel], Call]:
    def allocate(k: Kernel, cur: TaskStruct) -> Steps[Any]:
        if cur.memcg is None:
            return (yield from otherwise(k, cur))
        return (yield from charge(k, cur, cur.memcg))

    return lambda _k: allocate


def _oom_score_adj(_k: Kernel, target: TaskStruct, value: int) -> Call:
    def write(k: Kernel, cur: TaskStruct) -> Steps[str]:
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

    return write


def _subreaper(k: Kernel, cur: TaskStruct) -> Steps[str]:
    del k
    yield SUBREAPER
    cur.signal.is_child_subreaper = True
    return ""


def _attach(_k: Kernel, target: TaskStruct, cgroup: FreezerCgroup) -> Call:
    return lambda k, cur: cgroup_attach_task(k, cur, target.group_leader, cgroup)


def _memcg_attach(_k: Kernel, target: TaskStruct, memcg: MemCgroup) -> Call:
    def attach(k: Kernel, cur: TaskStruct) -> Steps[str]:
        yield MEMCG_ATTACH, k.css_set_lock
        acquire(cur, k.css_set_lock)
        for p in target.signal.threads:
            if p.on_cgroup_list and p.memcg is not memcg:
                if p.memcg is not None:
                    p.memcg.tasks = list_del_rcu(p.memcg.tasks, p)
                p.memcg = memcg
                memcg.tasks.append(p)
        mem_cgroup_commit_charge(k, target.signal, memcg)
        release(cur, k.css_set_lock)
        return ""

    return attach


def _freezer_state(*, freeze: bool) -> Callable[[Kernel, FreezerCgroup], Call]:
    return lambda _k, cgroup: lambda k, cur: freezer_change_state(k, cur, cgroup, freeze=freeze)


def _mkdir(_k: Kernel, name: str, parent: FreezerCgroup) -> Call:
    def mkdir(k: Kernel, cur: TaskStruct) -> Steps[str]:
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

    return mkdir


def _rmdir(_k: Kernel, cgroup: FreezerCgroup) -> Call:
    def rmdir(k: Kernel, cur: TaskStruct) -> Steps[str]:
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

    return rmdir


MAKE = lock("freezer_css_online", "freezer_mutex")
REMOVE = lock("freezer_css_offline", "freezer_mutex")


def _io_submit(k: Kernel, cur: TaskStruct) -> Steps[str]:
    yield IO_SUBMIT
    if cur.mm is not None and not cur.mm.aio_in_flight:
        cur.mm.aio_in_flight = True
        k.aio.append(cur.mm)
    return ""


def _pressure(k: Kernel) -> None:
    k.memory_pressure = True


def _kill_allocating(k: Kernel) -> None:
    k.sysctl_oom_kill_allocating_task = True


_T, _N = Arg.TASK, Arg.NEW
_VM, _THREAD = sched.CLONE_VM, sched.CLONE_VM | sched.CLONE_SIGHAND | sched.CLONE_THREAD
for _row in (
    ("clone", "user", (_N,), _clone(_THREAD), "start a thread"),
    ("fork", "user", (_N,), _clone(0), "fork a process"),
    (
        "vfork",
        "user",
        (_N,),
        _clone(_VM | sched.CLONE_VFORK),
        "fork a process and wait until it execs or exits",
    ),
    ("clone_vm", "user", (_N,), _clone(_VM), "a process that shares the mm but not the signal handlers"),
    (
        "clone_sighand",
        "user",
        (_N,),
        _clone(_VM | sched.CLONE_SIGHAND),
        "a process that shares mm and handlers",
    ),
    ("clone_parent", "user", (_N,), _clone(sched.CLONE_PARENT), "a process that becomes a sibling"),
    ("clone_nosig", "user", (_N,), _clone(0, sched.SIGUSR1), "a process whose exit signal is SIGUSR1"),
    ("clone_newpid", "user", (_N,), _clone(sched.CLONE_NEWPID), "the init of a new pid namespace"),
    ("exit", "user", (), _plain(_exit), "exit of this thread alone (pthread_exit)"),
    ("exit_group", "user", (), _plain(_exit_group), "exit of the process"),
    ("kill", "user", (_T, Arg.SIGNAL), _kill, "send a signal to a process"),
    ("tgkill", "user", (_T, Arg.SIGNAL), _tgkill, "send a signal to a thread"),
    ("ignore_sigchld", "user", (), _sigchld(disposition=sched.SIG_IGN), "set SIGCHLD to SIG_IGN"),
    ("handle_sigchld", "user", (), _sigchld(disposition=sched.SIG_HANDLED), "install a handler for SIGCHLD"),
    ("nocldwait", "user", (), _sigchld(nocldwait=True), "set SA_NOCLDWAIT"),
    ("wait", "user", (), _wait(wall=False), "wait for any child"),
    ("wait_all", "user", (), _wait(wall=True), "wait for any child, __WALL"),
    ("execve", "user", (), _plain(execve), "run another program"),
    ("ptrace_attach", "user", (_T,), _ptrace(ptrace_attach, 0), "PTRACE_ATTACH: trace a thread and stop it"),
    ("ptrace_seize", "user", (_T,), _ptrace(ptrace_attach, sched.PT_SEIZED), "PTRACE_SEIZE: trace a thread"),
    (
        "ptrace_seize_exit",
        "user",
        (_T,),
        _ptrace(ptrace_attach, sched.PT_SEIZED | sched.PT_TRACE_EXIT),
        "PTRACE_SEIZE with PTRACE_O_TRACEEXIT",
    ),
    (
        "ptrace_exitkill",
        "user",
        (_T,),
        _ptrace(ptrace_setoptions, sched.PT_EXITKILL),
        "set PTRACE_O_EXITKILL",
    ),
    ("ptrace_cont", "user", (_T,), _ptrace(ptrace_resume), "PTRACE_CONT without a signal"),
    ("ptrace_detach", "user", (_T,), _ptrace(ptrace_detach), "PTRACE_DETACH"),
    ("alloc", "kthread", (), _plain(alloc_pages_slowpath), "allocate until the global OOM killer runs"),
    ("fault", "user", (), _plain(handle_fault), "page faults until the global OOM killer runs"),
    (
        "charge",
        "user",
        (),
        _memcg(mem_cgroup_oom, alloc_pages_slowpath),
        "a system call past the memory cgroup's limit",
    ),
    (
        "charge_fault",
        "user",
        (),
        _memcg(mem_cgroup_oom_synchronize, handle_fault),
        "a page fault past the memory cgroup's limit",
    ),
    ("oom_score_adj", "user", (_T, Arg.NUMBER), _oom_score_adj, "write oom_score_adj"),
    ("subreaper", "user", (), _plain(_subreaper), "become a child subreaper"),
    ("attach", "user", (_T, Arg.CGROUP), _attach, "move a process to a freezer cgroup"),
    ("memcg_attach", "user", (_T, Arg.MEMCG), _memcg_attach, "move a process to a memory cgroup"),
    ("freeze", "user", (Arg.CGROUP,), _freezer_state(freeze=True), "write FROZEN to freezer.state"),
    ("thaw", "user", (Arg.CGROUP,), _freezer_state(freeze=False), "write THAWED to freezer.state"),
    (
        "read_state",
        "user",
        (Arg.CGROUP,),
        lambda _k, cgroup: lambda k, cur: freezer_read(k, cur, cgroup),
        "read freezer.state",
    ),
    ("mkdir", "user", (Arg.NEW_CGROUP, Arg.CGROUP), _mkdir, "make a freezer cgroup below another"),
    ("rmdir", "user", (Arg.CGROUP,), _rmdir, "remove an empty freezer cgroup"),
    ("suspend", "user", (), _plain(power.pm_suspend), "write mem to /sys/power/state"),
    ("hibernate", "user", (), _plain(power.hibernate), "write disk to /sys/power/state"),
    (
        "snapshot_freeze",
        "user",
        (),
        _plain(power.snapshot_freeze),
        "SNAPSHOT_FREEZE: freeze_processes() alone",
    ),
    ("snapshot_unfreeze", "user", (), _plain(power.snapshot_unfreeze), "SNAPSHOT_UNFREEZE"),
    ("io_submit", "user", (), _plain(_io_submit), "leave asynchronous I/O in flight"),
    ("sysrq_f", "event", (), sysrq_handle_moom, "SysRq-f on the keyboard"),
    ("wakeup", "event", (), power.pm_wakeup, "the power button resumes the machine"),
    ("io_complete", "event", (), io_complete, "the devices finish all I/O in flight"),
    ("memory_pressure", "event", (), _pressure, "from now on dying tasks allocate too"),
    ("kill_allocating_task", "event", (), _kill_allocating, "sysctl vm.oom_kill_allocating_task = 1"),
):
    _operation(*_row)
