"""How likely a difference is by chance, and how wide its window is.

The window: from the first to the last step of the run at which another task could have gone first, and then all in the order of the
run, so that it ends otherwise.  One run for each such choice; tried and dropped: an exploration for each, which takes minutes.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import attrs

from kernel_model.machine import Machine
from kernel_model.sched import TaskStruct
from kernel_model.variant import Variant
from oom_review.compare.job import Found, common_names, mark
from oom_review.compare.statements import renamed
from oom_review.explore.final import final
from oom_review.play.past import History
from oom_review.play.session import Session
from oom_review.scenario.items import Op, Run
from oom_review.schedules.choices import follow
from oom_review.schedules.driver import TICK, Scheduler, StepLimitReached, first_runnable
from oom_review.schedules.uniform import UniformScheduler
from oom_review.variants.loading import load

RUNS = 200
"""Under uniform scheduling, to say how likely a difference is."""


@attrs.define(frozen=True)
class Measure:
    """A worker's job: a difference, both of whose runs are known."""

    found: Found
    variants: tuple[str, str]


@attrs.define(frozen=True)
class Measured:
    """``likely``: of RUNS uniform runs, so many end so; ``window``: in steps, 0 if no single choice leads away; ``steps`` of the run."""

    likely: int
    window: int
    steps: int


def measure(job: Measure) -> Measured:
    """Both."""
    base, patch = (load(name) for name in job.variants)
    names = common_names(job.found.here, base) | common_names(job.found.here, patch)
    replays = _Replays(job.found, (base, patch)[job.found.side], names)
    likely = sum(replays.ends_so(UniformScheduler(random.Random(seed))) for seed in range(RUNS))
    ready, taken = replays.ready()
    return Measured(likely, _window(replays, ready, taken), len(taken))


def _window(replays: _Replays, ready: list[list[str]], taken: list[str]) -> int:
    def leads_away(i: int) -> bool:
        others = [name for name in ready[i] if name != taken[i]]
        return any(not replays.ends_so(InOrder([*taken[:i], o, *_less(taken[i:], o)])) for o in others)

    first = next((i for i in range(len(taken)) if leads_away(i)), None)
    if first is None:
        return 0
    return next(i for i in range(len(taken) - 1, -1, -1) if leads_away(i)) - first + 1


def _less(names: Iterable[str], name: str) -> list[str]:
    """Without the first of that name, which was taken before its turn."""
    rest = list(names)
    if name in rest:
        rest.remove(name)
    return rest


class _Replays:
    """Runs of a difference's script on its side."""

    def __init__(self, found: Found, variant: Variant, names: dict[str, str]) -> None:
        self._items = found.here.items
        self._last = max(i for i, item in enumerate(self._items) if isinstance(item, Run))
        self._ends, self._variant, self._names = found.ends, variant, names

    def _begun(self) -> Session:
        """Where the explored run begins."""
        session = Session(Machine(self._variant), ())
        for item in self._items[: self._last]:
            if isinstance(item, Op):
                session.request(item)
            else:
                session.run(follow(item.schedule))
        return session

    def ends_so(self, scheduler: Scheduler) -> bool:
        """Under this schedule the run has an end of the kind."""
        session = self._begun()
        try:
            session.run(scheduler)
        except StepLimitReached:
            return False
        end = final(session.machine.k, History.of(session.history), {})
        return mark(renamed(end, self._names)) in self._ends

    def ready(self) -> tuple[list[list[str]], list[str]]:
        """At each step of the run that is known: who could run, and who did."""
        session = self._begun()
        item = self._items[self._last]
        assert isinstance(item, Run)
        noting = _Noting(follow(item.schedule))
        taken = session.run(noting)
        return noting.ready, taken


class _Noting:
    """Another scheduler, and who it could choose from."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.ready: list[list[str]] = []

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        self.ready.append([t.name for t in machine.runnable_tasks()])
        return self._scheduler.choose(machine, current)


class InOrder:
    """Tasks by their names, in this order where they can run: who can't yet takes a step later; then whoever can."""

    def __init__(self, names: list[str]) -> None:
        """The names are used up."""
        self._names = names

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        tasks = {} if machine.k.panicked else machine.names_now()
        for i, name in enumerate(self._names):
            task = tasks.get(name)
            if name == TICK and not i and machine.sleepers_due() is not None:
                del self._names[0]
                return None
            if task is not None and (machine.runnable(task) or (not i and machine.may_expire(task))):
                del self._names[i]
                return task
        return first_runnable(machine, current)
