"""Shrinking a counterexample: the fewest operations, then the fewest preemptions.

Dropping an operation moves everything after it, so each shorter script is tried under its old schedule, without preemptions, with
one preemption everywhere it could be, and under a fixed number of schedules from the portfolio.  The last pass leaves a scenario
from which no single operation can be dropped in this sense.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import attrs

from kernel_model.errors import IllegalOperation
from kernel_model.variant import Variant
from oom_review.claims import Claim
from oom_review.play.session import play
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import Choices
from oom_review.schedules.driver import TICK
from oom_review.schedules.gaps import Gaps
from oom_review.search.reschedule import record, replay_or_none, shuffle

TRIES = 60
EXACT_TRIES = 600
SAMPLE = 1500
BIRTHS = ("clone", "fork", "vfork")


def minimize(scenario: Scenario, variant: Variant, claim: Claim, tries: int = TRIES) -> Scenario:
    """The smallest scenario found that still breaks the claim; deterministic."""
    best = truncate(normal(scenario), variant, claim)
    if any(isinstance(i, Run) and isinstance(i.schedule, Choices) for i in best.items):
        # Exact choices fit this very script: shrink from a schedule that bends, if one breaks the claim too.
        best = find_schedule(without_preemptions(best), variant, claim, EXACT_TRIES) or best
    while True:
        smaller = _drop_operations(best, variant, claim, tries)
        smaller = _simplify_runs(smaller, variant, claim)
        smaller = _drop_preemptions(smaller, variant, claim)
        smaller = _few_preemptions(smaller, variant, claim) or smaller
        if smaller == best:
            return renamed(best)
        best = smaller


def normal(scenario: Scenario) -> Scenario:
    """Runs that follow each other without an operation between them are kept; one at the end is made sure of."""
    items = scenario.items
    if not items or isinstance(items[-1], Op):
        items = (*items, Run())
    return Scenario(items)


def truncate(scenario: Scenario, variant: Variant, claim: Claim) -> Scenario:
    """Leave out what comes after the claim is broken."""
    for n in range(1, len(scenario.items) + 1):
        head = Scenario(scenario.items[:n])
        if isinstance(head.items[-1], Run) and replay_or_none(head, variant, claim):
            return head
    return scenario


def find_schedule(scenario: Scenario, variant: Variant, claim: Claim, tries: int) -> Scenario | None:
    """The same operations under some schedule that breaks the claim, or None."""
    plain = without_preemptions(scenario)
    for candidate in (scenario, plain):
        if replay_or_none(candidate, variant, claim):
            return candidate
    rng = random.Random(len(scenario.items))
    for _ in range(tries):
        session, recorded = shuffle(plain, variant, (claim,), rng, strict=True)
        if session.violations:
            found = normal(record(recorded, variant))
            if len(found.operations) == len(plain.operations) and replay_or_none(found, variant, claim):
                return found
    return None


def without_preemptions(scenario: Scenario) -> Scenario:
    """Every run goes to quiescence."""
    return normal(Scenario(tuple(i if isinstance(i, Op) else Run() for i in scenario.items)))


def _drop_operations(scenario: Scenario, variant: Variant, claim: Claim, tries: int) -> Scenario:
    index = len(scenario.items) - 1
    while index >= 0:
        if index < len(scenario.items) and isinstance(scenario.items[index], Op):
            for shorter in (without_operation(scenario, index), by_the_parent(scenario, index)):
                found = None if shorter is None else find_schedule(shorter, variant, claim, tries)
                if found is not None:
                    scenario = found
                    index = min(index, len(scenario.items))
                    break
        index -= 1
    return scenario


def droppable(scenario: Scenario, variant: Variant, claim: Claim) -> list[Op]:
    """The operations without which the claim still breaks; none, for a minimal scenario."""
    found: list[Op] = []
    for index, item in enumerate(scenario.items):
        if (
            isinstance(item, Op)
            and find_schedule(without_operation(scenario, index), variant, claim, TRIES) is not None
        ):
            found.append(item)
    return found


def without_operation(scenario: Scenario, index: int) -> Scenario:
    """The scenario without one operation, and without what names the task that it would have made."""
    gone = scenario.items[index]
    assert isinstance(gone, Op)
    names = set(gone.args[:1]) if gone.name.startswith(BIRTHS) else set()
    items: list[Op | Run] = []
    for i, item in enumerate(scenario.items):
        if i == index:
            continue
        if isinstance(item, Op) and (item.task in names or names.intersection(item.args)):
            if item.name.startswith(BIRTHS):
                names |= set(item.args[:1])
            continue
        items.append(item)
    return Scenario(tuple(items))


def by_the_parent(scenario: Scenario, index: int) -> Scenario | None:
    """The scenario without a birth, the parent doing itself what the child would have done."""
    gone = scenario.items[index]
    assert isinstance(gone, Op)
    if not gone.name.startswith(BIRTHS) or gone.task is None:
        return None
    parent, child = gone.task, gone.args[0]
    items = [
        attrs.evolve(
            i,
            task=parent if i.task == child else i.task,
            args=tuple(parent if a == child else a for a in i.args),
        )
        if isinstance(i, Op)
        else i
        for n, i in enumerate(scenario.items)
        if n != index
    ]
    return Scenario(tuple(items))


def _simplify_runs(scenario: Scenario, variant: Variant, claim: Claim) -> Scenario:
    for index in range(len(scenario.items) - 1, -1, -1):
        item = scenario.items[index]
        if not isinstance(item, Run):
            continue
        without = Scenario(scenario.items[:index] + scenario.items[index + 1 :])
        to_rest = _replace(scenario, index, Run())
        for candidate in (without, to_rest):
            if candidate != scenario and candidate.items and replay_or_none(candidate, variant, claim):
                scenario = candidate
                break
    return scenario


def _replace(scenario: Scenario, index: int, item: Run) -> Scenario:
    return Scenario((*scenario.items[:index], item, *scenario.items[index + 1 :]))


def _drop_preemptions(scenario: Scenario, variant: Variant, claim: Claim) -> Scenario:
    for index, item in enumerate(scenario.items):
        if not isinstance(item, Run) or not isinstance(item.schedule, Gaps):
            continue
        gaps = item.schedule
        position = len(gaps.preemptions) - 1
        while position >= 0:
            for shorter in _without_preemption(gaps, position):
                candidate = _replace(scenario, index, Run(shorter))
                if replay_or_none(candidate, variant, claim):
                    scenario, gaps = candidate, shorter
                    break
            position = min(position, len(gaps.preemptions)) - 1
    return scenario


def _without_preemption(gaps: Gaps, position: int) -> Iterator[Gaps]:
    """Dropped with its gap kept for the next one, dropped with its gap gone, and with all that follow."""
    before, after = gaps.preemptions[:position], gaps.preemptions[position + 1 :]
    yield Gaps(before, None)
    if after:
        joined = (gaps.preemptions[position][0] + after[0][0], after[0][1])
        yield Gaps((*before, joined, *after[1:]), gaps.steps)
    yield Gaps((*before, *after), gaps.steps)


def _few_preemptions(scenario: Scenario, variant: Variant, claim: Claim) -> Scenario | None:
    """The same operations with fewer preemptions, all in the last run: one anywhere, else a sample of those with more."""
    plain = without_preemptions(scenario)
    length = replay_length(plain, variant, claim) if scenario.preemptions > 1 else None
    if length is None:
        return None
    steps, names = length
    if not steps:
        return None
    rng = random.Random(scenario.preemptions)
    for count in range(1, min(scenario.preemptions, 4)):
        for preemptions in _one(steps, names) if count == 1 else _several(rng, count, steps, names):
            candidate = _replace(plain, len(plain.items) - 1, Run(Gaps(preemptions)))
            if replay_or_none(candidate, variant, claim):
                return candidate
    return None


def _one(steps: int, names: list[str]) -> Iterator[tuple[tuple[int, str], ...]]:
    for gap in range(1, steps):
        for name in names:
            yield ((gap, name),)


def _several(
    rng: random.Random, count: int, steps: int, names: list[str]
) -> Iterator[tuple[tuple[int, str], ...]]:
    for _ in range(SAMPLE):
        places = sorted(rng.randrange(steps) for _ in range(count))
        gaps = [places[0], *(b - a for a, b in pairwise(places))]
        yield tuple((gap, rng.choice(names)) for gap in gaps)


def replay_length(scenario: Scenario, variant: Variant, claim: Claim) -> tuple[int, list[str]] | None:
    """Steps of the last run and the names of the tasks that can be switched to; None if the script is not possible."""
    head = Scenario(scenario.items[:-1])
    try:
        before = play(head, variant, (claim,)).steps
        whole = play(scenario, variant, (claim,))
    except IllegalOperation:
        return None
    idle = {"oom_reaper", "kworker", "kswapd"}.difference(whole.taken)
    return whole.steps - before, [n for n in (*whole.machine.names_now(), TICK) if n not in idle]


def renamed(scenario: Scenario) -> Scenario:
    """Tasks by plain names, p1, p2, ... in the order of their births."""
    births = [str(op.args[0]) for op in scenario.operations if op.name.startswith(BIRTHS)]
    new = {old: f"p{n}" for n, old in enumerate(births, 1)}
    items: list[Op | Run] = []
    for i in scenario.items:
        if isinstance(i, Op):
            args = tuple(new.get(a, a) if isinstance(a, str) else a for a in i.args)
            items.append(attrs.evolve(i, task=new.get(i.task or "", i.task), args=args))
        elif isinstance(i.schedule, Gaps):
            preemptions = tuple((gap, new.get(name, name)) for gap, name in i.schedule.preemptions)
            items.append(Run(attrs.evolve(i.schedule, preemptions=preemptions)))
        else:
            names = tuple(new.get(name, name) for name in i.schedule.names)
            items.append(Run(attrs.evolve(i.schedule, names=names)))
    return Scenario(tuple(items))
