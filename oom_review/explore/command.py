"""``oom-review explore FILE``: every interleaving of a scenario's last run, and a verdict in the memory model's words."""

from __future__ import annotations

import argparse
import sys

from kernel_model.errors import IllegalOperation
from kernel_model.sched import Variant
from oom_review import scenario_file
from oom_review.claims import CLAIMS
from oom_review.columns import observation_line
from oom_review.errors import BadInput
from oom_review.explore.explorer import Result, explore
from oom_review.explore.limits import Limits
from oom_review.run import play
from oom_review.scenario import Run
from oom_review.variants import load


def main(arguments: argparse.Namespace) -> int:
    """Status 0 if every interleaving was tried, 1 if a limit stopped the exploration."""
    scenario = scenario_file.read(arguments.file).scenario
    variants = [load(name) for name in arguments.variant or ("legacy", "patched")]
    if not any(isinstance(item, Run) for item in scenario.items):
        raise BadInput(f"{arguments.file}: there is no run to explore")
    limits = Limits(arguments.states, arguments.seconds)
    bounded = False
    for variant in variants:
        try:
            result = explore(scenario, variant, limits=limits)
        except IllegalOperation as error:
            raise BadInput(f"{arguments.file}: {error}") from None
        sys.stdout.write(text(result, variant))
        bounded = bounded or bool(result.bounded)
    return int(bounded)


def text(result: Result, variant: Variant) -> str:
    """Counts, and for each claim how many of the distinct ends come from a run that breaks it."""
    c = result.counts
    lines = [f"{variant.name}: {len(result.finals)} ends, {c.states} states, {c.transitions} transitions"]
    if result.bounded:
        lines.append(f"bounded: {result.bounded}; nothing here counts as holds")
    broken = [set(play(w, variant).violations) for w in result.finals.values()]
    for claim in CLAIMS:
        positive = sum(claim.id in found for found in broken)
        verdict = result.verdicts[claim.id].verdict
        # A run may break a claim on its way to an end that another run reaches without.
        positive = max(positive, int(verdict == "refuted"))
        lines.append(f"{observation_line(claim.id, positive, len(broken) - positive)}  {verdict}")
    return "\n".join([*lines, ""])
