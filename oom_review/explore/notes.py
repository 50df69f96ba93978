"""What a recorded step did, as a leaf of the table: what it wrote, made and touched, and what it asked for on the way."""

from __future__ import annotations

from collections.abc import Hashable

import attrs

from kernel_model.fields import Kind
from kernel_model.sched import TaskStruct
from oom_review.explore.commuting import READ, Commuting
from oom_review.explore.fields import FIELDS, RAW, name_of
from oom_review.explore.limits import MOVE_ON
from oom_review.explore.numbering import ABSENT, Numbering, State
from oom_review.explore.observer import Observer
from oom_review.explore.places import Places, field_code
from oom_review.explore.recorder import Entry, Recorder
from oom_review.explore.table import Key, Leaf, Place, Table, Test


@attrs.define(eq=False, slots=True)
class Note:
    """Of one step from ``state``."""

    numbering: Numbering
    places: Places
    table: Table
    commuting: Commuting
    observer: Observer
    state: State
    recorder: Recorder

    def written(self) -> dict[Place, Hashable]:
        """Codes by place, and all fields of structures that are new."""
        coder = self.recorder.coder
        written: dict[Place, Hashable] = {}
        for t in dict.fromkeys(self.recorder.started):
            written["context", RAW(t, "pid")] = coder.context(t)
        for e in self.recorder.entries.values():
            name = e.place[1]
            value = RAW(e.x, name)
            if e.kind == Kind.WORD:
                after: Hashable = int(value)
            elif e.kind == Kind.NEWS:
                after = bool(value == RAW(self.recorder.k, "progress"))
            elif e.written or e.kind in (Kind.LIST, Kind.CONTAINER, Kind.TIMER):
                after = self.recorder.code(name, e.kind, value)
            else:
                after = e.before
            written[e.place] = after
        for memory, (_before, now) in self.recorder.remembered.items():
            written[memory] = now
        return written

    def _newborn(self) -> dict[Place, Hashable]:
        """All fields of the structures that the step made."""
        coder = self.recorder.coder
        made: dict[Place, Hashable] = {}
        seen: set[int] = set()
        while todo := [(key, found) for key, found in coder.met.items() if key not in seen]:
            for key, (x, cls) in todo:
                seen.add(key)
                name = name_of(x, cls)
                slot = self.numbering.slots.get(("exists", name))
                if name in self.places.names or (
                    slot is not None and self.state[slot] == self.numbering.number(True)
                ):
                    continue
                made["exists", name] = True
                made.update({(name, field): field_code(x, field, coder) for field in FIELDS[cls]})
                if isinstance(x, TaskStruct):
                    made["context", RAW(x, "pid")] = coder.context(x)
                    self.places.welcome(RAW(x, "pid"), None, coder)
        return made

    def put(self, key: Key, written: dict[Place, Hashable], leaf: Leaf) -> None:
        """Fill the leaf and put it into the table."""
        made = self._newborn()
        new_names = {place[1] for place in made if place[0] == "exists"}
        by_place: dict[Place, Entry] = {e.place: e for e in self.recorder.entries.values()}
        own = enemy = reads = 0
        touched: list[tuple[tuple[object, ...], int]] = []
        sets: list[tuple[int, int]] = []
        bits: list[tuple[int, int, int, dict[int, int]]] = []
        for place, after in written.items():
            e = by_place.get(place)
            if e is not None and e.place[0] in new_names:
                continue
            if e is None:
                before = self._before(place)
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
        self.table.add(key, self._tests(key), leaf)

    def sees_an_order(self, pid: int) -> bool:
        """Like threads in a list were looked through, or their timers compared, and not all of them whatever they are."""
        like = self.observer.common_names
        if pid == MOVE_ON:
            sleepers = [
                e for e in self.recorder.entries.values() if e.kind == Kind.TIMER and e.before is not None
            ]
            return sum(e.place[0][1] in like for e in sleepers) > 1
        asked = [e.before for e in self.recorder.entries.values() if e.kind == Kind.LIST and e.asked]
        return any(sum(isinstance(c, tuple) and c[1] in like for c in code) > 1 for code in asked)

    def _before(self, place: Place) -> Hashable:
        if place in self.recorder.remembered:
            return self.recorder.remembered[place][0]
        slot = self.numbering.slots.get(place)
        return ABSENT if slot is None or slot >= len(self.state) else self.numbering.codes[self.state[slot]]

    def _tests(self, key: Key) -> list[Test]:
        state = self.state
        tests: list[Test] = []
        for what, part in self.recorder.tests:
            place = what.place if isinstance(what, Entry) else what
            slot = self.numbering.slots.get(place)
            if slot is None:
                self.table.constant(place, key)
            else:
                tests.append(
                    (slot, part, state[slot] if slot < len(state) else self.numbering.defaults[slot])
                )
        return tests
