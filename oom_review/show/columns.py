"""A run as text, in the form of the tip tree's handbook: a column per context, time downwards, calls indented.

Shown are the steps that change what somebody can observe, with the calls that lead to them; preparation is folded to a line
per operation, everything else to ``[...]``.  On the left stand the numbers of the steps, by which sentences, the JSON and the page name them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

import attrs

from kernel_model.variant import Variant
from oom_review.play.observation import IN_FRIDGE
from oom_review.play.trace import Request, Rest, Step, Trace, record
from oom_review.scenario.items import Scenario
from oom_review.schedules.driver import TICK
from oom_review.show.remarks import TURNING, Focus, final_line, focus_on

WIDTH = 75
COLUMN = 32
HALF = 38
GUTTER = 4
"""For the numbers of steps; with it a line has 80 columns."""
LONG_SLEEP = 1000
PREEMPT = ("<PREEMPT>",)
CYCLE = "# the steps from here on lead back to here, and so on for ever"
_NOT_CALLED = frozenset({"user mode", "worker_thread", "the clock"})
Path = tuple[tuple[str, int], ...]
Segment = list[Request | Step | Rest]


@attrs.define(frozen=True)
class Shown:
    """A step worth showing: its calls, each with the number of its invocation, and the remarks.

    ``skipped``: the context took other steps, of other calls, since it was shown last.
    """

    step: Step
    path: Path
    remarks: tuple[str, ...]
    skipped: bool


@attrs.define(frozen=True)
class Note:
    """A line across all columns."""

    text: str


def columns(scenario: Scenario, variant: Variant, claim_id: str | None = None) -> str:
    """The scenario on that variant, up to the step that breaks the claim; without an id, the first one broken."""
    return focus_columns(focus_on(record(scenario, variant), variant, claim_id), claim_id)


def focus_columns(focus: Focus, claim_id: str | None = None) -> str:
    """See columns()."""
    trace = focus.trace
    story = _needed(list(_story(trace, focus)))
    first = next((i for i, item in enumerate(story) if isinstance(item, Shown)), len(story))
    names = list(dict.fromkeys(item.step.task for item in story if isinstance(item, Shown)))
    lines = [item.text for item in story[:first] if isinstance(item, Note)]
    if names:
        lines += ["", *_table(story[first:], names, focus), ""]
    if trace.stopped:
        lines += _wrap(f"Stopped: {trace.stopped}")
    lines += [*_wrap(f"At the end: {final_line(trace)}."), *_verdict(trace, focus, claim_id)]
    return "\n".join(lines) + "\n"


def lockstep_columns(scenario: Scenario, left: Variant, right: Variant) -> str:
    """The scenario on both variants side by side, up to its end, with the first divergence marked."""
    return lockstep_trace_columns(record(scenario, left), record(scenario, right))


def lockstep_trace_columns(left: Trace, right: Trace) -> str:
    """See lockstep_columns()."""
    cells = [_cells(left), _cells(right)]
    same = 0
    while same < min(map(len, cells)) and cells[0][same] == cells[1][same]:
        same += 1
    lines = [
        _side_by_side(left.variant, right.variant),
        _side_by_side("=" * len(left.variant), "=" * len(right.variant)),
    ]
    lines += [_side_by_side(line, line) for cell in cells[0][:same] for line in cell]
    if same < max(map(len, cells)):
        lines.append(_side_by_side("^^^^ first divergence", "^^^^"))
    rest = [[line for cell in side[same:] for line in cell] for side in cells]
    lines += [_side_by_side(a, b) for a, b in zip_longest(*rest, fillvalue="")]
    return "\n".join(lines) + "\n"


def beside(trace: Trace, log: Iterable[str], whose: str) -> str:
    """The trace, a line for each step that shows something, and what a machine said beside it."""
    left = [trace.variant, "=" * len(trace.variant), *(line for cell in _cells(trace) for line in cell)]
    told = (line for text in log for line in _wrap(text, HALF, subsequent_indent="    "))
    right = [whose, "=" * len(whose), *told]
    return "\n".join(_side_by_side(a, b) for a, b in zip_longest(left, right, fillvalue="")) + "\n"


def observation_line(name: str, pos: int, neg: int) -> str:
    """A verdict in the words of the kernel's memory model: the condition, which is the bad outcome, was met ``pos`` times."""
    how_often = "Never" if not pos else "Sometimes" if neg else "Always"
    return f"Observation {name} {how_often} {pos} {neg}"


