"""``oom-review explore``: every interleaving of many situations, and a verdict on each claim; or of one scenario's last run."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from kernel_model.errors import IllegalOperation
from oom_review import ledger
from oom_review.claims import REFUTED
from oom_review.commands import BAD_INPUT, INTERRUPTED
from oom_review.commands.options import (
    DAY,
    MOST_STATES,
    add_base,
    add_claims,
    add_jobs,
    add_quiet,
    add_variants,
    again,
    number,
)
from oom_review.errors import BadInput
from oom_review.explore import engines
from oom_review.explore.explorer import BOUNDED, Bounds, explore
from oom_review.explore.limits import Limits
from oom_review.files import check_directory
from oom_review.scenario import file as scenario_file
from oom_review.scenario.items import Run
from oom_review.show import ends
from oom_review.show.replay import replay
from oom_review.show.table import (
    print_endless,
    print_refutations,
    print_unexpected,
    save_refutations,
    summary,
    tables,
)
from oom_review.situations.expectations import Expectations
from oom_review.situations.exploration import Exploration
from oom_review.situations.families import FAMILIES, LARGE, QUICK, select
from oom_review.situations.job import Job
from oom_review.situations.of_today import OF_TODAY
from oom_review.situations.results import Results
from oom_review.situations.script import AnySituation, possible
from oom_review.situations.verdicts import bound_of, endless, unexpected, verdicts
from oom_review.variants.loading import DEFAULT_VARIANTS, TITLES, chosen, load, load_all, origins, title_of
from oom_review.workers.cluster import ClusterGone

ONLY_WITHOUT_FILE = ("situation", "claim", "threads", "list", "resume", "jobs", "save", "verbose")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.description = (
        "Try every interleaving of many situations (docs/situations.md), on all cores: a verdict on each claim, with the bound "
        "within which it holds.  With FILE: of that scenario's last run; for each claim how many distinct ends come from a run "
        "that breaks it (POS), and how many do not (NEG).  Status 1 if a limit was hit or a verdict is not the expected one, 130 if interrupted."
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="a scenario file, or - for standard input; its last schedule is not looked at",
    )
    add_claims(parser)
    add_base(parser)
    add_quiet(parser, "print the verdicts only: no progress, no interleavings and, with FILE, no ends")
    add_variants(parser, "explore", "all four; with FILE: those that it names, else legacy and patched")
    parser.add_argument(
        "--states",
        type=number(int, MOST_STATES),
        metavar="N",
        help="stop each exploration after so many states",
    )
    parser.add_argument(
        "--seconds",
        type=number(int, 365 * DAY),
        metavar="S",
        help="stop each exploration after so many seconds",
    )
    parser.add_argument(
        "--quick-look",
        action="store_true",
        help="let sleeps end only when nobody can run: smaller, may refute, and never says holds",
    )
    some = parser.add_argument_group("without FILE")
    some.add_argument(
        "--situation",
        metavar="GLOB",
        action="append",
        help="only these, such as 'memcg-oom/*/suspend'; may be repeated",
    )
    some.add_argument(
        "--claim", metavar="ID", action="append", help="only this claim's family; may be repeated"
    )
    some.add_argument("--threads", type=int, metavar="N", help="only victims of at most so many threads")
    some.add_argument(
        "--list", action="store_true", help="say which situations these are, and explore nothing"
    )
    some.add_argument(
        "--resume", metavar="FILE", help="keep what is finished in FILE, and go on from what is there already"
    )
    some.add_argument("--save", metavar="DIR", help="write a scenario file for each refutation to DIR")
    some.add_argument("--verbose", action="store_true", help="say in the table what each verdict rests on")
    add_jobs(some)


def run(options: argparse.Namespace) -> int:
    """Status 0 if everything was explored and came out as expected, 1 if not, 130 if interrupted.  Raises BadInput."""
    engines.chosen()  # here, before each worker finds that it can't be had, or makes it
    if options.file is None:
        return _situations(options)
    for option in ONLY_WITHOUT_FILE:
        if getattr(options, option):
            word = again(options)[0] if option == "jobs" else f"--{option}"
            raise BadInput(f"{word} chooses among situations: not together with a file, {options.file}")
    return _scenario(options)


# A scenario


def _scenario(options: argparse.Namespace) -> int:
    file = scenario_file.read(options.file)
    scenario = file.scenario
    variants = chosen(options.variant, file.variants)
    if not any(isinstance(item, Run) for item in scenario.items):
        raise BadInput(f"{options.file}: there is no run to explore")
    limits = Limits(options.states, options.seconds)
    bounded = False
    for variant in variants:
        try:
            result = explore(
                scenario, variant, limits=limits, bounds=Bounds(short_sleeps=not options.quick_look)
            )
        except IllegalOperation as error:
            # A replay knows the line.
            replay(file, [variant], options.file)
            raise BadInput(f"{options.file}: {error}") from None
        sys.stdout.write(ends.text(result, variant, with_ends=not options.quiet))
        bounded = bounded or bool(result.bounded)
    print(*origins(v.name for v in variants), sep="\n")
    return int(bounded)


# Situations


def _situations(options: argparse.Namespace) -> int:
    situations = select(options.situation or [], options.claim or [], options.threads)
    if options.list:
        _list(options, situations)
        return 0
    expected = Expectations(load(options.base).name if options.base else "")
    variants = expected.with_bases(v.name for v in load_all(options.variant or DEFAULT_VARIANTS))
    if options.save:
        check_directory(Path(options.save))
    pairs, lacking = possible(situations, variants)
    variants = [v for v in variants if any(v == on for _s, on in pairs)]
    results = Results(Path(options.resume), variants) if options.resume else None
    jobs = [Job(s.name, v, options.states, options.seconds, options.quick_look) for s, v in pairs]
    for why in lacking:
        print(f"left out: {why}")
    for name in sorted(LARGE - {s.name for s in situations}) if not options.situation else ():
        print(f"left out: {name} takes hours, or more than 8 GB; --situation {name} explores it")
    exploration = Exploration(jobs, results)
    try:
        exploration.run(options.jobs, Console(quiet=options.quiet))
    except KeyboardInterrupt:
        _stopped(options, exploration, "interrupted")
        return INTERRUPTED
    except ClusterGone as error:
        _stopped(options, exploration, str(error))
        return BAD_INPUT
    finally:
        if results is not None:
            results.close()
    return _report(options, expected, situations, variants, exploration)


def _list(options: argparse.Namespace, situations: Sequence[AnySituation]) -> None:
    """Those of today's kernels in a part of their own, also if nobody named them."""
    named = options.situation or options.claim or options.threads
    of_today = [s for s in situations if s.name in OF_TODAY] if named else list(OF_TODAY.values())
    for s in situations:
        if s.name not in OF_TODAY:
            small = "; a review explores it, too" if s.name in QUICK else ""
            print(f"{s.name}\n    {s.sentence}{small}\n    {', '.join(_claims(s))}")
    if of_today:
        print("\nOf today's kernels alone, of no claim's family, explored if somebody names them:\n")
    for s in of_today:
        print(f"{s.name}\n    {s.sentence}")


