"""What has to be held for a promise to be broken: tried on the model, with nothing else left to chance.

A schedule preempts a task at any point; on a stock kernel it can be held at the entry of a function alone.  So the places where
the schedule leaves a task in the midst of something are tried, and what that task enters after them, the nearest first, until the
model breaks the promise with that hold and no other preemption.  Tried and dropped: to hold at each place where the schedule
preempts; most of these do nothing, and a kernel has no entry there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, groupby, permutations, product

import attrs

from kernel_model.errors import IllegalOperation
from kernel_model.machine import Machine
from kernel_model.sched import PF_KTHREAD, TaskStruct
from kernel_model.variant import Variant
from oom_review.gates.entries import entry_of
from oom_review.play.observation import task_state
from oom_review.play.session import Session
from oom_review.play.trace import Step, Trace, call_chain, record
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import Choices
from oom_review.schedules.driver import TICK, Exhausted
from oom_review.show.columns import in_source

SLEEPS = frozenset({"open_fuse"})
REASONS = frozenset({"suspend", "s2idle", "freeze"})
"""Of what a run without holds does, that without which nothing is broken."""
ANSWERS = frozenset({"fuse_answer"})
AT_ONCE = 1000
"""ms: while somebody is held, what comes next is asked for before the reaper's two seconds are over, or the freezer's patience."""
SLOW = "exit_files"
"""A close that waits for somebody's answer is, on a stock kernel, one that is held before it begins."""


@attrs.define(frozen=True)
class Hold:
    """``task`` stays where it enters ``function`` of the model, until nothing else can go on."""

    task: str
    function: str

    def __str__(self) -> str:
        """As a reader would say it."""
        return f"{self.task} at {self.function}()"


@attrs.define(frozen=True)
class Stage:
    """What was asked for, and how it is when nothing can go on: who is ``held``, the ``states`` of all others, the rest."""

    ops: tuple[Op, ...]
    held: tuple[Hold, ...]
    states: dict[str, str]
    phase: str
    oom_victims: int


@attrs.define(frozen=True)
class Gated:
    """A run of ``scenario`` with holds.  ``stages``: one for each run of the scenario, ``lifts``: one behind each lifted hold; ``broken``: to the end.

    ``played``: the same, step by step, for whoever shows it.
    """

    scenario: Scenario
    holds: tuple[Hold, ...]
    stages: tuple[Stage, ...]
    lifts: tuple[Stage, ...]
    played: Scenario
    broken: frozenset[str]


@attrs.define(frozen=True)
class Found:
    """``gated``: a run that breaks the promise and can be forced, None if there is none; ``refused``: holds that would do, and why not."""

    gated: Gated | None
    refused: tuple[tuple[tuple[Hold, ...], str], ...]


