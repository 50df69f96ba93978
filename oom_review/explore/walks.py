"""Walks over tasks that are taken whole: by what the kernel's own functions say of themselves (kernel_model.preempt.visits_one)."""

from __future__ import annotations

from types import CodeType
from typing import Any

from kernel_model.machine import stopped_at
from kernel_model.sched import TaskStruct
from kernel_model.variant import Variant, link
from oom_review.explore.fields import RAW

Walks = frozenset[CodeType]
"""The code that visits one task after the other; empty: nothing is taken whole."""


def walks(variant: Variant) -> Walks:
    """Of this kernel: not that of a function which looks half-way, or does not say that it does not."""
    return frozenset(f.__code__ for f in link(variant).functions.values() if hasattr(f, "visits_one"))


def on_a_walk(t: TaskStruct, whole: Walks) -> bool:
    """The task stopped between two visits of such a walk, with the lock held that keeps the tasks."""
    point = stopped_at(t)
    return bool(t.held) and point is not None and point.walk and _innermost(t).gi_code in whole


def _innermost(t: TaskStruct) -> Any:
    """The generator that stopped."""
    generator: Any = RAW(t, "context")
    while generator.gi_yieldfrom is not None:
        generator = generator.gi_yieldfrom
    return generator
