"""The table of verdicts, and what is said of an exploration's under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from oom_review.claims import HOLDS, REFUTED, Claim
from oom_review.files import write_beside
from oom_review.scenario import file as scenario_file
from oom_review.show import failure
from oom_review.situations.job import Outcome
from oom_review.situations.verdicts import Explored
from oom_review.variants import TITLES, known, replaying

COLOURS = {HOLDS: "green", REFUTED: "red"}


def table(rows: Iterable[tuple[str, str, str, str]], variants: Sequence[str]) -> Table:
    """Claims down, variants across.  ``rows``: claim, variant, verdict, and what it rests on, which stands under it."""
    texts: dict[str, dict[str, Text]] = {}
    for claim, variant, verdict, basis in rows:
        style = COLOURS.get(verdict.split()[0], "yellow")
        texts.setdefault(claim, {})[variant] = Text.assemble((verdict, style), f"\n{basis}")
    made = Table(show_lines=True)
    made.add_column("claim", no_wrap=True)
    for name in variants:
        made.add_column(TITLES.get(name, name))
    for claim, row in texts.items():
        made.add_row(claim, *(row.get(v, "") for v in variants))
    return made


def print_refutations(cells: Iterable[Explored]) -> None:
    """For each the smallest situation that shows it."""
    for cell in cells:
        if cell.smallest is not None:
            title = TITLES.get(cell.variant, cell.variant)
            print(f"{cell.claim.id} is refuted on {title}: {cell.smallest.job.situation}")


def save_refutations(cells: Iterable[Explored], directory: Path) -> None:
    """A file for each, and the command that replays it.  Raises BadInput."""
    for cell in cells:
        if cell.smallest is not None:
            file = scenario_file.parse(cell.smallest.refuted[cell.claim.id].scenario)
            name = f"{cell.claim.id}--{cell.variant}"
            path = write_beside(directory, name, ".scenario", scenario_file.dumps(file))
            print(replaying(path, cell.variant))


def print_unexpected(wrong: Iterable[tuple[Claim, Outcome, str]]) -> None:
    """What nobody expected; the first refutation of a claim on a variant leaves a file, and shows the interleaving."""
    seen = set()
    for claim, outcome, expected in wrong:
        variant = outcome.job.variant
        if claim.id in outcome.refuted and (claim.id, variant) not in seen:
            seen.add((claim.id, variant))
            scenario = scenario_file.parse(outcome.refuted[claim.id].scenario).scenario
            print(f"\n{failure.account(scenario, known(variant), claim.id, strategy='every interleaving')}")
        verdict = outcome.verdict(claim.id)
        print(
            f"UNEXPECTED: {claim.id} on {variant} {verdict} in {outcome.job.situation}, expected {expected}"
        )
