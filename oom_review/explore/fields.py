"""The kernel's structures as recordable fields: how each is read, written and compared, and what names the structure."""

from __future__ import annotations

import enum
from collections.abc import Hashable
from typing import Any

import attrs

from kernel_model.locking import Lock
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

RAW = object.__getattribute__


class Kind(enum.IntEnum):
    """How a field is recorded."""

    PLAIN = 0  # one value, replaced as a whole
    LIST = 1  # a list that is changed in place
    CONTAINER = 2  # a set or a dictionary that is changed in place
    WORD = 3  # flags: bit by bit
    CONSTANT = 4  # never changes; what it refers to may
    NEWS = 5  # seen_progress: nothing has happened since this task looked
    TIMER = 6  # a time, relative to the clock
    RESULT = 7  # a system call's result: only whether it starts again matters


_LEFT_OUT: dict[type, frozenset[str]] = {
    # Names; the context, whose frames are read one by one; the clock, to which times are relative; what is news; events.
    TaskStruct: frozenset({"pid", "name", "context"}),
    SignalStruct: frozenset({"number"}),
    MmStruct: frozenset({"number"}),
    PidNamespace: frozenset({"number"}),
    FreezerCgroup: frozenset({"name"}),
    MemCgroup: frozenset({"name"}),
    Kernel: frozenset({"variant", "ret_from_fork", "clock", "events", "progress"}),
}
_SPECIAL: dict[tuple[type, str], Kind] = {
    (TaskStruct, "alloc_lock"): Kind.CONSTANT,
    (TaskStruct, "flags"): Kind.WORD,
    (TaskStruct, "thread_flags"): Kind.WORD,
    (TaskStruct, "state"): Kind.WORD,
    (TaskStruct, "jobctl"): Kind.WORD,
    (TaskStruct, "seen_progress"): Kind.NEWS,
    (TaskStruct, "timer"): Kind.TIMER,
    (TaskStruct, "result"): Kind.RESULT,
    (SignalStruct, "flags"): Kind.WORD,
    (MmStruct, "flags"): Kind.WORD,
    (MmStruct, "mmap_sem"): Kind.CONSTANT,
    (SighandStruct, "siglock"): Kind.CONSTANT,
    **{(Kernel, name): Kind.CONSTANT for name in ("oom_reaper", "kworker", "root_cgroup", "init_pid_ns")},
    **{(Kernel, a.name): Kind.CONSTANT for a in attrs.fields(Kernel) if str(a.type) == "Lock"},
}


def _kind(cls: type, name: str, annotation: str) -> Kind:
    special = _SPECIAL.get((cls, name))
    if special is not None:
        return special
    if annotation.startswith("list["):
        return Kind.LIST
    if annotation.startswith(("set[", "dict[")):
        return Kind.CONTAINER
    return Kind.PLAIN


_STRUCTURES = (
    TaskStruct,
    SignalStruct,
    MmStruct,
    SighandStruct,
    FreezerCgroup,
    MemCgroup,
    PidNamespace,
    CoreState,
    Kernel,
)
FIELDS: dict[type, dict[str, Kind]] = {
    **{
        cls: {
            a.name: _kind(cls, a.name, str(a.type))
            for a in attrs.fields(cls)
            if a.name not in _LEFT_OUT.get(cls, frozenset())
        }
        for cls in _STRUCTURES
    },
    Lock: {"owner": Kind.PLAIN, "readers": Kind.PLAIN},
}
"""Every structure with its recorded fields."""

# Their zero is all that anybody asks for, and what follows from it happens in the same step whoever gets there.
COUNTS = frozenset({"usage", "sigcnt", "mm_count", "nr_threads", "freed"})
# Their zero decides what the thread that gets there does next.
LAST_ONE = frozenset({"live", "mm_users"})

REAL: dict[type, type] = {}
"""The class behind each class of a structure that is being recorded."""

Name = tuple[Hashable, ...]


def name_of(x: Any, cls: type) -> Name:
    """What a structure is called, in every run alike; ``cls`` is its class."""
    if cls is TaskStruct:
        return "task", RAW(x, "pid")
    if cls is Lock:
        return "lock", RAW(x, "name")
    if cls is Kernel:
        return ("kernel",)
    if cls is SighandStruct:
        return "sighand", RAW(RAW(x, "siglock"), "name")
    if cls is CoreState:
        return "core", RAW(RAW(x, "dumper"), "pid")
    if cls is FreezerCgroup or cls is MemCgroup:
        return cls.__name__, RAW(x, "name")
    return cls.__name__, RAW(x, "number")
