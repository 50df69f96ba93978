"""``oom-review compare BASE PATCH``: all that only one of two kernels can do, each with its smallest script and both runs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TextIO

from oom_review.commands.options import MOST_STATES, add_claims, add_jobs, number
from oom_review.compare import accepted
from oom_review.compare.comparison import Bounds, Comparison, compare, jobs
from oom_review.compare.kept import Kept
from oom_review.compare.text import as_data, described, dumped, text
from oom_review.errors import BadInput
from oom_review.explore import engines
from oom_review.files import STDOUT, check_directory, check_new, check_target, write_beside, write_over_ours
from oom_review.report.compared import page
from oom_review.report.page import MARKER as PAGE
from oom_review.scenario import file as scenario_file
from oom_review.scenario.items import Run, Scenario
from oom_review.situations.families import LARGE, QUICK, SITUATIONS
from oom_review.variants.loading import load, origins

PROGRAMS, STATES, PROGRAM_STATES = 100, 200_000, 3000
MOST_PROGRAMS = 100_000
RFC = "rfc"
MARKER = '"format": "oom-review comparison"'


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.description = (
        "Explore every interleaving of many scripts on both kernels and show what only one of them can end in.  Without SCENARIO: the "
        "quick situations (docs/situations.md), and small programs that are drawn.  Status 0 for no difference, 1 for one, for a limit "
        "that was hit, a changed line that never ran, or accepted differences that are not those found."
    )
    parser.add_argument("base", metavar="BASE", help="a variant: before")
    parser.add_argument("patch", metavar="PATCH", help="a variant: after")
    parser.add_argument("files", metavar="SCENARIO", nargs="*", help="only these scenario files' last runs")
    parser.add_argument("--all", action="store_true", help="every situation, not only the quick ones")
    parser.add_argument(
        "--programs",
        type=int,
        metavar="N",
        help=f"how many programs are drawn ({PROGRAMS}; with SCENARIO: none)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="other programs (0)")
    parser.add_argument(
        "--states",
        type=number(int, MOST_STATES),
        metavar="N",
        default=STATES,
        help=f"stop each exploration of a situation or file after so many states ({STATES})",
    )
    _say_where(parser)
    add_claims(parser)
    add_jobs(parser)


def _say_where(parser: argparse.ArgumentParser) -> None:
    """What is written, and what is read of earlier comparisons."""
    parser.add_argument(
        "--json", metavar="FILE", help="write it as data, too; - for standard output, and no text"
    )
    parser.add_argument(
        "--mail", action="store_true", help="for a mail: 75 columns, with the scenario files in it"
    )
    parser.add_argument(
        "--accept",
        metavar="FILE",
        help=f"differences that are known: only news count; {RFC} for those that the RFC makes of legacy",
    )
    parser.add_argument(
        "--write-accept", metavar="FILE", type=Path, help="write what was found as such a file"
    )
    parser.add_argument(
        "--out", metavar="PAGE.html", help="write a page with a player for each difference, too"
    )
    parser.add_argument(
        "--resume",
        metavar="FILE",
        type=Path,
        help="keep what is explored in FILE; after an edit only scripts on which an edited function runs are explored again",
    )
    parser.add_argument(
        "--save", metavar="DIR", type=Path, help="write a scenario file for each difference to DIR"
    )


def run(options: argparse.Namespace) -> int:
    """Status 0, 1, or BadInput."""
    base, patch = load(options.base), load(options.patch)
    variants = (base.name, patch.name)
    if base is patch:
        raise BadInput(f"{options.base} and {options.patch} are the same kernel")
    known = _accepted(options.accept, variants)
    _check_targets(options)
    files = [_scenario(name) for name in options.files]
    names = [] if files else [n for n in SITUATIONS if n not in LARGE] if options.all else QUICK
    programs = options.programs if options.programs is not None else 0 if files else PROGRAMS
    if not 0 <= programs <= MOST_PROGRAMS:
        raise BadInput(f"--programs {programs}: from 0 to {MOST_PROGRAMS}")
    bounds = Bounds(programs, options.seed, PROGRAM_STATES)
    todo = jobs(variants, [SITUATIONS[n] for n in names], files, bounds, states=options.states)
    kept = Kept(options.resume, variants) if options.resume else None
    engine = engines.said()
    try:
        found = compare(todo, bounds, options.jobs, _tell, kept)
    finally:
        if kept:
            kept.close()
    _write(options, found, known or {})
    if options.json != STDOUT and not options.mail:
        print(*origins(variants), engine, sep="\n")
    if known is not None:
        news = accepted.check(known, found.groups, variants)
        return _checked(news, found, sys.stderr if options.json == STDOUT else sys.stdout)
    return int(bool(found.groups or found.promises or found.bounded))


def _check_targets(options: argparse.Namespace) -> None:
    """Before minutes of work, not after it."""
    if options.json and options.json != STDOUT:
        check_target(Path(options.json), MARKER)
    if options.write_accept:
        check_new(options.write_accept)
    if options.out:
        check_target(Path(options.out), PAGE)
    if options.save:
        check_directory(options.save)


def _accepted(word: str | None, variants: tuple[str, str]) -> accepted.Accepted | None:
    if word is None:
        return None
    return accepted.ours(variants) if word == RFC else accepted.read(Path(word), variants)


def _scenario(name: str) -> tuple[str, Scenario]:
    script = scenario_file.read(name).scenario
    if not any(isinstance(item, Run) for item in script.items):
        raise BadInput(f"{name}: there is no run to explore")
    return name, script


def _tell(said: str) -> None:
    """Over the last line, and only to a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{said}")


def _write(options: argparse.Namespace, found: Comparison, known: accepted.Accepted) -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    saved = [
        str(write_beside(options.save, f"difference-{i}", ".scenario", dumped(found, group)))
        for i, group in enumerate(found.groups, 1)
        if options.save
    ]
    data = json.dumps(as_data(found, known), indent=2) + "\n"
    if options.json != STDOUT:
        sys.stdout.write(text(found, saved, mail=options.mail, known=known))
    else:
        sys.stdout.write(data)
    if options.json and options.json != STDOUT:
        write_over_ours(Path(options.json), data, MARKER)
    if options.out:
        write_over_ours(Path(options.out), page(found, known), PAGE)
    if options.write_accept:
        accepted.write(options.write_accept, found.groups, found.variants, known)


def _checked(checked: accepted.Checked, found: Comparison, stream: TextIO) -> int:
    for said, rows in (("not accepted", checked.new), ("accepted, and gone", checked.vanished)):
        for side, only, instead in rows:
            print(f"{said}: {described(side, only, instead)}", file=stream)
    if not checked.new and not checked.vanished:
        print("all differences are accepted ones", file=stream)
    return int(bool(checked.new or checked.vanished or found.bounded))
