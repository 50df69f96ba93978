"""Differences put together by what differs, over all scripts that were tried."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from oom_review.compare.job import Found, Outcome
from oom_review.compare.shrink import Key
from oom_review.compare.statements import Difference
from oom_review.compare.window import Measured
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
    measured: Measured | None = None

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


def with_smallest(groups: Iterable[Group], smallest: dict[Key, tuple[Scenario, Found]]) -> list[Group]:
    """The groups with their smallest scripts."""
    shrunk = []
    for g in groups:
        script, found = smallest.get(g.key, (g.script, g.found))
        shrunk.append(attrs.evolve(g, script=script, found=found))
    return shrunk
