"""Who waits for whom at rest: an excuse for whoever does not get on, followed to its cause.

Somebody is held from outside if the chain of those that it waits for ends in a device, the power button, a fridge that somebody
keeps shut, the reader of a dump's pipe, or in a task of another group that waits for nobody: its user can let it go on.  A chain that
comes back, or that ends in the group itself, is no excuse.
"""

from __future__ import annotations

from kernel_model.core import frozen
from kernel_model.coredump import PIPE_SLEEP
from kernel_model.locking import Lock
from kernel_model.machine import stopped_at
from kernel_model.preempt import PreemptionPoint
from kernel_model.sched import (
    CGROUP_FREEZING,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    SIGNAL_UNKILLABLE,
    TASK_DEAD,
    TASK_TRACED,
    TIF_SIGPENDING,
    CoreState,
    Kernel,
    SignalStruct,
    TaskStruct,
    task_is_stopped,
)

DUMP_WAITS = frozenset({"exit_mm", "coredump_task_exit"})
DUMPS = frozenset({"coredump_wait", "do_coredump"})
NAMESPACE = "zap_pid_ns_processes"


def alive(p: TaskStruct) -> bool:
    """It is not TASK_DEAD."""
    return p.state != TASK_DEAD


def suspended(k: Kernel) -> bool:
    """Somebody suspends the machine, or has frozen it through /dev/snapshot, and lives."""
    owner = k.snapshot_owner
    return k.pm_mutex.owner is not None or any(p.signal is owner and alive(p) for p in k.tasks.values())


def shut(k: Kernel, p: TaskStruct) -> bool:
    """Something that a user can see keeps the task's fridge shut: its cgroup, or whoever suspends the machine."""
    return bool(p.cgroup.state & CGROUP_FREEZING) or suspended(k)


def core_state(p: TaskStruct) -> CoreState | None:
    """The dump that the task, or its address space, is part of."""
    of_mm = p.mm.core_state if p.mm is not None else None
    return of_mm or p.signal.core_state


def waits_for_a_dump(p: TaskStruct) -> bool:
    """Another thread dumps core; until it has, this one does not go on to die."""
    at = stopped_at(p)
    return at is not None and at.outside and at.function in DUMP_WAITS


def waits_for(k: Kernel, p: TaskStruct) -> list[TaskStruct]:
    """Those of whom one has to do something before the task can go on; none if no task has to."""
    at = stopped_at(p)
    if at is None:
        # A dead one waits to be reaped, a leader until its threads are.
        threads = [t for t in p.signal.threads if t is not p] if p.group_leader is p else []
        return threads or ([p.parent] if p.hashed else [])
    if frozen(p):
        return []
    if p.state == TASK_TRACED:
        return [p.parent]
    lock = p.at[1] if isinstance(p.at, tuple) else None
    if isinstance(lock, Lock):
        return [t for t in k.tasks.values() if t is not p and lock in t.held]
    return _waits_in(k, p, at)


def _waits_in(k: Kernel, p: TaskStruct, at: PreemptionPoint) -> list[TaskStruct]:
    tasks = k.tasks.values()
    if waits_for_a_dump(p):
        dump = core_state(p)
        return [dump.dumper] if dump is not None else []
    if at.function in DUMPS:
        dump = core_state(p)
        arrived = [p, *dump.waiters] if dump is not None else [p]
        return [t for t in tasks if t.mm is p.mm and t not in arrived]
    if at.function == NAMESPACE or (at.function == "do_wait" and p.mm is None and not p.exit_state):
        # Its own pid, and its leader's, may stay.
        return [t for t in p.pid_ns.tasks if t not in (p, p.group_leader)]
    if at.function == "de_thread":
        # For its leader only until that is dead.
        return [t for t in p.signal.threads if t is not p and (t is not p.group_leader or alive(t))]
    if at.function == "wait_for_vfork_done":
        return [t for t in tasks if t.vfork_done is p]
    if at.function == "mutex_lock_interruptible":
        guarded = [t.signal for t in tasks if p in t.signal.cred_guard_waiters]
        return [s.cred_guard_mutex for s in guarded if s.cred_guard_mutex is not None]
    return []


def waits_for_a_reader(k: Kernel, p: TaskStruct) -> bool:
    """A program that is no task here has yet to read the core; SIGKILL would end that, and an OOM victim's memory is not waited for."""
    victims = [t.signal.oom_mm for t in k.tasks.values() if t.signal.oom_mm is not None]
    return p.at is PIPE_SLEEP and SIGKILL not in p.pending and p.mm not in victims


def circle(k: Kernel, p: TaskStruct) -> list[TaskStruct]:
    """Those over whom the task waits for itself; empty if it does not.

    A stop is its user's: whoever is stopped waits for nobody here.
    """
    came_from: dict[int, TaskStruct] = {}
    todo = [p]
    while todo:
        t = todo.pop()
        for other in [] if t.state == TASK_TRACED else waits_for(k, t):
            if other is p:
                found = [t]
                while found[-1] is not p:
                    found.append(came_from[found[-1].pid])
                return found[::-1]
            if other.pid not in came_from:
                came_from[other.pid] = t
                todo.append(other)
    return []


def spared(k: Kernel, signal: SignalStruct) -> bool:
    """A pid namespace's init that was killed, and nobody in it will hear of it.

    Only an init is not killed as a whole (kernel/signal.c, complete_signal: SIGNAL_UNKILLABLE).  Its leader was woken for the signal, and
    died of a thread's execve(): exit_signals() hands nothing on while the group exits for that.  Or a stop of its own was taken first
    (dequeue_signal), and what is pending for the group ends no stop.
    """
    if not signal.flags & SIGNAL_UNKILLABLE or signal.flags & SIGNAL_GROUP_EXIT:
        return False
    left = [p for p in k.tasks.values() if p.signal is signal and alive(p)]
    return not any(p.thread_flags & TIF_SIGPENDING and not task_is_stopped(p) for p in left)


def held(k: Kernel, signal: SignalStruct, *, fridge: bool = False, unreaped: bool = False) -> bool:
    """Somebody or something outside the group keeps it from dying.

    With ``fridge`` also a fridge that is kept shut; with ``unreaped`` also somebody else's death, whoever has yet to reap it.
    """
    todo = [p for p in k.tasks.values() if p.signal is signal and alive(p)]
    seen: list[TaskStruct] = []
    while todo:
        p = todo.pop()
        if p in seen:
            continue
        seen.append(p)
        at = stopped_at(p)
        waits = waits_for(k, p)
        if frozen(p):
            if (fridge or p.signal is not signal) and shut(k, p):
                return True
        elif at is not None and at.outside and not waits and at.function not in {*DUMP_WAITS, NAMESPACE}:
            return True  # a device, a server, the power button
        elif at is PIPE_SLEEP:
            if waits_for_a_reader(k, p):
                return True
        elif p.signal is not signal and (unreaped if at is None else not waits):
            return True
        todo += waits
    return False
