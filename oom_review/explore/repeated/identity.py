"""The identity of a state: all that can influence what happens from here on, as one hashable value.

Exact: nothing is hashed away.  It holds the kernel's data and each context's chain of suspended frames with their locals; what
the claims and the final observation remember is added by system.py.  Structures are named by their numbers, tasks by their
pids (or by what symmetry.py calls them).  Left out is only what nobody reads again, with the reason beside it; times stand
relative to the clock, since the kernel only ever compares them with it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from types import CellType, CodeType, FrameType, FunctionType, GeneratorType
from typing import Any

import attrs

from kernel_model.entry import RESTART
from kernel_model.fork import CloneArgs
from kernel_model.locking import Lock
from kernel_model.oom import OomControl
from kernel_model.sched import (
    CoreState,
    FreezerCgroup,
    Kernel,
    MemCgroup,
    MmStruct,
    PidNamespace,
    SighandStruct,
    SignalStruct,
    TaskStruct,
)
from oom_review.explore.frames import walked_by

Names = Mapping[int, int]
Shared = MmStruct | SighandStruct | CoreState

_LEFT_OUT: dict[type, frozenset[str]] = {
    # Names; locks, which stand with their holders; the context, which is read frame by frame; what is made relative.
    TaskStruct: frozenset(
        {
            "pid",
            "name",
            "alloc_lock",
            "held",
            "context",
            "at",
            "syscall",
            "timer",
            "polling",
            "seen_progress",
            "result",
        }
    ),
    SignalStruct: frozenset({"number"}),
    MmStruct: frozenset({"number", "mmap_sem"}),
    SighandStruct: frozenset({"siglock"}),
    PidNamespace: frozenset({"number"}),
    FreezerCgroup: frozenset({"name"}),
    MemCgroup: frozenset({"name"}),
    CoreState: frozenset(),
    OomControl: frozenset(),
    # The same in every state, or walked, or made relative; events are empty between two steps.
    Kernel: frozenset(
        {
            "variant",
            "ret_from_fork",
            "init_pid_ns",
            "oom_reaper",
            "kworker",
            "root_cgroup",
            "tasks",
            "cgroups",
            "memcgs",
        }
        | {"clock", "progress", "events"}
        | {a.name for a in attrs.fields(Kernel) if str(a.type) == "Lock"}
    ),
}
_NUMBERED = {
    "SignalStruct": "{}.number",
    "MmStruct": "{}.number",
    "SighandStruct": "{}.siglock.name",
    "PidNamespace": "{}.number",
    "FreezerCgroup": "{}.name",
    "MemCgroup": "{}.name",
    "TaskStruct": "n[{}.pid]",
}
_PLAIN = frozenset({"int", "str", "bool", "int | None"})


def _expression(name: str, annotation: str) -> str:
    """Python source for one field's part of the identity, of the structure ``x`` and the names ``n``."""
    value = f"x.{name}"
    base = annotation.removesuffix(" | None")
    if annotation in _PLAIN:
        return value
    if base in _NUMBERED:
        return f"({value} and {_NUMBERED[base].format(value)})"
    if base == "set[int]":
        return f"(frozenset({value}) if {value} else ())"
    item = base.removeprefix("list[").removesuffix("]")
    if item in _NUMBERED:
        return f"(tuple([{_NUMBERED[item].format('i')} for i in {value}]) if {value} else ())"
    if base == "CoreState":
        return f"({value} and core_state({value}, n))"
    raise TypeError(f"no identity for a field of type {annotation}: {name}")


Reader = Callable[[Any, Names], tuple[Hashable, ...]]


def _reader(cls: type) -> Reader:
    """A function that reads all fields that matter; written once per class, from attrs.fields()."""
    fields = [a for a in attrs.fields(cls) if a.name not in _LEFT_OUT[cls]]
    source = f"lambda x, n: ({', '.join(_expression(a.name, str(a.type)) for a in fields)},)"
    reader: Reader = eval(source, {"core_state": _core_state})  # noqa: S307 - the source is made of our own fields
    return reader


def _core_state(x: CoreState, n: Names) -> tuple[Hashable, ...]:
    return CORE_STATE(x, n)


