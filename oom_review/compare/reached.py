"""Which lines of the patch's functions ran during an exploration.

Only while a step is recorded: what an exploration knows from its table it recorded once.  Tried and dropped: a trace function for
the whole exploration, which looks at every call of the search and takes three times as long.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FrameType, FunctionType
from typing import Any

import attrs

from kernel_model.variant import Variant, all_functions

TraceFunction = Callable[[FrameType, str, Any], Any]


@attrs.define(frozen=True)
class Changed:
    """A function that the patch has and the base has otherwise: its lines that can run, and those that the base has not."""

    name: str
    file: str
    lines: frozenset[int]
    changed: frozenset[int]


def changed(base: Variant, patch: Variant) -> dict[str, FunctionType]:
    """What stands under a name on the patch's kernel and not on the base's."""
    functions = all_functions()
    mine, theirs = functions | patch.functions(), functions | base.functions()
    return {name: f for name, f in mine.items() if f is not theirs[name]}


def described(base: Variant, patch: Variant) -> list[Changed]:
    """Each of these, with its lines."""
    old = all_functions() | base.functions()
    return [_described(name, old[name], new) for name, new in changed(base, patch).items()]


def _described(name: str, old: FunctionType, new: FunctionType) -> Changed:
    first = new.__code__.co_firstlineno
    lines = {
        line for code in _codes(new.__code__) for _a, _b, line in code.co_lines() if line and line > first
    }
    before, after = (inspect.getsource(f).splitlines() for f in (old, new))
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    fresh = {first + i for tag, _a, _b, c, d in matcher.get_opcodes() if tag != "equal" for i in range(c, d)}
    return Changed(name, new.__code__.co_filename, frozenset(lines), frozenset(lines & fresh))


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


class Watch:
    """Notes in ``lines`` which lines of these functions run within what ``around()`` makes."""

    def __init__(self, functions: Mapping[str, FunctionType]) -> None:
        """Nothing ran yet."""
        self.lines: dict[str, set[int]] = {name: set() for name in functions}
        self._names = {code: name for name, f in functions.items() for code in _codes(f.__code__)}

    def around(self) -> Watch:
        """Itself, to be entered."""
        return self

    def __enter__(self) -> None:
        """Look at every call from here on."""
        self._before = sys.gettrace()
        sys.settrace(self._call)

    def __exit__(self, *_error: object) -> None:
        """No more."""
        sys.settrace(self._before)

    def _call(self, frame: FrameType, _event: str, _argument: object) -> TraceFunction | None:
        return self._line if frame.f_code in self._names else None

    def _line(self, frame: FrameType, event: str, _argument: object) -> TraceFunction:
        if event == "line":
            self.lines[self._names[frame.f_code]].add(frame.f_lineno)
        return self._line
