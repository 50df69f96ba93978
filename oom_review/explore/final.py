"""What is kept of a run: the part of the observation that verdicts and comparisons need, and no order that nobody can see.

An Observation lists each I/O with its phase, in the order in which it happened; between tasks that order is arbitrary and in
phases in which I/O is allowed nobody asks.  A Final keeps of I/O which task did some in which of the quiet phases; counts,
results of suspend, warnings and what was read of freezer.state keep their order.  Threads that nothing tells apart are listed
without their names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import attrs

from kernel_model.sched import PF_KTHREAD, Kernel, TaskStruct
from oom_review.play.observation import task_state
from oom_review.play.past import History

NEVER_AT_REST = "never at rest"
"""The state of who takes steps for ever."""


@attrs.define(frozen=True)
class Final:
    """``tasks``: (name, state, marked?, quiet phases in which it did I/O); the rest as in Observation.

    Of a run that never comes to rest kernel threads are listed, too, if they go on for ever.
    """

    tasks: tuple[tuple[str, str, bool, tuple[str, ...]], ...]
    counts: tuple[int, ...]
    pm: tuple[tuple[str, str, str], ...]
    warnings: tuple[str, ...]
    freezer_states: tuple[tuple[str, str], ...]
    phase: str
    panicked: str

    @property
    def rests(self) -> bool:
        """It is an end at rest."""
        return all(state != NEVER_AT_REST for _name, state, _marked, _io in self.tasks)


def final(
    k: Kernel,
    history: History,
    interchangeable: Mapping[int, str],
    restless: Collection[int] = (),
) -> Final:
    """The machine as it is now; ``interchangeable`` has the common names of threads that nothing tells apart.

    ``restless``: who goes on for ever from here.
    """

    def row(p: TaskStruct) -> tuple[str, str, bool, tuple[str, ...]]:
        name = interchangeable.get(p.pid, p.name)
        state = NEVER_AT_REST if p.pid in restless else task_state(p)
        return name, state, p.signal.oom_mm is not None, tuple(sorted(history.io.get(p.pid, ())))

    rows = sorted(row(p) for p in k.tasks.values() if not p.flags & PF_KTHREAD or p.pid in restless)
    pm = tuple([(k.tasks[pid].name, what, result) for pid, what, result in history.pm])
    return Final(
        tuple(rows), history.counts, pm, history.warnings, history.freezer_states, k.pm_phase, k.panicked
    )