CORE_STATE = _reader(CoreState)
TASK = _reader(TaskStruct)
SIGNAL = _reader(SignalStruct)
MM = _reader(MmStruct)
SIGHAND = _reader(SighandStruct)
NAMESPACE = _reader(PidNamespace)
CGROUP = _reader(FreezerCgroup)
MEMCG = _reader(MemCgroup)
KERNEL = _reader(Kernel)
OOM_CONTROL = _reader(OomControl)

SAME: Names = type("Same", (dict,), {"__missing__": lambda _self, pid: pid})()


class Describer:
    """Names what locals can hold; remembers what it met that others may change, and perhaps nobody else reaches."""

    __slots__ = ("k", "met", "names")

    def __init__(self, k: Kernel, names: Names) -> None:
        """``names`` maps pids to the names of tasks."""
        self.k = k
        self.names = names
        self.met: list[Shared] = []

    def context(self, t: TaskStruct) -> tuple[Hashable, ...]:
        """The chain of suspended frames, outermost first, and the system call that waits to begin."""
        parts: list[Hashable] = [self.value(t.syscall)]
        generator: Any = t.context
        while generator is not None:
            frame: FrameType = generator.gi_frame
            code = frame.f_code
            found = dict(frame.f_locals)
            if "_i" in found:
                walked = walked_by(code)
                found[walked] = found[walked][found.pop("_i") + 1 :]
            # In one order: the frame's own dictionary keeps that in which locals were first looked at.
            parts.append((code, frame.f_lasti, *[self.local(name, found[name]) for name in sorted(found)]))
            generator = generator.gi_yieldfrom
        return tuple(parts)

    def local(self, name: str, value: Any) -> Hashable:
        """A local variable; one with the name ``end`` is a time."""
        if name == "end":
            return ("end", value - self.k.clock)
        return name, self.value(value)

    def value(self, v: Any) -> Hashable:
        """Anything that a local can hold."""
        kind = type(v)
        if kind is int or kind is str or kind is bool or v is None:
            return v  # type: ignore[no-any-return]
        if kind is TaskStruct:
            pid: int = v.pid
            if self.k.tasks.get(pid) is v:
                return "task", self.names[pid]
            self.meet(v.mm)
            return "new task", v.pid, TASK(v, self.names)
        if kind is SignalStruct or kind is PidNamespace:
            return kind, v.number
        if kind is MmStruct:
            self.meet(v)
            return kind, v.number
        if kind is Kernel:
            return Kernel
        return self._rare(v)

    def meet(self, shared: Shared | None) -> None:
        """Others may change it while the context stands still: its content is looked at anew for each state."""
        if shared is not None and shared not in self.met:
            self.met.append(shared)

    def _rare(self, v: Any) -> Hashable:
        kind = type(v)
        if kind is tuple or kind is list:
            return tuple([self.value(i) for i in v])
        if kind is SighandStruct:
            self.meet(v)
            return kind, v.siglock.name
        if kind is Lock or kind is FreezerCgroup or kind is MemCgroup:
            return kind, v.name
        if kind is CoreState:
            self.meet(v)
            return kind, self.names[v.dumper.pid]
        if kind is OomControl:
            return OOM_CONTROL(v, self.names)
        if kind is CloneArgs:
            return v.name, v.flags, v.exit_signal
        if kind is partial:
            return v.func.__code__, tuple([(k, self.value(i)) for k, i in v.keywords.items()])
        if kind is FunctionType:
            return self._function(v)
        if kind is GeneratorType:
            return "the next frame"
        raise TypeError(f"a local of a kernel context holds {v!r}, which has no identity")

    def _function(self, v: FunctionType) -> tuple[CodeType, tuple[Hashable, ...]]:
        cells: tuple[CellType, ...] = v.__closure__ or ()
        return v.__code__, tuple([self.value(c.cell_contents) for c in cells])


def held(t: TaskStruct) -> Hashable:
    """The locks that it holds across this state."""
    return tuple([(lock.name, lock.owner is t) for lock in t.held])


def task(t: TaskStruct, k: Kernel, n: Names) -> tuple[Hashable, ...]:
    """A task's own fields and its timer."""
    timer = t.timer
    return (
        TASK(t, n),
        timer is not None and timer - k.clock,
        t.polling and t.seen_progress == k.progress,
        t.polling,
        t.at is None,
        # The result of a system call is looked at only to see whether it starts again.
        t.result if isinstance(t.result, str) and t.result in RESTART else None,
        held(t) if t.held else (),
    )


