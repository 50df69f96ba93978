"""The three kernels by the letters of the scenario table, and names for parametrized tests that any worker spells the same."""

from __future__ import annotations

import pytest

import legacy_tifmemdie
import patched
from kernel_model.variant import Variant
from oom_kernels import v7_3

L, R, N = legacy_tifmemdie.VARIANT, patched.VARIANT, v7_3.VARIANT


def name(value: object) -> str | None:
    """A variant's name; pytest's own choice for anything else."""
    if isinstance(value, Variant):
        return value.name
    return str(value) if isinstance(value, (bool, int, str)) else None


every_kernel = pytest.mark.parametrize("variant", [L, R, N], ids=name)
of_2016 = pytest.mark.parametrize("variant", [L, R], ids=name)
