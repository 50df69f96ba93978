"""Lanes as SVG: where everything lies in the picture.  What it looks like is in report/lanes.svg.j2 and report/lanes.css.

Positions at which nothing notable happens are narrow, so that a long way through the kernel does not hide the story.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from kernel_model.events import QUIET_PHASES
from kernel_model.variant import Variant
from oom_review.play.happens_before import SIGNALS, STARTS, UNLOCKS, WAKES
from oom_review.report.lanes import Arrow, Frame, Lane, Lanes, Span, frames, layout, notable, shown_tasks
from oom_review.report.templates import environment, text_of
from oom_review.scenario.form import ScenarioFile
from oom_review.show.remarks import focus_on
from oom_review.show.replay import replay
from oom_review.variants.loading import title_of

MARKER = "<!-- made by oom-review draw -->"
LEGEND = {
    "user mode": "",
    "in the kernel": "",
    "in the fridge": "F",
    "exiting": "E",
    "zombie": "Z",
    "dead": "D",
    "reaped": "R",
    "stopped": "S",
    "traced": "T",
    "new": "",
}

PLAYER_WIDTH = 480
STILL_WIDTH = 800
GUTTER = 92
RIGHT = 12
QUIET_WEIGHT = 0.3
PHASES_TOP = 18
PHASES_HEIGHT = 15
LANES_TOP = 42
LANE = 16
LANE_STEP = 28
COUNT_UNIT = 14
CHARACTER = 6.4
NAME = 12
LEGEND_STEP = 22


@attrs.define(frozen=True)
class Bar:
    """A rectangle with a text that fits, or none."""

    x: float
    width: float
    value: str
    label: str = ""


@attrs.define(frozen=True)
class DrawnLane:
    """A lane: ``flags`` are the places where its group was marked, ``accesses`` pairs of a place and "quiet" or "".

    All but ``y`` is relative to its own top, so that a lane can be moved.
    """

    task: str
    name: str
    y: int
    bars: tuple[Bar, ...]
    marked: tuple[Bar, ...]
    runs: str
    accesses: tuple[tuple[float, str], ...]


@attrs.define(frozen=True)
class DrawnArrow:
    """An arrow from one lane to another, at one place."""

    arrow: Arrow
    x: float
    path: str


@attrs.define(frozen=True)
class Drawing:
    """All of a picture's places.  ``mark``: where ``^^^^`` stands, and in whose lane."""

    width: int
    height: int
    edges: tuple[float, ...]
    phases: tuple[Bar, ...]
    lanes: tuple[DrawnLane, ...]
    asked: tuple[tuple[float, int], ...]
    count_y: int
    count_line: str
    counts: tuple[tuple[float, float, str], ...]
    broken: tuple[float, ...]
    arrows: tuple[DrawnArrow, ...]
    mark: tuple[float, str] | None
    states: tuple[str, ...]
    description: str

    @property
    def bottom(self) -> int:
        """Where the lanes and the count end."""
        return self.count_y + 4


def edges(weights: Sequence[bool], width: int) -> tuple[float, ...]:
    """Where each position begins, and where the last one ends."""
    sizes = [1.0 if notable_here else QUIET_WEIGHT for notable_here in weights]
    scale = (width - GUTTER - RIGHT) / sum(sizes)
    places = [float(GUTTER)]
    for size in sizes:
        places.append(places[-1] + size * scale)
    return tuple(round(p, 1) for p in places)