class Identity:
    """Identities of the states of one machine; remembers the contexts that took no step since.

    ``parts`` numbers the parts of identities, one by one and without collisions, for all machines of an exploration.
    """

    __slots__ = ("_clock", "_contexts", "_k", "_parts")

    def __init__(self, k: Kernel, parts: dict[Hashable, int]) -> None:
        """A fresh machine."""
        self._k = k
        self._parts = parts
        self._clock = k.clock
        self._contexts: dict[int, tuple[int, list[Shared]]] = {}

    def stepped(self, pid: int) -> None:
        """This context moved, so what is remembered of it is old."""
        self._contexts.pop(pid, None)

    def asked(self) -> None:
        """Operations were asked for: system calls wait where none did."""
        self._contexts.clear()

    def _context(self, t: TaskStruct) -> tuple[int, list[Shared]]:
        found = self._contexts.get(t.pid)
        if t.context is None:
            # Not yet running: its first step will be prepared by another task's.
            found = self._parts.setdefault((t.syscall,), len(self._parts)), []
        elif found is None:
            describer = Describer(self._k, SAME)
            part = describer.context(t)
            found = self._contexts[t.pid] = (self._parts.setdefault(part, len(self._parts)), describer.met)
        return found

    def of(self, n: Names = SAME) -> tuple[int, ...]:
        """The state's identity, with these names for the tasks."""
        k = self._k
        parts = self._parts
        if k.clock != self._clock:
            self._clock = k.clock
            self._contexts.clear()
        tasks = list(k.tasks.values())
        identity: list[int] = []
        met: list[Shared] = []
        if n is SAME:
            for t in tasks:
                context, met_there = self._context(t)
                identity.append(context)
                met += met_there
        else:
            tasks.sort(key=lambda t: n[t.pid])
            describer = Describer(k, n)
            for t in tasks:
                context_part = describer.context(t)
                identity.append(parts.setdefault(context_part, len(parts)))
            met = describer.met
        for part in self._kernel(tasks, n, met):
            identity.append(parts.setdefault(part, len(parts)))  # noqa: PERF401 - the length grows as we go
        return tuple(identity)

    def _kernel(self, tasks: list[TaskStruct], n: Names, met: list[Shared]) -> list[Hashable]:
        """The data, in parts of which a step changes few."""
        k = self._k
        signals: dict[int, SignalStruct] = {}
        sighands: dict[str, SighandStruct] = {}
        namespaces: dict[int, PidNamespace] = {0: k.init_pid_ns}
        cgroups = dict(k.cgroups)
        mms = {m.number: m for m in met if type(m) is MmStruct}
        for h in met:
            if type(h) is SighandStruct:
                sighands[h.siglock.name] = h
        dumps = tuple([CORE_STATE(c, n) for c in met if type(c) is CoreState])
        for t in tasks:
            signals[t.signal.number] = t.signal
            namespaces[t.pid_ns.number] = t.pid_ns
            cgroups[t.cgroup.name] = t.cgroup
            if t.mm is not None:
                mms[t.mm.number] = t.mm
            if t.signal.oom_mm is not None:
                mms[t.signal.oom_mm.number] = t.signal.oom_mm
            if t.sighand is not None:
                sighands[t.sighand.siglock.name] = t.sighand
        groups = tuple([(i, SIGNAL(s, n)) for i, s in signals.items()])
        memory = tuple([(i, MM(m, n)) for i, m in sorted(mms.items())])
        handlers = tuple([(i, SIGHAND(s, n)) for i, s in sorted(sighands.items())])
        spaces = tuple([(i, NAMESPACE(s, n)) for i, s in namespaces.items()])
        freezers = tuple([(i, CGROUP(c, n)) for i, c in cgroups.items()])
        memcgs = tuple([MEMCG(m, n) for m in k.memcgs.values()])
        return [
            *[task(t, k, n) for t in tasks],
            KERNEL(k, n),
            groups,
            memory,
            (handlers, spaces, freezers, memcgs, dumps),
        ]
