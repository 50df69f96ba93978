"""A difference's smallest script: no operation can be dropped so that it stays.

Every shorter script is explored on both kernels, so that it is known to differ.  It goes in rounds: each difference asks for the next
shorter scripts of its own, they are explored together, and what comes of one serves all: a difference goes on from the smallest
script that is known to show it, whoever asked for that.  So the work of a round, and what is found, do not depend on who was faster.
Tried and dropped: a worker for each script and its differences, which explored the same shorter scripts again and left cores idle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import attrs

from oom_review.compare.job import BASE, SHORTER, Found, Job, Outcome
from oom_review.compare.statements import Difference
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.search.minimize import by_the_parent, without_operation

AT_ONCE = 4
"""So many scripts are explored in a round, if there are; in vain if the first of a difference's shows it."""
Key = tuple[int, Difference]
Explored = Callable[[Sequence[Job]], Iterable[Outcome]]


def answered(known: dict[Scenario, Outcome], script: Scenario, states: int) -> bool:
    """The script was explored, or is larger than so many states."""
    outcome = known.get(script)
    return outcome is not None and not (outcome.passed_over and outcome.job.states[BASE] < states)


def shown(outcome: Outcome, key: Key) -> Found | None:
    """The difference in what was found on a script, if it is sure there."""
    return next((f for f in outcome.found if (f.side, f.difference) == key and f.sure), None)


@attrs.define(eq=False)
class Descent:
    """One difference on its way down.  ``index``: which item of ``best`` is tried next; ``dropped``: one was, in this pass."""

    key: Key
    best: Scenario
    states: int
    index: int = 0
    dropped: bool = False

    def take(self, script: Scenario) -> None:
        """Go on from this script, from its end."""
        self.best, self.index, self.dropped = script, len(script.items) - 1, False

    def advance(self, known: dict[Scenario, Outcome]) -> None:
        """As far as is known already; what could not go before may go in the next pass."""
        while self.index >= 0 or self.dropped:
            if self.index < 0:
                self.take(self.best)
            for shorter in shorter_ones(self.best, self.index):
                if not answered(known, shorter, self.states):
                    return
                if shown(known[shorter], self.key):
                    self.best, self.dropped = shorter, True
                    break
            self.index = min(self.index, len(self.best.items)) - 1

    def ahead(self) -> Iterator[Scenario]:
        """What it tries from here on, if nothing of it shows the difference."""
        for index in range(self.index, -1, -1):
            yield from shorter_ones(self.best, index)


def shrink(
    keys: Sequence[Key], outcomes: Iterable[Outcome], states: Callable[[Key], int], explored: Explored
) -> dict[Key, tuple[Scenario, Found]]:
    """The smallest script of each of these differences, which some of the outcomes are sure to show.

    ``states``: the most of each exploration for its sake.  ``explored`` answers for each job; a script without an answer shows nothing.
    """
    known: dict[Scenario, Outcome] = {}
    for outcome in outcomes:
        known.setdefault(outcome.job.scenario, outcome)
    variants = next(iter(known.values())).job.variants if known else ("", "")
    descents = [Descent(key, smallest_known(key, known), states(key)) for key in keys]
    for d in descents:
        d.take(d.best)
    while wanted := _wanted(descents, known):
        jobs = [Job(SHORTER, SHORTER, script, variants, (most, most)) for script, most in wanted.items()]
        known |= {job.scenario: Outcome(job) for job in jobs}
        known |= {o.job.scenario: o for o in explored(jobs)}
    found = {d.key: (d.best, shown(known[d.best], d.key)) for d in descents}
    return {key: (script, f) for key, (script, f) in found.items() if f is not None}


def _wanted(descents: Iterable[Descent], known: dict[Scenario, Outcome]) -> dict[Scenario, int]:
    """The scripts of the next round, each with its limit."""
    for d in descents:
        smallest = smallest_known(d.key, known)
        if len(smallest.operations) < len(d.best.operations):
            d.take(smallest)
        d.advance(known)
    under_way = [d for d in descents if d.index >= 0]
    wanted: dict[Scenario, int] = {}
    for d in under_way:
        unknown = (s for s in d.ahead() if not answered(known, s, d.states))
        for script in islice(unknown, max(1, AT_ONCE // len(under_way))):
            wanted[script] = max(d.states, wanted.get(script, 0))
    return wanted


def smallest_known(key: Key, known: dict[Scenario, Outcome]) -> Scenario:
    """Of the scripts that are sure to show it, the one with the fewest operations, then with the fewest states."""
    showing = [o for o in known.values() if shown(o, key)]
    return min(showing, key=lambda o: (len(o.job.scenario.operations), sum(o.states))).job.scenario


def shorter_ones(scenario: Scenario, index: int) -> Iterator[Scenario]:
    """Without the operation there, and what it takes along."""
    if index >= len(scenario.items) or not isinstance(scenario.items[index], Op):
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
