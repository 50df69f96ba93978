"""``oom-review kernels run``: situations on real kernels, and whether all that came out is what the models can reach."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kernel_model.variant import Variant
from oom_review.boot.compile import probe
from oom_review.boot.console import DONE
from oom_review.boot.kernel import release
from oom_review.boot.qemu import found_qemu
from oom_review.commands import INTERRUPTED
from oom_review.commands.kernel_actions.options import add_kernels, chosen
from oom_review.commands.options import MOST_STATES, add_quiet, number
from oom_review.errors import BadInput, one_line
from oom_review.explore.limits import Limits
from oom_review.observed.campaign import Campaign
from oom_review.observed.predictions import Predictions
from oom_review.observed.translation import Played, translated
from oom_review.observed.verdict import MISMATCH, Verdict, both_sides, failed, never_shown
from oom_review.situations.families import EVERY, select
from oom_review.situations.script import lacking
from oom_review.variants.loading import title_of

STATES = 200_000
RUNS, MOST_RUNS = 3, 10_000
SMALL = 6000
"""Without --situation only those of about so many states: each is predicted within seconds."""
ROWS = "oom-review-kernels.jsonl"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The action's options."""
    parser.description = (
        "Play situations on kernels under QEMU.  Every outcome has to be one that the explorer reaches on that kernel's model; what the "
        "model reaches and no run showed is listed.  Status 1 if a kernel did what its model can't, or a situation never came to an end."
    )
    add_kernels(parser)
    parser.add_argument(
        "--situation",
        metavar="GLOB",
        action="append",
        help="only these (default: the small ones); may be repeated",
    )
    parser.add_argument(
        "--runs", type=number(int, MOST_RUNS), metavar="N", default=RUNS, help=f"of each situation ({RUNS})"
    )
    parser.add_argument(
        "--states",
        type=number(int, MOST_STATES),
        metavar="N",
        default=STATES,
        help=f"stop each exploration there ({STATES})",
    )
    parser.add_argument(
        "--results",
        metavar="FILE",
        default=ROWS,
        help=f"append a row for each situation here, and go on from what is there ({ROWS})",
    )
    add_quiet(parser, "print no progress, and not what no run showed")


def run(options: argparse.Namespace) -> int:
    """Status 0 if every outcome lies within the predictions, 1 if not, 130 if interrupted.  Raises BadInput."""
    kernels = chosen(options)
    scripts = _scripts(options)
    found_qemu()
    probe()
    rows = Path(options.results)
    console, began, verdicts = Console(quiet=options.quiet), time.monotonic(), list[Verdict]()
    boots: list[str] = []
    with closing(Predictions(rows.with_name(f"{rows.name}.predicted"))) as predictions:
        try:
            for kernel, variant in kernels:
                print(f"{release(kernel)} is held against {title_of(variant.name)}", flush=True)
                campaign = Campaign(kernel, variant, rows, predictions, Limits(options.states), boots)
                verdicts += campaign.run(_on(variant, scripts), options.runs, console)
        except KeyboardInterrupt:
            sys.stderr.write(
                f"oom-review: interrupted; {rows} has what is finished, and the same command goes on from there\n"
            )
            return INTERRUPTED
    _report(verdicts, quiet=options.quiet)
    ended = boots.count(DONE)
    for why in dict.fromkeys(boot for boot in boots if boot != DONE):
        print(f"a boot came to no end: {one_line(why)}")
    print(
        f"boots: {len(boots)}, of them to their end: {ended}; {time.monotonic() - began:.0f} s; rows: {rows}"
    )
    return int(failed(verdicts))


def _scripts(options: argparse.Namespace) -> list[Played]:
    """Raises BadInput if there is none."""
    chosen = (
        select(options.situation, [], None)
        if options.situation
        else [s for s in EVERY.values() if s.size < SMALL]
    )
    found = [translated(s) for s in sorted(chosen, key=lambda s: s.size)]
    played = [one for one in found if isinstance(one, Played)]
    if not played:
        raise BadInput(f"no real kernel can be brought into it: {found[0]}")
    return played


def _on(variant: Variant, scripts: Sequence[Played]) -> list[Played]:
    """Those that this kernel's model has the operations of; the others are said to be left out."""
    why = {script.name: lacking(EVERY[script.name], variant) for script in scripts}
    for words in filter(None, why.values()):
        print(f"left out: {words}", flush=True)
    return [script for script in scripts if not why[script.name]]


def _report(verdicts: Sequence[Verdict], *, quiet: bool) -> None:
    for version in dict.fromkeys(v.observed.version for v in verdicts):
        Console().print(_table(version, [v for v in verdicts if v.observed.version == version]))
    for v in verdicts:
        if v.outside:
            print(both_sides(v))
    print(*_lost(verdicts), sep="", end="")
    unreached = never_shown(verdicts)
    if unreached and not quiet:
        print("what models reach and no run showed:", *(f"  {line}" for line in unreached), sep="\n")
    wrong = sum(v.verdict == MISMATCH for v in verdicts)
    more = sum(bool(v.prediction.bounded) for v in verdicts)
    said = f"; {more} predictions hit a limit (+), and can't make a mismatch" if more else ""
    print(f"{len(verdicts)} situations on kernels, {wrong} mismatches{said}")


def _lost(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """A line for each reason: what a kernel lacks may cost it many situations."""
    whose: dict[tuple[str, str], list[str]] = {}
    for v in verdicts:
        for why in v.lost:
            whose.setdefault((v.observed.version, why), []).append(v.observed.situation)
    for (version, why), names in whose.items():
        others = len(dict.fromkeys(names)) - 1
        more = f" and {others} more" if others else ""
        yield f"{names[0]}{more} on {version}: runs that do not count: {len(names)}: {why}\n"


def _table(version: str, verdicts: Sequence[Verdict]) -> Table:
    """How many outcomes there are on each side."""
    table = Table(title=version, title_justify="left", box=None)
    for title in ("situation", "model", "kernel", "runs", "verdict"):
        table.add_column(title, overflow="fold")
    for v in verdicts:
        model = f"{len(v.prediction.outcomes)}{'+' if v.prediction.bounded else ''}"
        table.add_row(
            v.observed.situation, model, str(len(v.observed.outcomes)), str(v.observed.runs), v.verdict
        )
    return table