def _side_by_side(left: str, right: str) -> str:
    return f"{left.ljust(HALF)}{right}".rstrip()


def _cells(trace: Trace) -> list[list[str]]:
    cells = []
    for item in _story(trace, Focus(trace)):
        if isinstance(item, Note):
            cells.append(_wrap(item.text, HALF - 2, subsequent_indent="#   "))
        elif item.remarks != PREEMPT:
            function = f"{item.path[-1][0]}()" if item.path else ""
            remarks = [line for remark in item.remarks for line in _wrapped(f"// {remark}", "  ", HALF - 2)]
            cells.append([f"{item.step.task}: {function}", *remarks])
    broken = [f"broken: {v.claim}" for v in trace.violations]
    cells.append(
        [
            "at the end:",
            *_wrap(final_line(trace), HALF - 2, initial_indent="  ", subsequent_indent="  "),
            *broken,
        ]
    )
    if trace.stopped:
        cells.append(_wrap(f"stopped: {trace.stopped}", HALF - 2))
    return cells


def _wrap(text: str, width: int = WIDTH, initial_indent: str = "", subsequent_indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=initial_indent,
        subsequent_indent=subsequent_indent,
        break_on_hyphens=False,
    )


def _needed(story: list[Shown | Note]) -> list[Shown | Note]:
    """Without the preemptions that nothing shown makes use of."""
    out = []
    for i, item in enumerate(story):
        following = next((s for s in story[i + 1 :] if isinstance(s, Shown) and s.remarks != PREEMPT), None)
        preempted = isinstance(item, Shown) and item.remarks == PREEMPT
        if (
            preempted
            and isinstance(item, Shown)
            and (following is None or following.step.task == item.step.task)
        ):
            continue
        out.append(item)
    return out


def _verdict(trace: Trace, focus: Focus, claim_id: str | None) -> list[str]:
    if focus.violation is None or focus.asked is None:
        broken = ", ".join(v.claim for v in trace.violations)
        if claim_id or not broken:
            return [f"{claim_id} is not broken." if claim_id else "No claim is broken."]
        return _wrap(f"Broken: {broken}.")
    lines = _wrap(f"Broken promise: {focus.asked.sentence} ({focus.asked.id}).")
    lines += _wrap(f"Here: {focus.violation.sentence}.")
    lines += _wrap(f"{focus.why()}.")
    others = [v.claim for v in trace.violations if v.claim != focus.asked.id]
    return lines + (_wrap(f"Also broken: {', '.join(others)}.") if others and claim_id is None else [])


# Which steps are shown


def _segments(trace: Trace) -> Iterator[Segment]:
    segment: Segment = []
    for entry in trace.entries:
        segment.append(entry)
        if isinstance(entry, Rest):
            yield segment
            segment = []
    if segment:
        yield segment


def _foldable(segment: Segment, focus: Focus, last: Segment | None) -> bool:
    if last is not None and any(isinstance(e, Rest) and not e.quiet for e in last):
        return False
    for entry in segment:
        if isinstance(entry, Rest):
            if not entry.quiet:
                return False
        elif any(e.event in TURNING for e in entry.seen) or (
            isinstance(entry, Step) and entry.number == focus.blamed
        ):
            return False
    return True


