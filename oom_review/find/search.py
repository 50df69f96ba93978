"""The smallest run whose end satisfies an expression: scripts are explored, the smallest first, until one has such an end.

What is found there is shrunk as a counterexample is: the question stands as a claim that such an end breaks.  That claim is never
explored with, as it remembers all that the end is made of; the ends of an exploration are there anyway.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import closing

import attrs

from kernel_model.events import Event, Io
from kernel_model.sched import Kernel
from kernel_model.variant import Variant
from oom_review.claims import Claim
from oom_review.explore.explorer import explore
from oom_review.explore.final import final
from oom_review.explore.limits import Limits
from oom_review.find.expression import Expression, parse
from oom_review.play.past import ADDED, History
from oom_review.scenario.items import Scenario
from oom_review.search.minimize import minimize
from oom_review.search.reschedule import replay_or_none
from oom_review.variants.loading import known
from oom_review.workers.cluster import Workers, opened
from oom_review.workers.pool import Broke, Lost, listed


@attrs.define(frozen=True)
class Job:
    """One script on one variant; ``name`` says which it is, ``states`` is the most that are explored."""

    name: str
    scenario: Scenario
    variant: str
    expression: str
    states: int

    def __str__(self) -> str:
        """For people."""
        return f"{self.name} on {self.variant}"


@attrs.define(frozen=True)
class Outcome:
    """``run`` ends so, if one was found; ``bounded``: where the exploration stopped, or ""."""

    states: int
    bounded: str
    run: Scenario | None = None


@attrs.define(frozen=True)
class Answer:
    """The smallest ``run`` that was found; ``small`` if it was shrunk.  ``explored`` scripts and ``states`` came before the answer.

    ``bounded``: what was not explored to its end, a line each: where nothing was found, there may be one.
    """

    run: Scenario | None
    small: bool
    where: str
    explored: int
    states: int
    bounded: tuple[str, ...]


def explored(job: Job) -> Outcome:
    """A worker's job."""
    expression = parse(job.expression)
    result = explore(job.scenario, known(job.variant), limits=Limits(job.states))
    run = next((witness for end, witness in result.finals.items() if expression.of(end)), None)
    return Outcome(result.counts.states, result.bounded, run)


def find(jobs: Sequence[Job], workers: Workers = None) -> Answer:
    """The answer of the first of the jobs that has one, whoever was faster.  Raises BadInput, and as explored()."""
    got: dict[Job, Outcome | Lost] = {}
    with (
        opened(workers) as pool,
        closing(pool.run(explored, listed(jobs))) as answers,
    ):
        for one in answers:
            if one is None:
                continue
            job, said = one
            if isinstance(said, Broke):
                raise said.error(job)
            got[job] = said
            if (first := _first(jobs, got)) is not None:
                return _answer(jobs[: first + 1], got)
    return _answer(jobs, got)


def _first(jobs: Sequence[Job], got: dict[Job, Outcome | Lost]) -> int | None:
    """The number of the first job that found something, if all before it are answered."""
    for number, job in enumerate(jobs):
        if job not in got:
            return None
        said = got[job]
        if isinstance(said, Outcome) and said.run is not None:
            return number
    return None


def _answer(jobs: Sequence[Job], got: dict[Job, Outcome | Lost]) -> Answer:
    bounded = []
    for job in jobs:
        said = got[job]
        if isinstance(said, Lost):
            bounded.append(f"the worker that explored {job} died ({said.reason})")
        elif said.bounded:
            bounded.append(f"{job}: {said.bounded}")
    whole = [said for job in jobs if isinstance(said := got[job], Outcome)]
    run, small = (whole[-1].run, False) if whole else (None, False)
    if run is not None:
        run, small = smallest(run, known(jobs[-1].variant), parse(jobs[-1].expression))
    return Answer(run, small, jobs[-1].name, len(whole), sum(o.states for o in whole), tuple(bounded))


def smallest(run: Scenario, variant: Variant, expression: Expression) -> tuple[Scenario, bool]:
    """The run made small.  As it is, and False, if the end has another name for a task than the run has."""
    claim = asked(expression)
    if replay_or_none(run, variant, claim) is None:
        return run, False
    small = minimize(run, variant, claim)
    return (small, True) if replay_or_none(small, variant, claim) else (run, False)


def asked(expression: Expression) -> Claim:
    """The question as a claim: that no end is so."""

    def on_event(_k: Kernel, state: Hashable, event: Event) -> tuple[Hashable, str]:
        assert isinstance(state, tuple)
        return (*state, event), ""

    def at_rest(k: Kernel, state: Hashable) -> str:
        assert isinstance(state, tuple)
        end = final(k, History.of((0, event) for event in state), {})
        return f"it ends with {expression.text}" if expression.of(end) else ""

    kinds = frozenset[type[Event]]({Io, *ADDED})
    return Claim("found", f"no end with {expression.text}", "a question", {}, kinds, on_event, at_rest, ())
