"""``oom-review keep FILE --name NAME``: a scenario becomes a regression that every test run replays first."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import attrs

from kernel_model.sched import Variant
from oom_review import scenario_file
from oom_review.errors import BadInput
from oom_review.files import write_new
from oom_review.replay import replay
from oom_review.scenario_form import Expectation, ScenarioFile
from oom_review.trace import Trace

CORPUS = Path("tests/corpus")


def expectation(trace: Trace) -> Expectation:
    """What a run showed, as what is expected from now on."""
    seen = trace.observation
    return Expectation(
        fridge=tuple(sorted(seen.fridge)),
        count=seen.count,
        suspend=tuple(result for _task, _operation, result in seen.pm),
        refuted=tuple(sorted(v.claim for v in trace.violations)),
    )


def with_expectations(file: ScenarioFile, variants: Iterable[Variant], name: str) -> ScenarioFile:
    """The file with what it gives today on each of these variants."""
    played = replay(file, list(variants), name)
    return attrs.evolve(file, expect=tuple((p.trace.variant, expectation(p.trace)) for p in played))


def keep(source: str, name: str, variants: Iterable[Variant], corpus: Path = CORPUS) -> Path:
    """Write the regression; raises BadInput for a bad name or place, or if one of that name exists."""
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise BadInput(f"{name!r} can't name a regression: letters, digits, - and _ only")
    if not corpus.is_dir():
        raise BadInput(
            f"{corpus}: no such directory; run this in a checkout of the project, or give --corpus"
        )
    file = with_expectations(scenario_file.read(source), variants, source)
    target = corpus / f"{name}.scenario"
    write_new(target, scenario_file.dumps(file))
    return target