def _claims(situation: AnySituation) -> list[str]:
    """Those that it bears on, with the variants on which exploring refutes them there."""
    said = []
    for claim, family in FAMILIES.items():
        if situation.name in family.names:
            where = [title for v, title in TITLES.items() if family.expected(situation.name, v) == REFUTED]
            said.append(f"{claim} (refuted on {' and '.join(where)})" if where else claim)
    return said


def _stopped(options: argparse.Namespace, exploration: Exploration, why: str) -> None:
    """One line that says how to go on; what is finished is kept in a new file, unless it is in one already."""
    path = options.resume
    if path is None and exploration.outcomes:
        try:
            path = str(exploration.keep())
        except BadInput as error:
            sys.stderr.write(f"oom-review: {why}, and what was finished is lost: {error}\n")
            return
    words = [*_words(options), *(["--resume", path] if path else [])]
    done = f"{len(exploration.outcomes)} of {len(exploration.jobs)} jobs are finished"
    sys.stderr.write(f"oom-review: {why}; {done}; to go on: {shlex.join(words)}\n")


def _words(options: argparse.Namespace) -> list[str]:
    """The command line again, without --resume."""
    words = ["oom-review", "explore"]
    for option in ("situation", "claim", "variant", "claims"):
        words += [word for value in getattr(options, option) or [] for word in (f"--{option}", value)]
    for option in ("base", "threads", "states", "seconds", "save"):
        value = getattr(options, option)
        words += [] if value is None else [f"--{option}", str(value)]
    words += again(options)
    return words + [
        f"--{o}" for o in ("quick-look", "verbose", "quiet") if getattr(options, o.replace("-", "_"))
    ]


def _report(
    options: argparse.Namespace,
    expected: Expectations,
    situations: Sequence[AnySituation],
    variants: Sequence[str],
    exploration: Exploration,
) -> int:
    outcomes = list(exploration.outcomes.values())
    claims = [c for c in ledger.claims() if not options.claim or c.id in options.claim]
    cells = verdicts([s.name for s in situations], variants, outcomes, claims)
    wrong, restless = unexpected(outcomes, expected), endless(outcomes, expected)
    print_refutations(cells)
    print_unexpected(wrong, with_interleavings=not options.quiet)
    print_endless(restless, with_interleavings=not options.quiet)
    marked = dict.fromkeys((claim.id, outcome.job.variant) for claim, outcome, _expected in wrong)
    rows = [
        (c.claim.id, c.variant, c.verdict, "!" if (c.claim.id, c.variant) in marked else "", c.bound)
        for c in cells
    ]
    Console().print(*tables(rows, variants, verbose=options.verbose))
    print(*origins(variants), sep="\n")
    for variant in variants:
        whole = [o for o in outcomes if o.job.variant == variant and not o.bounded]
        if whole:
            print(f"explored on {title_of(variant)}: {bound_of(whole)}")
    print(engines.said())
    bounded = [c for c in cells if c.verdict == BOUNDED]
    stopped = [o for o in outcomes if o.bounded]
    if stopped or exploration.lost:
        print(
            f"bounded: {len(stopped)} of {len(exploration.jobs)} jobs hit a limit, {len(exploration.lost)} were lost; "
            "what they did not explore counts as nothing"
        )
    print(summary([c.verdict for c in cells], [f"{claim} on {variant}" for claim, variant in marked]))
    # Last, so that a full disk costs nothing of what is said.
    if options.save:
        save_refutations(cells, Path(options.save))
    elif any(c.verdict == REFUTED for c in cells):
        print("--save DIR writes a scenario file for each refutation, and says how to replay it")
    return int(bool(wrong or restless or bounded or stopped or exploration.lost))
