"""What a step of the kernel touches, as a set of bits: the declarations of its preemption point, for the tasks at hand.

A declaration is ``object``, ``object:scope`` with a mark behind it: none for a read, ``!`` for a write, ``~`` for an update that
commutes with its like, ``?`` for a write if the value changed and a read if not.  The scope says whose: a local variable of the
function that yields (``cur``, ``p``, ``mm``), or a function of one (``group(p)``: all threads of p's group).  ``others`` is
whatever it likes; so is ``*``.  Locks are not declared: which one is wanted stands in the yield, and who holds what can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import attrs

from kernel_model.locking import PM_MUTEX, Lock
from kernel_model.machine import Machine
from kernel_model.preempt import Kind, PreemptionPoint
from kernel_model.sched import (
    __TASK_STOPPED,
    __TASK_TRACED,
    EXIT_ZOMBIE,
    PF_EXITING,
    PF_FREEZER_SKIP,
    PF_FROZEN,
    PF_NOFREEZE,
    PF_SUSPEND_TASK,
    TASK_INTERRUPTIBLE,
    TASK_UNINTERRUPTIBLE,
    TASK_WAKEKILL,
    TIF_SIGPENDING,
    Kernel,
    MmStruct,
    SignalStruct,
    TaskStruct,
)
from oom_review.explore.final import QUIET_PHASES
from oom_review.explore.repeated.dependence import READ, UPDATE, WRITE, Access, Objects
from oom_review.explore.repeated.narrow import NARROW, matches

EVERYTHING = "everything"
_ANYTHING = frozenset({"*", "others"})
_NONE: frozenset[str] = frozenset()
_MARKS = {"!": WRITE, "~": UPDATE, "?": WRITE}
_SYNTAX = re.compile(r"([a-z_* ]+?)(?::([a-z_()]+))?([!~?]?)")

Scope = Callable[[Kernel, dict[str, Any]], Iterable[Any]]


@attrs.define(frozen=True, slots=True)
class Touch:
    """One declaration, taken apart."""

    text: str
    name: str
    scope: str
    mark: str

    @property
    def way(self) -> int:
        """The strongest that it can be."""
        return _MARKS.get(self.mark, READ)


def parse(text: str) -> Touch:
    """Raises ValueError for what is no declaration."""
    match = _SYNTAX.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} declares nothing: object, object:scope, and a mark ! ~ or ?")
    return Touch(text, match[1], match[2] or "", match[3])


def expand(touch: Touch) -> list[Touch]:
    """The state stands for all kinds of sleep."""
    if touch.name != "state":
        return [touch]
    return [attrs.evolve(touch, name=sleep) for sleep in _SLEEPS]


def _first_with_mm(p: TaskStruct) -> list[TaskStruct]:
    """The threads at which first_with_mm() looks."""
    seen = []
    for t in p.signal.threads:
        seen.append(t)
        if t.mm is not None:
            break
    return seen


def _up_to_next_process(k: Kernel, pid: int) -> list[TaskStruct]:
    """The leaders at which next_process() looks."""
    seen = []
    for t in k.tasks.values():
        if t.pid > pid and t.group_leader is t:
            seen.append(t)
            if t.hashed:
                break
    return seen


_FUNCTIONS: dict[str, Callable[[Any], Iterable[Any]]] = {
    "group": lambda p: p.signal.threads,
    "parent": lambda p: (p.parent,),
    "leader": lambda p: (p.group_leader,),
    "oom_mm": lambda p: () if p.signal.oom_mm is None else (p.signal.oom_mm,),
    "vfork": lambda p: () if p.vfork_done is None else (p.vfork_done,),
    "first_with_mm": _first_with_mm,
    "zombies": lambda p: [
        c for t in p.signal.threads for c in (*t.children, *t.ptraced) if c.exit_state == EXIT_ZOMBIE
    ],
    "children": lambda p: [c for t in p.signal.threads for c in (*t.children, *t.ptraced)],
}
_GLOBAL_SCOPES: dict[str, Callable[[Kernel], Iterable[Any]]] = {
    "all": lambda k: k.tasks.values(),
    "first_process": lambda k: _up_to_next_process(k, 0),
    "oom_victims_wait": lambda k: k.oom_victims_wait,
    "oom_reaper": lambda k: (k.oom_reaper,),
    "oom_reaper_list": lambda k: k.oom_reaper_list[:1],
}


def scope(text: str) -> Scope:
    """Whose objects: ``cur``, ``group(parent(cur))``, ``all``."""
    if text in _GLOBAL_SCOPES:
        everybody = _GLOBAL_SCOPES[text]
        return lambda k, _loc: everybody(k)
    if "(" not in text:
        return lambda _k, loc: (loc[text],)
    name, inner_text = text[:-1].split("(", 1)
    if name == "next":
        return lambda k, loc: _up_to_next_process(k, loc[inner_text].pid)
    function, inner = _FUNCTIONS[name], scope(inner_text)
    return lambda k, loc: [x for p in inner(k, loc) for x in function(p)]


TRIED = frozenset({PM_MUTEX})
OF_GROUP = frozenset({"signal", "threads", "alone", "live", "refs", "wait", "oom_mm", "adj", "sighand"})
OF_MM = frozenset({"mm_users", "mm_flags", "core", "aio"})
_SLEEPS = ("int", "unint", "kill", "stop")
_VALUES: dict[str, Callable[[Any], Hashable]] = {
    # A waker asks only for the states that it ends: each kind of sleep is an object of its own.
    "int": lambda t: t.state & TASK_INTERRUPTIBLE,
    "unint": lambda t: t.state & TASK_UNINTERRUPTIBLE,
    "kill": lambda t: t.state & TASK_WAKEKILL,
    "stop": lambda t: t.state & (__TASK_STOPPED | __TASK_TRACED),
    "sig": lambda t: (t.thread_flags & TIF_SIGPENDING, frozenset(t.pending), t.jobctl),
    "frozen": lambda t: t.flags & PF_FROZEN,
    "skip": lambda t: t.flags & PF_FREEZER_SKIP,
    "freezable": lambda t: t.flags & (PF_NOFREEZE | PF_SUSPEND_TASK),
    "exiting": lambda t: t.flags & PF_EXITING,
    "wait": lambda s: tuple(s.wait_chldexit),
    "wakeup": lambda k: k.pm_wakeup,
    "moom": lambda k: k.moom_pending,
    "snapshot": lambda k: k.snapshot_owner,
    "signal": lambda s: (
        s.flags,
        s.group_exit_code,
        s.group_exit_task,
        s.notify_count,
        s.curr_target,
        frozenset(s.shared_pending),
        s.group_stop_count,
    ),
    "alone": lambda s: len(s.threads) <= 1,
    "exit_state": lambda t: t.exit_state,
    "vfork": lambda t: t.vfork_done,
    "mm_flags": lambda m: m.flags,
    "phase": lambda k: k.pm_phase if k.pm_phase in QUIET_PHASES else "",
    "oom_victims_wait": lambda k: tuple(k.oom_victims_wait),
    "oom_killer_disabled": lambda k: k.oom_killer_disabled,
}
_COUNTERS: dict[str, Callable[[Any], int]] = {"live": lambda s: s.live, "mm_users": lambda m: m.mm_users}


def owner(name: str, x: Any) -> Any:
    """The structure that has this object of ``x``: of a task its group's, its mm's or its own."""
    if type(x) is TaskStruct:
        if name in OF_GROUP:
            return x.signal
        if name in OF_MM:
            return x.mm
    return x


def _global(name: str) -> Hashable:
    """A trylock asks who holds the lock, as everybody does who waits for it."""
    return ("writer", name) if name in TRIED else name


def instance(name: str, x: Any) -> Hashable:
    """The object's name."""
    if type(x) is TaskStruct:
        return name, x.pid
    if type(x) is SignalStruct or type(x) is MmStruct:
        return name, x.number
    raise TypeError(f"{x!r} has no {name}")


