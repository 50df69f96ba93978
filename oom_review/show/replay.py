"""Replaying a scenario file on some variants: columns, what there was to see, and whether that was expected."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

import attrs

from kernel_model.variant import Variant
from oom_review import ledger
from oom_review.explore.blame import blame
from oom_review.explore.explorer import KEEPS
from oom_review.play.session import Violation
from oom_review.play.trace import Request, Rest, Row, Seen, Step, Trace, record
from oom_review.scenario.form import Expectation, ScenarioError, ScenarioFile, unstructure
from oom_review.show.columns import WIDTH, focus_columns, lockstep_trace_columns
from oom_review.show.remarks import focus_on, why
from oom_review.variants.loading import origin, origins

JSON_VERSION = 1
LABELS = 17


@attrs.define(frozen=True)
class Replay:
    """One variant's run, and in what it differs from the file's expectation for it."""

    variant: Variant
    trace: Trace
    unmet: tuple[str, ...]


def replay(file: ScenarioFile, variants: Iterable[Variant], name: str = "the scenario") -> list[Replay]:
    """Play the file on each variant.

    Raises ScenarioError for an operation that none of them allows, where it stands.
    """
    expect = dict(file.expect)
    played = [(v, record(file.scenario, v)) for v in variants]
    _check_operations(file, [t for _v, t in played], name)
    return [Replay(v, t, tuple(unmet(t, expect.get(t.variant), file.settings.variant))) for v, t in played]


def _check_operations(file: ScenarioFile, traces: Sequence[Trace], name: str) -> None:
    refusals = [{r.item: r for r in t.refused} for t in traces]
    for item in sorted(set[int]().union(*refusals)):
        played = [t for t in traces if any(not isinstance(e, Rest) and e.item >= item for e in t.entries)]
        if all(item in {r.item for r in t.refused} for t in played):
            refusal = next(r[item] for r in refusals if item in r)
            raise ScenarioError(name, file.line(item), f"{refusal.op} is not possible: {refusal.refused}")


def unmet(trace: Trace, expected: Expectation | None, made_on: str = "") -> list[str]:
    """What was expected and did not come; a schedule has to fit the variant that it was made on or is expected of."""
    problems = []
    if trace.stopped and (expected is not None or trace.variant == made_on):
        problems.append(f"it stopped: {trace.stopped}")
    if expected is None:
        return problems
    observation = trace.observation
    found: list[tuple[str, Any, Any]] = [
        ("count", expected.count, observation.count),
        ("suspend", expected.suspend, tuple(result for _task, _operation, result in observation.pm)),
        ("fridge", _sorted(expected.fridge), _sorted(observation.fridge)),
        ("refuted", _sorted(expected.refuted), _sorted(tuple(v.claim for v in trace.violations))),
    ]
    problems += [
        f"{what}: expected {_said(wanted)}, was {_said(was)}"
        for what, wanted, was in found
        if wanted not in (None, was)
    ]
    broken = {v.claim for v in trace.violations}
    problems += [f"holds: {claim} is broken" for claim in expected.holds or () if claim in broken]
    return problems


def _sorted(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(sorted(names))


def _said(value: Any) -> str:
    return (", ".join(value) or "nothing") if isinstance(value, tuple) else str(value)


# For people


def text(file: ScenarioFile, replays: Sequence[Replay], claim: str | None = None) -> str:
    """Columns for each variant, the lockstep of two, all observations side by side, and the expectations."""
    parts = [file.settings.title] if file.settings.title else []
    for r in replays:
        heading = f"{r.trace.variant}\n{'-' * len(r.trace.variant)}"
        broken = {v.claim for v in r.trace.violations}
        chosen = claim or (file.settings.claim if file.settings.claim in broken else None)
        shown = focus_columns(focus_on(r.trace, r.variant, chosen), chosen)
        parts.append(f"{heading}\n\n{shown}".rstrip("\n"))
    if len(replays) == 2:  # noqa: PLR2004 - left and right
        side_by_side = lockstep_trace_columns(replays[0].trace, replays[1].trace)
        parts.append(f"Side by side\n------------\n\n{side_by_side}".rstrip("\n"))
    parts.append("\n".join(_observations([r.trace for r in replays])))
    parts += ["\n".join(lines)] if (lines := origins(r.trace.variant for r in replays)) else []
    parts += expectations(file, replays)
    return "\n\n".join(parts) + "\n"


def expectations(file: ScenarioFile, replays: Sequence[Replay]) -> list[str]:
    """A sentence for each that is not met, or that all are."""
    expected = dict(file.expect)
    parts = []
    for r in replays:
        parts += [f"{r.trace.variant}: NOT as expected: {problem}" for problem in r.unmet]
        if r.trace.variant in expected and not r.unmet:
            parts.append(f"{r.trace.variant}: as expected")
    return parts


def _observations(traces: Sequence[Trace]) -> list[str]:
    width = max(20, (WIDTH - LABELS) // max(1, len(traces)))
    lines = [
        _cells("", [t.variant for t in traces], width),
        _cells("", ["=" * len(t.variant) for t in traces], width),
    ]
    names = list(dict.fromkeys(name for t in traces for name, _state, _marked in t.observation.tasks))
    rows: list[tuple[str, list[list[str]]]] = [(name, [[_task(t, name)] for t in traces]) for name in names]
    rows += [
        ("oom_victims", [[" ".join(map(str, (0, *t.observation.counts)))] for t in traces]),
        ("suspend", [[_result(*r) for r in t.observation.pm] for t in traces]),
        (
            "device access",
            [[f"{task}: {what}, {phase}" for task, what, phase in t.observation.io] for t in traces],
        ),
        (
            "freezer.state",
            [[f"{cgroup} {state}" for cgroup, state in t.observation.freezer_states] for t in traces],
        ),
        ("warnings", [list(t.observation.warnings) for t in traces]),
        ("phase", [[t.observation.phase] for t in traces]),
        ("panic", [[t.observation.panicked] if t.observation.panicked else [] for t in traces]),
        ("refuted", [[v.claim for v in t.violations] for t in traces]),
        ("steps", [[str(len(t.steps))] for t in traces]),
    ]
    for label, values in rows:
        if any(values):
            lines += [
                _cells(label if i == 0 else "", row, width)
                for i, row in enumerate(zip_longest(*(_fitted(v, width) for v in values), fillvalue=""))
            ]
    return lines


def _cells(label: str, values: Sequence[str], width: int) -> str:
    return (f"{label} ".ljust(LABELS) + "".join(f"{v} ".ljust(width) for v in values)).rstrip()


def _fitted(values: Sequence[str], width: int) -> list[str]:
    return [
        line
        for v in values
        for line in textwrap.wrap(v, width - 1, subsequent_indent="  ", break_on_hyphens=False)
    ]


def _task(trace: Trace, name: str) -> str:
    for task, state, marked in trace.observation.tasks:
        if task == name:
            return f"{state}, marked" if marked else state
    return "never born"


def _result(task: str, operation: str, result: str) -> str:
    return f"{task}: {operation} {'-EBUSY' if result == 'EBUSY' else result}"


# For programs: docs/scenario-format.md says what each field is


def as_json(file: ScenarioFile, replays: Sequence[Replay]) -> dict[str, Any]:
    """Everything, as plain values."""
    return {
        "format": "oom-review replay",
        "version": JSON_VERSION,
        "scenario": unstructure(file),
        "replays": [_replay_json(r) for r in replays],
        "as_expected": not any(r.unmet for r in replays),
    }


def _replay_json(r: Replay) -> dict[str, Any]:
    trace = r.trace
    observation = trace.observation
    return {
        "variant": trace.variant,
        "files": origin(trace.variant),
        "stopped": trace.stopped,
        "unmet": list(r.unmet),
        "tasks": [{"task": n, "state": s, "marked": m} for n, s, m in observation.tasks],
        "oom_victims": [0, *observation.counts],
        "pm": [{"task": t, "operation": o, "result": result} for t, o, result in observation.pm],
        "io": [{"task": t, "what": w, "phase": p} for t, w, p in observation.io],
        "warnings": list(observation.warnings),
        "freezer_states": [{"cgroup": c, "state": s} for c, s in observation.freezer_states],
        "phase": observation.phase,
        "panicked": observation.panicked,
        "refuted": [attrs.asdict(v) | {"blame": _blame_json(r, v)} for v in trace.violations],
        "boot": [_row_json(row) for row in trace.boot],
        "entries": [_entry_json(e) for e in trace.entries],
    }


def _blame_json(r: Replay, violation: Violation) -> dict[str, Any]:
    """The step to blame, as the columns mark it."""
    found = blame(r.trace, r.variant, ledger.find(violation.claim), violation)
    known = found.before == KEEPS
    return {
        "step": found.step,
        "point_of_no_return": found.lost if known else None,
        "before": found.before,
        "why": why(found),
    }


def _row_json(row: Row) -> dict[str, Any]:
    return attrs.asdict(row)


def _seen_json(seen: Iterable[Seen]) -> list[dict[str, Any]]:
    return [{"kind": e.event.kind, **e.fields} for e in seen]


def _entry_json(entry: Request | Step | Rest) -> dict[str, Any]:
    if isinstance(entry, Rest):
        return {"entry": "rest", "item": entry.item, "quiet": entry.quiet, "broken": list(entry.broken)}
    rows = [_row_json(row) for row in entry.rows]
    if isinstance(entry, Request):
        op = {"op": entry.op.name, "task": entry.op.task, "args": list(entry.op.args)}
        seen = _seen_json(entry.seen)
        return {
            "entry": "request",
            "item": entry.item,
            **op,
            "refused": entry.refused,
            "seen": seen,
            "rows": rows,
        }
    return {
        "entry": "step",
        "item": entry.item,
        "number": entry.number,
        "task": entry.task,
        "function": entry.point[0],
        "step": entry.point[1],
        "source": entry.source,
        "calls": list(entry.calls),
        "kept": entry.kept,
        "seen": _seen_json(entry.seen),
        "phase": entry.phase,
        "oom_victims": entry.count,
        "clock": entry.clock,
        "waits": entry.waits,
        "broken": list(entry.broken),
        "edges": [attrs.asdict(e) for e in entry.edges],
        "ready": list(entry.ready),
        "may_wake": list(entry.may_wake),
        "rows": rows,
    }
