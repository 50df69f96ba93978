"""Which outcomes of a scenario can be reached: a bounded search over schedules, the same on every machine.

A scenario to search is a tuple of operations and runs in which some runs are left open (AnySchedule).  Each try fills them with
schedules drawn from one seed.  An outcome is what a projection makes of the session at the end, and comes with the explicit
scenario in which it was first seen: that one has been replayed and gives the same outcome.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from typing import TypeVar

import attrs

from kernel_model.machine import Machine
from kernel_model.preempt import PreemptionPoint
from kernel_model.sched import Kernel, TaskStruct
from kernel_model.variant import Variant
from oom_review.play.observation import Observation
from oom_review.play.session import Session
from oom_review.scenario.items import Op, Run
from oom_review.schedules.choices import follow
from oom_review.schedules.driver import Exhausted
from oom_review.schedules.gaps import Gaps, GapScheduler, from_choices
from oom_review.schedules.portfolio import draw

Outcome = TypeVar("Outcome", bound=Hashable)


@attrs.define(frozen=True)
class AnySchedule:
    """Run to quiescence; the search draws the schedule."""


@attrs.define(frozen=True)
class Until:
    """Run ``task`` alone, or everybody in the default order, until ``reached``."""

    reached: Callable[[Kernel], bool]
    task: str | None = None


def stands_at(name: str, point: PreemptionPoint) -> Until:
    """The thread goes on alone until it stands at this point, be it with an operand."""

    def reached(k: Kernel) -> bool:
        at = next(p.at for p in k.tasks.values() if p.name == name)
        return point is (at[0] if isinstance(at, tuple) else at)

    return Until(reached, name)


@attrs.define(frozen=True)
class Look:
    """Remember under this name what there is to see now, and the time."""

    name: str


Item = Op | Run | AnySchedule | Until | Look
Items = tuple[Item, ...]


@attrs.define(eq=False, slots=True)
class WatchedSession(Session):
    """A session that notes of each thread whether its group was otherwise empty when it passed exit_notify()."""

    left_last: dict[str, bool] = attrs.Factory(dict)
    looks: dict[str, tuple[Observation, int]] = attrs.Factory(dict)

    def on_step(self, task: TaskStruct | None) -> None:
        """Look at exit_state before anybody else can."""
        Session.on_step(self, task)
        if task is not None and task.exit_state and task.name not in self.left_last:
            self.left_last[task.name] = len(task.signal.threads) == 1

    def look(self, name: str) -> None:
        """See Look."""
        self.looks[name] = (self.observe(), self.machine.k.clock)


Projection = Callable[[WatchedSession], Outcome]


class UntilScheduler:
    """The schedule of Until."""

    def __init__(self, until: Until) -> None:
        """Falls back on the default order where no task is named."""
        self._until = until
        self._default = GapScheduler(Gaps())

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        if self._until.reached(machine.k):
            raise Exhausted
        if self._until.task is None:
            return self._default.choose(machine, current)
        task = machine.names_now()[self._until.task]
        assert machine.runnable(task), f"{task.name} can't go on, and what was waited for has not happened"
        return task


def play_once(items: Items, variant: Variant, rng: random.Random) -> tuple[WatchedSession, list[list[str]]]:
    """Play the items once, open runs under schedules from ``rng``; also each run's choices."""
    session = WatchedSession(Machine(variant))
    runs = []
    for item in items:
        if isinstance(item, Op):
            session.request(item)
        elif isinstance(item, Look):
            session.look(item.name)
        elif isinstance(item, Until):
            runs.append(session.run(UntilScheduler(item)))
            assert item.reached(session.machine.k), f"everything is at rest before {item} is reached"
        else:
            scheduler = draw(rng) if isinstance(item, AnySchedule) else follow(item.schedule)
            runs.append(session.run(scheduler))
    return session, runs


def explicit(items: Items, variant: Variant, runs: list[list[str]]) -> Items:
    """The same items with every schedule spelt out, so that it makes these choices."""
    machine = Machine(variant)
    remaining = iter(runs)
    spelt: list[Item] = []
    for item in items:
        if isinstance(item, Op):
            machine.request(item.name, item.task, *item.args)
            spelt.append(item)
        elif isinstance(item, Look):
            spelt.append(item)
        else:
            gaps = from_choices(machine, next(remaining), whole=isinstance(item, AnySchedule))
            spelt.append(item if isinstance(item, Run) else Run(gaps))
    return tuple(spelt)


def unchecked(_session: WatchedSession) -> None:
    """Any run will do."""


def outcomes(
    items: Items,
    variant: Variant,
    project: Projection[Outcome],
    *,
    seed: int = 1,
    tries: int = 120,
    check: Callable[[WatchedSession], None] = unchecked,
) -> dict[Outcome, Items]:
    """Each outcome that so many schedules reach, with the items and schedules that show it; ``check`` looks at every run."""
    found: dict[Outcome, Items] = {}
    for number in range(tries):
        rng = random.Random(f"{seed} {number}")
        session, runs = play_once(items, variant, rng)
        check(session)
        outcome = project(session)
        if outcome not in found:
            found[outcome] = explicit(items, variant, runs)
            again, _runs = play_once(found[outcome], variant, rng)
            assert project(again) == outcome, f"the replay differs: {found[outcome]}"
    return found
