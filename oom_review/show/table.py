"""The table of verdicts, and what is said of an exploration's under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.box import HEAVY_HEAD, SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from oom_review.claims import HOLDS, REFUTED, Claim
from oom_review.explore.explorer import BOUNDED
from oom_review.files import write_beside
from oom_review.scenario import file as scenario_file
from oom_review.show import failure
from oom_review.show.columns import columns
from oom_review.situations.job import Outcome
from oom_review.situations.verdicts import Explored
from oom_review.variants.loading import known, replaying, title_of

FEW = 8
SCREEN = 16
"""So many claims have a line each."""
FEW_ALIKE = 3
COLOURS = {HOLDS: "green", REFUTED: "red"}
ACROSS = 5
"""Variants in one table: with the claims' names they take 80 columns."""
WORD = len("refuted!")


def tables(
    rows: Iterable[tuple[str, str, str, str, str]], variants: Sequence[str], *, verbose: bool = False
) -> list[Table]:
    """As many as it takes for all variants to fit on a screen."""
    rows = list(rows)
    parts = [variants[i : i + ACROSS] for i in range(0, len(variants), ACROSS)]
    return [_table([row for row in rows if row[1] in part], part, verbose=verbose) for part in parts]


def _table(
    rows: Iterable[tuple[str, str, str, str, str]], variants: Sequence[str], *, verbose: bool
) -> Table:
    """Claims down, variants across, a word in each cell; many claims of which all cells are alike share a row.

    ``rows``: claim, variant, verdict, a mark behind it or "", and what it rests on, which stands under it if ``verbose``.
    """
    texts: dict[str, dict[str, Text]] = {}
    for claim, variant, verdict, mark, basis in rows:
        style = COLOURS.get(verdict, "yellow")
        words = ((verdict, style), (mark, "bold"), f"\n{basis}" if verbose and basis else "")
        texts.setdefault(claim, {})[variant] = Text.assemble(*words)
    made = Table(show_lines=verbose, box=HEAVY_HEAD if verbose else SIMPLE_HEAD, pad_edge=verbose)
    made.add_column("claim", no_wrap=len(texts) <= SCREEN)
    for name in variants:
        made.add_column(title_of(name), min_width=WORD)
    alike: dict[tuple[str, ...], list[str]] = {}
    for claim, row in texts.items():
        alike.setdefault(tuple(str(row.get(v, "")) for v in variants), []).append(claim)
    shared = [c for c in alike.values() if len(texts) > SCREEN and not verbose and len(c) > FEW_ALIKE]
    alone = [[claim] for claim in texts if not any(claim in c for c in shared)]
    for claims in (*alone, *shared):
        made.add_row(", ".join(claims), *(texts[claims[0]].get(v, "") for v in variants))
    return made


def summary(given: Sequence[str], wrong: Sequence[str]) -> str:
    """The last line but one: how many verdicts there are of each kind, and which ones nobody expected."""
    kinds = ((HOLDS, "hold"), (REFUTED, "refuted"), (BOUNDED, "bounded"))
    counts = ", ".join(f"{list(given).count(verdict)} {words}" for verdict, words in kinds)
    total = f"{len(given)} verdict{'' if len(given) == 1 else 's'}"
    if wrong:
        # They are few, or all.
        named = f": {', '.join(wrong)}" if len(wrong) <= FEW else ""
        return f"{total}: {counts}; {len(wrong)} not as expected (!){named}"
    return f"{total}: {counts}" if BOUNDED in given else f"{total}: {counts}; all as expected"


def print_refutations(cells: Iterable[Explored]) -> None:
    """For each the smallest situation that shows it."""
    for cell in cells:
        if cell.smallest is not None:
            title = title_of(cell.variant)
            print(f"{cell.claim.id} is refuted on {title}: {cell.smallest.job.situation}")


def print_endless(outcomes: Iterable[Outcome], *, with_interleavings: bool) -> None:
    """What nobody expected; the first run on a variant is shown."""
    seen = set()
    for outcome in outcomes:
        variant = outcome.job.variant
        if with_interleavings and variant not in seen:
            print(f"\n{columns(scenario_file.parse(outcome.endless).scenario, known(variant))}")
        seen.add(variant)
        print(f"UNEXPECTED: {variant} need not come to rest in {outcome.job.situation}")


def save_refutations(cells: Iterable[Explored], directory: Path) -> None:
    """A file for each, and the command that replays it.  Raises BadInput."""
    for cell in cells:
        if cell.smallest is not None:
            file = scenario_file.parse(cell.smallest.refuted[cell.claim.id].scenario)
            name = f"{cell.claim.id}--{cell.variant}"
            path = write_beside(directory, name, ".scenario", scenario_file.dumps(file))
            print(replaying(path, cell.variant))


def print_unexpected(wrong: Iterable[tuple[Claim, Outcome, str]], *, with_interleavings: bool = True) -> None:
    """What nobody expected; the first refutation of a claim on a variant leaves a file, and shows the interleaving."""
    seen = set()
    for claim, outcome, expected in wrong:
        variant = outcome.job.variant
        first = (claim.id, variant) not in seen
        if with_interleavings and claim.id in outcome.refuted and first:
            seen.add((claim.id, variant))
            scenario = scenario_file.parse(outcome.refuted[claim.id].scenario).scenario
            print(f"\n{failure.account(scenario, known(variant), claim.id, strategy='every interleaving')}")
        verdict = outcome.verdict(claim.id)
        print(
            f"UNEXPECTED: {claim.id} on {variant} {verdict} in {outcome.job.situation}, expected {expected}"
        )
