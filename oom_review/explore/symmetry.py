"""Threads that nothing tells apart: siblings that no operation names once they are born, or each the same before the explored run.

What is done to each of them alike, such as to move it into a cgroup, leaves them alike: their fields are compared where the run begins.
A thread that is told to do something itself is told apart by what comes of it.
"""

from __future__ import annotations

from typing import Any

from kernel_model.operations import OPERATIONS, Arg
from kernel_model.sched import Kernel, TaskStruct
from oom_review.scenario.items import Op, Run, Scenario

Mention = tuple[str, tuple[object, ...]]
"""An operation, with its arguments but for the name."""


def mentions(scenario: Scenario) -> dict[str, list[Mention] | None]:
    """What is done to each task by its name, other than to create it; None for one that does something, or is named in the last run."""
    runs = [i for i, item in enumerate(scenario.items) if isinstance(item, Run)]
    explored_from = runs[-2] if len(runs) > 1 else -1
    found: dict[str, list[Mention] | None] = {}
    for i, op in enumerate(scenario.items):
        if not isinstance(op, Op):
            continue
        if op.task is not None:
            found[op.task] = None
        for name in _named(op):
            known = found.setdefault(name, [])
            rest = op.name, tuple([arg for arg in op.args if arg != name])
            found[name] = None if known is None or i > explored_from else [*known, rest]
    return found


def _named(op: Op) -> list[str]:
    operation = OPERATIONS.get(op.name)
    if operation is None:
        # Of a kernel of its own: whatever it is given may be a name.
        return [str(arg) for arg in op.args]
    return [str(v) for kind, v in zip(operation.args, op.args, strict=False) if kind is not Arg.NEW]


def interchangeable(k: Kernel, scenario: Scenario) -> dict[int, str]:
    """The common name of each thread of which a group has several that nothing tells apart, by pid."""
    mentioned = mentions(scenario)
    classes: dict[tuple[object, ...], list[TaskStruct]] = {}
    for t in k.tasks.values():
        known = mentioned.get(t.name, [])
        if t.group_leader is not t and known is not None and t.at is not None:
            classes.setdefault((t.signal.number, *known), []).append(t)
    alike = {n: [t for t in ts if _situation(t) == _situation(ts[0])] for n, ts in classes.items()}
    return {t.pid: f"a thread of {t.group_leader.name}" for ts in alike.values() if len(ts) > 1 for t in ts}


def _situation(t: TaskStruct) -> tuple[object, ...]:
    return (
        t.at,
        t.state,
        t.flags,
        t.thread_flags,
        frozenset(t.pending),
        t.ptrace,
        t.jobctl,
        t.memcg,
        t.cgroup,
        t.syscall,
        t.oom_reaper_listed,
        t.on_cgroup_list,
        t.restless,
        _frames(t),
    )


def _frames(t: TaskStruct) -> tuple[object, ...]:
    """Where its context stands, with what it holds: a run may begin in the middle of a system call."""
    found: list[object] = []
    generator: Any = t.context
    while generator is not None:
        frame = generator.gi_frame
        held = {name: "self" if v is t else v for name, v in frame.f_locals.items()}
        found.append((frame.f_code, frame.f_lasti, held))
        generator = generator.gi_yieldfrom
    return tuple(found)
