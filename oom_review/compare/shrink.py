"""A difference's smallest script: no operation can be dropped so that it stays; and how likely its ends are by chance.

Every shorter script is explored on both kernels, so that it is known to differ.  Differences that begin with the same script are
shrunk together: they try the same shorter ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import attrs

from kernel_model.errors import IllegalOperation
from kernel_model.machine import Machine
from kernel_model.variant import Variant
from oom_review.compare.job import Found, common_names, differences, ends
from oom_review.compare.statements import Difference, difference, nearest, renamed
from oom_review.explore.explorer import Result, explore
from oom_review.explore.final import Final, final
from oom_review.explore.limits import Limits
from oom_review.play.past import History
from oom_review.play.session import Session
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import follow
from oom_review.schedules.uniform import UniformScheduler
from oom_review.search.minimize import by_the_parent, without_operation
from oom_review.variants.loading import load

RUNS = 200
"""Under uniform scheduling, to say how likely a difference is."""
Key = tuple[int, Difference]


@attrs.define(frozen=True)
class Shrink:
    """A worker's job: these differences, which the script is known to show."""

    scenario: Scenario
    keys: tuple[Key, ...]
    variants: tuple[str, str]
    states: int


@attrs.define(frozen=True)
class Smallest:
    """``found`` holds both runs of ``scenario``; ``likely``: of RUNS uniform runs, so many end so."""

    key: Key
    scenario: Scenario
    found: Found
    likely: int


def shrink(job: Shrink) -> list[Smallest]:
    """Each of the differences."""
    pair = _Pair((load(job.variants[0]), load(job.variants[1])), Limits(states=job.states))
    return [_smallest(job.scenario, key, pair) for key in job.keys]


def _smallest(scenario: Scenario, key: Key, pair: _Pair) -> Smallest:
    best = scenario
    index = len(best.items) - 1
    while index >= 0:
        shorter = next((s for s in shorter_ones(best, index) if key in pair.differences(s)), None)
        if shorter is None:
            index -= 1
        else:
            # What could not go before may go now.
            best = shorter
            index = len(best.items) - 1
    return Smallest(key, best, pair.differences(best)[key], pair.likely(best, key))


def shorter_ones(scenario: Scenario, index: int) -> Iterator[Scenario]:
    """Without the operation there, and what it takes along."""
    if not isinstance(scenario.items[index], Op):
        return
    for candidate in (without_operation(scenario, index), by_the_parent(scenario, index)):
        if candidate is not None and (tidy := _tidied(candidate)).operations:
            yield tidy


def _tidied(scenario: Scenario) -> Scenario:
    """No run without an operation before it, and one at the end."""
    items: list[Op | Run] = []
    for item in scenario.items:
        if isinstance(item, Op) or (items and isinstance(items[-1], Op)):
            items.append(item)
    return Scenario((*items, Run()) if items and isinstance(items[-1], Op) else tuple(items))


class _Pair:
    """Both kernels on one script after the other; each is explored once."""

    def __init__(self, variants: tuple[Variant, Variant], limits: Limits) -> None:
        self._variants = variants
        self._limits = limits
        self._known: dict[Scenario, dict[Key, Found]] = {}
        self._results: dict[Scenario, list[Result]] = {}

    def differences(self, scenario: Scenario) -> dict[Key, Found]:
        """What only one of them ends in; nothing if the script is not possible on both, or too large."""
        if scenario not in self._known:
            self._known[scenario] = self._explored(scenario)
        return self._known[scenario]

    def _explored(self, scenario: Scenario) -> dict[Key, Found]:
        try:
            results = [explore(scenario, v, limits=self._limits) for v in self._variants]
        except IllegalOperation:
            return {}
        self._results[scenario] = results
        found = differences(results, common_names(scenario, self._variants))
        return {(f.side, f.difference): f for f in found}

    def likely(self, scenario: Scenario, key: Key) -> int:
        """Of RUNS runs under uniform scheduling, so many have an end that differs so."""
        side, what = key
        names = common_names(scenario, self._variants)
        mine, theirs = (
            ends(r, names) for r in (self._results[scenario][side], self._results[scenario][1 - side])
        )
        wanted = {f for f in mine if f not in theirs and difference(f, nearest(f, theirs)) == what}
        seeds = range(RUNS)
        return sum(_end(scenario, self._variants[side], seed, names) in wanted for seed in seeds)


def _end(scenario: Scenario, variant: Variant, seed: int, names: dict[str, str]) -> Final:
    """Where one run under uniform scheduling comes to."""
    session = Session(Machine(variant), ())
    last = max(i for i, item in enumerate(scenario.items) if isinstance(item, Run))
    for i, item in enumerate(scenario.items):
        if isinstance(item, Op):
            session.request(item)
        else:
            session.run(UniformScheduler(random.Random(seed)) if i == last else follow(item.schedule))
    return renamed(final(session.machine.k, History.of(session.history), {}), names)
