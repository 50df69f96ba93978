"""What a user or a driver could see of a machine, as a value: compared in lockstep, printed by replay."""

from __future__ import annotations

from itertools import islice
from typing import Any

import attrs

from kernel_model import events
from kernel_model.core import frozen
from kernel_model.preempt import Kind, PreemptionPoint
from kernel_model.sched import (
    EXIT_ZOMBIE,
    PF_EXITING,
    PF_KTHREAD,
    TASK_DEAD,
    TASK_STOPPED,
    TASK_TRACED,
    Kernel,
    TaskStruct,
)

IN_FRIDGE = "in the fridge"
DEAD = frozenset({"zombie", "dead", "reaped"})


@attrs.define(frozen=True)
class Observation:
    """``tasks``: (name, state, marked?); ``counts``: every new value of oom_victims; ``pm``: (task, operation, result);
    ``io``: (task, what, phase); ``warnings``; ``freezer_states``: (cgroup, what was read); ``phase`` and ``panicked`` as they are now.
    """  # noqa: D205 - the shapes are the summary

    tasks: tuple[tuple[str, str, bool], ...]
    counts: tuple[int, ...]
    pm: tuple[tuple[str, str, str], ...]
    io: tuple[tuple[str, str, str], ...]
    warnings: tuple[str, ...]
    freezer_states: tuple[tuple[str, str], ...]
    phase: str
    panicked: str

    @property
    def count(self) -> int:
        """The value of oom_victims now."""
        return self.counts[-1] if self.counts else 0

    def state(self, name: str) -> str:
        """The state of the task with this name; "" for one that was never born."""
        return next((state for n, state, _marked in self.tasks if n == name), "")

    @property
    def fridge(self) -> tuple[str, ...]:
        """Who sits in the fridge."""
        return tuple(n for n, state, _marked in self.tasks if state == IN_FRIDGE)


def task_state(p: TaskStruct) -> str:
    """Where a thread is, in the words that users have for it."""
    if p.at is None:
        if p.state != TASK_DEAD:
            return "new"  # hashed already, and not yet woken for the first time
        if not p.hashed:
            return "reaped"
        return "zombie" if p.exit_state == EXIT_ZOMBIE else "dead"
    if frozen(p):
        return IN_FRIDGE
    if p.state == TASK_STOPPED:
        return "stopped"
    if p.state == TASK_TRACED:
        return "traced"
    if p.flags & PF_EXITING:
        return "exiting"
    user_mode = isinstance(p.at, PreemptionPoint) and p.at.kind == Kind.USER and p.syscall is None
    return "user mode" if user_mode else "in the kernel"


@attrs.define(eq=False)
class Record:
    """What the events since boot come to: each is read once, however often somebody asks.

    ``marked``: groups; ``raises`` of oom_victims; ``visits`` to the fridge by name; ``thawed``: pids of those whom the OOM killer
    let out of it; ``gave_up``: oom_killer_disable() did, as the count was not 0; the rest as in Observation.
    """

    counts: list[int] = attrs.Factory(list)
    pm: list[tuple[str, str, str]] = attrs.Factory(list)
    io: list[tuple[str, str, str]] = attrs.Factory(list)
    warnings: list[str] = attrs.Factory(list)
    freezer_states: list[tuple[str, str]] = attrs.Factory(list)
    visits: dict[str, int] = attrs.Factory(dict)
    marked: int = 0
    raises: int = 0
    thawed: set[int] = attrs.Factory(set)
    gave_up: bool = False
    _read: int = 0

    def read(self, k: Kernel, history: list[tuple[int, tuple[Any, ...]]]) -> None:
        """Take in what has been added to ``history``."""
        for _step, event in islice(history, self._read, None):
            self._take(k, event)
        self._read = len(history)

    def _take(self, k: Kernel, event: tuple[Any, ...]) -> None:
        kind = event[0]
        if kind == events.OOM_VICTIMS:
            self.counts.append(event[3])
            self.raises += event[2] > 0
        elif kind == events.FROZE:
            name = k.tasks[event[1]].name
            self.visits[name] = self.visits.get(name, 0) + 1
        elif kind == events.MARKED:
            self.marked += 1
        elif kind == events.THAWED and event[3]:
            self.thawed.add(event[2])
        elif kind == events.DISABLE_FAILED and event[2] > 0:
            self.gave_up = True
        elif kind == events.PM_RESULT:
            self.pm.append((k.tasks[event[1]].name, event[2], event[3]))
        elif kind == events.IO:
            self.io.append((k.tasks[event[1]].name, event[2], event[3]))
        elif kind == events.WARNING:
            self.warnings.append(event[2])
        elif kind == events.FREEZER_STATE:
            self.freezer_states.append((event[1], event[2]))

    def observe(self, k: Kernel) -> Observation:
        """Everything observable, from the tasks as they are and the events that were read."""
        tasks = tuple(
            [
                (p.name, task_state(p), p.signal.oom_mm is not None)
                for p in k.tasks.values()
                if not p.flags & PF_KTHREAD
            ]
        )
        return Observation(
            tasks,
            tuple(self.counts),
            tuple(self.pm),
            tuple(self.io),
            tuple(self.warnings),
            tuple(self.freezer_states),
            k.pm_phase,
            k.panicked,
        )
