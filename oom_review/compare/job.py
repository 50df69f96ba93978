"""A worker's job: one script, all its interleavings on both kernels, and what only one of them ends in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import attrs

from kernel_model.errors import IllegalOperation
from kernel_model.variant import Variant
from oom_review import ledger
from oom_review.compare.reached import Watch, changed
from oom_review.compare.statements import Difference, difference, nearest, renamed
from oom_review.explore.explorer import Result, explore
from oom_review.explore.final import Final
from oom_review.explore.limits import Limits
from oom_review.explore.setup import SetupError, played
from oom_review.explore.symmetry import interchangeable
from oom_review.scenario.items import Run, Scenario
from oom_review.variants.loading import load

BASE, PATCH = 0, 1
"""The sides."""
SITUATION, PROGRAM, FILE, SHORTER = "situation", "program", "file", "shorter script"
"""Where a script comes from."""


@attrs.define(frozen=True)
class Job:
    """``kind``: where the script comes from; ``variants``: base and patch, by name; ``states``: the most of either's exploration."""

    kind: str
    name: str
    scenario: Scenario
    variants: tuple[str, str]
    states: tuple[int, int]

    @property
    def has_to_fit(self) -> bool:
        """If the base hits the limit, the script is passed over and the patch is not explored."""
        return self.kind in (PROGRAM, SHORTER)


@attrs.define(frozen=True)
class Found:
    """An end that only ``side`` has, or that nobody saw on the other one if that exploration hit a limit (``sure`` is False).

    ``here`` leads to it on its side, ``there`` to the nearest end on the other one.  ``ends``: marks of all that differ so.
    """

    side: int
    difference: Difference
    sure: bool
    here: Scenario
    there: Scenario
    ends: frozenset[str]

    @property
    def rests(self) -> bool:
        """The run comes to rest."""
        return not self.here.cyclic(len(self.here.items) - 1)


@attrs.define(frozen=True)
class Outcome:
    """What a job found.

    ``bounded``: by side, where the exploration stopped or "".  ``impossible``: which operation was not possible on which kernel; then
    nothing was explored.  ``promises``: claims whose verdicts differ, with both verdicts.  ``ran``: by side, the kernel's own
    functions that ran.  ``lines``: of the patch's functions that differ, counted from the first.  ``alike``: of the functions that
    differ and ran on either side, those that did the same on both.
    """

    job: Job
    states: tuple[int, int] = (0, 0)
    bounded: tuple[str, str] = ("", "")
    impossible: str = ""
    found: tuple[Found, ...] = ()
    promises: tuple[tuple[str, str, str], ...] = ()
    ran: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
    lines: dict[str, frozenset[int]] = attrs.Factory(dict)
    alike: frozenset[str] = frozenset()

    @property
    def passed_over(self) -> bool:
        """It was to fit, and did not."""
        return self.job.has_to_fit and bool(self.bounded[BASE])


def run(job: Job) -> Outcome:
    """Explore the script on both."""
    kernels = [load(name) for name in job.variants]
    differ = frozenset(changed(*kernels))
    watches = [Watch(kernel, differ) for kernel in kernels]
    names: dict[str, str] = {}
    results: list[Result] = []
    for variant, watch, states in zip(kernels, watches, job.states, strict=True):
        try:
            with watch.around():
                names |= common_names(job.scenario, variant)
            found = explore(job.scenario, variant, limits=Limits(states), around=watch.around)
        except (IllegalOperation, SetupError) as error:
            return Outcome(job, impossible=f"{variant.name}: {error}")
        if found.unseen and job.has_to_fit and not results:
            ran = frozenset(watch.ran), frozenset[str]()
            return Outcome(job, (found.counts.states, 0), (found.unseen, ""), ran=ran)
        results.append(found)
    one, two = results
    verdicts = [(c.id, one.verdicts[c.id].verdict, two.verdicts[c.id].verdict) for c in ledger.claims()]
    base, patch = watches
    return Outcome(
        job,
        (one.counts.states, two.counts.states),
        (one.unseen, two.unseen),
        found=tuple(differences(results, names)),
        promises=tuple(v for v in verdicts if v[1] != v[2]),
        ran=(frozenset(base.ran), frozenset(patch.ran)),
        lines={name: frozenset(numbers) for name, numbers in patch.lines.items() if numbers},
        alike=frozenset(n for n in differ & (base.ran | patch.ran) if base.steps[n] == patch.steps[n]),
    )


def common_names(scenario: Scenario, variant: Variant) -> dict[str, str]:
    """Of threads that nothing tells apart where the explored run begins."""
    last = max(i for i, item in enumerate(scenario.items) if isinstance(item, Run))
    k = played(scenario.items[:last], variant)[0].machine.k
    return {k.tasks[pid].name: name for pid, name in interchangeable(k, scenario).items()}


def ends(result: Result, names: dict[str, str]) -> dict[Final, Scenario]:
    """The ends of one kernel, as they are compared, each with a run that leads there."""
    found: dict[Final, Scenario] = {}
    for final, witness in result.finals.items():
        found.setdefault(renamed(final, names), witness)
    return found


def mark(final: Final) -> str:
    """An end in few letters."""
    return hashlib.sha256(repr(final).encode()).hexdigest()[:16]


def differences(results: list[Result], names: dict[str, str]) -> Iterator[Found]:
    """The ends that one side has and the other has not; a kind of difference once."""
    sides = [ends(result, names) for result in results]
    for side in (BASE, PATCH):
        mine, theirs = sides[side], sides[1 - side]
        found: dict[Difference, list[tuple[Final, Final]]] = {}
        for final in mine if theirs else ():
            if final not in theirs:
                near = nearest(final, theirs)
                found.setdefault(difference(final, near), []).append((final, near))
        for what, members in found.items():
            final, near = members[0]
            marks = frozenset(mark(f) for f, _near in members)
            yield Found(side, what, not results[1 - side].unseen, mine[final], theirs[near], marks)
