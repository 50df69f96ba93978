"""What a model can reach in a situation: every outcome of every interleaving, also after the machine has resumed.

A real machine resumes by itself, a model's when somebody wakes it, which is another run: it is explored from one run for each
distinct end of the first.  Ends that differ in nothing an end is made of could still go on differently; a mismatch where a machine
resumed is looked at with that in mind.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from kernel_model.variant import Variant
from oom_review.explore.explorer import Result, explore
from oom_review.explore.final import Final
from oom_review.explore.limits import Limits
from oom_review.observed.outcome import Seen, common_names, of_final
from oom_review.observed.translation import Played
from oom_review.scenario.items import Op, Run, Scenario

RUNNING = "running"
MOST_WAKES = 200
"""Explorations of one situation."""


@attrs.define(frozen=True)
class Prediction:
    """``outcomes``: all that are reached, sorted; ``bounded``: why there may be more, or ""; ``names``: common_names()."""

    situation: str
    variant: str
    outcomes: tuple[Seen, ...]
    states: int
    bounded: str
    names: dict[str, str]


def predict(played: Played, variant: Variant, limits: Limits) -> Prediction:
    """Explore it, and again from wherever the machine sleeps, until it is awake, or sleeps for good."""
    todo, results, awake = [played.scenario], list[Result](), list[Final]()
    doubts: list[str] = []
    for scenario in todo:
        result = explore(scenario, variant, limits=limits)
        results.append(result)
        doubts += filter(None, (result.bounded, result.unseen))
        for end, witness in result.finals.items():
            more = _wakes(end, played)
            if more is None:
                awake.append(end)
            elif len(todo) < MOST_WAKES:
                todo.append(Scenario((*witness.items, more, Run())))
            else:
                doubts.append(f"{MOST_WAKES} runs from where the machine slept")
    return Prediction(
        played.name,
        variant.name,
        tuple(sorted({of_final(end, reads=played.reads) for end in awake})),
        sum(result.counts.states for result in results),
        "; ".join(dict.fromkeys(doubts)),
        common_names(played.scenario, _names(awake)),
    )


def _wakes(end: Final, played: Played) -> Op | None:
    """What the real machine does next by itself: resume, or be thawed by whoever froze it; None for nothing."""
    if end.phase == RUNNING:
        return None
    freezer = next((op.task for op in played.scenario.operations if op.name == "snapshot_freeze"), None)
    states = {name: state for name, state, _marked, _io in end.tasks}
    if freezer is not None and end.phase != "suspended":
        return Op("snapshot_unfreeze", freezer) if states.get(freezer) == "user mode" else None
    return Op("wakeup")


def _names(ends: Iterable[Final]) -> set[str]:
    return {name for end in ends for name, _state, _marked, _io in end.tasks}
