"""Walks over tasks that are taken whole: by what the kernel's own functions say of themselves (kernel_model.preempt.visits_one)."""

from __future__ import annotations

from types import FunctionType

from kernel_model.preempt import PreemptionPoint
from kernel_model.variant import Variant, link


def walks(variant: Variant) -> frozenset[PreemptionPoint]:
    """The points between two visits; not those of a function that looks half-way, or does not say that it does not."""
    met: dict[PreemptionPoint, bool] = {}
    for function in link(variant).functions.values():
        for p in _points(function):
            met[p] = met.get(p, True) and hasattr(function, "visits_one")
    return frozenset(p for p, whole in met.items() if whole)


def _points(function: FunctionType) -> list[PreemptionPoint]:
    """Those of walks that the function names."""
    named = [function.__globals__.get(name) for name in function.__code__.co_names]
    return [p for p in named if isinstance(p, PreemptionPoint) and p.walk]
