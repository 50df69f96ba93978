"""The steps of a scenario's explored run, from states that are tuples of numbers.

A state has a slot for each field that some step changes, for each context, and for what the observer remembers; a slot holds the
number of a code.  Steps that are not in the table are taken by the real machine, which is led to the state first, and recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from kernel_model.fields import Kind
from kernel_model.locking import Lock
from kernel_model.machine import Machine
from kernel_model.preempt import PreemptionPoint
from kernel_model.sched import TaskStruct
from kernel_model.variant import Variant
from oom_review.explore.codes import Coder
from oom_review.explore.commuting import READ, Commuting
from oom_review.explore.fields import FIELDS, RAW, REAL, Name, name_of
from oom_review.explore.frames import Unseen
from oom_review.explore.limits import MOVE_ON
from oom_review.explore.numbering import ABSENT, Numbering, State
from oom_review.explore.observer import Observer
from oom_review.explore.recorder import Entry, Recorder, declare
from oom_review.explore.setup import Led, Setup, take
from oom_review.explore.table import Key, Leaf, Place, Table, Test

Around = Callable[[], AbstractContextManager[object]]

# What decides whether a task can run, beside the locks.
_OF_EVERYBODY = (
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


class Steps:
    """All steps of one variant after one set-up."""

    def __init__(
        self,
        variant: Variant,
        setup: Setup,
        observer: Observer,
        *,
        walks: frozenset[PreemptionPoint],
        around: Around = nullcontext,
    ) -> None:
        """``setup`` is replayed on each fresh machine; each step is recorded within a context that ``around`` makes."""
        self._around = around
        self.observer = observer
        self._walks = walks
        self._led = Led(setup, variant, walks)
        self.numbering = Numbering(self._changes)
        self.table = Table(self.numbering.project)
        self.commuting = Commuting()
        self._news: list[int] = []
        observer.new_memory = lambda: self.table.forget(("move on",))
        self._false = self.numbering.number(False)
        self._true = self.numbering.number(True)
        self._absent = self.numbering.number(ABSENT)
        self._state: State = ()
        self._locks: dict[Name, tuple[Hashable, Hashable]] = {}
        declare()
        if type(self._led.machine.k) not in FIELDS:
            name = type(self._led.machine.k).__name__
            raise Unseen(f"{name} is derived from a structure and no @structure itself")
        self._from_the_start = self._everything()
        self.pids: list[int] = []
        coder = Coder(self._led.machine.k)
        for t in self._led.machine.k.tasks.values():
            self._welcome(t.pid, t, coder)

    # Numbers and slots

    def _changes(self, place: Place) -> None:
        """A place gets a slot."""
        if place[-1] == "seen_progress":
            self._news.append(len(self.numbering.places) - 1)
        self.table.changes(place)

    def lock_slots(self, lock: Name) -> tuple[int, int]:
        """Where a lock's owner and readers stand."""
        owner, readers = self._locks.get(lock, (None, frozenset()))
        return self.numbering.slot((lock, "owner"), owner), self.numbering.slot((lock, "readers"), readers)

    def _welcome(self, pid: int, t: TaskStruct | None, coder: Coder) -> None:
        """What decides whether a task can run always has a slot; ``t`` is None for a task that is yet to be born."""
        if pid in self.pids:
            return
        self.numbering.slot(("context", pid), ABSENT if t is None else coder.context(t))
        for name in _OF_EVERYBODY:
            self.numbering.slot((("task", pid), name), ABSENT if t is None else field_code(t, name, coder))
        self.pids.append(pid)

    def _everything(self) -> frozenset[Name]:
        """The names of all structures that are there at the start, where some locks may be held."""
        names: set[Name] = set()
        coder = Coder(self._led.machine.k)
        seen: set[int] = set()
        todo: list[Any] = [self._led.machine.k]
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

    # Steps

    def key(self, pid: int, state: State) -> Key:
        """Whose tree."""
        return ("move on",) if pid == MOVE_ON else (pid, state[self.numbering.slots["context", pid]])

    def leaf(self, pid: int, state: State, path: list[int]) -> Leaf:
        """What the choice does in this state, to which ``path`` leads; the state may have to be padded afterwards."""
        found = self.table.find(self.key(pid, state), state)
        return self._record(pid, state, path) if found is None else found

    def after(self, state: State, leaf: Leaf) -> State:
        """The next state."""
        new = list(state)
        for slot, value in leaf.sets:
            new[slot] = value
        for change in leaf.bits:
            slot, _mask, _bits, known = change
            old = new[slot]
            new[slot] = known[old] if old in known else self.changed(change, old)
        if leaf.progress:
            for slot in self._news:
                if new[slot] != self._absent:
                    new[slot] = self._false
        return tuple(new)

    def changed(self, change: tuple[int, int, int, dict[int, int]], value: int) -> int:
        """What one of a leaf's ``bits`` makes of a value."""
        _slot, mask, bits, known = change
        code = self.numbering.codes[value]
        assert isinstance(code, int)
        known[value] = self.numbering.number(code & ~mask | bits)
        return known[value]

    def news(self) -> tuple[list[int], int, int]:
        """The slots that a leaf with ``progress`` sets, to what, and the value that they keep."""
        return self._news, self._false, self._absent

    def _record(self, pid: int, state: State, path: list[int]) -> Leaf:
        machine = self._led.to(path)
        self._state = state
        k = machine.k
        progress = k.progress
        leaf, walked = Leaf(), False
        with Recorder(k, self._remembered) as r:
            r.adopt(k)
            if pid == MOVE_ON:
                self._pass_time(machine, r, leaf)
            else:
                t = k.tasks[pid]
                for value in locals_of(t):
                    r.adopt(value)
                r.adopt(t)
                with self._around():
                    walked = take(machine, t, self._walks) > 1
                leaf.broken = tuple(self.observer.see(k, r))
                r.started.append(t)
            self._led.path.append(pid)
            leaf.progress = RAW(k, "progress") != progress
            written = self._written(r)
        # A walk looks through the list in whatever order.
        leaf.ordered = not walked and self._sees_an_order(pid, r)
        self._note(self.key(pid, state), r, written, leaf)
        return leaf

    def _pass_time(self, machine: Machine, r: Recorder, leaf: Leaf) -> None:
        """The clock moves to the next timer; or nothing moves any more."""
        tasks = machine.k.tasks.values()
        for t in tasks:
            r.tests.append((("context", RAW(t, "pid")), None))
            r.adopt(t)
            _ = t.timer
        r.started += [t for t in tasks if RAW(t, "context") is not None]
        leaf.moves = machine.tick()
        if not leaf.moves:
            leaf.broken = tuple(self.observer.rest(machine.k, r))
            leaf.final = self.observer.final(machine.k, r)

    def _remembered(self, name: Name, initial: Hashable) -> Hashable:
        if name not in self.numbering.slots:
            return self.observer.start.get(name, initial)
        code = self.numbering.of(name, self._state)
        return initial if code is ABSENT else code

    # What a recorded step did

    def _written(self, r: Recorder) -> dict[Place, Hashable]:
        """Codes by place, and all fields of structures that are new."""
        coder = r.coder
        written: dict[Place, Hashable] = {}
        for t in dict.fromkeys(r.started):
            written["context", RAW(t, "pid")] = coder.context(t)
        for e in r.entries.values():
            name = e.place[1]
            value = RAW(e.x, name)
            if e.kind == Kind.WORD:
                after: Hashable = int(value)
            elif e.kind == Kind.NEWS:
                after = bool(value == RAW(r.k, "progress"))
            elif e.written or e.kind in (Kind.LIST, Kind.CONTAINER, Kind.TIMER):
                after = r.code(name, e.kind, value)
            else:
                after = e.before
            written[e.place] = after
        for memory, (_before, now) in r.remembered.items():
            written[memory] = now
        return written

    def _newborn(self, r: Recorder) -> dict[Place, Hashable]:
        """All fields of the structures that the step made."""
        coder = r.coder
        made: dict[Place, Hashable] = {}
        seen: set[int] = set()
        while todo := [(key, found) for key, found in coder.met.items() if key not in seen]:
            for key, (x, cls) in todo:
                seen.add(key)
                name = name_of(x, cls)
                slot = self.numbering.slots.get(("exists", name))
                if name in self._from_the_start or (slot is not None and self._state[slot] == self._true):
                    continue
                made["exists", name] = True
                made.update({(name, field): field_code(x, field, coder) for field in FIELDS[cls]})
                if isinstance(x, TaskStruct):
                    made["context", RAW(x, "pid")] = coder.context(x)
                    self._welcome(RAW(x, "pid"), None, coder)
        return made

    def _note(self, key: Key, r: Recorder, written: dict[Place, Hashable], leaf: Leaf) -> None:
        """Fill the leaf and put it into the table."""
        made = self._newborn(r)
        new_names = {place[1] for place in made if place[0] == "exists"}
        by_place: dict[Place, Entry] = {e.place: e for e in r.entries.values()}
        own = enemy = reads = 0
        touched: list[tuple[tuple[object, ...], int]] = []
        sets: list[tuple[int, int]] = []
        bits: list[tuple[int, int, int, dict[int, int]]] = []
        for place, after in written.items():
            e = by_place.get(place)
            if e is not None and e.place[0] in new_names:
                continue
            if e is None:
                before = self._before(place, r)
                if place[0] != "context":
                    touched.append((place, READ))
                    if before != after:
                        touched += self.observer.changed(place)
            else:
                before = e.before
                touched += self.commuting.of(e, after) if e.kind != Kind.NEWS else []
            if before == after:
                continue
            if e is not None and e.kind == Kind.WORD:
                assert isinstance(after, int)
                bits.append((self.numbering.slot(place, before), e.dirty, after & e.dirty, {}))
            elif e is not None and e.kind == Kind.NEWS and leaf.progress:
                self.numbering.slot(place, before)
            else:
                default = (
                    before
                    if e is not None or place[0] == "context"
                    else self.observer.start.get(place, ABSENT)
                )
                sets.append((self.numbering.slot(place, default), self.numbering.number(after)))
        sets += [
            (self.numbering.slot(place, ABSENT), self.numbering.number(after))
            for place, after in made.items()
        ]
        for place, way in touched:
            o, n = self.commuting.touch(place, way)
            own |= o
            enemy |= n
            reads |= self.commuting.touch(place, READ)[0]
        leaf.own, leaf.enemy, leaf.reads = own, enemy, reads
        leaf.sets, leaf.bits = tuple(sets), tuple(bits)
        self.table.add(key, self._tests(key, r), leaf)

    def _sees_an_order(self, pid: int, r: Recorder) -> bool:
        """Like threads in a list were looked through, or their timers compared, and not all of them whatever they are."""
        like = self.observer.common_names
        if pid == MOVE_ON:
            sleepers = [e for e in r.entries.values() if e.kind == Kind.TIMER and e.before is not None]
            return sum(e.place[0][1] in like for e in sleepers) > 1
        asked = [e.before for e in r.entries.values() if e.kind == Kind.LIST and e.asked]
        return any(sum(isinstance(c, tuple) and c[1] in like for c in code) > 1 for code in asked)

    def _before(self, place: Place, r: Recorder) -> Hashable:
        if place in r.remembered:
            return r.remembered[place][0]
        slot = self.numbering.slots.get(place)
        return ABSENT if slot is None or slot >= len(self._state) else self.numbering.codes[self._state[slot]]

    def _tests(self, key: Key, r: Recorder) -> list[Test]:
        state = self._state
        tests: list[Test] = []
        for what, part in r.tests:
            place = what.place if isinstance(what, Entry) else what
            slot = self.numbering.slots.get(place)
            if slot is None:
                self.table.constant(place, key)
            else:
                tests.append(
                    (slot, part, state[slot] if slot < len(state) else self.numbering.defaults[slot])
                )
        return tests


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
