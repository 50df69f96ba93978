"""A worker's job: one script, all its interleavings on both kernels, and what only one of them ends in."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from kernel_model.errors import IllegalOperation
from kernel_model.variant import Variant
from oom_review.claims import CLAIMS
from oom_review.compare.reached import Watch, changed
from oom_review.compare.statements import Difference, difference, nearest, renamed
from oom_review.explore.explorer import Result, explore
from oom_review.explore.final import Final
from oom_review.explore.limits import Limits
from oom_review.explore.setup import played
from oom_review.explore.symmetry import interchangeable
from oom_review.scenario.items import Run, Scenario
from oom_review.variants.loading import load

BASE, PATCH = 0, 1
"""The sides."""


@attrs.define(frozen=True)
class Job:
    """``kind``: "situation", "program" or "file"; ``variants``: base and patch, by name; ``states``: the most of each exploration."""

    kind: str
    name: str
    scenario: Scenario
    variants: tuple[str, str]
    states: int


@attrs.define(frozen=True)
class Found:
    """An end that only ``side`` has, or that nobody saw on the other one if that exploration hit a limit (``sure`` is False).

    ``here`` leads to it on its side, ``there`` to the nearest end on the other one.
    """

    side: int
    difference: Difference
    sure: bool
    here: Scenario
    there: Scenario


@attrs.define(frozen=True)
class Outcome:
    """What a job found.

    ``bounded``: by side, where the exploration stopped or "".  ``impossible``: which operation was not possible on which kernel; then
    nothing was explored.  ``promises``: claims whose verdicts differ, with both verdicts.  ``lines``: of the patch's functions.
    """

    job: Job
    states: tuple[int, int] = (0, 0)
    bounded: tuple[str, str] = ("", "")
    impossible: str = ""
    found: tuple[Found, ...] = ()
    promises: tuple[tuple[str, str, str], ...] = ()
    lines: dict[str, frozenset[int]] = attrs.Factory(dict)


def run(job: Job) -> Outcome:
    """Explore the script on both."""
    base, patch = (load(name) for name in job.variants)
    limits = Limits(states=job.states)
    watch = Watch(changed(base, patch))
    results: list[Result] = []
    for variant in (base, patch):
        try:
            results.append(explore(job.scenario, variant, limits=limits, around=watch.around))
        except IllegalOperation as error:
            return Outcome(job, impossible=f"{variant.name}: {error}")
    one, two = results
    verdicts = [(c.id, one.verdicts[c.id].verdict, two.verdicts[c.id].verdict) for c in CLAIMS]
    return Outcome(
        job,
        (one.counts.states, two.counts.states),
        (one.stopped, two.stopped),
        found=tuple(differences(results, common_names(job.scenario, (base, patch)))),
        promises=tuple(v for v in verdicts if v[1] != v[2]),
        lines={name: frozenset(numbers) for name, numbers in watch.lines.items()},
    )


def common_names(scenario: Scenario, variants: tuple[Variant, Variant]) -> dict[str, str]:
    """Of threads that nothing tells apart where the explored run begins, on one kernel or the other."""
    last = max(i for i, item in enumerate(scenario.items) if isinstance(item, Run))
    found: dict[str, str] = {}
    for variant in variants:
        k = played(scenario.items[:last], variant)[0].machine.k
        found |= {k.tasks[pid].name: name for pid, name in interchangeable(k, scenario).items()}
    return found


def ends(result: Result, names: dict[str, str]) -> dict[Final, Scenario]:
    """The ends of one kernel, as they are compared, each with a run that leads there."""
    found: dict[Final, Scenario] = {}
    for final, witness in result.finals.items():
        found.setdefault(renamed(final, names), witness)
    return found


def differences(results: list[Result], names: dict[str, str]) -> Iterator[Found]:
    """The ends that one side has and the other has not; a kind of difference once."""
    sides = [ends(result, names) for result in results]
    for side in (BASE, PATCH):
        mine, theirs = sides[side], sides[1 - side]
        if not theirs:
            continue
        seen: set[Difference] = set()
        for final, witness in mine.items():
            if final in theirs:
                continue
            near = nearest(final, theirs)
            what = difference(final, near)
            if what not in seen:
                seen.add(what)
                yield Found(side, what, not results[1 - side].stopped, witness, theirs[near])
