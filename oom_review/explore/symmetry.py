"""Threads that nothing tells apart: siblings that no operation names once they are born, but for their group's leader."""

from __future__ import annotations

from typing import Any

from kernel_model.operations import OPERATIONS, Arg
from kernel_model.sched import Kernel, TaskStruct
from oom_review.scenario.items import Scenario


def named_later(scenario: Scenario) -> frozenset[str]:
    """Tasks that an operation names, other than to create them."""
    names: set[str] = set()
    for op in scenario.operations:
        if op.task is not None:
            names.add(op.task)
        operation = OPERATIONS.get(op.name)
        # A kernel's own may name anybody.
        kinds = operation.args if operation is not None else [None] * len(op.args)
        names |= {str(v) for kind, v in zip(kinds, op.args, strict=False) if kind is not Arg.NEW}
    return frozenset(names)


def interchangeable(k: Kernel, scenario: Scenario) -> dict[int, str]:
    """The common name of each thread of which a group has several that nothing tells apart, by pid."""
    named = named_later(scenario)
    classes: dict[int, list[TaskStruct]] = {}
    for t in k.tasks.values():
        if t.group_leader is not t and t.name not in named and t.at is not None:
            classes.setdefault(t.signal.number, []).append(t)
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
