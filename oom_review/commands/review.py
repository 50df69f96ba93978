"""``oom-review review``: the review, its table and every counterexample; what is said comes first, what is written last."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from oom_review.claims import CLAIMS, HOLDS, REFUTED, find
from oom_review.commands.options import add_search
from oom_review.errors import BadInput
from oom_review.files import STDOUT, check_directory, check_target, write_beside, write_over_ours
from oom_review.review import lockstep, review
from oom_review.scenario import file as scenario_file
from oom_review.search.lockstep import UnexplainedDifference
from oom_review.show.columns import columns
from oom_review.show.table import table
from oom_review.situations.progress import Progress, shown
from oom_review.variants import DEFAULT_VARIANTS, PAIR, TITLES, known, load_all, origins, replaying
from oom_review.verdicts import MARKER, Cell, Review, as_json, made_by, only, read


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_search(parser)
    parser.add_argument("--json", metavar="FILE", help="write the verdicts for programs")
    parser.add_argument("--save", metavar="DIR", help="write each counterexample to a scenario file in DIR")
    parser.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="print again what --json wrote to FILE; nothing is searched",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print the verdicts only: no progress and no interleavings"
    )


def run(options: argparse.Namespace) -> int:
    """Exit status 0 when every verdict is as expected, 1 when one is not.  Raises BadInput."""
    given = load_all(options.variant or ())
    for claim in options.claim or ():
        find(claim)
    if options.json == STDOUT:
        raise BadInput("--json -: the table goes to standard output; name a file")
    if options.json:
        check_target(Path(options.json), MARKER)
    if options.save:
        check_directory(Path(options.save))
    console = Console()
    if options.source:
        found = read(Path(options.source))
        found = only(found, options.claim) if options.claim else found
        for name in found.variants:
            known(name)
        return _said(console, options, found)
    names = [v.name for v in given or load_all(DEFAULT_VARIANTS)]
    _say(
        console,
        f"{len(options.claim or CLAIMS)} claims on {len(names)} variants, about {options.budget:.0f} s; "
        "every counterexample below was played twice",
    )
    found = reviewed(console, names, options)
    unexplained = ""
    if set(PAIR) <= set(names) and not options.claim:
        try:
            found.differences.update(lockstep(*PAIR, first_seed=options.seed))
        except UnexplainedDifference as difference:
            unexplained = difference.account()
    return _said(console, options, found, unexplained)


def _said(console: Console, options: argparse.Namespace, found: Review, unexplained: str = "") -> int:
    names = found.variants
    console.print(table([(c.id, c.variant, *_verdict(c)) for c in found.claims], names))
    print(*origins(names), sep="\n")
    if not options.quiet:
        _print_counterexamples(console, found.claims)
        _print_bounds(console, found, names)
        _print_differences(console, found.differences)
    wrong = [c for c in found.claims if not c.as_expected]
    for cell in wrong:
        verdict = f"{cell.verdict}, expected {cell.expected}"
        print(f"UNEXPECTED: {cell.id} on {cell.variant} {cell.surprise or verdict}")
    if unexplained:
        print(unexplained)
    _write(options, found)
    return int(bool(wrong or unexplained))


def reviewed(console: Console, names: list[str], options: argparse.Namespace) -> Review:
    """The review that these options ask for, with its progress shown."""
    progress = Progress(0, "examples")
    with shown(Console(quiet=True) if options.quiet else console, progress) as tell:
        found = review(
            names,
            claims=[c for c in CLAIMS if not options.claim or c.id in options.claim],
            budget=options.budget,
            jobs=options.jobs,
            first_seed=options.seed,
            progress=progress,
            tell=tell,
        )
    return made_by(found, options.words, options.seed)


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _verdict(cell: Cell) -> tuple[str, str]:
    """The verdict, and what it rests on."""
    verdict = cell.verdict if cell.as_expected else f"{cell.verdict} (unexpected)"
    if cell.scenario is not None:
        scenario = scenario_file.parse(cell.scenario).scenario
        basis = f"{len(scenario.operations)} operations, {scenario.preemptions} preemptions"
        basis += f"\nexample {cell.examples}" if cell.examples else "\nby exploring"
    else:
        basis = f"{cell.examples} examples,\n{cell.examples + cell.interleavings} interleavings"
    return verdict, f"{basis}\n{cell.bound}" if cell.bound else basis


def _print_counterexamples(console: Console, cells: Sequence[Cell]) -> None:
    """Under each refuted claim, the interleaving."""
    for cell in cells:
        if cell.scenario is not None:
            console.print()
            console.rule(f"{cell.id} is refuted on {TITLES.get(cell.variant, cell.variant)}")
            print(columns(scenario_file.parse(cell.scenario).scenario, known(cell.variant), cell.id))


def _print_bounds(console: Console, found: Review, names: list[str]) -> None:
    """What a verdict of ``holds`` means here."""
    console.print()
    for name in names:
        held = [c.examples for c in found.claims if c.variant == name and c.verdict == HOLDS]
        if held:
            title = TITLES.get(name, name)
            least = min(held)
            _say(
                console,
                f"{title}: where it says holds, no counterexample in {least} random programs or more",
            )
    for bound in found.bounds:
        print(f"explored on {bound}")


def _print_differences(console: Console, differences: dict[str, int]) -> None:
    """How the two kernels of 2016 parted in lockstep."""
    if differences:
        _say(console, "\nlegacy and RFC in lockstep: every divergence has a name (docs/differences.md)")
    for name, times in differences.items():
        _say(console, f"{times:8} {name}")


def _write(options: argparse.Namespace, found: Review) -> None:
    """The files that were asked for, each whatever became of the others.  Raises BadInput."""
    problems = []
    refuted = [c for c in found.claims if c.verdict == REFUTED and c.scenario is not None]
    for cell in refuted if options.save else ():
        name = f"{cell.id}--{cell.variant}"
        try:
            path = write_beside(Path(options.save), name, ".scenario", cell.scenario or "")
        except BadInput as error:
            problems.append(str(error))
        else:
            print(replaying(path, cell.variant))
    if options.json:
        try:
            write_over_ours(Path(options.json), as_json(found), MARKER)
        except BadInput as error:
            problems.append(str(error))
    if problems:
        raise BadInput("; ".join(problems))
