"""What an observer can see: the only things that claims and differences may rest on.

An event says what happened, and to whom: ``task`` and ``by`` are pids, ``group`` is a group's number.  The lists of tasks in each
state are read from the machine itself.  Events are values; tried and dropped: frozen ones, which take twice as long to make.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from kernel_model.sched import TASK_DEAD, Kernel, SignalStruct, TaskStruct

QUIET_PHASES = frozenset({"disabled", "suspended", "image"})
"""The phases of power management in which no victim may access a device."""

KINDS: dict[str, type[Event]] = {}
"""Every kind of event by its name in files."""


@attrs.define
class Event:
    """Something happened; ``kind`` is its name in files."""

    kind: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        """Known by its name."""
        if cls.kind:
            KINDS[cls.kind] = cls


@attrs.define
class OfTask(Event):
    """It happened to a task, or a task did it."""

    task: int

    @property
    def about(self) -> int:
        """Whose it is."""
        return self.task


@attrs.define
class OfGroup(Event):
    """It happened to a thread group."""

    group: int

    @property
    def about(self) -> int:
        """Whose it is."""
        return self.group


@attrs.define
class Marked(OfGroup):
    """signal->oom_mm was set."""

    kind = "marked"


@attrs.define
class Memdie(OfTask):
    """TIF_MEMDIE was set."""

    kind = "memdie"


@attrs.define
class OomVictims(OfTask):
    """The count changed by +1 or -1, and is now ``value``."""

    kind = "oom_victims"
    change: int
    value: int


@attrs.define
class Thawed(Event):
    """A frozen task was woken."""

    kind = "thawed"
    by: int
    task: int
    by_oom_killer: bool


@attrs.define
class Io(OfTask):
    """A task may have started I/O, in this phase of power management."""

    kind = "io"
    what: str
    phase: str


@attrs.define
class IoContextGone(OfTask):
    """exit_io_context() has run."""

    kind = "io_context_gone"


@attrs.define
class Warned(OfTask):
    """A WARN_ON fired."""

    kind = "warning"
    text: str


@attrs.define
class Pinned(OfGroup):
    """oom_mm's structure was pinned."""

    kind = "pinned"


@attrs.define
class Unpinned(OfGroup):
    """oom_mm's pin was dropped."""

    kind = "unpinned"


@attrs.define
class PmPhase(Event):
    """Power management went on to another phase."""

    kind = "pm_phase"
    phase: str


@attrs.define
class DisableFailed(OfTask):
    """oom_killer_disable() gave up while the count was ``count``; are there victims ``alive``?"""

    kind = "disable_failed"
    count: int
    alive: bool


@attrs.define
class PmResult(OfTask):
    """A suspend, hibernation or snapshot gave this result; for a failure, what failed."""

    kind = "pm_result"
    operation: str
    result: str
    cause: str


@attrs.define
class Killed(OfGroup):
    """SIGNAL_GROUP_EXIT was set."""

    kind = "killed"


@attrs.define
class Born(OfTask):
    """copy_process() hashed a task; had its group SIGNAL_GROUP_EXIT?"""

    kind = "born"
    group: int
    into_killed: bool


@attrs.define
class Dead(OfTask):
    """TASK_DEAD."""

    kind = "dead"


@attrs.define
class Reaped(OfTask):
    """The task was unhashed."""

    kind = "reaped"


@attrs.define
class Froze(OfTask):
    """The task entered the fridge."""

    kind = "froze"


@attrs.define
class LeftFridge(OfTask):
    """The task left the fridge."""

    kind = "left_fridge"


@attrs.define
class FreezerState(Event):
    """Somebody read freezer.state."""

    kind = "freezer_state"
    cgroup: str
    state: str


@attrs.define
class Panic(Event):
    """The kernel panicked."""

    kind = "panic"
    reason: str


def fields(kind: type[Event]) -> tuple[str, ...]:
    """What the values of such an event are called, in order."""
    return tuple(f.name for f in attrs.fields(kind))


# What the kernel says


def marked(k: Kernel, signal: SignalStruct) -> None:
    """A group became an OOM victim."""
    k.events.append(Marked(signal.number))


def memdie(k: Kernel, p: TaskStruct) -> None:
    """A thread got TIF_MEMDIE."""
    k.events.append(Memdie(p.pid))


def oom_victims(k: Kernel, cur: TaskStruct, change: int) -> None:
    """The count changed."""
    k.events.append(OomVictims(cur.pid, change, k.oom_victims))


def thawed(k: Kernel, cur: TaskStruct, p: TaskStruct) -> None:
    """A frozen task was woken; whoever holds oom_lock does it as the OOM killer."""
    k.events.append(Thawed(cur.pid, p.pid, k.oom_lock.owner is cur))


def io(k: Kernel, cur: TaskStruct, what: str) -> None:
    """A task may have started I/O."""
    k.events.append(Io(cur.pid, what, k.pm_phase))


def io_context_gone(k: Kernel, cur: TaskStruct) -> None:
    """exit_io_context() has run."""
    k.events.append(IoContextGone(cur.pid))


def warning(k: Kernel, cur: TaskStruct, text: str) -> None:
    """A WARN_ON fired."""
    k.events.append(Warned(cur.pid, text))


def pinned(k: Kernel, signal: SignalStruct) -> None:
    """oom_mm's pin was taken."""
    k.events.append(Pinned(signal.number))


def unpinned(k: Kernel, signal: SignalStruct) -> None:
    """oom_mm's pin was dropped."""
    k.events.append(Unpinned(signal.number))


def pm_phase(k: Kernel, phase: str) -> None:
    """Power management went on to another phase: running, frozen, disabled, suspended, image."""
    k.pm_phase = phase
    k.events.append(PmPhase(phase))


def disable_failed(k: Kernel, cur: TaskStruct) -> None:
    """oom_killer_disable() gave up; is anybody alive whom the count might have counted?"""
    alive = any(p.signal.oom_mm is not None and not p.state & TASK_DEAD for p in k.tasks.values())
    k.events.append(DisableFailed(cur.pid, k.oom_victims, alive))


def pm_result(k: Kernel, cur: TaskStruct, operation: str, result: str, cause: str) -> None:
    """A suspend, hibernation or snapshot came to its end."""
    k.events.append(PmResult(cur.pid, operation, result, cause))


def killed(k: Kernel, signal: SignalStruct) -> None:
    """The whole group was told to exit."""
    k.events.append(Killed(signal.number))


def born(k: Kernel, p: TaskStruct, *, into_killed: bool) -> None:
    """copy_process() hashed a task."""
    k.events.append(Born(p.pid, p.signal.number, into_killed))


def dead(k: Kernel, p: TaskStruct) -> None:
    """TASK_DEAD."""
    k.events.append(Dead(p.pid))


def reaped(k: Kernel, p: TaskStruct) -> None:
    """The task was unhashed."""
    k.events.append(Reaped(p.pid))


def froze(k: Kernel, cur: TaskStruct) -> None:
    """The task entered the fridge."""
    k.events.append(Froze(cur.pid))


def left_fridge(k: Kernel, cur: TaskStruct) -> None:
    """The task left the fridge."""
    k.events.append(LeftFridge(cur.pid))


def freezer_state(k: Kernel, cgroup: str, state: str) -> None:
    """Somebody read freezer.state."""
    k.events.append(FreezerState(cgroup, state))


def panic(k: Kernel, reason: str) -> None:
    """The kernel panicked: nothing runs any more."""
    k.panicked = reason
    k.events.append(Panic(reason))
