"""The page of a comparison: what only one of two kernels can end in, each with its smallest script and a player of both runs."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from oom_review.compare.accepted import NOTHING_IS_KNOWN, Accepted
from oom_review.compare.accepted import known as name_of
from oom_review.compare.comparison import Comparison
from oom_review.compare.groups import Group
from oom_review.compare.job import BASE
from oom_review.compare.text import command, dumped, headline, made_of, measured, outlook, ran
from oom_review.play.trace import Step, Trace, record
from oom_review.report.lanes import frames
from oom_review.report.page import fitting, render
from oom_review.report.players import Stage, stage
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import ScenarioFile
from oom_review.variants.loading import load


@attrs.define(frozen=True)
class Shown(Stage):
    """A kind of difference with its player, which opens where the two runs part.  ``key``: its address in the page."""

    key: str
    group: Group
    variant: str
    headline: str
    names: tuple[str, ...]
    seen: str
    measured: str
    file: ScenarioFile
    file_name: str
    command: str
    where: str
    columns: str = ""


def page(c: Comparison, known: Accepted = NOTHING_IS_KNOWN) -> str:
    """The whole page.  Raises BadInput if it would be too large."""
    return fitting(
        lambda most: _render(c, [_shown(c, known, n, most) for n in range(len(c.groups))]), "the page"
    )


def _render(c: Comparison, made: Sequence[Shown]) -> str:
    return render(
        "compared.html.j2",
        comparison=c,
        players=made,
        functions=[(r, ran(r)) for r in c.reach],
        outlook=[made_of(c), *outlook(c)],
    )


def _shown(c: Comparison, known: Accepted, index: int, most_steps: int) -> Shown:
    group = c.groups[index]
    key = f"difference-{index + 1}"
    runs = (group.found.here, group.found.there)
    ordered = runs if group.side == BASE else runs[::-1]
    traces = [record(run, load(v)) for run, v in zip(ordered, c.variants, strict=True)]
    told = [("ends so", "") if side == group.side else ("", "its nearest end") for side in (0, 1)]
    staged = stage(traces, group.side, (None, None), told, most_steps)
    file_name = f"{key}.scenario"
    return Shown(
        **attrs.asdict(staged, recurse=False),
        key=key,
        group=group,
        variant=c.variants[group.side],
        headline=headline(c, group),
        names=known.get(name_of(group, c.variants), ()),
        seen=" and ".join(f"{n} of {c.tried[kind]} {kind}s" for kind, n in group.shown.items()),
        measured="" if group.measured is None else measured(group.measured),
        file=scenario_file.parse(dumped(c, group)),
        file_name=file_name,
        command=command(c, group, file_name),
        where=_where(traces, group.side, staged.position),
    )


def _where(traces: Sequence[Trace], side: int, position: int) -> str:
    """Where it opens, as the page's program will say it."""
    number, after = 0, False
    for frame in frames(traces)[:position]:
        index = frame[side]
        entry = None if index is None else traces[side].entries[index]
        number, after = (entry.number, False) if isinstance(entry, Step) else (number, True)
    return f"{'after ' if after else ''}step {number} of {len(traces[side].steps)}"
