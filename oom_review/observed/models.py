"""Which model a real kernel is held against: the newest that is not newer than the kernel."""

from __future__ import annotations

import re

MODELS: tuple[tuple[tuple[int, ...], str], ...] = (
    ((), "legacy_tifmemdie"),
    ((6, 1), "oom_kernels.v6_1"),
    ((6, 12), "oom_kernels.v6_12"),
    ((6, 18), "oom_kernels.v6_18"),
    ((7, 2, 12), "oom_kernels.v7_2_12"),
    ((7, 3), "oom_kernels.v7_3"),
)
"""By the first release that each stands for; before 6.1 that of 2016 (docs/today.md)."""


def model_of(release: str) -> str:
    """For a release such as ``6.12.117+deb13-amd64``; one without numbers in front gets the newest."""
    number = re.match(r"\d+(\.\d+)*", release)
    found = tuple(map(int, number[0].split("."))) if number else MODELS[-1][0]
    return [model for since, model in MODELS if since <= found][-1]