def drawing(lanes: Lanes, places: Sequence[float], width: int, claim: str, most: int) -> Drawing:
    """The places of everything; ``most`` is the highest count that the picture, or the one beside it, shows."""
    bottom = LANES_TOP + LANE_STEP * len(lanes.lanes)
    count_y = bottom + 12 + COUNT_UNIT * max(1, most)
    levels = [
        (places[s.start], places[s.end], count_y - COUNT_UNIT * int(s.value), s.value) for s in lanes.count
    ]
    line = " ".join(
        f"{'M' if i == 0 else 'V'}{_xy(x, y, i)} H{end:g}" for i, (x, end, y, _v) in enumerate(levels)
    )
    return Drawing(
        width,
        count_y + 10,
        tuple(places),
        tuple(_bar(s, places, s.value, s.value) for s in lanes.phases),
        tuple(_drawn(lane, LANES_TOP + LANE_STEP * i, places) for i, lane in enumerate(lanes.lanes)),
        _asked(lanes, places),
        count_y,
        line,
        tuple((x, y, value) for x, _end, y, value in levels),
        tuple(_middle(places, p) for p, claims in lanes.broken if claim in claims),
        tuple(_arrow(a, lanes, places) for a in lanes.arrows),
        None if lanes.mark is None else (_middle(places, lanes.mark[0]), lanes.lanes[lanes.mark[1]].task),
        tuple(s for s in LEGEND if any(span.value == s for lane in lanes.lanes for span in lane.states)),
        describe(lanes, claim),
    )


def highest(lanes: Lanes) -> int:
    """The highest count."""
    return max(int(s.value) for s in lanes.count)


def _xy(x: float, y: float, index: int) -> str:
    return f"{x:g} {y:g}" if index == 0 else f"{y:g}"


def _middle(places: Sequence[float], position: int) -> float:
    return round((places[position] + places[position + 1]) / 2, 1)


def _bar(span: Span, places: Sequence[float], value: str, label: str) -> Bar:
    x, end = places[span.start], places[span.end]
    width = round(end - x, 1)
    texts = (label, LEGEND.get(value, ""))
    fits = next((t for t in texts if t and len(t) * CHARACTER + 5 <= width), "")
    return Bar(x, width, value, fits)


def _drawn(lane: Lane, y: int, places: Sequence[float]) -> DrawnLane:
    runs = "".join(f"M{places[p]:g} {LANE + 2.5:g}H{places[p + 1]:g}" for p in lane.runs)
    return DrawnLane(
        lane.task,
        lane.task if len(lane.task) <= NAME else f"{lane.task[: NAME - 1]}…",
        y,
        tuple(_bar(s, places, s.value, s.value) for s in lane.states),
        tuple(_bar(s, places, "marked", "") for s in lane.marked),
        runs,
        tuple(
            (_middle(places, a.position), "quiet" if a.phase in QUIET_PHASES else "") for a in lane.accesses
        ),
    )


def _arrow(arrow: Arrow, lanes: Lanes, places: Sequence[float]) -> DrawnArrow:
    x = _middle(places, arrow.position)
    rows = [lane.task for lane in lanes.lanes]
    here, there = (LANES_TOP + LANE_STEP * rows.index(t) for t in (arrow.task, arrow.other))
    # report/lanes.js says it again for lanes that move.
    down = there > here
    start, end = (here + LANE, there) if down else (here, there + LANE)
    return DrawnArrow(
        arrow,
        x,
        f"M{x:g} {start}V{end}m-2.5 {-4 if down else 4}l2.5 {4 if down else -4}l2.5 {-4 if down else 4}",
    )


def _asked(lanes: Lanes, places: Sequence[float]) -> tuple[tuple[float, int], ...]:
    """The operations' numbers; one that would lie on another is left out."""
    shown: list[tuple[float, int]] = []
    for position, number in lanes.asked:
        x = _middle(places, position)
        if not shown or x - shown[-1][0] >= CHARACTER * (len(str(number)) + 1):
            shown.append((x, number))
    return tuple(shown)


def describe(lanes: Lanes, claim: str) -> str:
    """The picture in words, for those who don't see it."""
    observation = lanes.trace.observation
    ends = "; ".join(
        f"{name} {state}{', marked' if marked else ''}" for name, state, marked in observation.tasks
    )
    counts = ", ".join(s.value for s in lanes.count)
    violation = next((v for v in lanes.trace.violations if v.claim == claim), None)
    broken = f" Broken: {violation.sentence}." if violation is not None else ""
    return (
        f"A lane for each thread over time on {title(lanes.trace.variant)}. At the end: {ends}. "
        f"oom_victims over time: {counts}.{broken}"
    )


