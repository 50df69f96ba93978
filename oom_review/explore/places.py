"""What has a slot before any step changes it: all that decides whether a task can run; and what is there from the start."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from kernel_model.fields import Kind
from kernel_model.locking import Lock
from kernel_model.sched import Kernel, TaskStruct
from oom_review.explore.codes import Coder
from oom_review.explore.fields import FIELDS, RAW, REAL, Name, name_of
from oom_review.explore.numbering import ABSENT, Numbering
from oom_review.explore.recorder import Recorder

# What decides whether a task can run, beside the locks.
OF_EVERYBODY = (
    "at",
    "state",
    "thread_flags",
    "pending",
    "syscall",
    "flags",
    "timer",
    "polling",
    "seen_progress",
)


class Places:
    """Of one exploration.  ``pids``: all tasks, also those that were born meanwhile; ``names``: the structures of the start."""

    def __init__(self, k: Kernel, numbering: Numbering) -> None:
        """``k`` stands where the explored run begins."""
        self._numbering = numbering
        self._locks: dict[Name, tuple[Hashable, Hashable]] = {}
        self.names = self._everything(k)
        self.pids: list[int] = []
        coder = Coder(k)
        if k.panicked:
            # No step will change it any more.
            numbering.slot((("kernel",), "panicked"), field_code(k, "panicked", coder))
        for t in k.tasks.values():
            self.welcome(t.pid, t, coder)

    def lock_slots(self, lock: Name) -> tuple[int, int]:
        """Where a lock's owner and readers stand."""
        owner, readers = self._locks.get(lock, (None, frozenset()))
        return self._numbering.slot((lock, "owner"), owner), self._numbering.slot((lock, "readers"), readers)

    def welcome(self, pid: int, t: TaskStruct | None, coder: Coder) -> None:
        """What decides whether a task can run always has a slot; ``t`` is None for a task that is yet to be born."""
        if pid in self.pids:
            return
        self._numbering.slot(("context", pid), ABSENT if t is None else coder.context(t))
        for name in OF_EVERYBODY:
            self._numbering.slot((("task", pid), name), ABSENT if t is None else field_code(t, name, coder))
        self.pids.append(pid)

    def _everything(self, k: Kernel) -> frozenset[Name]:
        """The names of all structures that are there at the start, where some locks may be held."""
        names: set[Name] = set()
        coder = Coder(k)
        seen: set[int] = set()
        todo: list[Any] = [k]
        while todo:
            x = todo.pop()
            if id(x) in seen:
                continue
            seen.add(id(x))
            if type(x) in (list, tuple):
                todo += x
            elif type(x) is dict:
                todo += x.values()
            elif type(x) in FIELDS:
                name = name_of(x, type(x))
                names.add(name)
                if isinstance(x, Lock):
                    self._locks[name] = field_code(x, "owner", coder), field_code(x, "readers", coder)
                todo += [RAW(x, name) for name in FIELDS[type(x)]]
                todo += locals_of(x) if isinstance(x, TaskStruct) else []
        return frozenset(names)


def field_code(x: Any, name: str, coder: Coder) -> Hashable:
    """A field's value as a code, without recording."""
    recorder = Recorder(coder.k, lambda _name, initial: initial)
    recorder.coder = coder
    cls = REAL.get(type(x), type(x))
    kind = FIELDS[cls][name]
    value = RAW(x, name)
    if kind == Kind.WORD:
        return int(value)
    if kind == Kind.NEWS:
        return bool(value == RAW(coder.k, "progress"))
    return recorder.code(name, kind, value)


def locals_of(t: TaskStruct) -> list[Any]:
    """All that a context's suspended frames hold."""
    found: list[Any] = []
    generator: Any = RAW(t, "context")
    while generator is not None:
        found += generator.gi_frame.f_locals.values()
        generator = generator.gi_yieldfrom
    return found
