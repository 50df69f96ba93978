"""Who let whom go on: what each context waits for, compared before and after a step.

The comparison needs no help from the model, so that a variant's own wake-ups are seen too.  Listening to wake_up_state() and its
like would say nothing of locks, nor of a flag that a variant sets by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from kernel_model import sched
from kernel_model.machine import Machine
from kernel_model.preempt import Kind, PreemptionPoint
from kernel_model.sched import TASK_RUNNING, TIF_SIGPENDING, TaskStruct

STARTS, WAKES, SIGNALS, UNLOCKS = "starts", "wakes", "signals", "unlocks"
_SIGNALS = ("SIGABRT", "SIGCHLD", "SIGCONT", "SIGKILL", "SIGSTOP", "SIGTERM", "SIGUSR1")
_NAMES = {getattr(sched, name): name for name in _SIGNALS}


@attrs.define(frozen=True)
class Edge:
    """What a step did to another context: ``kind`` is one of those above.

    ``what``: the signals' names, or the lock's; "" for a wake-up, and for TIF_SIGPENDING without a signal, as the freezer sets it.
    """

    kind: str
    task: str
    what: str = ""


@attrs.define(frozen=True)
class Wait:
    """All that keeps a task from going on.  ``lock``: the one that it wants and can't get, or ""."""

    started: bool
    sleeps: bool
    sigpending: bool
    pending: frozenset[int]
    shared_pending: frozenset[int]
    lock: str


def words(edge: Edge) -> str:
    """The edge in the words of a remark."""
    if edge.kind == SIGNALS:
        return f"signals {edge.task}: {edge.what or 'TIF_SIGPENDING'}"
    return f"releases {edge.what} for {edge.task}" if edge.kind == UNLOCKS else f"{edge.kind} {edge.task}"


def waits(machine: Machine) -> dict[str, Wait]:
    """What everybody waits for now."""
    return {p.name: _wait(p) for p in machine.k.tasks.values()}


def _wait(p: TaskStruct) -> Wait:
    return Wait(
        p.at is not None,
        p.state != TASK_RUNNING,
        bool(p.thread_flags & TIF_SIGPENDING),
        frozenset(p.pending),
        frozenset(p.signal.shared_pending),
        _wanted(p),
    )


def _wanted(p: TaskStruct) -> str:
    if p.at is None or isinstance(p.at, PreemptionPoint) or p.at[0].kind == Kind.RUN:
        return ""
    lock: Any = p.at[1]
    free = lock.owner is None and (p.at[0].kind == Kind.READ or not lock.readers)
    return "" if free else str(lock)


def edges(before: Mapping[str, Wait], after: Mapping[str, Wait], cur: str) -> tuple[Edge, ...]:
    """What a step of ``cur`` did to everybody else."""
    return tuple(e for name in after if name != cur for e in _edges(name, before.get(name), after[name]))


def _edges(name: str, old: Wait | None, new: Wait) -> list[Edge]:
    if old is None or not old.started:
        return [Edge(STARTS, name)] if new.started else []
    found = []
    if old.sleeps and not new.sleeps:
        found.append(Edge(WAKES, name))
    came = new.pending - old.pending
    if new.sigpending and not old.sigpending:
        # A signal to the group is news to the thread that was told to look.
        came |= new.shared_pending - old.shared_pending
    if came or (new.sigpending and not old.sigpending):
        found.append(Edge(SIGNALS, name, ", ".join(sorted(_NAMES.get(s, str(s)) for s in came))))
    if old.lock and not new.lock:
        found.append(Edge(UNLOCKS, name, old.lock))
    return found
