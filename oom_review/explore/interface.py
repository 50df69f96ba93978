"""core/core.h for ctypes; the words stand there."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_double, c_int, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

VERSION = 2
"""CORE_VERSION."""

_NUMBERS = POINTER(c_uint32)
_STATE = (_NUMBERS, c_uint32, _NUMBERS, c_uint32)
_QUESTIONS: dict[str, Any] = {
    "step": CFUNCTYPE(None, c_uint32, *_STATE),
    "look": CFUNCTYPE(None, c_uint32, *_STATE),
    "waits": CFUNCTYPE(None, c_uint32, *_STATE),
    "can": CFUNCTYPE(None, *_STATE),
    "changed": CFUNCTYPE(c_uint32, c_uint32, c_uint32, c_uint32),
    "refresh": CFUNCTYPE(None),
    "anonymous": CFUNCTYPE(c_uint32, c_uint32, c_uint32),
    "in_order": CFUNCTYPE(c_uint32, c_uint32),
    "renamed": CFUNCTYPE(None, _NUMBERS, c_uint32, c_uint32),
    "tell": CFUNCTYPE(None, c_uint32, c_uint32, _NUMBERS, c_uint32),
    "breathe": CFUNCTYPE(None),
}


class Questions(ctypes.Structure):
    """core_questions."""

    _fields_ = [("answered", _NUMBERS), *_QUESTIONS.items()]

    def __init__(self, answered: Any, *answers: Any) -> None:
        """In the order of the fields."""
        functions = [kind(answer) for kind, answer in zip(_QUESTIONS.values(), answers, strict=True)]
        super().__init__(answered, *functions)


COUNTS = (
    "states",
    "transitions",
    "executions",
    "pruned_by_cache",
    "pruned_by_order",
    "pruned_by_symmetry",
    "cycles",
)
"""The fields of limits.Counts."""


class Counted(ctypes.Structure):
    """core_counts."""

    _fields_ = [(name, c_uint64) for name in COUNTS]


class WrongVersion(Exception):
    """The library is no core, or that of another version: which."""


class Core:
    """The functions of a library, under their names without core_."""

    def __init__(self, path: Path) -> None:
        """Load it.  Raises OSError, or WrongVersion."""
        library = ctypes.CDLL(str(path))
        try:
            library.core_version.restype = c_uint32
            found = library.core_version()
        except AttributeError:
            raise WrongVersion("it has no core_version()") from None
        if found != VERSION:
            raise WrongVersion(f"its version is {found}, not {VERSION}")

        def function(name: str, result: Any, *arguments: Any) -> Any:
            found = getattr(library, f"core_{name}")
            found.restype, found.argtypes = result, arguments
            return found

        def teaching(name: str, *arguments: Any) -> Any:
            return function(name, c_uint32, c_void_p, *arguments)

        self.new = function(
            "new", c_void_p, POINTER(Questions), c_int, c_uint64, c_double, c_uint32, c_double
        )
        self.free = function("free", None, c_void_p)
        self.run = function("run", c_int, c_void_p)
        self.counted = function("counted", None, c_void_p, POINTER(Counted))
        self.kept = function("kept", c_uint32, c_void_p)
        self.set = teaching("set", POINTER(c_uint64), c_uint32)
        self.leaf = teaching(
            "leaf", c_uint32, c_uint32, c_uint32, _NUMBERS, _NUMBERS, c_uint32, _NUMBERS, c_uint32
        )
        self.waits = teaching("waits", c_uint32, c_uint32)
        self.way = teaching("way", c_uint32, c_uint32, _NUMBERS, _NUMBERS, _NUMBERS, c_uint32, c_uint32)
        self.forget = teaching("forget", c_uint32, c_uint32, c_uint32)
        self.slots = teaching("slots", _NUMBERS, c_uint32)
        self.values = teaching("values", c_uint32)
        self.everybody = teaching("everybody", _NUMBERS, c_uint32)
        self.news = teaching("news", _NUMBERS, c_uint32, c_uint32, c_uint32)
        self.lists = teaching("lists", _NUMBERS, c_uint32)
        self.like = teaching("class", _NUMBERS, c_uint32, _NUMBERS, c_uint32)
        self.blocks = teaching("blocks", _NUMBERS, c_uint32, c_uint32)
        self.renamed = teaching("renamed", _NUMBERS, c_uint32)
