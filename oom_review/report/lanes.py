"""One or two traces as lanes: a lane for each thread over time.  What the report's player and the still pictures both draw.

Time is counted in positions.  Position 0 is the machine after boot; at each later one an entry of the trace happens: an operation is
asked for, a context takes a step, or a run is over.  Two traces of one scenario share their positions: what both kernels do alike
happens at the same one, so that the lanes part where the kernels do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby, zip_longest

import attrs

from kernel_model import events
from oom_review.play.trace import Request, Rest, Row, Step, Trace

Entry = Request | Step | Rest
# For each trace the index of the entry that happens at a position, or None if this kernel waits for the other one.
Frame = tuple[int | None, ...]

MATCHED = 600
_ORDINARY = frozenset({"user mode", "in the kernel", "new"})


@attrs.define(frozen=True)
class Span:
    """From position ``start`` up to but not including ``end`` something was ``value``."""

    start: int
    end: int
    value: str


@attrs.define(frozen=True)
class Access:
    """A device access, and the phase of power management in which it happened."""

    position: int
    what: str
    phase: str


@attrs.define(frozen=True)
class Lane:
    """A thread.  ``runs``: the positions at which it took a step."""

    task: str
    states: tuple[Span, ...]
    marked: tuple[Span, ...]
    runs: tuple[int, ...]
    accesses: tuple[Access, ...]


@attrs.define(frozen=True)
class Arrow:
    """At that position one thread let another go on; ``kind`` as in happens_before."""

    position: int
    kind: str
    task: str
    other: str


@attrs.define(frozen=True)
class Lanes:
    """One kernel's run.  ``length``: the number of positions.  ``asked``: where operations were asked for, with their numbers.

    ``arrows``: between threads that have a lane.  ``mark``: the position and the lane's index of the step under which ``^^^^`` stands.
    """

    trace: Trace
    length: int
    lanes: tuple[Lane, ...]
    count: tuple[Span, ...]
    phases: tuple[Span, ...]
    broken: tuple[tuple[int, tuple[str, ...]], ...]
    asked: tuple[tuple[int, int], ...]
    arrows: tuple[Arrow, ...]
    mark: tuple[int, int] | None = None


def frames(traces: Sequence[Trace]) -> list[Frame]:
    """What happens at position 1, 2, ... in one trace, or in two side by side."""
    if len(traces) == 1:
        return [(i,) for i in range(len(traces[0].entries))]
    left, right = traces
    aligned: list[Frame] = []
    sides = [{item: list(g) for item, g in groupby(_keys(t), key=lambda k: k[1][0])} for t in traces]
    for item in sorted(sides[0].keys() | sides[1].keys()):
        aligned += _aligned(sides[0].get(item, []), sides[1].get(item, []))
    assert sum(f[0] is not None for f in aligned) == len(left.entries)
    assert sum(f[1] is not None for f in aligned) == len(right.entries)
    return aligned


Key = tuple[int, str, str, str]


def _keys(trace: Trace) -> Iterator[tuple[int, Key]]:
    for i, entry in enumerate(trace.entries):
        if isinstance(entry, Step):
            yield i, (entry.item, entry.task, *entry.point)
        else:
            yield i, (entry.item, type(entry).__name__, "", "")


def _aligned(left: list[tuple[int, Key]], right: list[tuple[int, Key]]) -> Iterator[Frame]:
    if max(len(left), len(right)) > MATCHED:
        # Matching takes quadratic time at worst.
        yield from zip_longest((i for i, _key in left), (i for i, _key in right))
        return
    matcher = SequenceMatcher(None, [k for _i, k in left], [k for _i, k in right], autojunk=False)
    for _tag, l1, l2, r1, r2 in matcher.get_opcodes():
        yield from zip_longest((i for i, _key in left[l1:l2]), (i for i, _key in right[r1:r2]))


def shown_tasks(traces: Iterable[Trace]) -> list[str]:
    """Who gets a lane: user tasks, and kernel threads that were asked for something or did what can be observed."""
    names: dict[str, None] = {}
    for trace in traces:
        acting = {op.task for op in trace.scenario.operations}
        acting |= {s.task for s in trace.steps if s.seen}
        rows = [*trace.boot, *(r for e in trace.entries if not isinstance(e, Rest) for r in e.rows)]
        names |= {r.task: None for r in rows if r.task not in trace.kthreads or r.task in acting}
    return list(names)


def layout(
    trace: Trace, order: Sequence[Frame], side: int, tasks: Sequence[str], marked: int | None = None
) -> Lanes:
    """The lanes of the trace that is number ``side`` of those that ``order`` was made of; ``marked``: the number of a step."""
    length = len(order) + 1
    moments = [(p, trace.entries[i]) for p, frame in enumerate(order, 1) if (i := frame[side]) is not None]
    operations = [(p, e) for p, e in moments if isinstance(e, Request)]
    steps = [(p, e) for p, e in moments if isinstance(e, Step)]
    return Lanes(
        trace,
        length,
        tuple(_lane(name, trace.boot, moments, length) for name in tasks),
        _spans([(0, "0"), *((p, str(e.count)) for p, e in steps)], length),
        _spans([(0, "running"), *((p, e.phase) for p, e in steps)], length),
        tuple((p, e.broken) for p, e in moments if not isinstance(e, Request) and e.broken),
        tuple((p, number) for number, (p, _e) in enumerate(operations, 1)),
        tuple(_arrows(steps, tasks)),
        next(((p, tasks.index(e.task)) for p, e in steps if e.number == marked and e.task in tasks), None),
    )


def _arrows(steps: Sequence[tuple[int, Step]], tasks: Sequence[str]) -> Iterator[Arrow]:
    """One for each pair of threads at a position, that of the first edge."""
    for position, step in steps:
        others: dict[str, str] = {}
        for edge in step.edges:
            others.setdefault(edge.task, edge.kind)
        for other, kind in others.items():
            if step.task in tasks and other in tasks:
                yield Arrow(position, kind, step.task, other)


def _lane(task: str, boot: Sequence[Row], moments: Sequence[tuple[int, Entry]], length: int) -> Lane:
    rows = [(0, r) for r in boot if r.task == task]
    rows += [(p, r) for p, e in moments if not isinstance(e, Rest) for r in e.rows if r.task == task]
    marked = _spans([(p, "marked" if r.marked else "") for p, r in rows], length)
    steps = [(p, e) for p, e in moments if isinstance(e, Step) and e.task == task]
    return Lane(
        task,
        _spans([(p, r.state) for p, r in rows], length),
        tuple(s for s in marked if s.value),
        tuple(p for p, _e in steps),
        tuple(
            Access(p, str(seen["what"]), str(seen["phase"]))
            for p, e in steps
            for seen in e.seen
            if seen.event is events.Io
        ),
    )


def _spans(values: Sequence[tuple[int, str]], length: int) -> tuple[Span, ...]:
    """Values, each from a position on, as spans; a value that does not change makes no new one."""
    changes = [v for i, v in enumerate(values) if i == 0 or v[1] != values[i - 1][1]]
    ends = [p for p, _value in changes[1:]] + [length]
    return tuple(Span(p, end, value) for (p, value), end in zip(changes, ends, strict=True))


def notable(traces: Sequence[Trace], order: Sequence[Frame]) -> list[bool]:
    """For each position, whether a reader wants to stop there: more happens than a way through the kernel."""
    states: list[dict[str, str]] = [{r.task: r.state for r in t.boot} for t in traces]
    found = [True]
    for frame in order:
        found.append(False)
        for trace, index, known in zip(traces, frame, states, strict=True):
            if index is not None and _notable(trace.entries[index], known):
                found[-1] = True
    return found


def _notable(entry: Entry, known: dict[str, str]) -> bool:
    if isinstance(entry, Rest):
        return bool(entry.broken)
    changed = {r.state for r in entry.rows if known.get(r.task) != r.state}
    changed |= {known[r.task] for r in entry.rows if known.get(r.task, r.state) != r.state}
    known.update({r.task: r.state for r in entry.rows})
    return isinstance(entry, Request) or bool(entry.seen or entry.broken or changed - _ORDINARY)
