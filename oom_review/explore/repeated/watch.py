"""A check of the declarations: watch which fields of the kernel's structures a step reads and writes, and compare.

While a step is watched, the structures' classes note every access.  Flag words tell which of their bits are asked for.  What only its
own task ever looks at, and what nobody reads, is not watched.  A step passes if each access is covered by what access.py says
that it touched, in the state at hand: the check is of the declarations and of narrow.py together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from kernel_model.errors import ModelBug
from kernel_model.machine import Machine, describe
from kernel_model.sched import (
    __TASK_STOPPED,
    __TASK_TRACED,
    PF_EXITING,
    PF_FREEZER_SKIP,
    PF_FROZEN,
    PF_NOFREEZE,
    PF_SUSPEND_TASK,
    TASK_INTERRUPTIBLE,
    TASK_UNINTERRUPTIBLE,
    TASK_WAKEKILL,
    TIF_MEMDIE,
    TIF_SIGPENDING,
    CoreState,
    FreezerCgroup,
    Kernel,
    MemCgroup,
    MmStruct,
    PidNamespace,
    SignalStruct,
    TaskStruct,
)
from oom_review.explore.final import QUIET_PHASES
from oom_review.explore.repeated.access import EVERYTHING, Accesses
from oom_review.explore.repeated.dependence import READ, UPDATE, WRITE, Access, Objects

_BITS: dict[tuple[type, str], dict[int, str]] = {
    (TaskStruct, "state"): {
        TASK_INTERRUPTIBLE: "int",
        TASK_UNINTERRUPTIBLE: "unint",
        TASK_WAKEKILL: "kill",
        __TASK_STOPPED | __TASK_TRACED: "stop",
    },
    (TaskStruct, "flags"): {
        PF_EXITING: "exiting",
        PF_FROZEN: "frozen",
        PF_FREEZER_SKIP: "skip",
        PF_NOFREEZE | PF_SUSPEND_TASK: "freezable",
    },
    (TaskStruct, "thread_flags"): {TIF_SIGPENDING: "sig", TIF_MEMDIE: "memdie"},
}
_FIELDS: dict[tuple[type, str], str] = {
    **{(TaskStruct, name): name for name in ("exit_state", "ptrace", "hashed", "mm", "memcg", "usage")},
    **{(TaskStruct, name): "sig" for name in ("pending", "jobctl")},
    **{(TaskStruct, name): "relatives" for name in ("children", "ptraced")},
    (TaskStruct, "vfork_done"): "vfork",
    **{(SignalStruct, name): "threads" for name in ("threads", "nr_threads")},
    **{
        (SignalStruct, name): "signal"
        for name in (
            "flags",
            "group_exit_code",
            "group_exit_task",
            "notify_count",
            "curr_target",
            "shared_pending",
            "group_stop_count",
        )
    },
    **{(SignalStruct, name): name for name in ("live", "oom_mm")},
    (SignalStruct, "sigcnt"): "refs",
    (SignalStruct, "wait_chldexit"): "wait",
    (SignalStruct, "oom_score_adj"): "adj",
    (MmStruct, "mm_users"): "mm_users",
    (MmStruct, "flags"): "mm_flags",
    (MmStruct, "core_state"): "core",
    (MmStruct, "aio_in_flight"): "aio",
}
_GLOBALS: dict[tuple[type, str], str] = {
    **{(Kernel, name): "pm" for name in ("pm_freezing", "pm_nosig_freezing", "system_freezing_cnt")},
    **{(Kernel, name): name for name in ("oom_victims", "oom_killer_disabled", "oom_victims_wait")},
    (Kernel, "oom_reaper_list"): "oom_reaper",
    (TaskStruct, "oom_reaper_listed"): "oom_reaper",
    (Kernel, "freed"): "memory",
    (MmStruct, "pages"): "memory",
    (MemCgroup, "freed"): "memory",
    (MemCgroup, "tasks"): "memcg_list",
    **{(MemCgroup, name): "memcg" for name in ("oom_locked_by", "oom_waitq")},
    (FreezerCgroup, "tasks"): "cgroup_list",
    (FreezerCgroup, "state"): "cgroup",
    (TaskStruct, "cgroup"): "cgroup",
    (PidNamespace, "tasks"): "pid_ns",
    (Kernel, "pm_phase"): "phase",
    (Kernel, "pm_wakeup"): "wakeup",
    (Kernel, "snapshot_owner"): "snapshot",
    (Kernel, "moom_pending"): "moom",
    **{(CoreState, name): "core" for name in ("dumper", "nr_threads", "startup", "waiters")},
}
# An object that stands for part of another: who declares it promises to ask for no more.
_PART_OF = {"threads": ("alone",)}
_WATCHED = (TaskStruct, SignalStruct, MmStruct, MemCgroup, FreezerCgroup, PidNamespace, Kernel, CoreState)


class UndeclaredAccess(ModelBug):
    """A block touches what its preemption point does not declare."""


class _Flags(int):
    """A flag word that tells which bits are asked for."""

    seen: Callable[[int], None]

    def __and__(self, mask: int) -> int:
        if mask >= 0:
            self.seen(mask)
        return int(self) & mask

    __rand__ = __and__

    def __eq__(self, other: object) -> bool:
        self.seen(-1)
        return int(self) == other

    __hash__ = int.__hash__


class Watch:
    """Notes the accesses of one step at a time."""

    def __init__(self) -> None:
        """Nothing is watched yet."""
        self.on = False
        self.touched: dict[Hashable, int] = {}
        self._containers: list[tuple[Hashable, Any, Any]] = []
        self._written: dict[tuple[int, str], tuple[Any, str, Any]] = {}

    def note(self, label: Hashable, way: int) -> None:
        """One access."""
        self.touched[label] = self.touched.get(label, 0) | way

    def read(self, x: Any, name: str, value: Any) -> Any:
        """A field is read; returns what the reader gets."""
        bits = _BITS.get((type(x), name))
        if bits is not None:
            flags = _Flags(value)
            flags.seen = lambda mask: self._bits(x, bits, mask, READ)
            return flags
        label = _label(x, name)
        if label is not None:
            self.note(label, READ)
            if isinstance(value, (list, set)):
                self._containers.append((label, value, value.copy()))
        return value

    def _bits(self, x: TaskStruct, bits: dict[int, str], mask: int, way: int) -> None:
        for bit, name in bits.items():
            if mask & bit:
                self.note((name, x.pid), way)

    def write(self, x: Any, name: str, old: Any, new: Any) -> None:
        """A field is written; what the whole block did to it counts."""
        del new
        self._written.setdefault((id(x), name), (x, name, old))

    def _net_write(self, x: Any, name: str, old: Any) -> None:
        new = object.__getattribute__(x, name)
        bits = _BITS.get((type(x), name))
        if bits is not None:
            self._bits(x, bits, int(old) ^ int(new), WRITE)
            return
        label = _label(x, name)
        if label is None or (label == "phase" and not {old, new} & QUIET_PHASES):
            return
        self.note(label, WRITE if old is not new and old != new else READ)

    def finish(self) -> dict[Hashable, int]:
        """What the step touched."""
        for label, container, before in self._containers:
            if container != before:
                self.note(label, WRITE)
        self._containers = []
        for x, name, old in self._written.values():
            self._net_write(x, name, old)
        self._written = {}
        touched, self.touched = self.touched, {}
        return touched


def _label(x: Any, name: str) -> Hashable | None:
    kind = type(x)
    found = _GLOBALS.get((kind, name))
    if found is not None:
        return found
    found = _FIELDS.get((kind, name))
    if found is None or (found == "hashed" and object.__getattribute__(x, "group_leader") is not x):
        return None  # walks look at leaders only
    return found, object.__getattribute__(x, "pid" if kind is TaskStruct else "number")


@contextmanager
def watching() -> Iterator[Watch]:
    """The structures' classes are instrumented inside the block."""
    watch = Watch()

    def get(x: Any, name: str) -> Any:
        value = object.__getattribute__(x, name)
        if watch.on:
            watch.on = False
            value = watch.read(x, name, value)
            watch.on = True
        return value

    def put(x: Any, name: str, value: Any) -> None:
        if watch.on:
            watch.on = False
            if hasattr(x, name):  # a new structure is nobody else's yet
                watch.write(x, name, object.__getattribute__(x, name), value)
            watch.on = True
        object.__setattr__(x, name, int(value) if type(value) is _Flags else value)

    for cls in _WATCHED:
        cls.__getattribute__ = get  # type: ignore[method-assign]
        cls.__setattr__ = put  # type: ignore[method-assign]
    try:
        yield watch
    finally:
        for cls in _WATCHED:
            del cls.__getattribute__
            del cls.__setattr__


