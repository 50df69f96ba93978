"""Names under which states that differ only in which of several like threads does what are one state.

A state's identity may call them by each other's names as long as it does so throughout.  Which of the possible namings is taken
decides only how many states fall together: threads that are still in their group keep its order, which the kernel walks, and
those that have left follow, in the order of where they stand.
"""

from __future__ import annotations

from collections.abc import Mapping

from kernel_model.preempt import PreemptionPoint
from kernel_model.sched import Kernel, TaskStruct
from oom_review.explore.repeated.identity import SAME, Names


def _where(t: TaskStruct, position: Mapping[int, int]) -> tuple[int, ...]:
    at = t.at if isinstance(t.at, PreemptionPoint) or t.at is None else t.at[0]
    place = 0 if at is None else hash((at.function, at.step))
    return (
        position.get(t.pid, 1 << 20),
        t.exit_state,
        t.state,
        t.flags,
        t.usage,
        t.thread_flags,
        t.io_context,
        place,
        t.pid,
    )


def canonical_names(k: Kernel, classes: tuple[tuple[int, ...], ...]) -> Names:
    """Names for the threads of each class, given by pids in rising order; SAME if each keeps its own."""
    names: dict[int, int] = {}
    for pids in classes:
        threads = [k.tasks[pid] for pid in pids]
        if any(t.timer is not None for t in threads):
            return SAME  # timers that end together go in the order of pids
        position = {t.pid: i for i, t in enumerate(threads[0].signal.threads)}
        ordered = sorted(threads, key=lambda t: _where(t, position))
        names.update({t.pid: pid for t, pid in zip(ordered, pids, strict=True) if t.pid != pid})
    return SAME if not names else _Renamed(names)


class _Renamed(dict[int, int]):
    """Tasks that are not renamed keep their pids."""

    def __missing__(self, pid: int) -> int:
        return pid
