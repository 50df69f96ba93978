"""Which steps commute: objects, the three ways to touch one, and sets of such touches as bits.

A step reads an object, writes it, or updates it; two updates of one object commute, as two reads do, and everything else does not.
Each object has three bits, one for each way, so that the question whether two steps commute is one ``&`` of two numbers.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

READ, UPDATE, WRITE = 1, 2, 4
_ENEMIES = {READ: UPDATE | WRITE, UPDATE: READ | WRITE, WRITE: READ | UPDATE | WRITE}


class Access(NamedTuple):
    """What a step touched: ``own`` has the bits of its touches, ``enemy`` those of all touches that do not commute with it."""

    own: int
    enemy: int


NOTHING = Access(0, 0)


class Objects:
    """Numbers the objects of an exploration in the order in which they are met."""

    def __init__(self) -> None:
        """None is known yet."""
        self._numbers: dict[Hashable, int] = {}

    def touch(self, name: Hashable, way: int) -> Access:
        """One touch of one object."""
        shift = 3 * self._numbers.setdefault(name, len(self._numbers))
        return Access(way << shift, _ENEMIES[way] << shift)

    def names(self, own: int) -> list[Hashable]:
        """The objects in a set of touches, for people."""
        return [name for name, number in self._numbers.items() if own >> (3 * number) & 7]