class Accesses:
    """Finds the touches of steps; one for all machines of an exploration."""

    def __init__(self, objects: Objects) -> None:
        """Touches are numbered by ``objects``."""
        self._objects = objects
        self._plans: dict[PreemptionPoint, list[tuple[Touch, Scope | None]]] = {}
        self._rules: dict[tuple[PreemptionPoint, tuple[str, ...]], frozenset[str]] = {}
        self._touches: dict[tuple[Hashable, int], Access] = {}

    def _plan(self, point: PreemptionPoint) -> list[tuple[Touch, Scope | None]]:
        plan = self._plans.get(point)
        if plan is None:
            touches = [one for t in sorted(point.touches) for one in expand(parse(t))]
            plan = self._plans[point] = [(t, scope(t.scope) if t.scope else None) for t in touches]
        return plan

    def _ruled_out(self, point: PreemptionPoint, rules: tuple[str, ...]) -> frozenset[str]:
        found = self._rules.get((point, rules))
        if found is None:
            found = frozenset([t for t in point.touches if any(matches(rule, t) for rule in rules)])
            self._rules[point, rules] = found
        return found

    def _touch(self, name: Hashable, way: int) -> Access:
        found = self._touches.get((name, way))
        if found is None:
            found = self._touches[name, way] = self._objects.touch(name, way)
        return found

    def step(self, machine: Machine, t: TaskStruct) -> Access:
        """Let the task take its step; what it touched."""
        own, enemy, late = self._declared(machine.k, t)
        held = holds(t)
        machine.step(t)
        for name, o, label, old in late:
            if name in _COUNTERS:
                way = UPDATE if _COUNTERS[name](o) else WRITE
            else:
                way = READ if _VALUES[name](o) == old else WRITE
            a = self._touch(label, way)
            own |= a.own
            enemy |= a.enemy
        if held or t.held:
            for label, way in holding(held, holds(t)):
                a = self._touch(label, way)
                own |= a.own
                enemy |= a.enemy
        return Access(own, enemy)

    def pending(self, machine: Machine, t: TaskStruct) -> Access:
        """All that the step of a blocked task would touch, were it possible in this state."""
        own, enemy, late = self._declared(machine.k, t)
        for _name, _o, label, _old in late:
            a = self._touch(label, WRITE)
            own |= a.own
            enemy |= a.enemy
        return Access(own, enemy)

    def _declared(
        self, k: Kernel, t: TaskStruct
    ) -> tuple[int, int, list[tuple[str, Any, Hashable, Hashable]]]:
        """What is certain before the step, and the values on which the rest depends."""
        at = t.at
        point, operand = (at, None) if isinstance(at, PreemptionPoint) else (at[0], at[1])  # type: ignore[index]
        loc = yielding_locals(t)
        loc["cur"] = t
        narrow = NARROW.get((point.function, point.step))
        out = self._ruled_out(point, narrow(k, t, loc)) if narrow is not None else _NONE
        own, enemy = self._touch(EVERYTHING, READ)
        late: list[tuple[str, Any, Hashable, Hashable]] = []
        for touch, find in self._plan(point):
            if touch.text in out:
                continue
            name = touch.name
            for x in (k,) if find is None else find(k, loc):
                o = x if find is None else owner(name, x)
                if o is None:
                    continue
                label = _global(name) if find is None else instance(name, o)
                if touch.mark == "?":
                    late.append((name, o, label, _VALUES[name](o)))
                elif touch.mark == "~" and name in _COUNTERS:
                    late.append((name, o, label, None))
                else:
                    a = self._touch(EVERYTHING, WRITE) if name in _ANYTHING else self._touch(label, touch.way)
                    own |= a.own
                    enemy |= a.enemy
        for label, way in guards(point, operand, t):
            a = self._touch(label, way)
            own |= a.own
            enemy |= a.enemy
        return own, enemy, late


