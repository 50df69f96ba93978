"""A comparison as text, for a terminal or a mail: each kind of difference with its smallest script and both runs; a summary last."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

import attrs

from oom_review.compare.accepted import NOTHING_IS_KNOWN, Accepted
from oom_review.compare.accepted import known as name_of
from oom_review.compare.comparison import Comparison, Reach
from oom_review.compare.groups import Group
from oom_review.compare.job import BASE, FILE, PROGRAM, SITUATION
from oom_review.compare.window import RUNS, Measured
from oom_review.play.trace import record
from oom_review.project import version
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import ScenarioFile, Settings
from oom_review.scenario.items import Run
from oom_review.show.columns import lockstep_trace_columns
from oom_review.variants.loading import load, origin, replaying
from oom_review.variants.sources import variant_digest

WIDTH, TITLE, DIGITS = 75, 60, 12
MOST_SHOWN = 12
"""Lines that never ran are listed up to so many."""


def text(
    c: Comparison, saved: Sequence[str] = (), *, mail: bool = False, known: Accepted = NOTHING_IS_KNOWN
) -> str:
    """All of it.  ``saved``: the files of the groups' runs.  In a mail the runs that replay it are written out."""
    lines = [f"{c.variants[0]} -> {c.variants[1]}: what only one of them can do"]
    lines += [*_wrap(made_of(c)), ""]
    for number, group in enumerate(c.groups, 1):
        lines += [*_group(c, number, group, known), ""]
        if saved:
            lines += [f"to replay: {command(c, group, saved[number - 1])}", ""]
        elif mail:
            lines += [f"to replay: save this as difference-{number}.scenario, and", ""]
            lines += [f"  {command(c, group, f'difference-{number}.scenario')}", ""]
            lines += [*dumped(c, group).splitlines(), ""]
    return "\n".join([*lines, *_functions(c), *_promises(c), *_summary(c), ""])


def made_of(c: Comparison) -> str:
    """Which version of what."""
    sources = [f"{name} {digest[:DIGITS]}" for name, digest in _sources(c).items()]
    return f"oom-review {version()}; sources of {', '.join(sources)}"


def _sources(c: Comparison) -> dict[str, str]:
    """A digest for each kernel: the same name may stand for another one tomorrow."""
    return {name: variant_digest(load(name)) for name in c.variants}


def dumped(c: Comparison, group: Group) -> str:
    """The scenario file of the group's run on its side."""
    settings = Settings(
        title=textwrap.shorten(headline(c, group), TITLE, placeholder=" ..."),
        variant=c.variants[group.side],
        strategy="every interleaving",
    )
    return scenario_file.dumps(ScenarioFile(group.found.here, settings))


def command(c: Comparison, group: Group, file: str) -> str:
    """Replays the group's run on its side."""
    return replaying(file, c.variants[group.side])


def _wrap(said: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        said, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False
    )


def headline(c: Comparison, group: Group) -> str:
    """On which kernel only, and what."""
    where = (
        f"only on {c.variants[group.side]}"
        if group.sure
        else f"not seen on {c.variants[1 - group.side]} (bounded)"
    )
    return _told(where, group.difference.only, group.difference.instead)


def described(side: str, only: Sequence[str], instead: Sequence[str]) -> str:
    """A kind of difference in words."""
    return _told(f"only on {side}", only, instead)


def _told(where: str, only: Sequence[str], instead: Sequence[str]) -> str:
    if not only:
        return f"{where}: no {'; no '.join(instead)}"
    return f"{where}: {'; '.join(only)}" + (f" (instead of: {'; '.join(instead)})" if instead else "")


def _group(c: Comparison, number: int, group: Group, known: Accepted) -> Iterator[str]:
    yield from _wrap(f"{number}. {headline(c, group)}")
    if names := known.get(name_of(group, c.variants)):
        yield from _wrap(f"   accepted as {', '.join(names)}", "")
    shown = [f"{n} of {c.tried[kind]} {kind}s" for kind, n in group.shown.items()]
    yield from _wrap(f"   shown by {' and '.join(shown)}", "")
    if group.measured is not None:
        yield from _wrap(f"   {measured(group.measured)}", "")
    yield ""
    for item in group.script.items:
        if isinstance(item, Run):
            yield "     run" if item is group.script.items[-1] else "     run to quiescence"
        else:
            yield f"     {item}"
    yield ""
    runs = (group.found.here, group.found.there)
    left, right = runs if group.side == BASE else runs[::-1]
    traces = [record(run, load(v)) for run, v in zip((left, right), c.variants, strict=True)]
    yield from lockstep_trace_columns(*traces).splitlines()


