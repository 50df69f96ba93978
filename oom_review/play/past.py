"""What has happened since boot, folded as the events come.

A Record is one run's, for all who ask; a History is the part that an exploration tells states apart by.  ``ADDED`` is what both
rest on: of which events the order can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import islice
from typing import Any

import attrs

from kernel_model.events import (
    QUIET_PHASES,
    DisableFailed,
    Event,
    FreezerState,
    Froze,
    Io,
    Marked,
    OomVictims,
    PmResult,
    Thawed,
    Warned,
)
from kernel_model.sched import Kernel

ADDED: dict[type[Event], tuple[str, Callable[[Any], Hashable]]] = {
    OomVictims: ("counts", lambda e: e.value),
    PmResult: ("pm", lambda e: (e.task, e.operation, e.result)),
    Warned: ("warnings", lambda e: e.text),
    FreezerState: ("freezer_states", lambda e: (e.cgroup, e.state)),
}
"""To which list of the past an event is added, and what."""


@attrs.define(slots=True)
class History:
    """What a final needs: every new value of oom_victims; (pid, operation, result); warnings; (cgroup, what was read); by pid the
    quiet phases in which it did I/O.
    """  # noqa: D205 - the shapes are the summary

    counts: tuple[int, ...] = ()
    pm: tuple[tuple[int, str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    freezer_states: tuple[tuple[str, str], ...] = ()
    io: dict[int, frozenset[str]] = attrs.Factory(dict)

    def take(self, event: Event) -> None:
        """One more event."""
        if type(event) in ADDED:
            name, item = ADDED[type(event)]
            setattr(self, name, (*getattr(self, name), item(event)))
        elif isinstance(event, Io) and event.phase in QUIET_PHASES:
            self.io[event.task] = self.io.get(event.task, frozenset()) | {event.phase}

    @classmethod
    def of(cls, happened: Iterable[tuple[int, Event]]) -> History:
        """Of all that a session has seen, each with its step."""
        history = cls()
        for _step, event in happened:
            history.take(event)
        return history

    def key(self, names: Mapping[int, int]) -> Hashable:
        """As a value."""
        io = frozenset((names[pid], phases) for pid, phases in self.io.items()) if self.io else ()
        return self.counts, self.pm, self.warnings, self.freezer_states, io


@attrs.define(eq=False)
class Record:
    """Each event is read once, however often somebody asks.

    ``io``: (pid, what, phase); ``visits`` to the fridge by name; ``marked``: groups; ``raises`` of oom_victims; ``thawed``: pids of
    those whom the OOM killer let out of the fridge; ``gave_up``: oom_killer_disable() did, as the count was not 0; the rest as in a
    History.
    """

    counts: list[int] = attrs.Factory(list)
    pm: list[tuple[int, str, str]] = attrs.Factory(list)
    io: list[tuple[int, str, str]] = attrs.Factory(list)
    warnings: list[str] = attrs.Factory(list)
    freezer_states: list[tuple[str, str]] = attrs.Factory(list)
    visits: dict[str, int] = attrs.Factory(dict)
    marked: int = 0
    raises: int = 0
    thawed: set[int] = attrs.Factory(set)
    gave_up: bool = False
    _read: int = 0

    def read(self, k: Kernel, history: list[tuple[int, Event]]) -> None:
        """Take in what has been added to ``history``."""
        for _step, event in islice(history, self._read, None):
            if type(event) in ADDED:
                name, item = ADDED[type(event)]
                getattr(self, name).append(item(event))
            self._count(k, event)
        self._read = len(history)

    def _count(self, k: Kernel, event: Event) -> None:
        match event:
            case Io():
                self.io.append((event.task, event.what, event.phase))
            case OomVictims():
                self.raises += event.change > 0
            case Froze():
                name = k.tasks[event.task].name
                self.visits[name] = self.visits.get(name, 0) + 1
            case Marked():
                self.marked += 1
            case Thawed() if event.by_oom_killer:
                self.thawed.add(event.task)
            case DisableFailed() if event.count > 0:
                self.gave_up = True
