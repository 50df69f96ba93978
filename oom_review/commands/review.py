"""``oom-review review``: the review, every counterexample, and the verdicts last, where a terminal still shows them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs
from rich.console import Console

from oom_review import ledger
from oom_review.claims import REFUTED
from oom_review.commands import BAD_INPUT, FAILED, INTERRUPTED, OK
from oom_review.commands.options import add_quiet, add_search
from oom_review.compare import brief
from oom_review.errors import BadInput
from oom_review.explore import engines
from oom_review.explore.explorer import BOUNDED
from oom_review.files import (
    STDOUT,
    check_directory,
    check_target,
    fresh_names,
    write_beside,
    write_over_ours,
)
from oom_review.review.jobs import BATCH
from oom_review.review.review import BY_THE_USER, DEFAULT_WORK, STATES, Reviewed, Work, review
from oom_review.scenario import file as scenario_file
from oom_review.schedules.driver import STEP_LIMIT
from oom_review.show.columns import columns
from oom_review.show.table import summary, tables
from oom_review.situations import expectations
from oom_review.situations.expectations import Expectations
from oom_review.situations.families import QUICK
from oom_review.situations.progress import Progress, shown
from oom_review.variants.loading import (
    DEFAULT_VARIANTS,
    PAIR,
    known,
    load,
    load_all,
    origins,
    replaying,
    title_of,
)
from oom_review.verdicts import MARKER, Cell, Review, as_json, made_by, only, read
from oom_review.workers.cluster import ClusterGone

KEPT = "oom-review-interrupted"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_search(parser)
    parser.add_argument("--json", metavar="FILE", help="write the verdicts for programs")
    parser.add_argument(
        "--expect",
        metavar="FILE",
        help="a gate: the verdicts that --save-expectations wrote to FILE are the expected ones; one that is new or gone is status 1",
    )
    parser.add_argument(
        "--save-expectations", metavar="FILE", help="write the verdicts as a file for --expect"
    )
    parser.add_argument("--save", metavar="DIR", help="write each counterexample to a scenario file in DIR")
    parser.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="print again what --json wrote to FILE; nothing is searched",
    )
    add_quiet(parser, "print the verdicts only: no progress and no interleavings")
    parser.add_argument("--verbose", action="store_true", help="say in the table what each verdict rests on")


def run(options: argparse.Namespace) -> int:
    """Status 0 when every verdict is as expected, 1 when one is not, 130 if interrupted.  Raises BadInput."""
    given = load_all(options.variant or ())
    for claim in options.claim or ():
        ledger.find(claim)
    if options.json == STDOUT:
        raise BadInput("--json -: the table goes to standard output; name a file")
    if options.json:
        check_target(Path(options.json), MARKER)
    if options.save:
        check_directory(Path(options.save))
    if options.save_expectations:
        check_target(Path(options.save_expectations), expectations.MARKER)
    expected = expected_of(options)
    console = Console()
    if options.source:
        return _finish(console, options, Reviewed(_read(options, expected)), expected)
    names = expected.with_bases(v.name for v in given or load_all(DEFAULT_VARIANTS))
    engine = engines.said()
    work = work_of(options)
    limit = f", at most {options.budget:.0f} s" if options.budget else ""
    _say(
        Console(quiet=True) if options.quiet else console,
        f"{len(options.claim or ledger.claims())} claims on {len(names)} variants: {work.batches * BATCH} random programs for each "
        f"variant and all interleavings of the small situations, {engine}{limit}",
    )
    done = reviewed(console, names, options, expected, whole=bool(options.json))
    return _finish(console, options, compared(console, options, done), expected)


def compared(console: Console, options: argparse.Namespace, done: Reviewed) -> Reviewed:
    """With what the RFC changes as a whole, where nothing less was asked for."""
    asked = set(PAIR) <= set(done.review.variants) and not options.claim and not options.budget
    if done.interrupted or not asked:
        return done
    progress = Progress(len(QUICK), "situations")
    try:
        with shown(Console(quiet=True) if options.quiet else console, progress) as tell:

            def explored(said: str) -> None:
                progress.finished(f"compared {said}", 1)
                tell(True)

            found = brief.brief(STATES, options.jobs, explored)
    except KeyboardInterrupt:
        return attrs.evolve(done, interrupted=BY_THE_USER)
    except ClusterGone as error:
        return attrs.evolve(done, interrupted=str(error))
    return attrs.evolve(done, review=attrs.evolve(done.review, change=found))


def _read(options: argparse.Namespace, expected: Expectations) -> Review:
    """What an earlier review found, held to what these options let expect; its variants have to be at hand.  Raises BadInput."""
    found = read(Path(options.source))
    for name in found.variants:
        known(name)
    if options.expect or options.base:
        found = attrs.evolve(found, claims=tuple(_held_to(c, expected) for c in found.claims))
    return only(found, options.claim) if options.claim else found


def _held_to(cell: Cell, expected: Expectations) -> Cell:
    """An old verdict beside a new expectation; where exploring surprised was beside the old one."""
    wanted = expected.verdict(ledger.find(cell.id), cell.variant)
    return attrs.evolve(cell, expected=wanted, surprise=cell.surprise if cell.verdict == BOUNDED else None)


def _finish(
    console: Console,
    options: argparse.Namespace,
    done: Reviewed,
    expected: Expectations,
) -> int:
    """Say and write it; the exit status."""
    try:
        _print(console, done, options)
        news = _gate(options, expected, done.review)
    finally:
        # Whatever became of what is said.
        kept = _write(options, done)
    if done.interrupted:
        sys.stderr.write(f"oom-review: {done.interrupted}; what was found is kept in {kept}\n")
        return INTERRUPTED if done.interrupted == BY_THE_USER else BAD_INPUT
    return FAILED if news or done.unexplained or not done.review.as_expected else OK


def _gate(options: argparse.Namespace, expected: Expectations, found: Review) -> list[str]:
    """What the kernels are held to, and in what a file of expectations is not in step; said, and returned."""
    for name in found.variants if not options.source else ():
        if name not in expected.given and (base := expected.base_of(name)):
            print(f"{name}: expected is what {base} does")
    if not options.expect:
        return []
    news = expectations.not_in_step(expected.given, found.claims, whole=not options.claim)
    for line in news:
        print(f"{options.expect}: {line}")
    return news


def expected_of(options: argparse.Namespace) -> Expectations:
    """The expectations that these options ask for.  Raises BadInput."""
    file = getattr(options, "expect", None)
    base = load(options.base).name if options.base else ""
    return Expectations(base, expectations.read(Path(file)) if file else {})


def work_of(options: argparse.Namespace) -> Work:
    """How much these options ask for."""
    return Work.of(options.programs) if options.programs else DEFAULT_WORK


def reviewed(
    console: Console, names: list[str], options: argparse.Namespace, expected: Expectations, *, whole: bool
) -> Reviewed:
    """The review that these options ask for, with its progress shown; ``whole``: with all that a file or a page holds."""
    if options.budget and isinstance(options.jobs, str):
        raise BadInput("--budget is by this machine's clock: not together with --cluster")
    progress = Progress(0, "programs")
    with shown(Console(quiet=True) if options.quiet else console, progress) as tell:
        done = review(
            names,
            claims=[c for c in ledger.claims() if not options.claim or c.id in options.claim],
            expectations=expected,
            work=work_of(options),
            budget=options.budget,
            jobs=options.jobs,
            first_seed=options.seed,
            progress=progress,
            tell=tell,
            whole=whole,
        )
    return attrs.evolve(done, review=made_by(done.review, options.words, options.seed))


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _print(console: Console, done: Reviewed, options: argparse.Namespace) -> None:
    found = done.review
    names = found.variants
    if not options.quiet:
        _print_counterexamples(console, found.claims)
        for name, text in found.endless.items():
            console.print()
            console.rule(f"a run that never comes to rest on {title_of(name)}")
            print(columns(scenario_file.parse(text).scenario, known(name)))
        _print_differences(console, found.differences)
        console.print()
        for line in (*brief.lines(found.change), "") if found.change else ():
            _say(console, line)
    rows = [(c.id, c.variant, c.verdict, "" if c.as_expected else "!", _basis(c)) for c in found.claims]
    console.print(*tables(rows, names, verbose=options.verbose))
    print(*origins(names), sep="\n")
    if not options.quiet:
        _print_bounds(console, found, names)
    news = [f"UNEXPECTED: {line}" for line in found.news]
    for line in (*_unexpected(found.claims), *filter(None, (done.unexplained,)), *news):
        print(line)
    wrong = [f"{c.id} on {c.variant}" for c in found.claims if not c.as_expected]
    _say(console, summary([c.verdict for c in found.claims], wrong))
    _say(console, _more(found, options))


def _basis(cell: Cell) -> str:
    """What the verdict rests on."""
    if cell.scenario is not None:
        scenario = scenario_file.parse(cell.scenario).scenario
        basis = f"{len(scenario.operations)} operations, {scenario.preemptions} preemptions"
        basis += f"\nprogram {cell.examples}" if cell.examples else "\nby exploring"
    elif not cell.examples:
        basis = "by exploring"
    else:
        basis = f"{cell.examples} programs,\n{cell.examples + cell.interleavings} interleavings"
        basis += f",\n{cell.endless} of them without end" if cell.endless else ""
    return "\n".join(filter(None, (basis, cell.bound, cell.surprise)))


def _print_counterexamples(console: Console, cells: Sequence[Cell]) -> None:
    """For each refuted claim, the interleaving."""
    for cell in cells:
        if cell.scenario is not None:
            console.print()
            console.rule(f"{cell.id} is refuted on {title_of(cell.variant)}")
            print(columns(scenario_file.parse(cell.scenario).scenario, known(cell.variant), cell.id))


def _print_bounds(console: Console, found: Review, names: list[str]) -> None:
    """What a verdict of ``holds`` means here."""
    for name in names:
        held = [c for c in found.claims if c.variant == name and c.verdict != REFUTED and c.examples]
        if held:
            programs = min(c.examples for c in held)
            interleavings = min(c.examples + c.interleavings for c in held)
            title = title_of(name)
            tried = f"{programs} random programs or more, {interleavings} interleavings (promises about every task: by exploring)"
            endless = max(c.endless for c in held)
            tried += (
                f"; {endless} of them never came to rest: left after {STEP_LIMIT} steps" if endless else ""
            )
            _say(console, f"{title}: where it is not refuted, {tried}")
    for bound in found.bounds:
        _say(console, f"explored on {bound}")


def _print_differences(console: Console, differences: dict[str, int]) -> None:
    """How the two kernels of 2016 parted in lockstep."""
    if differences:
        _say(console, "\nlegacy and RFC in lockstep: every divergence has a name (docs/differences.md)")
    for name, times in differences.items():
        _say(console, f"{times:8} {name}")


def _unexpected(cells: Sequence[Cell]) -> list[str]:
    """A line for each; those that are bounded for one reason share a line, as they may be all."""
    lines: list[str] = []
    bounded: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.verdict == BOUNDED:
            bounded.setdefault((cell.variant, cell.surprise or ""), []).append(cell.id)
        elif not cell.as_expected:
            verdict = "" if cell.verdict == cell.expected else f"{cell.verdict}, expected {cell.expected}"
            reasons = "; ".join(filter(None, (verdict, cell.surprise)))
            lines.append(f"UNEXPECTED: {cell.id} on {cell.variant} {reasons}")
    for (variant, reason), ids in bounded.items():
        what = ids[0] if len(ids) == 1 else f"{len(ids)} claims"
        lines.append(f"{what} on {variant} {reason}")
    return lines


def _more(found: Review, options: argparse.Namespace) -> str:
    """How to see more."""
    ways = [] if options.verbose else ["--verbose says what each verdict rests on"]
    if not options.json and not options.source:
        ways.append("--json FILE keeps the verdicts, for oom-review report --review FILE")
    if not options.save and any(c.scenario for c in found.claims):
        ways.append("--save DIR keeps each interleaving, to be replayed")
    return "; ".join(ways)


def _write(options: argparse.Namespace, done: Reviewed) -> str:
    """The files that were asked for, each whatever became of the others; where the verdicts are kept.  Raises BadInput.

    What was found when somebody interrupted is kept, too.
    """
    problems = []
    found = done.review
    refuted = [c for c in found.claims if c.verdict == REFUTED and c.scenario is not None]
    for cell in refuted if options.save else ():
        name = f"{cell.id}--{cell.variant}"
        try:
            path = write_beside(Path(options.save), name, ".scenario", cell.scenario or "")
        except BadInput as error:
            problems.append(str(error))
        else:
            print(replaying(path, cell.variant))
    target = options.json or ""
    if done.interrupted and not target:
        target = str(next(fresh_names(Path(), KEPT, ".json")))
    if target:
        try:
            write_over_ours(Path(target), as_json(found), MARKER)
        except BadInput as error:
            problems.append(str(error))
    if options.save_expectations and not done.interrupted:
        try:
            left = expectations.write(Path(options.save_expectations), found.claims)
        except BadInput as error:
            problems.append(str(error))
        else:
            for line in left:
                print(f"{options.save_expectations}: left out: {line}")
    if problems:
        raise BadInput("; ".join(problems))
    return target