def measured(m: Measured) -> str:
    """How likely it is, and how wide its window."""
    likely = f"{m.likely} of {RUNS} runs of this script under uniform scheduling end so"
    if not m.window:
        return f"{likely}; whichever single choice is taken otherwise"
    return f"{likely}; the window is {m.window} of the {m.steps} steps of the last run below"


def _functions(c: Comparison) -> Iterator[str]:
    if c.reach:
        yield "Functions that differ, and what of them ran:"
    for r in c.reach:
        yield from _wrap(f"{r.function.name}() in {PurePath(r.function.file).name}: {ran(r)}", "  ")
    yield ""


def ran(r: Reach) -> str:
    """How much of the function ran, and to what effect."""
    if not r.explorations:
        return "never ran"
    said = f"ran in {r.explorations} explorations, {len(r.lines & r.function.lines)} of {len(r.function.lines)} lines"
    if not r.missed:
        alike = "; unchanged in effect: all steps that it is part of do the same" if r.alike else ""
        return f"{said}, all that changed{alike}"
    more = ", ..." if len(r.missed) > MOST_SHOWN else ""
    return f"{said}; changed and never run: {', '.join(map(str, r.missed[:MOST_SHOWN]))}{more}"


def _promises(c: Comparison) -> Iterator[str]:
    if c.promises:
        yield "Promises that come out otherwise:"
    for claim, before, after, scripts in c.promises:
        yield from _wrap(f"{claim}: {before} -> {after} in {scripts} scripts", "  ")
    yield ""


def _summary(c: Comparison) -> Iterator[str]:
    for line in outlook(c):
        yield from _wrap(line)


def outlook(c: Comparison) -> Iterator[str]:
    """What was tried, within which bounds, and how much was found."""
    tried = [f"{c.tried[kind]} {kind}s" for kind in (SITUATION, FILE, PROGRAM) if c.tried[kind]]
    yield f"Tried: {', '.join(tried)}, every interleaving on both; sleeps of up to 200 ms end at any time, longer ones at rest."
    if c.bounds.programs:
        yield (
            f"The programs are the first {c.bounds.programs} of those drawn with seed {c.bounds.seed} that have at most "
            f"{c.bounds.states} states on {c.variants[0]}; {c.passed_over} larger ones were passed over."
        )
    if c.known:
        yield f"Explored now: {c.explored} scripts; {c.known} are known from an earlier comparison."
    yield from (f"Not possible: {said}" for said in c.impossible)
    yield from (f"bounded: {why}" for why in c.bounded)
    for side in (0, 1):
        sure = sum(g.side == side and g.sure for g in c.groups)
        if sure:
            yield f"{sure} kinds of ends only on {c.variants[side]}"
    unsure = sum(not g.sure for g in c.groups)
    if unsure:
        yield f"{unsure} kinds of ends not seen on the other kernel (bounded)"
    if not c.groups:
        said = "the ends are the same, the promises are not" if c.promises else "no difference"
        yield f"{said} (bounded)" if c.bounded else said


def as_data(c: Comparison, known: Accepted = NOTHING_IS_KNOWN) -> dict[str, Any]:
    """For a JSON file (comparison.schema.json)."""
    return {
        "format": "oom-review comparison",
        "version": 1,
        "project": version(),
        "sources": _sources(c),
        "files": {name: origin(name) for name in c.variants},
        "base": c.variants[0],
        "patch": c.variants[1],
        "tried": c.tried,
        "programs": attrs.asdict(c.bounds) | {"passed over": c.passed_over},
        "explored": c.explored,
        "known": c.known,
        "impossible": list(c.impossible),
        "bounded": list(c.bounded),
        "differences": [
            {
                "only on": c.variants[g.side],
                "sure": g.sure,
                "names": list(known.get(name_of(g, c.variants), ())),
                "has": list(g.difference.only),
                "instead of": list(g.difference.instead),
                "shown": g.shown,
                "uniform runs": None if g.measured is None else {"end so": g.measured.likely, "of": RUNS},
                "window": None
                if g.measured is None
                else {"steps": g.measured.window, "of": g.measured.steps},
                "script": [str(item) for item in g.script.items],
                "scenario": dumped(c, g),
            }
            for g in c.groups
        ],
        "functions": [
            {
                "name": r.function.name,
                "explorations": r.explorations,
                "lines": sorted(r.lines),
                "changed": sorted(r.function.changed),
                "never run": r.missed,
                "unchanged in effect": r.alike,
            }
            for r in c.reach
        ],
        "promises": [dict(zip(("claim", "base", "patch", "scripts"), p, strict=True)) for p in c.promises],
    }
