"""Values of the kernel as hashable codes, in which structures stand by their names; and contexts as chains of frames."""

from __future__ import annotations

from collections.abc import Hashable
from copy import copy
from functools import partial
from types import FunctionType
from typing import Any

import attrs

from kernel_model.fields import STRUCTURES, Kind
from kernel_model.preempt import PreemptionPoint
from kernel_model.sched import Jiffies, Kernel, TaskStruct
from oom_review.explore.fields import FIELDS, RAW, REAL, name_of
from oom_review.explore.frames import Unseen, held

NOTHING: frozenset[Hashable] = frozenset()
PLAIN = frozenset({int, str, bool, float, bytes, type(None)})


class Coder:
    """Codes for the values of one machine; ``met`` collects the structures that they name."""

    def __init__(self, k: Kernel) -> None:
        """Nothing was met yet."""
        self.k = k
        self.met: dict[int, tuple[Any, type]] = {}
        self._in_a_field = False

    def code(self, v: Any) -> Hashable:
        """Any value that a field or a local holds."""
        kind = type(v)
        if kind in PLAIN:
            return v  # type: ignore[no-any-return]
        cls = REAL.get(kind, kind)
        if issubclass(cls, TaskStruct) and RAW(self.k, "tasks").get(RAW(v, "pid")) is not v:
            return self._new_task(v)
        if cls in FIELDS:
            self.met[id(v)] = (v, cls)
            return name_of(v, cls)
        if kind is list or kind is tuple:
            return tuple([self.code(item) for item in v])
        if kind is set or kind is frozenset:
            return frozenset([self.code(item) for item in v]) if v else NOTHING
        if kind is dict:
            return tuple([self._item(key, value) for key, value in v.items()])
        if kind is PreemptionPoint:
            return v.function, v.step
        return self._rare(v, kind)

    def _item(self, key: Hashable, value: Any) -> Hashable:
        """A task under its pid has no further name."""
        if isinstance(value, TaskStruct) and RAW(value, "pid") == key:
            return key
        return self.code(key), self.code(value)

    def field(self, v: Any) -> Hashable:
        """What a structure's field holds: nothing that changes without the explorer's knowledge."""
        self._in_a_field = True
        try:
            return self.code(v)
        finally:
            self._in_a_field = False

    def _new_task(self, v: TaskStruct) -> Hashable:
        """A task that only its maker knows: with all that it holds."""
        fields = [
            self.code(RAW(v, name))
            for name, kind in FIELDS[REAL.get(type(v), type(v))].items()
            if kind not in (Kind.CONSTANT, Kind.NEWS, Kind.TIMER) and RAW(v, name) is not v
        ]
        return ("new task", RAW(v, "pid"), *fields)

    def _rare(self, v: Any, kind: type) -> Hashable:
        if kind is Jiffies:
            return "time", int(v) - RAW(self.k, "clock")
        if isinstance(v, int):
            return v.told() if hasattr(v, "told") else (kind.__name__, int(v))
        if kind is partial:
            return tuple([self.code(part) for part in (v.func, v.args, v.keywords)])
        if kind is FunctionType:
            cells = [cell.cell_contents for cell in v.__closure__ or ()]
            return id(v.__code__), *[self.code(part) for part in (*cells, *(v.__defaults__ or ()))]
        if hasattr(v, "real"):
            return self.code(v.real)
        if isinstance(v, tuple(STRUCTURES)):
            raise Unseen(f"{v!r} is derived from a structure and no @structure itself")
        if attrs.has(kind):
            if self._in_a_field and not is_frozen(v):
                raise Unseen(f"{v!r} can change unseen: it is no structure of kernel_model, and not frozen")
            return (kind.__name__, *[self.code(getattr(v, a.name)) for a in attrs.fields(kind)])
        raise Unseen(f"{v!r} has no code")

    def context(self, t: TaskStruct) -> tuple[Hashable, ...]:
        """The chain of suspended frames, outermost first.  Raises Unseen for a local that has no code."""
        parts: list[Hashable] = []
        generator: Any = RAW(t, "context")
        while generator is not None:
            frame, below = generator.gi_frame, generator.gi_yieldfrom
            found = held(frame)
            code = frame.f_code
            try:
                values = [(n, None if found[n] is below else self.code(found[n])) for n in sorted(found)]
            except Unseen as error:
                name = next(n for n in sorted(found) if found[n] is not below and not self.has_code(found[n]))
                raise Unseen(f"{code.co_qualname}: the local {name!r}: {error}") from error
            parts.append((id(code), frame.f_lasti, *values))
            generator = below
        return tuple(parts)

    def has_code(self, v: Any) -> bool:
        """Nothing in it is unseen."""
        try:
            self.code(v)
        except Unseen:
            return False
        return True


def is_frozen(v: Any) -> bool:
    """Of an attrs object: its fields can't be set."""
    trial = copy(v)
    try:
        for a in attrs.fields(type(v)):
            setattr(trial, a.name, getattr(v, a.name))
    except attrs.exceptions.FrozenInstanceError:
        return True
    return not attrs.fields(type(v))
