"""What a user or a driver could see of a machine, as a value: compared in lockstep, printed by replay."""

from __future__ import annotations

import attrs

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
from oom_review.play.past import Record

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


def observe(k: Kernel, past: Record) -> Observation:
    """Everything observable, from the tasks as they are and what has happened."""
    tasks = tuple(
        [
            (p.name, task_state(p), p.signal.oom_mm is not None)
            for p in k.tasks.values()
            if not p.flags & PF_KTHREAD
        ]
    )
    return Observation(
        tasks,
        tuple(past.counts),
        tuple([(k.tasks[pid].name, operation, result) for pid, operation, result in past.pm]),
        tuple([(k.tasks[pid].name, what, phase) for pid, what, phase in past.io]),
        tuple(past.warnings),
        tuple(past.freezer_states),
        k.pm_phase,
        k.panicked,
    )
