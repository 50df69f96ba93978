"""Differences put together by what differs, over all scripts that were tried."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from oom_review.compare.job import Found, Outcome
from oom_review.compare.shrink import Key, Shrink, Smallest
from oom_review.compare.statements import Difference
from oom_review.scenario.items import Scenario


@attrs.define(frozen=True)
class Group:
    """``states``: of the larger exploration of ``script``; ``shown``: how many of the scripts show it, by kind; ``sure``: on one of them the other kernel was explored completely."""

    side: int
    difference: Difference
    shown: dict[str, int]
    sure: bool
    script: Scenario
    found: Found
    states: int
    likely: int | None = None

    @property
    def key(self) -> Key:
        """What tells it from other groups."""
        return self.side, self.difference


def grouped(outcomes: Iterable[Outcome]) -> list[Group]:
    """One group for each side and difference, what most scripts show first; its script is the one with the fewest operations."""
    members: dict[Key, list[tuple[Outcome, Found]]] = {}
    for outcome in outcomes:
        for found in outcome.found:
            members.setdefault((found.side, found.difference), []).append((outcome, found))
    groups = [_group(key, found) for key, found in members.items()]
    return sorted(groups, key=lambda g: (not g.sure, -sum(g.shown.values()), len(g.difference.only), g.key))


def _group(key: Key, members: list[tuple[Outcome, Found]]) -> Group:
    sure = [m for m in members if m[1].sure]
    outcome, found = min(sure or members, key=lambda m: (len(m[0].job.scenario.operations), sum(m[0].states)))
    shown: dict[str, int] = {}
    for o, _found in members:
        shown[o.job.kind] = shown.get(o.job.kind, 0) + 1
    return Group(*key, shown, bool(sure), outcome.job.scenario, found, max(outcome.states))


def to_shrink(groups: Iterable[Group], variants: tuple[str, str]) -> list[Shrink]:
    """A job for each script, the longest first; only what is sure can be shrunk.  What grows by losing an operation is no gain."""
    jobs: dict[Scenario, Shrink] = {}
    for g in groups:
        if g.sure:
            job = jobs.setdefault(g.script, Shrink(g.script, (), variants, g.states))
            jobs[g.script] = attrs.evolve(job, keys=(*job.keys, g.key))
    return sorted(jobs.values(), key=lambda job: -job.states)


def with_smallest(groups: Iterable[Group], smallest: Iterable[Smallest]) -> list[Group]:
    """The groups with their smallest scripts."""
    known = {s.key: s for s in smallest}
    return [
        g
        if (s := known.get(g.key)) is None
        else attrs.evolve(g, script=s.scenario, found=s.found, likely=s.likely)
        for g in groups
    ]
