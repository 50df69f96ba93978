"""The steps of a scenario's explored run, from states that are tuples of numbers.

A state has a slot for each field that some step changes, for each context, and for what the observer remembers; a slot holds the
number of a code.  Steps that are not in the table are taken by the real machine, which is led to the state first, and recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from kernel_model.machine import Machine
from kernel_model.variant import Variant
from oom_review.explore.commuting import Commuting
from oom_review.explore.fields import FIELDS, RAW, Name
from oom_review.explore.frames import Unseen
from oom_review.explore.limits import MOVE_ON
from oom_review.explore.notes import Note
from oom_review.explore.numbering import ABSENT, Numbering, State
from oom_review.explore.observer import Observer
from oom_review.explore.places import Places, locals_of
from oom_review.explore.recorder import Recorder, declare
from oom_review.explore.setup import Led, Setup, take
from oom_review.explore.table import Key, Leaf, Place, Table
from oom_review.explore.walks import Walks

Around = Callable[[], AbstractContextManager[object]]


class Steps:
    """All steps of one variant after one set-up."""

    def __init__(
        self,
        variant: Variant,
        setup: Setup,
        observer: Observer,
        *,
        walks: Walks,
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
        # Before 0 and 1, which are equal to them.
        self._false, _true = self.numbering.number(False), self.numbering.number(True)
        self._absent = self.numbering.number(ABSENT)
        declare()
        if type(self._led.machine.k) not in FIELDS:
            name = type(self._led.machine.k).__name__
            raise Unseen(f"{name} is derived from a structure and no @structure itself")
        self.places = Places(self._led.machine.k, self.numbering)

    # Numbers and slots

    def _changes(self, place: Place) -> None:
        """A place gets a slot."""
        if place[-1] == "seen_progress":
            self._news.append(len(self.numbering.places) - 1)
        self.table.changes(place)

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
        k = machine.k
        progress = k.progress
        leaf, walked = Leaf(), False
        with Recorder(k, partial(self._remembered, state)) as r:
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
            note = Note(self.numbering, self.places, self.table, self.commuting, self.observer, state, r)
            written = note.written()
        # A walk looks through the list in whatever order.
        leaf.ordered = not walked and note.sees_an_order(pid)
        note.put(self.key(pid, state), written, leaf)
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

    def _remembered(self, state: State, name: Name, initial: Hashable) -> Hashable:
        if name not in self.numbering.slots:
            return self.observer.start.get(name, initial)
        code = self.numbering.of(name, state)
        return initial if code is ABSENT else code
