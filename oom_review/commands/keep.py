"""``oom-review keep FILE --name NAME``: a scenario becomes a regression that every test run replays first."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

import attrs

from kernel_model.variant import Variant
from oom_review.commands.options import add_claims, add_variants
from oom_review.errors import BadInput
from oom_review.files import write_new
from oom_review.play.trace import Trace
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import Expectation, ScenarioFile
from oom_review.show.replay import replay
from oom_review.variants.loading import DEFAULT_VARIANTS, chosen, origins

CORPUS = "tests/corpus"
NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.description = "Make a scenario file a regression of the test suite, with what it gives today."
    parser.add_argument("file", metavar="FILE", help="a scenario file, or - for standard input")
    parser.add_argument("--name", required=True, metavar="NAME", help="the regression's name")
    parser.add_argument("--corpus", default=CORPUS, metavar="DIR", help="where regressions are kept")
    add_claims(parser)
    add_variants(parser, "expect what it gives on", "all four, and those that the file names")


def run(options: argparse.Namespace) -> int:
    """Status 0 when it is kept.  Raises BadInput."""
    file = scenario_file.read(options.file)
    variants = chosen(options.variant, dict.fromkeys((*DEFAULT_VARIANTS, *file.variants)))
    target = keep(file, options.file, options.name, variants, Path(options.corpus))
    print("\n".join([f"kept as {target}", *origins(v.name for v in variants)]))
    return 0


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


def keep(file: ScenarioFile, source: str, name: str, variants: Iterable[Variant], corpus: Path) -> Path:
    """Write the file, which was read from ``source``, as a regression; raises BadInput for a bad name or place, or if one of that name exists."""
    if not NAME.fullmatch(name):
        raise BadInput(f"{name!r} can't name a regression: letters, digits, -, _ and, inside, dots only")
    if not corpus.is_dir():
        raise BadInput(
            f"{corpus}: no such directory; run this in a checkout of the project, or give --corpus"
        )
    target = corpus / f"{name}.scenario"
    write_new(target, scenario_file.dumps(with_expectations(file, variants, source)))
    return target