@attrs.define(eq=False)
class _Holding:
    """A scheduler: whoever stands at a hold does not run; no other preemptions.  Time passes for the others."""

    holds: list[Hold]
    hurry: bool = False
    began: int = 0

    def held(self, machine: Machine) -> tuple[Hold, ...]:
        names = machine.names_now()
        return tuple(h for h in self.holds if h.task in names and _entered(names[h.task], h.function))

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler."""
        kept = {h.task for h in self.held(machine)}
        ready = [t for t in machine.runnable_tasks() if t.name not in kept]
        if current in ready:
            return current
        if ready:
            return ready[0]
        due = machine.sleepers_due()
        if due is None or due[1].name in kept or (kept and self.hurry and due[0] - self.began > AT_ONCE):
            raise Exhausted
        return None


def _entered(task: TaskStruct, function: str) -> bool:
    """It is held as soon as it is within."""
    return any(generator.__name__ == function for generator in call_chain(task))


def gated(scenario: Scenario, variant: Variant, holds: Iterable[Hold]) -> Gated:
    """Play it with those holds, which are lifted in order when all has been asked for.  Raises IllegalOperation."""
    session, holding = Session(Machine(variant)), _Holding(list(holds))
    stages: list[Stage] = []
    ops: list[Op] = []
    played: list[Op | Run] = []
    last = len(scenario.items) - 1
    for i, item in enumerate(scenario.items):
        if isinstance(item, Op):
            ops.append(item)
            if item.name not in SLEEPS | ANSWERS:
                session.request(item)
                played.append(item)
        else:
            holding.hurry, holding.began = i != last, session.machine.k.clock
            played.append(Run(Choices(tuple(session.run(holding)))))
            stages.append(_stage(session.machine, ops, holding))
            ops = []
    all_holds, lifts = tuple(holding.holds), []
    while holding.holds:
        del holding.holds[0]
        played.append(Run(Choices(tuple(session.run(holding)))))
        lifts.append(_stage(session.machine, (), holding))
    broken = frozenset(session.violations)
    return Gated(scenario, all_holds, tuple(stages), tuple(lifts), Scenario(tuple(played)), broken)


def _stage(machine: Machine, ops: Iterable[Op], holding: _Holding) -> Stage:
    held = holding.held(machine)
    kept = {h.task for h in held}
    others = [t for t in machine.k.tasks.values() if t.name not in kept and not t.flags & PF_KTHREAD]
    return Stage(
        tuple(ops), held, {t.name: task_state(t) for t in others}, machine.k.pm_phase, machine.k.oom_victims
    )


def find(scenario: Scenario, variant: Variant, claim: str) -> Found:
    """The fewest and nearest holds with which the model breaks that promise and which a kernel can be brought into."""
    refused: list[tuple[tuple[Hold, ...], str]] = []
    for holds in _tries(record(scenario, variant)):
        for order in _orders(scenario):
            run = _possible(order, variant, holds)
            if run is None or claim not in run.broken:
                continue
            why = next(filter(None, (entry_of(h.function).why_not for h in holds)), "")
            if not why:
                return Found(run, tuple(refused))
            refused.append((holds, why))
            break
    return Found(None, tuple(refused))


def opposite(run: Gated, variant: Variant, claim: str) -> tuple[str, Gated] | None:
    """The nearest run that keeps the promise, and in words: held elsewhere or less, or, where nobody is, without one of the operations."""
    if not run.holds:
        for i, op in reversed(list(enumerate(run.scenario.items))):
            if isinstance(op, Op) and op.name in REASONS:
                less = Scenario(run.scenario.items[:i] + run.scenario.items[i + 2 :])
                if (other := _possible(less, variant, ())) and claim not in other.broken:
                    return f"without {op}", other
        return None
    hold = run.holds[0]
    trace = record(run.played, variant)
    path = list(
        dict.fromkeys(h for _was, h in _entered_after(trace.steps, trace.kthreads) if h.task == hold.task)
    )
    at = path.index(hold)
    for place in (*reversed(path[:at]), *path[at + 1 :]):
        if entry_of(place.function).why_not:
            continue
        other = _possible(run.scenario, variant, (place, *run.holds[1:]))
        if other and claim not in other.broken:
            return ", ".join(map(str, other.holds)), other
    for holds in reversed(list(combinations(run.holds, len(run.holds) - 1))):
        if holds and (other := _possible(run.scenario, variant, holds)) and claim not in other.broken:
            return ", ".join(map(str, holds)), other
    return None


def _possible(scenario: Scenario, variant: Variant, holds: tuple[Hold, ...]) -> Gated | None:
    """None if an operation is not, or a hold holds nobody."""
    try:
        run = gated(scenario, variant, holds)
    except IllegalOperation:
        return None
    return None if len({h for s in (*run.stages, *run.lifts) for h in s.held}) < len(holds) else run


def as_asked(scenario: Scenario, variant: Variant, claim: str, holds: tuple[Hold, ...]) -> Found:
    """The same with these holds, which may be more than find() tries, and of one task more than one."""
    why = next(filter(None, (entry_of(hold.function).why_not for hold in holds)), "")
    if why:
        return Found(None, ((holds, why),))
    runs = (_possible(order, variant, holds) for order in _orders(scenario))
    return Found(next((run for run in runs if run and claim in run.broken), None), ())


def _orders(scenario: Scenario) -> Iterator[Scenario]:
    """What the scenario does at once, one by one, in each order: on a stock kernel nothing is ever left to chance."""
    parts = [
        list(items) for is_run, items in groupby(scenario.items, lambda i: isinstance(i, Run)) if not is_run
    ]
    for chosen in product(*(permutations(part) for part in parts)):
        yield Scenario(tuple(item for part in chosen for op in part for item in (op, Run())))


def _tries(trace: Trace) -> Iterator[tuple[Hold, ...]]:
    slow = tuple(Hold(op.task, SLOW) for op in trace.scenario.operations if op.name in SLEEPS and op.task)
    if slow:
        yield slow
        return
    yield ()
    entered = list(_entered_after(trace.steps, trace.kthreads))
    near = tuple(
        dict.fromkeys(hold for preempted in (True, False) for was, hold in entered if was >= preempted)
    )
    yield from ((hold,) for hold in near)
    possible = [hold for hold in near if not entry_of(hold.function).why_not]
    yield from (pair for pair in permutations(possible, 2) if pair[0].task != pair[1].task)


def _entered_after(steps: Sequence[Step], kthreads: Iterable[str]) -> Iterator[tuple[bool, Hold]]:
    """What each task enters, and whether it was preempted before that."""
    preempted: set[str] = set()
    for i, step in enumerate(steps):
        if step.task in kthreads or step.task == TICK:
            continue
        if not step.waits and i + 1 < len(steps) and steps[i + 1].task != step.task:
            preempted.add(step.task)
        for function in step.after[step.kept :]:
            if in_source(function):
                yield step.task in preempted, Hold(step.task, function)
