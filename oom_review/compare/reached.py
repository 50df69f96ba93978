"""What of two kernels ran during an exploration: which of their own functions, which lines of those that differ, and to what effect.

Only while a step is recorded: what an exploration knows from its table it recorded once.  Tried and dropped: a trace function for
the whole exploration, which looks at every call of the search and takes three times as long.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

import attrs

from kernel_model.variant import Variant, all_functions
from oom_review.compare.effects import effect, pids
from oom_review.explore.recorder import recording

TraceFunction = Callable[[FrameType, str, Any], Any]


@attrs.define(frozen=True)
class Changed:
    """A function that the patch has and the base has otherwise: its lines that can run, and those that the base has not, by number."""

    name: str
    file: str
    first: int
    lines: frozenset[int]
    changed: frozenset[int]


def standing(variant: Variant) -> dict[str, FunctionType]:
    """What stands under each name on this kernel."""
    return all_functions() | variant.functions()


def changed(base: Variant, patch: Variant) -> dict[str, FunctionType]:
    """What stands under a name on the patch's kernel and not on the base's."""
    theirs = standing(base)
    return {name: f for name, f in standing(patch).items() if f is not theirs[name]}


def described(base: Variant, patch: Variant) -> list[Changed]:
    """Each of these, with its lines."""
    old = standing(base)
    return [_described(name, old[name], new) for name, new in changed(base, patch).items()]


def _described(name: str, old: FunctionType, new: FunctionType) -> Changed:
    first = new.__code__.co_firstlineno
    lines = {
        line for code in _codes(new.__code__) for _a, _b, line in code.co_lines() if line and line > first
    }
    before, after = (inspect.getsource(f).splitlines() for f in (old, new))
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    fresh = {first + i for tag, _a, _b, c, d in matcher.get_opcodes() if tag != "equal" for i in range(c, d)}
    return Changed(name, new.__code__.co_filename, first, frozenset(lines), frozenset(lines & fresh))


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


class Watch:
    """Notes what of one kernel runs within what ``around()`` makes.

    ``ran``: its own functions; of those that ``differ``, ``lines``: which ran, counted from the function's first, and ``steps``: the
    effects of the recorded steps that they were part of.
    """

    def __init__(self, variant: Variant, differ: frozenset[str]) -> None:
        """Nothing ran yet."""
        self.ran: set[str] = set()
        self.lines: dict[str, set[int]] = {name: set() for name in differ}
        self.steps: dict[str, set[int]] = {name: set() for name in differ}
        own = {n: f for n, f in standing(variant).items() if n in differ or n in variant.functions()}
        self._names = {
            code: (name, f.__code__.co_firstlineno) for name, f in own.items() for code in _codes(f.__code__)
        }
        self._running: set[str] = set()
        self._pids: frozenset[int] = frozenset()

    def around(self) -> Watch:
        """Itself, to be entered."""
        return self

    def __enter__(self) -> None:
        """Look at every call from here on."""
        recorder = recording()
        self._running = set()
        self._pids = frozenset() if recorder is None else pids(recorder)
        self._before = sys.gettrace()
        sys.settrace(self._call)

    def __exit__(self, *_error: object) -> None:
        """No more; what a step did is known now."""
        sys.settrace(self._before)
        self.ran |= self._running
        recorder = recording()
        if recorder is not None and (differ := self._running & self.steps.keys()):
            done = effect(recorder, self._pids)
            for name in differ:
                self.steps[name].add(done)

    def _call(self, frame: FrameType, _event: str, _argument: object) -> TraceFunction | None:
        return self._line if frame.f_code in self._names else None

    def _line(self, frame: FrameType, event: str, _argument: object) -> TraceFunction:
        # Not at the call: a generator that is thrown away is called, too, whenever that happens.
        if event == "line":
            name, first = self._names[frame.f_code]
            self._running.add(name)
            if name in self.lines:
                self.lines[name].add(frame.f_lineno - first)
        return self._line
