"""Values of the kernel as hashable codes, in which structures stand by their names; and contexts as chains of frames."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from types import CodeType, FunctionType, GeneratorType
from typing import Any

import attrs

from kernel_model.fork import CloneArgs
from kernel_model.oom import OomControl
from kernel_model.preempt import PreemptionPoint
from kernel_model.sched import Kernel, TaskStruct
from oom_review.explore.fields import FIELDS, RAW, REAL, Kind, name_of

# The names under which functions of the kernel keep what they walk with preemption points in between; a test holds them to it.
WALKED = ("threads", "candidates", "dead", "moved", "tree")
_PLAIN = frozenset({int, str, bool, type(None)})


class Coder:
    """Codes for the values of one machine; ``met`` collects the structures that they name."""

    def __init__(self, k: Kernel) -> None:
        """Nothing was met yet."""
        self.k = k
        self.met: dict[int, tuple[Any, type]] = {}

    def code(self, v: Any) -> Hashable:
        """Any value that a field or a local holds."""
        kind = type(v)
        if kind in _PLAIN:
            return v  # type: ignore[no-any-return]
        cls = REAL.get(kind, kind)
        if cls is TaskStruct and RAW(self.k, "tasks").get(RAW(v, "pid")) is not v:
            return self._new_task(v)
        if cls in FIELDS:
            self.met[id(v)] = (v, cls)
            return name_of(v, cls)
        if kind is list or kind is tuple:
            return tuple([self.code(item) for item in v])
        if kind is set or kind is frozenset:
            return frozenset(v)
        if kind is dict:
            return tuple(v)
        if kind is PreemptionPoint:
            return v.function, v.step
        return self._rare(v, kind)

    def _new_task(self, v: TaskStruct) -> Hashable:
        """A task that only its maker knows: with all that it holds."""
        fields = [
            self.code(RAW(v, name))
            for name, kind in FIELDS[TaskStruct].items()
            if kind not in (Kind.CONSTANT, Kind.NEWS, Kind.TIMER) and RAW(v, name) is not v
        ]
        return ("new task", RAW(v, "pid"), *fields)

    def _rare(self, v: Any, kind: type) -> Hashable:
        if isinstance(v, int):
            return v.told()  # type: ignore[attr-defined, no-any-return]
        if kind is OomControl:
            return ("oc", *[self.code(getattr(v, a.name)) for a in attrs.fields(OomControl)])
        if kind is CloneArgs:
            return v.name, v.flags, v.exit_signal
        if kind is partial:
            return (
                id(v.func.__code__),
                self.code(v.args),
                tuple([(n, self.code(i)) for n, i in v.keywords.items()]),
            )
        if kind is FunctionType:
            return id(v.__code__), tuple([self.code(c.cell_contents) for c in v.__closure__ or ()])
        if kind is GeneratorType:
            return "the next frame"
        if hasattr(v, "real"):
            return self.code(v.real)
        raise TypeError(f"a local of a kernel context holds {v!r}, which has no code")

    def context(self, t: TaskStruct) -> tuple[Hashable, ...]:
        """The chain of suspended frames, outermost first; a local with the name ``end`` is a time, relative to the clock."""
        parts: list[Hashable] = []
        generator: Any = RAW(t, "context")
        while generator is not None:
            frame = generator.gi_frame
            found = dict(frame.f_locals)
            if "_i" in found:
                walked = walked_by(frame.f_code)
                found[walked] = found[walked][found.pop("_i") + 1 :]
            if "end" in found:
                found["end"] -= RAW(self.k, "clock")
            parts.append(
                (id(frame.f_code), frame.f_lasti, *[(n, self.code(found[n])) for n in sorted(found)])
            )
            generator = generator.gi_yieldfrom
        return tuple(parts)


def walked_by(code: CodeType) -> str:
    """The local that the function walks with enumerate(), counting in ``_i``: what lies behind it is not looked at again."""
    return next(name for name in WALKED if name in code.co_varnames)
