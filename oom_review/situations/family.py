"""A claim's family: the situations in which it is explored, and in which of them it is refuted on which variant.

``refuted`` names variants by letters, as the tables of the tests do: L is legacy_tifmemdie, R is patched (the RFC); B is Linux 6.12, before
commit 59d4d36158ba, T is 7.3 and what is between, today, N of these 7.x alone, F those in which wait4() freezes in place;
P is the RFC ported to 7.3, O is the other count on 7.3, K on 2016.  ``quick`` marks those that `oom-review review` explores too, ``large`` those that are explored only if somebody names them: they take hours, or
more than 8 GB.
"""

from __future__ import annotations

from typing import Any

import attrs

from oom_review.claims import HOLDS, REFUTED
from oom_review.situations.script import AnySituation
from oom_review.situations.situation import Situation
from oom_review.situations.without_oom import SCRIPTS

LETTERS = {
    "L": ("legacy_tifmemdie",),
    "R": ("patched",),
    "K": ("oom_kernels.last_out",),
    "B": ("oom_kernels.v6_12",),
    "T": ("oom_kernels.v7_3", "oom_kernels.v6_18", "oom_kernels.v7_2_12"),
    "N": ("oom_kernels.v7_3", "oom_kernels.v7_2_12"),
    "F": ("oom_kernels.v7_3", "oom_kernels.v6_18"),
    "P": ("oom_kernels.v7_3_rfc",),
    "O": ("oom_kernels.v7_3_last_out",),
}


@attrs.define(frozen=True)
class Row:
    """A situation of a family; ``refuted`` names the variants on which the claim is refuted in it."""

    situation: AnySituation
    refuted: frozenset[str]
    quick: bool
    large: bool


@attrs.define(frozen=True)
class Family:
    """Where a claim is explored, and why there."""

    claim: str
    why: str
    rows: tuple[Row, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the situations."""
        return tuple(row.situation.name for row in self.rows)

    def expected(self, situation: str, variant: str) -> str:
        """The verdict in that situation; variants that nobody knows are to keep every claim."""
        row = next(row for row in self.rows if row.situation.name == situation)
        return REFUTED if variant in row.refuted else HOLDS


def at(refuted: str = "", *, quick: bool = False, large: bool = False, **values: Any) -> Row:
    """A row, by what its situation has beyond the plain values."""
    return Row(Situation(**values), named(refuted), quick, large)


def script(name: str, refuted: str = "", *, quick: bool = False) -> Row:
    """A row without an OOM, by its script's name."""
    return Row(SCRIPTS[name], named(refuted), quick, large=False)


def named(letters: str) -> frozenset[str]:
    """The kernels that these letters stand for."""
    return frozenset(kernel for letter in letters for kernel in LETTERS[letter])
