"""One job: every interleaving of one situation on one variant; and what came of it, as it is stored."""

from __future__ import annotations

import time
from typing import Any

import attrs
import cattrs

from oom_review.claims import HOLDS, REFUTED
from oom_review.explore.explorer import BOUNDED, Bounds, Result, explore
from oom_review.explore.limits import Limits
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import ScenarioFile, Settings, counterexample
from oom_review.situations.families import EVERY
from oom_review.situations.script import scenario
from oom_review.variants.loading import known


@attrs.define(frozen=True)
class Job:
    """What to explore, and where to stop (None: nowhere).

    A quick look lets sleeps end only when nobody can run: it may refute, and never says holds.
    """

    situation: str
    variant: str
    states: int | None = None
    seconds: int | None = None
    quick_look: bool = False

    def __str__(self) -> str:
        """For people."""
        return f"{self.situation} on {self.variant}"


@attrs.define(frozen=True)
class Refutation:
    """A broken claim: the sentence, and the text of a scenario file that shows it."""

    sentence: str
    scenario: str


@attrs.define(frozen=True)
class Outcome:
    """What a job found.  ``bounded`` is empty, or says where it stopped.

    ``endless``: the text of a scenario file with a run that never comes to rest, or empty.
    """

    job: Job
    states: int
    transitions: int
    ends: int
    elapsed: float
    bounded: str
    refuted: dict[str, Refutation]
    endless: str = ""

    def verdict(self, claim: str) -> str:
        """HOLDS, REFUTED or BOUNDED."""
        if claim in self.refuted:
            return REFUTED
        return BOUNDED if self.bounded else HOLDS


def run(job: Job) -> Outcome:
    """A worker's job."""
    situation = EVERY[job.situation]
    variant = known(job.variant)
    started = time.monotonic()
    limits = Limits(job.states, job.seconds)
    bounds = Bounds(short_sleeps=not job.quick_look)
    result = explore(scenario(situation), variant, limits=limits, bounds=bounds)
    refuted = {}
    for claim, verdict in result.verdicts.items():
        if verdict.verdict == REFUTED:
            assert verdict.witness is not None
            made_by = Settings(
                title=situation.name, claim=claim, variant=variant.name, strategy="every interleaving"
            )
            text = scenario_file.dumps(counterexample(verdict.witness, made_by))
            refuted[claim] = Refutation(verdict.sentence, text)
    return Outcome(
        job,
        result.counts.states,
        result.counts.transitions,
        len(result.finals),
        round(time.monotonic() - started, 3),
        result.bounded,
        refuted,
        _endless(result, situation.name),
    )


def _endless(result: Result, situation: str) -> str:
    run = next((witness for final, witness in result.finals.items() if not final.rests), None)
    made_by = Settings(title=situation, variant=result.variant, strategy="every interleaving")
    return "" if run is None else scenario_file.dumps(ScenarioFile(run, made_by))


def as_data(outcome: Outcome) -> dict[str, Any]:
    """For a file."""
    data: dict[str, Any] = cattrs.unstructure(outcome)
    return data


_CONVERTER = cattrs.Converter(forbid_extra_keys=True)


def from_data(data: object) -> Outcome:
    """The outcome again; raises what cattrs raises for anything else."""
    return _CONVERTER.structure(data, Outcome)
