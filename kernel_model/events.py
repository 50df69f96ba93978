"""What an observer can see: the only things that claims and differences may rest on.

An event is a tuple whose first item is its kind; tasks and groups stand in it by their pids and numbers.  The lists of tasks in
each state are read from the machine itself.
"""

from __future__ import annotations

from kernel_model.sched import TASK_DEAD, Kernel, SignalStruct, TaskStruct

MARKED = "marked"  # (kind, group): signal->oom_mm was set
MEMDIE = "memdie"  # (kind, pid): TIF_MEMDIE was set
OOM_VICTIMS = "oom_victims"  # (kind, pid of current, +1 or -1, new value)
THAWED = "thawed"  # (kind, pid of current, pid of the thawed, by the OOM killer?)
IO = "io"  # (kind, pid, what, phase)
IO_CONTEXT_GONE = "io_context_gone"  # (kind, pid)
WARNING = "warning"  # (kind, pid, text)
PINNED = "pinned"  # (kind, group): oom_mm's structure
UNPINNED = "unpinned"  # (kind, group)
PM_PHASE = "pm_phase"  # (kind, phase)
DISABLE_FAILED = "disable_failed"  # (kind, pid, oom_victims, victims alive?): oom_killer_disable() gave up
PM_RESULT = "pm_result"  # (kind, pid, operation, result, cause)
KILLED = "killed"  # (kind, group): SIGNAL_GROUP_EXIT was set
BORN = "born"  # (kind, pid, group, born into a group that has SIGNAL_GROUP_EXIT?)
DEAD = "dead"  # (kind, pid)
REAPED = "reaped"  # (kind, pid)
FROZE = "froze"  # (kind, pid)
LEFT_FRIDGE = "left_fridge"  # (kind, pid)
FREEZER_STATE = "freezer_state"  # (kind, cgroup, what a read of freezer.state gave)
PANIC = "panic"  # (kind, reason)


def marked(k: Kernel, signal: SignalStruct) -> None:
    """A group became an OOM victim."""
    k.events.append((MARKED, signal.number))


def memdie(k: Kernel, p: TaskStruct) -> None:
    """A thread got TIF_MEMDIE."""
    k.events.append((MEMDIE, p.pid))


def oom_victims(k: Kernel, cur: TaskStruct, change: int) -> None:
    """The count changed."""
    k.events.append((OOM_VICTIMS, cur.pid, change, k.oom_victims))


def thawed(k: Kernel, cur: TaskStruct, p: TaskStruct) -> None:
    """A frozen task was woken; whoever holds oom_lock does it as the OOM killer."""
    k.events.append((THAWED, cur.pid, p.pid, k.oom_lock.owner is cur))


def io(k: Kernel, cur: TaskStruct, what: str) -> None:
    """A task may have started I/O, in this phase of power management."""
    k.events.append((IO, cur.pid, what, k.pm_phase))


def io_context_gone(k: Kernel, cur: TaskStruct) -> None:
    """exit_io_context() has run."""
    k.events.append((IO_CONTEXT_GONE, cur.pid))


def warning(k: Kernel, cur: TaskStruct, text: str) -> None:
    """A WARN_ON fired."""
    k.events.append((WARNING, cur.pid, text))


def pinned(k: Kernel, signal: SignalStruct) -> None:
    """oom_mm's pin was taken."""
    k.events.append((PINNED, signal.number))


def unpinned(k: Kernel, signal: SignalStruct) -> None:
    """oom_mm's pin was dropped."""
    k.events.append((UNPINNED, signal.number))


def pm_phase(k: Kernel, phase: str) -> None:
    """Power management went on to another phase: running, frozen, disabled, suspended, image."""
    k.pm_phase = phase
    k.events.append((PM_PHASE, phase))


def disable_failed(k: Kernel, cur: TaskStruct) -> None:
    """oom_killer_disable() gave up while the count was this; is anybody alive whom it might have counted?"""
    alive = any(p.signal.oom_mm is not None and not p.state & TASK_DEAD for p in k.tasks.values())
    k.events.append((DISABLE_FAILED, cur.pid, k.oom_victims, alive))


def pm_result(k: Kernel, cur: TaskStruct, operation: str, result: str, cause: str) -> None:
    """A suspend, hibernation or snapshot gave this result; for a failure, what failed."""
    k.events.append((PM_RESULT, cur.pid, operation, result, cause))


def killed(k: Kernel, signal: SignalStruct) -> None:
    """The whole group was told to exit."""
    k.events.append((KILLED, signal.number))


def born(k: Kernel, p: TaskStruct, *, into_killed: bool) -> None:
    """copy_process() hashed a task."""
    k.events.append((BORN, p.pid, p.signal.number, into_killed))


def dead(k: Kernel, p: TaskStruct) -> None:
    """TASK_DEAD."""
    k.events.append((DEAD, p.pid))


def reaped(k: Kernel, p: TaskStruct) -> None:
    """The task was unhashed."""
    k.events.append((REAPED, p.pid))


def froze(k: Kernel, cur: TaskStruct) -> None:
    """The task entered the fridge."""
    k.events.append((FROZE, cur.pid))


def left_fridge(k: Kernel, cur: TaskStruct) -> None:
    """The task left the fridge."""
    k.events.append((LEFT_FRIDGE, cur.pid))


def freezer_state(k: Kernel, cgroup: str, state: str) -> None:
    """Somebody read freezer.state."""
    k.events.append((FREEZER_STATE, cgroup, state))


def panic(k: Kernel, reason: str) -> None:
    """The kernel panicked: nothing runs any more."""
    k.panicked = reason
    k.events.append((PANIC, reason))
