"""All interleavings of a scenario's last run, in the plainest way: the oracle to which the explorer is held.

Depth first, on the machine at hand or on a fresh one; nothing is recorded, reduced or renamed.  A state is the whole graph of objects
below the kernel, with the frames of its contexts, written down as they are met.  Only what an end looks like, and which threads share
a name in it, is taken from the explorer.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache, partial
from types import FunctionType, GeneratorType
from typing import Any

import attrs

from kernel_model.entry import RESTART
from kernel_model.locking import Lock
from kernel_model.machine import Machine
from kernel_model.preempt import PreemptionPoint
from kernel_model.sched import TASK_WAKEKILL, Jiffies, Kernel, TaskStruct
from kernel_model.variant import Variant
from oom_review.claims import CLAIMS, Claim
from oom_review.explore.final import Final, final
from oom_review.explore.symmetry import interchangeable
from oom_review.play.past import History
from oom_review.play.session import Session
from oom_review.scenario.items import Run, Scenario
from oom_review.schedules.choices import follow
from oom_review.schedules.driver import SHORT_SLEEP

ATOMS = frozenset({int, str, bool, type(None), PreemptionPoint})
# No part of a state: the kernel's functions, what was told already, and what times and news are relative to.
BESIDE = frozenset({"variant", "ret_from_fork", "events", "clock", "progress"})
TIME_PASSES = 0


class TooLarge(Exception):
    """More states than were asked for."""


@attrs.define
class Explored:
    """All that there is.  ``kept``: there is an end, no panic, in which no claim is broken."""

    ends: set[Final] = attrs.Factory(set)
    broken: set[str] = attrs.Factory(set)
    states: set[Hashable] = attrs.Factory(set)
    kept: bool = False


class Writer:
    """Writes down what a kernel holds; objects have the numbers in which they are met."""

    def __init__(self, k: Kernel) -> None:
        self.k = k
        self.met: dict[int, int] = {}
        self.out: list[Hashable] = []
        self.write(k)

    def write(self, x: Any) -> None:
        kind = type(x)
        if kind in ATOMS:
            self.out.append(x)
        elif kind is Jiffies:
            self.out.append(x - self.k.clock)
        elif kind is tuple or kind is frozenset:
            self._items(x if kind is tuple else sorted(x))
        elif id(x) in self.met:
            self.out += ("again", self.met[id(x)])
        else:
            self.met[id(x)] = len(self.met)
            self.out.append(kind.__name__)
            self._object(x, kind)

    def _items(self, items: Any) -> None:
        self.out.append(len(items))
        for item in items:
            self.write(item)

    def _object(self, x: Any, kind: type) -> None:
        if kind is list:
            self._items(x)
        elif kind is set:
            self._items(sorted(x))
        elif kind is dict:
            self._items([part for item in x.items() for part in item])
        elif kind is GeneratorType:
            self._frame(x)
        elif kind is FunctionType:
            self._items((id(x.__code__), *[cell.cell_contents for cell in x.__closure__ or ()]))
        elif kind is partial:
            self._items((x.func, x.args, x.keywords))
        elif kind is Lock:
            self._items((x.name, x.owner, *sorted([holder.name for holder in x.readers])))
        else:
            for name in names(kind):
                self._field(name, getattr(x, name))

    def _frame(self, generator: Any) -> None:
        frame = generator.gi_frame
        self.out += (id(frame.f_code), frame.f_lasti)
        for name, value in sorted(frame.f_locals.items()):
            self.out.append(name)
            self.write(value)
        self.write(generator.gi_yieldfrom)

    def _field(self, name: str, value: Any) -> None:
        if name == "seen_progress":
            value = value == self.k.progress
        elif name == "result":
            value = value if value in RESTART else None
        self.write(value)


@cache
def names(kind: type) -> tuple[str, ...]:
    """The fields of a structure that are part of a state."""
    return tuple([a.name for a in attrs.fields(kind) if a.name not in BESIDE])


@attrs.define
class Plainly:
    """``short_sleeps``: sleeps of up to 200 ms, and those of who looks again and again, end at any time.

    ``keep``: of a run that breaks this claim, the only one then, nothing more is looked at; one that keeps it is enough.
    """

    scenario: Scenario
    variant: Variant
    short_sleeps: bool
    limit: int
    found: Explored = attrs.Factory(Explored)
    keep: Claim | None = None

    def explore(self) -> Explored:
        """Raises TooLarge."""
        start = self._fresh([])
        common = interchangeable(start.machine.k, self.scenario)
        path: list[int] = []
        todo = [self._enter(start)]
        here: Session | None = start
        while todo and not (self.keep and self.found.kept):
            if not todo[-1]:
                todo.pop()
                del path[-1:]
                here = None
                continue
            choice = todo[-1].pop()
            session = self._fresh(path) if here is None else here
            path.append(choice)
            moved = take(session, choice)
            if not moved:
                session.check_rest()
                self.found.ends.add(final(session.machine.k, past(session), common))
                self.found.kept |= not session.violations and not session.machine.k.panicked
            lost = self.keep is not None and bool(session.violations)
            todo.append(self._enter(session) if moved and not lost else [])
            self.found.broken |= set(session.violations)
            here = session
        return self.found

    def _enter(self, session: Session) -> list[int]:
        """Who can go on from here; nobody if this was met before."""
        history = History()
        for _step, event in session.history:
            history.take(event)
        written = Writer(session.machine.k).out
        state = (
            tuple(written),
            history.key({p: p for p in session.machine.k.tasks}),
            session.monitor_states(),
        )
        if state in self.found.states:
            return []
        self.found.states.add(state)
        if len(self.found.states) > self.limit:
            raise TooLarge
        machine = session.machine
        if machine.k.panicked:
            return [TIME_PASSES]
        runnable = machine.runnable_tasks()
        early = [t for t in machine.k.tasks.values() if self._early(machine, t)]
        return [t.pid for t in (*runnable, *early)] + ([] if runnable else [TIME_PASSES])

    def _early(self, machine: Machine, t: TaskStruct) -> bool:
        if not self.short_sleeps or t.at is None or machine.runnable(t) or not machine.may_expire(t):
            return False
        due_soon = t.timer is not None and t.timer - machine.k.clock <= SHORT_SLEEP
        return due_soon or (t.polling and not t.state & TASK_WAKEKILL)

    def _fresh(self, path: list[int]) -> Session:
        session = Session(Machine(self.variant), CLAIMS if self.keep is None else (self.keep,))
        for item in self.scenario.items[:-1]:
            if isinstance(item, Run):
                session.run(follow(item.schedule))
            else:
                session.request(item)
        for choice in path:
            take(session, choice)
        return session


def past(session: Session) -> History:
    """What an end tells of the events."""
    history = History()
    for _step, event in session.history:
        history.take(event)
    return history


def take(session: Session, choice: int) -> bool:
    """The task's step, or the next timer; False if there is none."""
    machine = session.machine
    if choice == TIME_PASSES:
        return machine.tick()
    t = machine.k.tasks[choice]
    if not machine.runnable(t):
        machine.expire(t)
    machine.step(t)
    session.take_events()
    return True
