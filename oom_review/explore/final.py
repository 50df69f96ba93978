"""What is kept of a run: the part of the observation that verdicts and comparisons need, and no order that nobody can see.

An Observation lists each I/O with its phase, in the order in which it happened; between tasks that order is arbitrary and in
phases in which I/O is allowed nobody asks.  A Final keeps of I/O which task did some in which of the quiet phases; counts,
results of suspend, warnings and what was read of freezer.state keep their order.  Threads that nothing tells apart are listed
without their names.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import attrs

from kernel_model import events
from kernel_model.sched import PF_KTHREAD, Kernel, TaskStruct
from oom_review.observation import task_state

QUIET_PHASES = frozenset({"disabled", "suspended", "image"})


@attrs.define(frozen=True)
class Final:
    """``tasks``: (name, state, marked?, quiet phases in which it did I/O); the rest as in Observation."""

    tasks: tuple[tuple[str, str, bool, tuple[str, ...]], ...]
    counts: tuple[int, ...]
    pm: tuple[tuple[str, str, str], ...]
    warnings: tuple[str, ...]
    freezer_states: tuple[tuple[str, str], ...]
    phase: str
    panicked: str


@attrs.define(slots=True)
class History:
    """What a Final needs of the events; part of a state's identity."""

    counts: tuple[int, ...] = ()
    pm: tuple[tuple[int, str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    freezer_states: tuple[tuple[str, str], ...] = ()
    io: dict[int, frozenset[str]] = attrs.Factory(dict)

    def take(self, event: tuple[Any, ...]) -> None:
        """One more event."""
        kind = event[0]
        if kind == events.OOM_VICTIMS:
            self.counts += (event[3],)
        elif kind == events.PM_RESULT:
            self.pm += ((event[1], event[2], event[3]),)
        elif kind == events.IO:
            if event[3] in QUIET_PHASES:
                self.io[event[1]] = self.io.get(event[1], frozenset()) | {event[3]}
        elif kind == events.WARNING:
            self.warnings += (event[2],)
        elif kind == events.FREEZER_STATE:
            self.freezer_states += ((event[1], event[2]),)

    def copy(self) -> History:
        """Its own, to go on with."""
        return attrs.evolve(self, io=dict(self.io))

    def key(self, names: Mapping[int, int]) -> Hashable:
        """As a value."""
        io = frozenset((names[pid], phases) for pid, phases in self.io.items()) if self.io else ()
        return self.counts, self.pm, self.warnings, self.freezer_states, io


def final(k: Kernel, history: History, interchangeable: Mapping[int, str]) -> Final:
    """The machine as it is now; ``interchangeable`` has the common names of threads that nothing tells apart."""

    def row(p: TaskStruct) -> tuple[str, str, bool, tuple[str, ...]]:
        name = interchangeable.get(p.pid, p.name)
        return name, task_state(p), p.signal.oom_mm is not None, tuple(sorted(history.io.get(p.pid, ())))

    rows = sorted(row(p) for p in k.tasks.values() if not p.flags & PF_KTHREAD)
    pm = tuple([(k.tasks[pid].name, what, result) for pid, what, result in history.pm])
    return Final(
        tuple(rows), history.counts, pm, history.warnings, history.freezer_states, k.pm_phase, k.panicked
    )
