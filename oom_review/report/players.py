"""What a player shows: the replay of one counterexample on the kernel where it refutes a claim, and on its counterpart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from kernel_model.variant import Variant
from oom_review.errors import BadInput
from oom_review.play.happens_before import words as edge_words
from oom_review.play.trace import Request, Rest, Row, Step, Trace
from oom_review.report import drawing as draw
from oom_review.report.lanes import Frame, frames, layout, notable, shown_tasks
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import ScenarioFile
from oom_review.schedules.driver import TICK
from oom_review.show.columns import focus_columns, in_source, lockstep_trace_columns
from oom_review.show.remarks import POINT, Focus, focus_on, words
from oom_review.show.replay import replay
from oom_review.variants.loading import VariantError, known, replaying
from oom_review.verdicts import Alternative, Cell, Review

LEGACY, RFC = "legacy_tifmemdie", "patched"
NO_ALTERNATIVES: Mapping[str, Sequence[Alternative]] = {}
BEFORE, AFTER = "oom_kernels.v6_12", "oom_kernels.v7_3"
# Left to right; strangers stand between today's kernels and the RFC.
_ORDER = (LEGACY, BEFORE, AFTER)
_PARTNERS = {LEGACY: RFC, RFC: LEGACY, BEFORE: AFTER, AFTER: BEFORE}


@attrs.define(frozen=True)
class Side:
    """One kernel of a player.  ``marked``: the number of the step under which ``^^^^`` stands, or None.

    ``refutes``: what it shows, or empty; then ``otherwise`` says that.
    """

    trace: Trace
    drawing: draw.Drawing
    marked: int | None
    refutes: str
    otherwise: str


@attrs.define(frozen=True)
class Stage:
    """Two runs side by side.  ``position``: where it opens; ``marked``: what the button to there is called, in long and in short.

    ``steps``: the number of steps of the kernel that all steps of the page are counted by; ``data``: for the page's program.
    """

    sides: tuple[Side, ...]
    operations: tuple[str, ...]
    lockstep: str
    signs: tuple[draw.Sign, ...]
    tasks: tuple[str, ...]
    positions: int
    position: int
    marked: str
    marked_short: str
    steps: int
    playable: bool
    data: dict[str, Any]


@attrs.define(frozen=True)
class Player(Stage):
    """A refuted claim.  ``key``: its address in the page; it opens at the step under which ``^^^^`` stands.

    ``step``: the number of the one to blame, or None; ``blame``: that step in words.
    """

    key: str
    cell: Cell
    file: ScenarioFile
    file_name: str
    columns: str
    step: int | None
    blame: str

    @property
    def where(self) -> str:
        """Where it opens, as the page's program will say it."""
        after = "" if self.step is not None else "after "
        return f"{after}step {self.steps if self.step is None else self.step} of {self.steps}"

    @property
    def command(self) -> str:
        """How anybody replays it."""
        return f"{replaying(self.file_name, *(s.trace.variant for s in self.sides))} --claim {self.cell.id}"


def players(review: Review, name: str, most_steps: int) -> list[Player]:
    """A player for each refuted claim on each variant; a run of more steps than that is shown as a picture only."""
    made: list[Player] = []
    for claim in review.ids:
        first = True
        for cell in review.claims:
            if cell.id == claim and cell.scenario is not None:
                key = claim if first else f"{claim}--{cell.variant}"
                made.append(_player(review, cell, key, name, most_steps))
                first = False
    return made


def counterpart(review: Review, cell: Cell) -> str:
    """With whom to compare: the RFC with legacy, 6.12 with 7.3; all others with one of these that keeps the promise.

    Of those that stand on the same kernel, the later one first.
    """
    if cell.variant in _PARTNERS:
        return _PARTNERS[cell.variant]
    today = AFTER in {v.name for v in known(cell.variant).lineage()}
    pair = (AFTER, BEFORE) if today else (RFC, LEGACY)
    holding = [v for v in pair if (c := review.cell(cell.id, v)) is not None and c.verdict == "holds"]
    return (holding or pair)[0]


def _player(review: Review, cell: Cell, key: str, name: str, most_steps: int) -> Player:
    assert cell.scenario is not None
    where = f"{name}: the scenario of {cell.id} on {cell.variant}"
    pair = sorted((cell.variant, counterpart(review, cell)), key=_place)
    file = scenario_file.parse(cell.scenario, where)
    replays = replay(file, [_load(v, where) for v in pair], where)
    traces = [r.trace for r in replays]
    focuses = [focus_on(r.trace, r.variant, cell.id) for r in replays]
    marked = [f.blamed for f in focuses]
    side = next(i for i, t in enumerate(traces) if t.variant == cell.variant)
    told = [(_sentence(t, cell.id), "does not break it here") for t in traces]
    staged = stage(traces, side, marked, told, most_steps, cell.id, cell.alternatives)
    return Player(
        **attrs.asdict(staged, recurse=False),
        key=key,
        cell=cell,
        file=file,
        file_name=f"{cell.id}--{cell.variant}.scenario",
        columns=focus_columns(focuses[side], cell.id),
        step=marked[side],
        blame=_blame(focuses[side]),
    )


