"""The comparison: every script on both kernels, in workers, then the smallest script of each kind of difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TypeVar

import attrs

from oom_review.compare.groups import Group, grouped, with_smallest
from oom_review.compare.job import BASE, FILE, PATCH, PROGRAM, SITUATION, Job, Outcome, run
from oom_review.compare.kept import Kept
from oom_review.compare.programs import drawn
from oom_review.compare.reached import Changed, described
from oom_review.compare.shrink import Key, shrink
from oom_review.compare.window import Measure, measure
from oom_review.scenario.items import Scenario
from oom_review.situations.families import SITUATIONS
from oom_review.situations.script import AnySituation, scenario
from oom_review.variants.loading import load
from oom_review.workers.cluster import Cluster, Workers, opened
from oom_review.workers.pool import Broke, Lost, Pool, listed

J = TypeVar("J")
A = TypeVar("A")
SPARE = 2
"""So many times the programs that are wanted are drawn, as some are too large."""
ON_THE_PATCH = 10
"""A program may have so many times the states of the base's limit there."""


@attrs.define(frozen=True)
class Reach:
    """How far the scripts come into a changed function: in how many of them it ran, and its lines that ran in any.

    ``alike``: in all of these the steps that it was part of did the same on both kernels.
    """

    function: Changed
    explorations: int
    lines: frozenset[int]
    alike: bool

    @property
    def missed(self) -> list[int]:
        """Lines of the patch's own that never ran."""
        return sorted(self.function.changed - self.lines)


@attrs.define(frozen=True)
class Bounds:
    """``programs``: so many, the first of those drawn with the ``seed`` that have at most ``states`` states on the base."""

    programs: int
    seed: int
    states: int


@attrs.define(frozen=True)
class Comparison:
    """All of it.  ``variants``: base and patch.  ``tried``: how many scripts of each kind were explored on both.

    ``passed_over``: programs that are too large on the base, and so not among those that the ``bounds`` name.  ``promises``: (claim,
    verdict on base, on patch, in how many scripts).  ``bounded``: why "no difference" does not mean that there is none within the
    bounds, a line each.  ``explored``: so many scripts, shorter ones included; ``known``: so many from an earlier comparison.
    """

    variants: tuple[str, str]
    tried: dict[str, int]
    bounds: Bounds
    passed_over: int
    impossible: tuple[str, ...]
    groups: tuple[Group, ...]
    promises: tuple[tuple[str, str, str, int], ...]
    reach: tuple[Reach, ...]
    bounded: tuple[str, ...]
    explored: int
    known: int


def jobs(
    variants: tuple[str, str],
    situations: Iterable[AnySituation],
    files: Iterable[tuple[str, Scenario]],
    bounds: Bounds,
    *,
    states: int,
) -> list[Job]:
    """Situations, files, and programs that are drawn on the base: more than are wanted, as some may be too large."""
    made = [Job(SITUATION, s.name, scenario(s), variants, (states, states)) for s in situations]
    made += [Job(FILE, name, script, variants, (states, states)) for name, script in files]
    limits = (bounds.states, bounds.states * ON_THE_PATCH)
    numbered = enumerate(drawn(load(variants[0]), SPARE * bounds.programs, bounds.seed), 1)
    return made + [Job(PROGRAM, f"program {i}", p, variants, limits) for i, p in numbered]


def compare(
    todo: Sequence[Job],
    bounds: Bounds,
    workers: Workers,
    tell: Callable[[str], None],
    kept: Kept | None = None,
    *,
    smallest: bool = True,
) -> Comparison:
    """Do them all, but for what is ``kept``; ``tell`` hears now and then how far it is.  Raises BadInput.

    ``smallest``: with the smallest script of each difference, and how likely it is there.
    """
    with opened(workers) as pool:
        explorer = _Explorer(pool, tell, kept)
        outcomes = explorer.explore(todo, bounds.programs)
        order = {job: i for i, job in enumerate(todo)}
        outcomes.sort(key=lambda o: order[o.job])
        counted = [o for o in outcomes if not o.impossible and not o.passed_over]
        groups = tuple(grouped(counted))
        if smallest:
            groups = explorer.measured(explorer.shrunk(groups, counted), todo[0].variants)
    variants = todo[0].variants
    reach = [_reach(f, counted) for f in described(load(variants[0]), load(variants[1]))]
    tried = {kind: sum(o.job.kind == kind for o in counted) for kind in (SITUATION, FILE, PROGRAM)}
    few = tried[PROGRAM] < bounds.programs
    return Comparison(
        variants,
        tried,
        bounds,
        sum(o.passed_over for o in outcomes),
        tuple(f"{o.job.name}: {o.impossible}" for o in outcomes if o.impossible),
        groups,
        _promises(counted),
        tuple(reach),
        (
            *explorer.lost,
            *([f"only {tried[PROGRAM]} of {bounds.programs} programs were tried"] if few else []),
            *_stopped(counted),
            *_unreached(reach),
        ),
        explorer.explored,
        kept.used if kept else 0,
    )


