"""``oom-review review``: run the review, print the table and every counterexample, write the JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from oom_review import scenario_file
from oom_review.claims import CLAIMS, HOLDS, REFUTED
from oom_review.columns import columns
from oom_review.files import check_directory, check_target, write_beside, write_over_ours
from oom_review.machines.lockstep import UnexplainedDifference
from oom_review.review import Cell, Review, lockstep, review
from oom_review.review import Progress as Step
from oom_review.scenario_form import ScenarioFile, Settings
from oom_review.variants import TITLES, load

FORMAT = "oom-review review"
MARKER = f'"format": "{FORMAT}"'
LOCKSTEP = ("legacy_tifmemdie", "patched")
DEFAULT_VARIANTS = ("legacy_tifmemdie", "patched", "mainline_v6_18")


def main(args: argparse.Namespace) -> int:
    """Exit status 0 when every verdict is as expected, 1 when one is not.  Raises BadInput."""
    names = list(dict.fromkeys(load(n).name for n in args.variant or DEFAULT_VARIANTS))
    if args.json:
        check_target(Path(args.json), MARKER)
    if args.save:
        check_directory(Path(args.save))
    console = Console()
    console.print(
        f"{len(CLAIMS)} claims on {len(names)} variants, about {args.budget:.0f} s; "
        "every counterexample below was played twice",
        highlight=False,
    )
    found = _with_progress(console, names, args)
    cells = found.cells
    console.print(table(cells, names))
    print_counterexamples(console, cells)
    print_bounds(console, found, names)
    try:
        differences = lockstep(*LOCKSTEP, first_seed=args.seed) if set(LOCKSTEP) <= set(names) else {}
    except UnexplainedDifference as unexplained:
        print(unexplained.account())
        return 1
    print_differences(console, differences)
    wrong = [c for c in cells if not c.as_expected]
    for cell in wrong:
        verdict = f"{cell.found.verdict}, expected {cell.expected}"
        said = cell.surprise if cell.found.verdict == cell.expected else verdict
        print(f"UNEXPECTED: {cell.claim.id} on {cell.variant} {said}")
    # Last, so that a full disk costs nothing of what is said.
    if args.save:
        save_scenarios(console, Path(args.save), cells)
    if args.json:
        write_over_ours(Path(args.json), json.dumps(as_data(found, differences), indent=1) + "\n", MARKER)
    return 1 if wrong else 0


def _with_progress(console: Console, names: list[str], args: argparse.Namespace) -> Review:
    if not console.is_terminal:

        def line(step: Step) -> None:
            print(f"{step.done}/{step.total} jobs, {step.examples} examples: {step.last}", flush=True)

        return review(names, budget=args.budget, jobs=args.jobs, first_seed=args.seed, tell=line)
    bar = Progress(
        TextColumn("{task.description:40}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} jobs, {task.fields[examples]} examples"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("searching", total=1, examples=0)

        def tell(step: Step) -> None:
            bar.update(
                task,
                completed=step.done,
                total=step.total,
                examples=step.examples,
                description=step.last[:40],
            )

        return review(names, budget=args.budget, jobs=args.jobs, first_seed=args.seed, tell=tell)


def table(cells: list[Cell], names: list[str]) -> Table:
    """Claims down, variants across; under each verdict what it rests on."""
    made = Table(show_lines=True)
    made.add_column("claim", no_wrap=True)
    for name in names:
        made.add_column(TITLES.get(name, name))
    by_claim = {c.id: [cell for cell in cells if cell.claim is c] for c in CLAIMS}
    for claim_id, row in by_claim.items():
        made.add_row(claim_id, *(_verdict(cell) for cell in row))
    return made


def _verdict(cell: Cell) -> str:
    found = cell.found
    mark = "" if cell.as_expected else " [bold](unexpected)[/bold]"
    if found.verdict == REFUTED and found.scenario is not None:
        colour = "red"
        basis = f"{len(found.scenario.operations)} operations, {found.scenario.preemptions} preemptions"
        basis += f"\nexample {found.examples}" if found.examples else "\nby exploring"
    else:
        colour = "green"
        basis = f"{found.examples} examples,\n{found.examples + found.interleavings} interleavings"
    explored = f"\n{cell.bound}" if cell.bound else ""
    return f"[{colour}]{found.verdict}[/{colour}]{mark}\n{basis}{explored}"


def print_counterexamples(console: Console, cells: list[Cell]) -> None:
    """Under each refuted claim, the interleaving."""
    for cell in cells:
        if cell.found.scenario is None:
            continue
        console.print()
        console.rule(f"{cell.claim.id} is refuted on {TITLES.get(cell.variant, cell.variant)}")
        print(columns(cell.found.scenario, load(cell.variant), cell.claim.id))


def print_bounds(console: Console, found: Review, names: list[str]) -> None:
    """What a verdict of ``holds`` means here."""
    cells = found.cells
    console.print()
    for name in names:
        held = [c.found for c in cells if c.variant == name and c.found.verdict == HOLDS]
        if held:
            least = min(v.examples for v in held)
            console.print(
                f"{TITLES.get(name, name)}: where it says holds, no counterexample in {least} random programs or more",
                highlight=False,
            )
    for bound in found.bounds:
        print(f"explored on {bound}")


def print_differences(console: Console, differences: dict[str, int]) -> None:
    """How the two kernels of 2016 parted in lockstep."""
    if differences:
        console.print(
            "\nlegacy and RFC in lockstep: every divergence has a name (docs/differences.md)", highlight=False
        )
    for name, times in differences.items():
        console.print(f"{times:8} {name}", highlight=False)


def as_data(found: Review, differences: dict[str, int] | None = None) -> dict[str, Any]:
    """The review for programs; ``scenario`` is the text of a scenario file, or null; ``differences`` were seen in lockstep."""
    return {
        "format": FORMAT,
        "claims": [
            {
                "id": c.claim.id,
                "variant": c.variant,
                "verdict": c.found.verdict,
                "expected": c.expected,
                "examples": c.found.examples,
                "interleavings": c.found.interleavings,
                "seconds": round(c.found.seconds, 3),
                "sentence": c.found.violation.sentence if c.found.violation else c.claim.sentence,
                "seed": c.found.seed,
                "scenario": scenario_file.dumps(_file(c)) if c.found.scenario else None,
                "bound": c.bound or None,
            }
            for c in found.cells
        ],
        "bounds": list(found.bounds),
        "differences": differences or {},
    }


def _file(cell: Cell) -> ScenarioFile:
    assert cell.found.scenario is not None
    made_by = Settings(claim=cell.claim.id, variant=cell.variant, strategy="portfolio", seed=cell.found.seed)
    return ScenarioFile(cell.found.scenario, made_by)


def save_scenarios(console: Console, directory: Path, cells: list[Cell]) -> None:
    """One file for each counterexample; an older one is never overwritten."""
    for cell in cells:
        if cell.found.scenario is None:
            continue
        name = f"{cell.claim.id}--{cell.variant}"
        path = write_beside(directory, name, ".scenario", scenario_file.dumps(_file(cell)))
        console.print(f"oom-review replay {path}", highlight=False, soft_wrap=True)