class WatchedAccesses(Accesses):
    """Accesses that checks each step; raises UndeclaredAccess."""

    def __init__(self, objects: Objects, watch: Watch) -> None:
        """Inside ``watching()``."""
        super().__init__(objects)
        self._watch = watch

    def step(self, machine: Machine, t: TaskStruct) -> Access:
        """See Accesses."""
        where = describe(t)
        access = super().step(_Watched(machine, self._watch), t)  # type: ignore[arg-type]
        touched = self._watch.finish()
        missing = [
            f"{_word(way)} {label}"
            for label, way in touched.items()
            if not self._covered(label, way, access.own, t)
        ]
        if missing:
            raise UndeclaredAccess(
                f"{t.name} at {where} touches undeclared: {', '.join(sorted(map(str, missing)))}"
            )
        return access

    def _covered(self, label: Hashable, way: int, own: int, cur: TaskStruct) -> bool:
        if own & self._touch(EVERYTHING, WRITE).own:
            return True
        labels = [label]
        if isinstance(label, tuple):
            labels += [(part, label[1]) for part in _PART_OF.get(label[0], ())]
            if label[0] in _OWN_READS and label[1] == cur.pid and way == READ:
                return True
        ways = (UPDATE, WRITE) if way & WRITE else (READ, UPDATE, WRITE)
        return any(own & self._touch(one, w).own for one in labels for w in ways)


# What only the task itself changes, or a step that a later one of the task needs: its own reads race with nothing.
_OWN_READS = frozenset(
    {"mm", "exit_state", "exiting", "skip", "frozen", "freezable", "hashed", "vfork", "memcg"}
)


def _word(way: int) -> str:
    return "write" if way & WRITE else "read"


class _Watched:
    """A machine whose steps are watched, and nothing else."""

    def __init__(self, machine: Machine, watch: Watch) -> None:
        self.k = machine.k
        self._machine = machine
        self._watch = watch

    def step(self, t: TaskStruct) -> None:
        """One watched step."""
        self._watch.on = True
        try:
            self._machine.step(t)
        finally:
            self._watch.on = False
