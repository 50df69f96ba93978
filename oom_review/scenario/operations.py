"""Which operations a file may ask for: those of every kernel, and the own ones of the kernels that it names."""

from __future__ import annotations

from collections.abc import Iterable

from kernel_model.operations import OPERATIONS, Operation
from kernel_model.variant import link
from oom_review.variants.loading import DEFAULT_VARIANTS, known


def operation_of(name: str, kernels: Iterable[str]) -> Operation | None:
    """The operation of that name on one of these kernels.  Raises VariantError for one that can't be asked."""
    if name in OPERATIONS:
        return OPERATIONS[name]
    tables = (link(known(kernel)).operations for kernel in kernels)
    return next((table[name] for table in tables if name in table), None)


def owner(name: str) -> str | None:
    """A kernel that ships with the project and has an operation of that name."""
    return next((kernel for kernel in DEFAULT_VARIANTS if operation_of(name, (kernel,)) is not None), None)
