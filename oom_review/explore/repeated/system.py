"""The kernel as a system to explore: a scenario's operations in order, and its runs as the places where everything interleaves."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from kernel_model.errors import IllegalOperation
from kernel_model.machine import Machine
from kernel_model.sched import Variant
from oom_review.explore.final import Final, History, final
from oom_review.explore.limits import MOVE_ON
from oom_review.explore.repeated.access import Accesses
from oom_review.explore.repeated.dependence import Access, Objects
from oom_review.explore.repeated.identity import SAME, Identity, Names
from oom_review.explore.repeated.names import canonical_names
from oom_review.explore.setup import played, repeated
from oom_review.explore.symmetry import interchangeable
from oom_review.run import Session
from oom_review.scenario import Op, Run, Scenario

Found = Callable[[str, str], None]
Ended = Callable[[Final, list[int]], None]


class KernelSystem:
    """See search.System; processes are pids."""

    def __init__(
        self,
        scenario: Scenario,
        variant: Variant,
        *,
        every: bool,
        early_ticks: int,
        symmetry: bool,
        found: Found,
        ended: Ended,
    ) -> None:
        """Play what comes before the runs that are explored (the last one, or every one).

        Raises IllegalOperation for an operation that is not possible there.
        """
        self._variant = variant
        self._early_ticks = early_ticks
        self._found = found
        self._ended = ended
        runs = [i for i, item in enumerate(scenario.items) if isinstance(item, Run)]
        first = (runs[0] if every else runs[-1]) if runs else len(scenario.items)
        self._session, self._setup = played(scenario.items[:first], variant)
        self._machine = self._session.machine
        self._history = History()
        for _step, event in self._session.history:
            self._history.take(event)
        self._rest = scenario.items[first + 1 :]
        self._start = self._session, self._history.copy()
        classes = interchangeable(self._machine.k, scenario) if symmetry else {}
        self.common_names = interchangeable(self._machine.k, scenario)
        self._classes = _by_name(classes)
        self._parts: dict[Hashable, int] = {}
        self._accesses = Accesses(Objects())
        self.renamed = 0
        self.restart()

    def restart(self) -> None:
        """A fresh machine where the explored run begins."""
        machine = self._machine = repeated(self._setup, self._variant)
        before, history = self._start
        self._session = _resumed(before, machine)
        self._history = history.copy()
        self._identity = Identity(machine.k, self._parts)
        self._next_item = 0
        self._early_left = self._early_ticks

    def enabled(self) -> list[int]:
        """Pids, and MOVE_ON while early ticks are left and a timer runs."""
        machine = self._machine
        pids = [t.pid for t in machine.runnable_tasks()]
        if self._early_left and pids and machine.sleepers_due() is not None:
            pids.append(MOVE_ON)
        return pids

    def blocked(self) -> list[int]:
        """Who has a context and can't run."""
        machine = self._machine
        return [t.pid for t in machine.k.tasks.values() if t.at is not None and not machine.runnable(t)]

    def step(self, process: int) -> Access:
        """One step; the claims see what happened."""
        machine = self._machine
        access = self._accesses.step(machine, machine.k.tasks[process])
        self._identity.stepped(process)
        if machine.k.events:
            self._take_events()
        return access

    def repeat(self, process: int) -> None:
        """A step that was taken before: what it touched is known."""
        machine = self._machine
        machine.step(machine.k.tasks[process])
        self._identity.stepped(process)
        if machine.k.events:
            self._take_events()

    def pending(self, process: int) -> Access:
        """All that the step may touch."""
        return self._accesses.pending(self._machine, self._machine.k.tasks[process])

    def _take_events(self) -> None:
        session = self._session
        seen = len(session.violations)
        session.take_events()
        for _step, event in session.history:
            self._history.take(event)
        session.history.clear()
        if len(session.violations) > seen:
            self._report(seen)

    def _report(self, seen: int) -> None:
        for violation in list(self._session.violations.values())[seen:]:
            self._found(violation.claim, violation.sentence)

    def move_on(self) -> bool:
        """The next timer; without one the next operations, to the end."""
        machine = self._machine
        if machine.runnable_tasks():
            self._early_left -= 1
            return machine.tick()
        if machine.tick():
            return True
        seen = len(self._session.violations)
        self._session.check_rest()
        self._report(seen)
        moved = False
        while self._next_item < len(self._rest):
            item = self._rest[self._next_item]
            self._next_item += 1
            if isinstance(item, Run):
                break
            moved = self._ask(item) or moved
        return moved and bool(machine.runnable_tasks())

    def _ask(self, op: Op) -> bool:
        try:
            self._session.request(op)
        except IllegalOperation:
            return False  # not possible after this interleaving: nobody could do it
        self._identity.asked()
        self._take_events()
        return True

    def key(self) -> Hashable:
        """The kernel's identity, what the claims remember, the history, and how far the scenario is."""
        names = canonical_names(self._machine.k, self._classes) if self._classes else SAME
        if names is not SAME:
            self.renamed += 1
        session = self._session
        past = (
            self._history.key(names),
            monitor_key(session.monitor_states(), names),
            self._next_item,
            self._early_left,
        )
        parts = self._parts
        return (*self._identity.of(names), parts.setdefault(past, len(parts)))

    def at_end(self, choices: list[int]) -> None:
        """Nothing moves any more."""
        self._ended(final(self._machine.k, self._history, self.common_names), choices)


def monitor_key(states: tuple[Hashable, ...], names: Names) -> Hashable:
    """What the claims remember; a set of numbers holds pids."""
    if names is SAME:
        return states
    return tuple(
        [
            frozenset([names[i] if isinstance(i, int) else i for i in s]) if isinstance(s, frozenset) else s
            for s in states
        ]
    )


def _resumed(before: Session, machine: Machine) -> Session:
    """A session for a fresh machine in the state in which another one was."""
    machine.k.events.clear()
    session = Session(machine)
    session._states.update(before._states)  # noqa: SLF001 - a copy of itself
    session.violations.update(before.violations)
    return session


def _by_name(common: dict[int, str]) -> tuple[tuple[int, ...], ...]:
    classes: dict[str, list[int]] = {}
    for pid, name in sorted(common.items()):
        classes.setdefault(name, []).append(pid)
    return tuple([tuple(pids) for pids in classes.values()])
