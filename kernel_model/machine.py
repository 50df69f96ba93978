"""A machine: one kernel, booted with one variant, driven step by step from outside.

Nothing here chooses: whoever drives the machine says which operation is asked for and which context takes the next step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernel_model.cgroup_freezer import join_list
from kernel_model.core import frozen
from kernel_model.entry import USER_MODE
from kernel_model.errors import IllegalOperation, ModelBug
from kernel_model.fork import alloc_pid
from kernel_model.locking import SIGLOCK, Lock
from kernel_model.operations import SIGNALS, Arg, Operation
from kernel_model.page_alloc import KWORKER_IDLE
from kernel_model.preempt import Kind, PreemptionPoint, Steps
from kernel_model.sched import (
    OOM_SCORE_ADJ_MIN,
    PF_KTHREAD,
    PF_NOFREEZE,
    SIGNAL_UNKILLABLE,
    TASK_RUNNING,
    TASK_WAKEKILL,
    TIF_SIGPENDING,
    FreezerCgroup,
    Jiffies,
    Kernel,
    MemCgroup,
    MmStruct,
    SighandStruct,
    SignalStruct,
    TaskStruct,
    fatal_signal_pending,
    signal_pending_state,
)
from kernel_model.variant import Variant, link

RUN, READ, KILLABLE, SLEEP, USER = Kind.RUN, Kind.READ, Kind.KILLABLE, Kind.SLEEP, Kind.USER
TASK, NEW, NEW_CGROUP, NUMBER = Arg.TASK, Arg.NEW, Arg.NEW_CGROUP, Arg.NUMBER


class Machine:
    """A booted kernel: init, the kernel threads, freezer cgroups A and A/B, memory cgroups M and M/N."""

    __slots__ = ("given", "image", "k", "kthreads", "names")

    def __init__(self, variant: Variant) -> None:
        """Boot with the functions of ``variant``."""
        self.image = link(variant)
        call = self.image.functions
        self.k = k = Kernel(variant, call["ret_from_fork"])
        self.names: dict[str, TaskStruct] = {}
        # A name is given once: a fork under way, or a removed cgroup, keeps it.
        self.given: set[tuple[Arg, str]] = set()
        init = self._boot_task(1, "init", MmStruct(0))
        init.signal.flags = SIGNAL_UNKILLABLE
        k.init_pid_ns.child_reaper = init
        call["ret_from_fork"](k, init)
        k.oom_reaper = self._kthread(
            2, "oom_reaper", call["oom_reaper"](k, self._boot_task(2, "oom_reaper", None))
        )
        k.kworker = self._kthread(3, "kworker", call["_kworker"](k, self._boot_task(3, "kworker", None)))
        kswapd = self._kthread(4, "kswapd", call["_freezable_kthread"](k, self._boot_task(4, "kswapd", None)))
        kswapd.flags &= ~PF_NOFREEZE
        self.kthreads = frozenset({k.kworker, kswapd})
        upper = FreezerCgroup("A", k.root_cgroup)
        lower = FreezerCgroup("A/B", upper)
        k.root_cgroup.children.append(upper)
        upper.children.append(lower)
        k.cgroups = {"/": k.root_cgroup, "A": upper, "A/B": lower}
        limited = MemCgroup("M")
        limited.children.append(MemCgroup("M/N", limited))
        k.memcgs = {memcg.name: memcg for memcg in (limited, *limited.children)}

    def _boot_task(self, pid: int, name: str, mm: MmStruct | None) -> TaskStruct:
        k = self.k
        p = TaskStruct(pid, name, SignalStruct(pid), SighandStruct(Lock(SIGLOCK, name)))
        p.group_leader = p
        p.parent = p.real_parent = k.tasks.get(1, p)
        p.mm = mm
        p.cgroup = k.root_cgroup
        join_list(p, k.root_cgroup)
        p.pid_ns = k.init_pid_ns
        alloc_pid(p)
        p.signal.threads = [p]
        p.signal.curr_target = p
        p.hashed = True
        k.tasks[pid] = p
        self.names[name] = p
        return p

    def _kthread(self, pid: int, name: str, context: Steps[None]) -> TaskStruct:
        p = self.k.tasks[pid]
        assert p.name == name
        p.flags = PF_KTHREAD | PF_NOFREEZE
        p.context = context
        p.at = next(context)
        return p

    # What is possible now

    def runnable(self, t: TaskStruct) -> bool:
        """The task's context could take a step."""
        at = t.at
        if at is None or self.k.panicked:
            return False
        if isinstance(at, PreemptionPoint):
            kind = at.kind
            if kind is SLEEP:
                # Asked of every task at every step: no call for the many that sleep and have no signal.
                return t.state == TASK_RUNNING or (
                    t.thread_flags & TIF_SIGPENDING != 0 and signal_pending_state(t.state, t)
                )
            return kind is not USER or t.syscall is not None or t.thread_flags & TIF_SIGPENDING != 0
        kind = at[0].kind
        if kind is RUN:
            return True
        lock: Any = at[1]
        if lock.owner is None and (kind is READ or not lock.readers):
            return True
        return kind is KILLABLE and fatal_signal_pending(t)

    def runnable_tasks(self) -> list[TaskStruct]:
        """All of them, in the order of their pids."""
        return [t for t in self.k.tasks.values() if t.at is not None and self.runnable(t)]

    def sleepers_due(self) -> tuple[Jiffies, TaskStruct] | None:
        """The next timer: when, and whose; None if no sleep has an end."""
        sleepers = [t for t in self.k.tasks.values() if t.state and (t.timer is not None or t.polling)]
        due = [(when, t.pid) for t in sleepers if (when := self._due(t)) is not None]
        if not due:
            return None
        when, pid = min(due)
        return when, self.k.tasks[pid]

    def _due(self, t: TaskStruct) -> Jiffies | None:
        if t.at is None or frozen(t):
            return None
        # A poller that could see something new looks again at once; others wait for their timer, killable sleeps for somebody.
        if t.polling and not t.state & TASK_WAKEKILL and t.seen_progress != self.k.progress:
            return self.k.clock + 1 if t.timer is None else min(t.timer, self.k.clock + 1)
        return t.timer

    # Steps

    def step(self, t: TaskStruct) -> None:
        """Let a runnable context go on to its next preemption point."""
        context = t.context
        assert context is not None
        # What pollers, and who only shakes off the freezer's signal, do is no news for other pollers.
        if not t.polling and not t.restless:
            self.k.progress += 1
        try:
            at = next(context)
        except StopIteration:
            t.context = t.at = None
            return
        t.at = at
        if t.held and isinstance(at, PreemptionPoint) and at.kind >= SLEEP:
            self._check_sleep(t, at)

    @staticmethod
    def _check_sleep(t: TaskStruct, at: PreemptionPoint) -> None:
        for lock in t.held:
            if not lock.sleeping or at.kind == USER:
                raise ModelBug(f"{t.name} leaves the CPU at {at} while it holds {lock.name}")

    def tick(self) -> bool:
        """Advance the clock to the next timer and let its sleeper go on; False if there is none."""
        due = None if self.k.panicked else self.sleepers_due()
        if due is None:
            return False
        when, t = due
        self.k.clock = max(self.k.clock, when)
        t.timer = None
        t.state = TASK_RUNNING
        # What happens from here on, until it sleeps again and nobody can run, is news to a poller: in whatever order.
        if t.polling:
            t.seen_progress = self.k.progress
        return True

    def may_expire(self, t: TaskStruct) -> bool:
        """The task sleeps until a time, or until it looks again."""
        return t.state != TASK_RUNNING and not frozen(t) and (t.timer is not None or t.polling)

    def expire(self, t: TaskStruct) -> None:
        """Let a sleep that has an end come to it before the others rest; the clock stands still."""
        if not self.may_expire(t):
            raise ModelBug(f"{t.name} does not sleep until a time, at {describe(t)}")
        if t.polling:
            t.seen_progress = self.k.progress
        t.timer = None
        t.state = TASK_RUNNING

    # Requests

    def request(self, name: str, task: str | None = None, *args: str | int) -> None:
        """Ask for an operation; it happens as the contexts run.

        Raises IllegalOperation, with the machine unchanged, for what no user could ask for.
        """
        operation, cur, arguments = self.check(name, task, *args)
        if cur is None:
            operation.bound(arguments)(self.k)
            return
        cur.syscall = operation.bound(arguments)
        for kind, value in zip(operation.args, arguments, strict=True):
            if kind is NEW or kind is NEW_CGROUP:
                self.given.add((kind, value))
        if cur in self.kthreads:
            cur.state = TASK_RUNNING

    def check(
        self, name: str, task: str | None, *args: str | int
    ) -> tuple[Operation, TaskStruct | None, list[Any]]:
        """The operation, its caller (None for an event) and its arguments.  Raises IllegalOperation; changes nothing."""
        operation: Operation | None = self.image.operations.get(name)
        who = task or "nobody"
        if operation is None:
            raise IllegalOperation(name, who, "no such operation")
        if self.k.panicked:
            raise IllegalOperation(name, who, f"the kernel panicked: {self.k.panicked}")
        if operation.by == "event":
            if task is not None:
                raise IllegalOperation(name, who, "nobody does this: it is an event")
            return operation, None, self._arguments(operation, who, args)
        return operation, self._caller(operation, task), self._arguments(operation, who, args)

    def _caller(self, operation: Operation, task: str | None) -> TaskStruct:
        name = operation.name
        if task is None:
            raise IllegalOperation(name, "nobody", "a task has to do this")
        cur = self.names_now().get(task)
        if cur is None:
            raise IllegalOperation(name, task, "no such task")
        idle = KWORKER_IDLE if operation.by == "kthread" and cur in self.kthreads else USER_MODE
        if cur.at is not idle or cur.syscall is not None:
            raise IllegalOperation(name, task, self._busy(cur, idle))
        return cur

    @staticmethod
    def _busy(cur: TaskStruct, idle: PreemptionPoint) -> str:
        """Why the task can't do anything for a user now."""
        if idle is KWORKER_IDLE:
            return "the kernel thread is busy"
        if cur.flags & PF_KTHREAD:
            return "a kernel thread does not do this"
        if cur.at is None:
            return "the task is dead"
        if frozen(cur):
            return "the task is in the fridge"
        if cur.at is USER_MODE:
            return "its last call has not begun yet: put a run before this one"
        return f"the task is in the kernel, at {describe(cur)}"

    def names_now(self) -> dict[str, TaskStruct]:
        """Every task that was ever hashed, by its name."""
        if len(self.names) != len(self.k.tasks):
            self.names = {p.name: p for p in self.k.tasks.values()}
        return self.names

    def _arguments(self, operation: Operation, who: str, args: tuple[str | int, ...]) -> list[Any]:
        if len(args) != len(operation.args):
            wanted = ", ".join(a.value for a in operation.args) or "none"
            raise IllegalOperation(operation.name, who, f"{len(args)} arguments where it takes {wanted}")
        return [
            self._argument(operation.name, who, kind, value)
            for kind, value in zip(operation.args, args, strict=True)
        ]

    def _argument(self, name: str, who: str, kind: Arg, value: str | int) -> Any:
        if kind is NUMBER:
            if not isinstance(value, int) or not OOM_SCORE_ADJ_MIN <= value <= -OOM_SCORE_ADJ_MIN:
                raise IllegalOperation(name, who, f"{value!r} is not a number from -1000 to 1000")
            return value
        table = self._table(kind)
        if table is not None:
            found = table.get(value) if isinstance(value, str) else None
            if found is None:
                raise IllegalOperation(name, who, f"no such {kind.value}: {value!r}")
            return found
        if not isinstance(value, str) or not value:
            raise IllegalOperation(name, who, f"{value!r} can't name a {kind.value}")
        known = self.k.cgroups if kind is NEW_CGROUP else self.names_now()
        if value in known or (kind, value) in self.given:
            raise IllegalOperation(name, who, f"{value!r} can't name a {kind.value}: it is taken")
        return value

    def _table(self, kind: Arg) -> Mapping[str, Any] | None:
        """What an argument of this kind names something in; None for a number or a new name."""
        if kind is TASK:
            return self.names_now()
        if kind is Arg.CGROUP:
            return self.k.cgroups
        if kind is Arg.MEMCG:
            return self.k.memcgs
        return SIGNALS if kind is Arg.SIGNAL else None


def stopped_at(t: TaskStruct) -> PreemptionPoint | None:
    """The point where the task's context stands, without its operand; None for one that is TASK_DEAD."""
    return t.at if isinstance(t.at, PreemptionPoint) or t.at is None else t.at[0]


def describe(t: TaskStruct) -> str:
    """Where the task's context stands, for people."""
    return str(stopped_at(t) or "TASK_DEAD")