def stage(
    traces: Sequence[Trace],
    side: int,
    marked: Sequence[int | None],
    told: Sequence[tuple[str, str]],
    most_steps: int,
    claim: str = "",
    alternatives: Mapping[str, Sequence[Alternative]] = NO_ALTERNATIVES,
) -> Stage:
    """The traces of two kernels; ``side``: whose steps are counted; ``told``: of each, what it shows, or what else is said of it."""
    order = frames(traces)
    stops = notable(traces, order)
    tasks = shown_tasks(traces)
    lanes = [layout(t, order, i, tasks, marked[i]) for i, t in enumerate(traces)]
    places = draw.edges(stops, draw.PLAYER_WIDTH)
    most = max(draw.highest(one) for one in lanes)
    drawings = [draw.drawing(one, places, draw.PLAYER_WIDTH, claim, most) for one in lanes]
    playable = max(len(t.steps) for t in traces) <= most_steps
    parted = next((p for p, frame in enumerate(order, 1) if None in frame), len(order))
    names = ("the step to blame", "to blame") if claim else ("where they part", "they part")
    return Stage(
        tuple(map(Side, traces, drawings, marked, *zip(*told, strict=True))),
        tuple(map(str, traces[side].scenario.operations)),
        lockstep_trace_columns(traces[0], traces[1]),
        tuple(draw.signs(drawings)),
        tuple(tasks),
        len(order),
        _opening(traces[side], side, order, marked[side]) if claim else parted,
        *names,
        len(traces[side].steps),
        playable,
        _data(traces, order, stops, places, side, marked, alternatives) if playable else {},
    )


def _place(variant: str) -> int:
    return len(_ORDER) + (variant == RFC) if variant not in _ORDER else _ORDER.index(variant)


def _load(variant: str, where: str) -> Variant:
    try:
        return known(variant)
    except VariantError as error:
        raise BadInput(f"{where}: {error}") from None


def _sentence(trace: Trace, claim: str) -> str:
    return next((v.sentence for v in trace.violations if v.claim == claim), "")


def _opening(trace: Trace, side: int, order: Sequence[Frame], step: int | None) -> int:
    """The position of the step to blame, or the last one."""
    for position, frame in enumerate(order, 1):
        index = frame[side]
        entry = None if index is None else trace.entries[index]
        if isinstance(entry, Step) and entry.number == step:
            return position
    return len(order)


def _blame(focus: Focus) -> str:
    """The step to blame in words."""
    step = focus.blamed_step
    if step is None:
        return ""
    remarks = "".join(f", {remark}" for remark in focus.remarks(step) if remark != POINT)
    return f"{step.task} in {step.point[0]}() on {draw.title(focus.trace.variant)}{remarks}. {focus.why()}"


# For the page's program: short keys and numbers for strings, as there is one of these for every step


@attrs.define
class _Strings:
    numbers: dict[str, int] = attrs.Factory(dict)

    def __call__(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))


def _data(
    traces: Sequence[Trace],
    order: Sequence[Frame],
    stops: Sequence[bool],
    places: Sequence[float],
    side: int,
    marked: Sequence[int | None],
    alternatives: Mapping[str, Sequence[Alternative]],
) -> dict[str, Any]:
    """``side``: the kernel whose steps are counted and whose alternatives were explored, if any were."""
    strings = _Strings()
    explored = [alternatives if i == side else NO_ALTERNATIVES for i in range(len(traces))]
    sides = [
        {
            "variant": t.variant,
            "steps": len(t.steps),
            "marked": marked[i],
            "boot": [_row(r, strings) for r in t.boot],
            "entries": [_entry(e, strings, explored[i]) for e in t.entries],
        }
        for i, t in enumerate(traces)
    ]
    return {
        "side": side,
        "sides": sides,
        "frames": [[-1 if i is None else i for i in frame] for frame in order],
        "stops": [int(s) for s in stops],
        "edges": list(places),
        "strings": list(strings.numbers),
    }


def _row(row: Row, strings: _Strings) -> list[int]:
    return [strings(row.task), strings(row.state), int(row.marked) + 2 * int(row.memdie), strings(row.at)]


def _entry(
    entry: Request | Step | Rest, strings: _Strings, explored: Mapping[str, Sequence[Alternative]]
) -> dict[str, Any]:
    """Empty fields are left out; what a step does not say about the machine stays as it was."""
    made: dict[str, Any]
    if isinstance(entry, Rest):
        text = "The run is over: nobody can go on." if entry.quiet else "The run is over."
        made = {"text": strings(text), "broken": [strings(b) for b in entry.broken]}
    elif isinstance(entry, Request):
        refused = f" (refused: {entry.refused})" if entry.refused else ""
        made = {
            "text": strings(f"Asked for: {entry.op}{refused}"),
            "seen": [strings(words(e)) for e in entry.seen],
            "rows": [_row(r, strings) for r in entry.rows],
            "operation": 1,
        }
    else:
        made = _step(entry, strings, explored.get(str(entry.number), ()))
    return {k: v for k, v in made.items() if v != []}


def _step(step: Step, strings: _Strings, explored: Sequence[Alternative]) -> dict[str, Any]:
    # Names have no spaces in them, and the same ones are ready step after step.
    ready, may_wake = (" ".join(n for n in names if n != step.task) for names in (step.ready, step.may_wake))
    return {
        "number": step.number,
        "task": strings("the clock" if step.task == TICK else step.task),
        "function": strings(step.point[0]),
        "step": strings(step.point[1]),
        "source": strings(step.source),
        "calls": [strings(c) for c in step.calls if in_source(c)],
        "seen": [strings(words(e)) for e in step.seen],
        "edges": [[strings(edge_words(e)), strings(e.task)] for e in step.edges],
        "ready": strings(ready),
        "wake": strings(may_wake),
        "explored": [[strings(a.task), strings(a.outcome), strings(a.end)] for a in explored],
        "phase": strings(step.phase),
        "count": step.count,
        "clock": step.clock,
        "broken": [strings(b) for b in step.broken],
        "rows": [_row(r, strings) for r in step.rows],
    }