def _story(trace: Trace, focus: Focus) -> Iterator[Shown | Note]:
    paths = call_paths(trace.steps)
    last: Segment | None = None
    end = focus.violation.step if focus.violation is not None else len(trace.steps)
    for segment in _segments(trace):
        if last is not None and any(isinstance(e, Step) and e.number >= end for e in last):
            yield Note("# [...]")
            return
        of_the_end = focus.whole and segment[-1] is trace.entries[-1]
        if not of_the_end and _foldable(segment, focus, last):
            yield from (Note(line) for line in _folded(segment))
        elif trace.scenario.cyclic(segment[-1].item):
            yield Note(CYCLE)
            yield from _unfolded(_once(segment), focus, paths, end)
        else:
            yield from _unfolded(segment, focus, paths, end)
        last = segment


def _once(segment: Segment) -> Segment:
    """A cycle is played twice."""
    steps = [e for e in segment if isinstance(e, Step)]
    return [*steps[: len(steps) // 2]]


def _folded(segment: Segment) -> Iterator[str]:
    states = {r.task: r for e in segment if isinstance(e, (Step, Request)) for r in e.rows}
    told = []
    for state in (IN_FRIDGE, "zombie", "stopped", "traced"):
        names = [name for name, r in states.items() if r.state == state]
        if names:
            told.append(f"{', '.join(names)} {state}")
    requests = [e for e in segment if isinstance(e, Request)]
    for request in requests:
        end = f"    ({'; '.join(told)})" if told and request is requests[-1] else ""
        yield from _request(request, end)


def _request(request: Request, end: str = "") -> Iterator[str]:
    refused = f"    refused: {request.refused}" if request.refused else end
    yield from _wrap(f"# {request.op}{refused}", subsequent_indent="#     ")


def _unfolded(segment: Segment, focus: Focus, paths: Sequence[Path], end: int) -> Iterator[Shown | Note]:
    clock: int | None = None
    frozen: list[str] = []
    skipped: dict[str, set[Path]] = {}
    steps = [e for e in segment if isinstance(e, Step)]
    later = {s.task: s.number for s in steps if _loud(s, focus)}
    for i, entry in enumerate(segment):
        if isinstance(entry, Request):
            yield from (Note(line) for line in _request(entry))
        if not isinstance(entry, Step) or entry.number > end:
            continue
        if clock is not None and entry.clock - clock >= LONG_SLEEP:
            yield Note(f"# {round((entry.clock - clock) / 1000, 1):g} s later")
        clock = entry.clock
        if (sitter := focus.preparation(entry)) in focus.tasks:
            frozen.append(sitter)
        elif frozen and _loud(entry, focus):
            yield Note(f"# {', '.join(frozen)} in the fridge")
            frozen = []
        path = paths[entry.number - 1]
        if _loud(entry, focus):
            others = skipped.pop(entry.task, set())
            shown = Shown(entry, path, tuple(focus.remarks(entry)), any(p != path[: len(p)] for p in others))
            yield shown
        elif entry.task != TICK:
            skipped.setdefault(entry.task, set()).add(path)
        if (
            _preempted(segment[i + 1 : i + 2], entry)
            and entry.task in later
            and later[entry.task] > entry.number
        ):
            resumed = next(s for s in steps if s.task == entry.task and s.number > entry.number)
            if not _loud(resumed, focus):
                yield Shown(
                    entry,
                    paths[resumed.number - 1],
                    PREEMPT,
                    skipped=bool(skipped.pop(entry.task, None)),
                )


def _loud(step: Step, focus: Focus) -> bool:
    return step.task != TICK and (step.number == focus.blamed or bool(focus.remarks(step)))


def _preempted(following: Sequence[Request | Step | Rest], step: Step) -> bool:
    return not step.waits and any(isinstance(e, Step) and e.task != step.task for e in following)


def call_paths(steps: Iterable[Step]) -> list[Path]:
    """For each step its calls, the C source's only, each with a number that tells one invocation from the next."""
    stacks: dict[str, list[tuple[str, int]]] = {}
    number = 0
    paths = []
    for step in steps:
        stack = stacks.get(step.task, [])
        if [name for name, _number in stack] != list(step.calls):
            stack = []
            for name in step.calls:
                number += 1
                stack.append((name, number))
        paths.append(_path(step, stack))
        stack = stack[: step.kept]
        for name in step.after[step.kept :]:
            number += 1
            stack.append((name, number))
        stacks[step.task] = stack
    return paths


def in_source(function: str) -> bool:
    """The C source has it: the model's own functions begin with one underscore, and a reader would look for them in vain."""
    return not function.startswith("_") or function.startswith("__")


def _path(step: Step, stack: Sequence[tuple[str, int]]) -> Path:
    path = [(name, number) for name, number in stack if in_source(name)]
    function = step.point[0]
    if function in _NOT_CALLED:
        return ()
    if not path or path[-1][0] != function:
        # Inlined in the model: one invocation for each of its caller.
        path.append((function, -(path[-1][1] if path else 0)))
    return tuple(path)


# Layout


def _table(story: Sequence[Shown | Note], names: list[str], focus: Focus) -> Iterator[str]:
    offsets = {name: i * COLUMN for i, name in enumerate(names)}
    width = max(WIDTH, COLUMN * (len(names) - 1) + WIDTH - COLUMN)
    heads = [f"CPU{i} ({name})" for i, name in enumerate(names)]
    last = max(item.step.number for item in story if isinstance(item, Shown))
    gutter = max(GUTTER, len(str(last)))
    yield f"{'step'.ljust(gutter)} {''.join(head.ljust(COLUMN) for head in heads)}".rstrip()
    yield f"{'=' * gutter} {''.join(('=' * len(head)).ljust(COLUMN) for head in heads)}".rstrip()
    displayed: dict[str, Path] = {}
    for item in story:
        if isinstance(item, Note):
            yield item.text
            continue
        name = item.step.task
        lines = list(_call_lines(item, displayed.get(name, ()), width - offsets[name]))
        displayed[name] = item.path
        if item.step.number == focus.blamed and item.remarks != PREEMPT:
            # Where nothing else of the step is shown, its name is.
            lines = lines or [f"// {item.step.point[1]}"]
            text = lines[-1].lstrip()
            lines.append(" " * (len(lines[-1]) - len(text)) + "^" * len(text))
        at = _own_line(item, lines)
        for i, line in enumerate(lines):
            number = str(item.step.number) if i == at else ""
            yield f"{number.rjust(gutter)} {' ' * offsets[name]}{line}"


def _own_line(item: Shown, lines: Sequence[str]) -> int:
    """Which of the lines is the step's own, below the calls that lead to it; -1 where a context is only preempted."""
    if item.remarks == PREEMPT:
        return -1
    return next((i for i, line in enumerate(lines) if "// " in line), len(lines) - 1)


def _call_lines(item: Shown, displayed: Path, width: int) -> Iterator[str]:
    common = 0
    while common < min(len(displayed), len(item.path)) and displayed[common] == item.path[common]:
        common += 1
    if item.skipped and displayed:
        yield "  " * common + "[...]"
    depth = common
    line = ""
    for depth, (function, _number) in enumerate(item.path[common:], common):
        if line:
            yield line
        line = "  " * depth + f"{function}()"
    indent = "  " * (depth + 1 if line else max(common, 0))
    for remark in item.remarks or ("",):
        text = f"// {remark}" if remark and item.remarks != PREEMPT else remark
        if line and text and len(line) + 1 + len(text) <= width:
            yield f"{line} {text}"
        else:
            if line:
                yield line
            if text:
                yield from _wrapped(text, indent, width)
        line = ""


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    return _wrap(text, max(20, width), initial_indent=indent, subsequent_indent=f"{indent}// ")