def title(variant: str) -> str:
    """What readers call the variant."""
    return title_of(variant)


def still(file: ScenarioFile, variant: Variant, claim: str = "", name: str = "the scenario") -> str:
    """The scenario on that variant as a picture that stands alone.  The claim defaults to the file's, or the first broken.

    Raises ScenarioError for an operation that is not possible.
    """
    trace = replay(file, [variant], name)[0].trace
    order: list[Frame] = frames([trace])
    broken = {v.claim: v for v in trace.violations}
    chosen = claim or (file.settings.claim if file.settings.claim in broken else next(iter(broken), ""))
    focus = focus_on(trace, variant, chosen or None)
    lanes = layout(trace, order, 0, shown_tasks([trace]), focus.blamed)
    places = edges(notable([trace], order), STILL_WIDTH)
    drawn = drawing(lanes, places, STILL_WIDTH, chosen, highest(lanes))
    violation = broken.get(chosen)
    template = environment().get_template("picture.svg.j2")
    return template.render(
        marker=MARKER,
        d=drawn,
        css=text_of("lanes.css"),
        title=f"{file.settings.title or 'A scenario'} ({title(trace.variant)})",
        operations=_wrapped([f"{n} {op}" for n, op in enumerate(trace.scenario.operations, 1)]),
        sentence=violation.sentence if violation else "No claim is broken.",
        claim=chosen if violation else "",
        letters=LEGEND,
        legend=_placed(signs([drawn])),
    )


@attrs.define(frozen=True)
class Sign:
    """An entry of a legend: the kind of sign, its value as drawn, and what it means."""

    kind: str
    value: str
    text: str


_ARROWS = {STARTS: "starts it", WAKES: "wakes it", SIGNALS: "signals it", UNLOCKS: "releases its lock"}


def signs(drawings: Iterable[Drawing]) -> list[Sign]:
    """The signs that occur in any of these."""
    found: dict[Sign, None] = {}
    drawings = list(drawings)
    for d in drawings:
        found |= {Sign("state", s, s): None for s in d.states}
    for d in drawings:
        if any(lane.marked for lane in d.lanes):
            found[Sign("marked", "", "marked as a victim")] = None
        found |= {Sign("phase", b.value, f"phase: {b.value}"): None for b in d.phases if b.value != "running"}
    for d in drawings:
        for quiet in sorted({quiet for lane in d.lanes for _x, quiet in lane.accesses}):
            found[Sign("access", quiet, f"device access{', when all is quiet' if quiet else ''}")] = None
    kinds = {a.arrow.kind for d in drawings for a in d.arrows}
    found |= {Sign("arrow", kind, text): None for kind, text in _ARROWS.items() if kind in kinds}
    found |= {Sign("mark", "", "the step to blame"): None for d in drawings if d.mark is not None}
    found |= {Sign("broken", "", "the claim is broken"): None for d in drawings if d.broken}
    found[Sign("runs", "", "takes steps")] = None
    return list(found)


def _placed(all_of_them: Iterable[Sign]) -> list[tuple[Sign, float, int]]:
    """In as many lines as they need."""
    placed: list[tuple[Sign, float, int]] = []
    x, y = float(RIGHT), 0
    for sign in all_of_them:
        width = 46 + CHARACTER * len(sign.text)
        if x + width > STILL_WIDTH:
            x, y = float(RIGHT), y + LEGEND_STEP
        placed.append((sign, round(x, 1), y))
        x += width
    return placed


def _wrapped(words: Sequence[str]) -> list[str]:
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) > (STILL_WIDTH - 2 * RIGHT) / CHARACTER:
            lines.append("")
        lines[-1] += ("   " if lines[-1] else "") + word
    return lines