@attrs.define(eq=False)
class _Explorer:
    """Asks what is kept, and then the workers; ``lost``: which of them died over what."""

    pool: Pool | Cluster
    tell: Callable[[str], None]
    kept: Kept | None
    lost: list[str] = attrs.Factory(list)
    explored: int = 0

    def explore(self, todo: Sequence[Job], programs: int) -> list[Outcome]:
        """All, the largest first; of the programs the first ones, until so many are not too large."""
        return list(self._outcomes(_Feed(todo, programs)))

    def shrunk(self, groups: Sequence[Group], outcomes: Sequence[Outcome]) -> list[Group]:
        """With the smallest script of each group that is sure."""
        states = {g.key: g.states for g in groups}
        keys: list[Key] = [g.key for g in groups if g.sure]
        shorter = shrink(keys, outcomes, states.__getitem__, lambda todo: self._outcomes(_Feed(todo, 0)))
        return with_smallest(groups, shorter)

    def _outcomes(self, feed: _Feed) -> Iterator[Outcome]:
        known: list[Outcome] = []

        def more() -> Job | None:
            while (job := feed.more()) is not None:
                found = self.kept.outcome(job) if self.kept else None
                if found is None:
                    return job
                feed.answered(job, found)
                known.append(found)
            return None

        for job, got in _answers(self.pool, run, more):
            feed.answered(job, got)
            self.explored += 1
            self.tell(f"{self.explored} scripts")
            if isinstance(got, Lost):
                self.lost.append(f"the worker that explored {job.name} died ({got.reason})")
            else:
                if self.kept:
                    self.kept.add(got)
                yield got
        yield from known

    def measured(self, groups: Sequence[Group], variants: tuple[str, str]) -> tuple[Group, ...]:
        """With how likely each is; chance takes too long to show what never comes to rest."""
        todo = {Measure(g.found, variants): g.key for g in groups if g.sure and g.found.rests}
        known = {
            todo[job]: got
            for job, got in _answers(self.pool, measure, listed(todo))
            if not isinstance(got, Lost)
        }
        return tuple(attrs.evolve(g, measured=known.get(g.key)) for g in groups)


class _Feed:
    """The jobs in an order that keeps all cores busy; which programs are tried does not depend on who was faster."""

    def __init__(self, todo: Sequence[Job], programs: int) -> None:
        first = [job for job in todo if job.kind != PROGRAM]
        self._first = iter(sorted(first, key=_size, reverse=True))
        self._programs = iter([job for job in todo if job.kind == PROGRAM])
        self._missing = programs

    def more(self) -> Job | None:
        """A program only if those under way are too few even if they all fit."""
        job = next(self._first, None)
        if job is None and self._missing and (job := next(self._programs, None)):
            self._missing -= 1
        return job

    def answered(self, job: Job, got: Outcome | Lost) -> None:
        """A program that does not count has to be made up for."""
        if job.kind == PROGRAM and isinstance(got, Outcome) and (got.passed_over or got.impossible):
            self._missing += 1


def _size(job: Job) -> float:
    """How long it takes, about: situations know, programs are small."""
    return SITUATIONS[job.name].size if job.kind == SITUATION else 0


def _answers(
    pool: Pool | Cluster, answer: Callable[[J], A], more: Callable[[], J | None]
) -> Iterable[tuple[J, A | Lost]]:
    with closing(pool.run(answer, more)) as answers:
        for given in answers:
            if given is not None:
                job, got = given
                if isinstance(got, Broke):
                    raise got.error(getattr(job, "name", "shrinking"))
                yield job, got


def _promises(outcomes: Iterable[Outcome]) -> tuple[tuple[str, str, str, int], ...]:
    count: dict[tuple[str, str, str], int] = {}
    for o in outcomes:
        for promise in o.promises:
            count[promise] = count.get(promise, 0) + 1
    return tuple((*promise, n) for promise, n in sorted(count.items()))


def _reach(function: Changed, outcomes: Iterable[Outcome]) -> Reach:
    name = function.name
    ran = [o for o in outcomes if name in o.ran[PATCH]]
    lines = {function.first + line for o in ran for line in o.lines.get(name, ())}
    either = [o for o in outcomes if name in o.ran[BASE] | o.ran[PATCH]]
    return Reach(function, len(ran), frozenset(lines), bool(either) and all(name in o.alike for o in either))


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
