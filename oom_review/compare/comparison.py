"""The comparison: every script on both kernels, in workers, then the smallest script of each kind of difference."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import TypeVar

import attrs

from oom_review.compare.groups import Group, grouped, to_shrink, with_smallest
from oom_review.compare.job import Job, Outcome, run
from oom_review.compare.programs import drawn
from oom_review.compare.reached import Changed, described
from oom_review.compare.shrink import shrink
from oom_review.scenario.items import Scenario
from oom_review.situations.families import SITUATIONS
from oom_review.situations.script import scenario
from oom_review.situations.situation import Situation
from oom_review.variants.loading import VariantBroke, load
from oom_review.workers.pool import Broke, Lost, Pool, listed

SITUATION, PROGRAM, FILE = "situation", "program", "file"
J = TypeVar("J")
A = TypeVar("A")


@attrs.define(frozen=True)
class Reach:
    """How far the scripts come into a changed function: in how many of them it ran, and its lines that ran in any."""

    function: Changed
    explorations: int
    lines: frozenset[int]

    @property
    def missed(self) -> list[int]:
        """Lines of the patch's own that never ran."""
        return sorted(self.function.changed - self.lines)


@attrs.define(frozen=True)
class Comparison:
    """All of it.  ``variants``: base and patch.  ``tried``: how many scripts of each kind were explored on both.

    ``too_large``: programs that hit the limit and count as nothing.  ``promises``: (claim, verdict on base, on patch, in how many
    scripts).  ``bounded``: why "no difference" does not mean that there is none within the bounds, a line each.
    """

    variants: tuple[str, str]
    tried: dict[str, int]
    too_large: int
    impossible: tuple[str, ...]
    groups: tuple[Group, ...]
    promises: tuple[tuple[str, str, str, int], ...]
    reach: tuple[Reach, ...]
    bounded: tuple[str, ...]


def jobs(
    variants: tuple[str, str],
    situations: Iterable[Situation],
    files: Iterable[tuple[str, Scenario]],
    *,
    programs: int,
    seed: int,
    states: int,
    program_states: int,
) -> list[Job]:
    """Situations, files, and programs that are drawn on the base."""
    made = [Job(SITUATION, s.name, scenario(s), variants, states) for s in situations]
    made += [Job(FILE, name, script, variants, states) for name, script in files]
    numbered = enumerate(drawn(load(variants[0]), programs, seed), 1)
    return made + [Job(PROGRAM, f"program {i}", p, variants, program_states) for i, p in numbered]


def compare(todo: Sequence[Job], workers: int | None, tell: Callable[[str], None]) -> Comparison:
    """Do them all; ``tell`` hears now and then how far it is.  Raises VariantBroke."""
    variants = todo[0].variants
    outcomes: list[Outcome] = []
    lost: list[str] = []
    with Pool(workers or os.cpu_count() or 1) as pool:
        for job, got in _answers(pool, run, sorted(todo, key=_size, reverse=True)):
            tell(f"{len(outcomes) + len(lost) + 1} of {len(todo)} scripts")
            if isinstance(got, Lost):
                lost.append(f"the worker that explored {job.name} died ({got.reason})")
            else:
                outcomes.append(got)
        order = {job: i for i, job in enumerate(todo)}
        outcomes.sort(key=lambda o: order[o.job])
        counted = [o for o in outcomes if not o.impossible and (o.job.kind != PROGRAM or not any(o.bounded))]
        groups = grouped(counted)
        smallest = []
        for number, (_job, found) in enumerate(_answers(pool, shrink, to_shrink(groups, variants)), 1):
            tell(f"{number} scripts shrunk")
            smallest += [] if isinstance(found, Lost) else found
    reach = [_reach(f, counted) for f in described(load(variants[0]), load(variants[1]))]
    return Comparison(
        variants,
        {kind: sum(o.job.kind == kind for o in counted) for kind in (SITUATION, FILE, PROGRAM)},
        sum(o.job.kind == PROGRAM and any(o.bounded) for o in outcomes),
        tuple(f"{o.job.name}: {o.impossible}" for o in outcomes if o.impossible),
        tuple(with_smallest(groups, smallest)),
        _promises(counted),
        tuple(reach),
        (*lost, *_stopped(counted), *_unreached(reach)),
    )


def _size(job: Job) -> float:
    """How long it takes, about: situations know, programs are small."""
    return SITUATIONS[job.name].size if job.kind == SITUATION else 0


def _answers(pool: Pool, answer: Callable[[J], A], todo: Sequence[J]) -> Iterable[tuple[J, A | Lost]]:
    with closing(pool.run(answer, listed(todo))) as answers:
        for given in answers:
            if given is not None:
                job, got = given
                if isinstance(got, Broke):
                    raise VariantBroke(" or ".join(job.variants), got.reason)  # type: ignore[attr-defined]
                yield job, got


def _promises(outcomes: Iterable[Outcome]) -> tuple[tuple[str, str, str, int], ...]:
    count: dict[tuple[str, str, str], int] = {}
    for o in outcomes:
        for promise in o.promises:
            count[promise] = count.get(promise, 0) + 1
    return tuple((*promise, n) for promise, n in sorted(count.items()))


def _reach(function: Changed, outcomes: Iterable[Outcome]) -> Reach:
    ran = [found for o in outcomes if (found := o.lines.get(function.name))]
    return Reach(function, len(ran), frozenset().union(*ran))


def _stopped(outcomes: Iterable[Outcome]) -> list[str]:
    return [
        f"{o.job.name}: {variant} {where}"
        for o in outcomes
        for variant, where in zip(o.job.variants, o.bounded, strict=True)
        if where
    ]


def _unreached(reach: Iterable[Reach]) -> list[str]:
    said = []
    for r in reach:
        if not r.explorations:
            said.append(f"{r.function.name}() never ran")
        elif r.missed:
            said.append(f"{r.function.name}(): changed lines that never ran: {', '.join(map(str, r.missed))}")
    return said