def yielding_locals(t: TaskStruct) -> dict[str, Any]:
    """The locals of the innermost suspended frame."""
    generator: Any = t.context
    while (inner := generator.gi_yieldfrom) is not None:
        generator = inner
    found: dict[str, Any] = dict(generator.gi_frame.f_locals)  # the frame keeps its own
    return found


def guards(point: PreemptionPoint, operand: object, t: TaskStruct) -> list[tuple[Hashable, int]]:
    """What decides whether the step can be taken."""
    kind = point.kind
    if kind == Kind.USER:
        return [(("sig", t.pid), READ)]
    if kind == Kind.SLEEP:
        # A signal ends only some sleeps.
        signals = t.state & (TASK_INTERRUPTIBLE | TASK_WAKEKILL)
        names = (*_SLEEPS, "sig") if signals else _SLEEPS
        return [((name, t.pid), READ) for name in names]
    if not kind:
        return []
    assert isinstance(operand, Lock)
    found: list[tuple[Hashable, int]] = [(("writer", operand.name), READ)]
    if kind != Kind.READ:
        found.append((("readers", operand.name), READ))
    if kind == Kind.KILLABLE:
        found.append((("sig", t.pid), READ))
    return found


def holds(t: TaskStruct) -> set[tuple[str, bool]]:
    """The locks that a task holds, and whether for writing."""
    return {(lock.name, lock.owner is t) for lock in t.held} if t.held else set()


def holding(before: set[tuple[str, bool]], after: set[tuple[str, bool]]) -> list[tuple[Hashable, int]]:
    """The locks that a step left held, or gave back: whoever wants one could see that."""
    return [
        (("writer", name), WRITE) if writing else (("readers", name), UPDATE)
        for name, writing in before ^ after
    ]
