"""What a field of a structure is, where its type does not say it: declared beside the field, for who compares states (oom_review.explore).

A list, a set, a dictionary, a Lock and a Jiffies are known by their types, and all else is one value that is replaced as a whole.
A kernel may add fields, and structures with @structure, and nobody else has to be told.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

T = TypeVar("T")


class Kind(enum.IntEnum):
    """How a field is compared, and what of a change others can tell."""

    PLAIN = 0  # one value, replaced as a whole
    LIST = 1  # a list that is changed in place
    CONTAINER = 2  # a set or a dictionary that is changed in place
    WORD = 3  # flags: bit by bit
    CONSTANT = 4  # never changes; what it refers to may
    NEWS = 5  # Kernel.progress when the task looked: whether something has happened since
    TIMER = 6  # a time, relative to the clock
    RESULT = 7  # a system call's result: only whether it starts again matters
    COUNT = 8  # its zero is all that anybody asks for, and what follows from it happens in the same step whoever gets there
    LAST_ONE = 9  # a count whose zero decides what the thread that gets there does next
    BESIDE = 10  # no part of a state: a name, or what is compared by other means


Flags = Annotated[int, Kind.WORD]
Count = Annotated[int, Kind.COUNT]
LastOne = Annotated[int, Kind.LAST_ONE]
News = Annotated[int, Kind.NEWS]
Result = Annotated[Any, Kind.RESULT]
Constant = Annotated[T, Kind.CONSTANT]
Beside = Annotated[T, Kind.BESIDE]

STRUCTURES: dict[type, tuple[str, str]] = {}
"""Every structure: the word that its names begin with, and the field, or the field of a field, that tells it from its like."""


def structure(word: str, name: str = "") -> Callable[[type[T]], type[T]]:
    """A structure whose fields are recorded; what is derived from one is declared again."""

    def declare(cls: type[T]) -> type[T]:
        STRUCTURES[cls] = word, name
        return cls

    return declare
