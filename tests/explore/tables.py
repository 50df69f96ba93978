"""Systems drawn at random, for both engines: they make no sense, so that nothing but equality can be expected.

A state has a slot for how far each is, one for the time, and some more.  Whatever somebody does, waits for or finds when he looks rests
on few of them, and is drawn when it is first asked for: so who asks in another order sees another system.  Slots and values come up on
the way, and what was told is taken back then.  Like ones are exchanged as those of a kernel are (orbits.Orbits), be it sound here or not.
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from operator import itemgetter
from types import SimpleNamespace
from typing import Any

import attrs

from oom_review.explore.commuting import BITS, BLOCK, READ, UPDATE, WRITE, Commuting
from oom_review.explore.limits import MOVE_ON
from oom_review.explore.numbering import State
from oom_review.explore.orbits import Orbits, Renaming
from oom_review.explore.recorded import CAN, IF_IT_FINDS, LOOK, NO, STEP, WAITS, WHOLE, YES, Waits, Way
from oom_review.explore.sleepers import LOOK as OF_THE_LOOK
from oom_review.explore.table import Leaf

ENEMIES = {READ: UPDATE | WRITE, UPDATE: READ | WRITE, WRITE: READ | UPDATE | WRITE}
FAR, LATE, MOST_SLOTS = 4, 2, 45


@attrs.define(frozen=True)
class End:
    """What a search wants of a Final."""

    number: int
    panicked: bool


class Table:
    """One system.  Values number themselves."""

    def __init__(self, seed: int) -> None:
        self.draw = draw = random.Random(seed)
        count = draw.randint(2, 5)
        self.people = sorted(draw.sample(range(1, 64), count))
        self.like = draw.sample(self.people, draw.choice((0, 2, min(3, count))))
        self.at = dict(zip((MOVE_ON, *self.people), range(count + 1), strict=True))
        # Few and small, or hardly any two states would be alike but for names.
        self.most = 2 if self.like else 4
        self.data = draw.randint(3, 4 if self.like else 20)
        self.held = [0] * (count + 1) + [draw.randrange(self.most) for _ in range(self.data)]
        self.owner: dict[int, int] = {self.at[pid]: pid for pid in self.like}
        self.code_count = 8
        self.asked: list[Hashable] = []
        self.leaves: dict[Hashable, Any] = {}
        self.reads: dict[tuple[int, int], list[int]] = {}
        self.taken_back: list[tuple[int, int, int | None]] = []
        self.version = 0

    # Slots and values

    def size(self) -> int:
        return len(self.held)

    def start(self) -> State:
        return tuple(self.held)

    def padded(self, state: State) -> State:
        return state + tuple(self.held[len(state) :])

    def defaults(self) -> list[int]:
        return self.held

    def values(self) -> int:
        return self.code_count

    def everybody(self) -> list[int]:
        return self.people

    def news(self) -> tuple[list[int], int, int]:
        return [len(self.at), len(self.at) + 1], 1, 2

    def some_slot(self) -> int:
        return self.draw.randrange(len(self.at), len(self.held))

    def grow(self) -> None:
        """A slot comes up, whose it may be; some read it from here on."""
        if len(self.held) >= MOST_SLOTS:
            return
        self.held.append(self.draw.randrange(3))
        if self.like and self.draw.random() < 0.5:
            self.owner[len(self.held) - 1] = self.draw.choice(self.like)
        for kind, who in list(self.reads):
            if self.draw.random() < 0.3:
                self.reads[kind, who].append(len(self.held) - 1)
                self.take_back(kind, who, WHOLE)

    def take_back(self, kind: int, who: int, value: int | None) -> None:
        self.version += 1
        self.taken_back.append((kind, who, value))
        for key in [k for k in self.leaves if k[:2] == (kind, who) and value in (WHOLE, k[2])]:  # type: ignore[index]
            del self.leaves[key]

    def forgotten(self) -> list[tuple[int, int, int | None]]:
        found, self.taken_back = self.taken_back, []
        return found

    # Answers

    def find(self, kind: int, who: int, state: State) -> Any:
        state = self.padded(state)
        if (kind, who) not in self.reads:
            self.reads[kind, who] = [
                self.at[who],
                *[self.some_slot() for _ in range(self.draw.randint(0, 2))],
            ]
        key = (kind, who, *[state[slot] for slot in self.reads[kind, who]])
        if key not in self.leaves:
            self.asked.append(key)
            if kind in (STEP, LOOK) and self.draw.random() < 0.07:
                self.grow()
                return self.find(kind, who, state)
            if self.draw.random() < 0.05 and who != MOVE_ON:
                self.take_back(STEP, who, self.draw.randrange(FAR))
            self.leaves[key] = self.drawn(kind, who, state)
        return self.leaves[key]

    def drawn(self, kind: int, who: int, state: State) -> Any:
        draw = self.draw
        if kind == CAN:
            odds = (YES, YES, YES, IF_IT_FINDS) if who in self.like else (NO, YES, YES, IF_IT_FINDS)
            return NO if state[self.at[who]] >= FAR else draw.choice(odds)
        if kind == WAITS:
            return Waits(draw.choice((None, self.touches(1)[0], OF_THE_LOOK)), draw.random() < 0.2)
        if kind == LOOK:
            return Leaf(own=self.touches(2)[0] & ~0, finds=draw.random() < 0.5)
        if who == MOVE_ON:
            late = state[self.at[MOVE_ON]] + 1
            if late > LATE:
                end: Any = End(draw.randrange(20), draw.random() < 0.3)
                return Leaf(moves=False, final=end, broken=self.broken())
            back = [(self.at[pid], draw.randrange(FAR)) for pid in self.people if draw.random() < 0.5]
            return Leaf(sets=((self.at[MOVE_ON], late), *back), ordered=draw.random() < 0.1)
        own, enemy = self.touches(3)
        on = () if draw.random() < 0.002 else ((self.at[who], state[self.at[who]] + 1),)
        if who in self.like and draw.random() < 0.8:
            return Leaf(own, enemy, sets=on)
        sets = tuple([(self.some_slot(), draw.randrange(self.most)) for _ in range(draw.randrange(3))])
        bits: list[tuple[int, int, int, dict[int, int]]] = [
            (self.some_slot(), draw.randrange(8), draw.randrange(4 * self.most), {})
            for _ in range(draw.random() < 1 / self.most)
        ]
        return Leaf(
            own,
            enemy,
            sets=on + sets,
            bits=tuple(bits),
            progress=draw.random() < 0.2,
            ordered=draw.random() < 0.05,
            broken=self.broken(),
        )

    def broken(self) -> tuple[tuple[str, str], ...]:
        return (("claim", "is broken"),) if self.draw.random() < 0.05 else ()

    def touches(self, most: int) -> tuple[int, int]:
        own = enemy = 0
        for _ in range(self.draw.randint(1, most)):
            block = self.draw.randrange(len(self.like) + 1)
            shift = BITS * (BLOCK * block + self.draw.randrange(6))
            way = self.draw.choice((READ, READ, UPDATE, WRITE)) if most == 3 else READ
            own |= way << shift
            enemy |= ENEMIES[way] << shift
        return own, enemy

    # Model

    def enabled(self, state: State, _path: list[int]) -> list[int]:
        while True:
            asked = len(self.asked)
            found = [pid for pid in self.people if self.can(pid, state)]
            if len(self.asked) == asked:
                return found

    def can(self, pid: int, state: State) -> bool:
        can = self.find(CAN, pid, state)
        return bool(self.find(LOOK, pid, state).finds) if can == IF_IT_FINDS else can == YES

    def leaf(self, choice: int, state: State, _path: list[int]) -> Leaf:
        return self.find(STEP, choice, state)  # type: ignore[no-any-return]

    def changed(self, leaf: Leaf, change: int, value: int) -> int:
        _slot, mask, bits, known = leaf.bits[change]
        known[value] = value & ~mask | bits
        self.code_count = max(self.code_count, known[value] + 1)
        return known[value]

    def after(self, state: State, leaf: Leaf) -> State:
        new = list(state)
        for slot, value in leaf.sets:
            new[slot] = value
        for i, (slot, _mask, _bits, known) in enumerate(leaf.bits):
            new[slot] = known[new[slot]] if new[slot] in known else self.changed(leaf, i, new[slot])
        slots, told, absent = self.news()
        for slot in slots if leaf.progress else ():
            new[slot] = new[slot] if new[slot] == absent else told
        return tuple(new)

    def waiting(self, state: State, _path: list[int], enabled: tuple[int, ...]) -> list[tuple[int, int]]:
        found = []
        for pid in self.people:
            if pid not in enabled:
                waits = self.find(WAITS, pid, state).waits
                if waits is not None:
                    found.append((pid, self.find(LOOK, pid, state).own if waits == OF_THE_LOOK else waits))
        return found

    def guard(self, choice: int, state: State, _path: list[int]) -> int:
        return self.find(LOOK, choice, state).own if self.find(WAITS, choice, state).guard else 0

    # Recorded

    def way(self, kind: int, who: int, state: State, _path: list[int]) -> Way:
        leaf = self.find(kind, who, state)
        state = self.padded(state)
        slots = self.reads[kind, who]
        values = [state[slot] for slot in slots]
        nodes: list[tuple[Hashable, int, int]] = [
            ((kind, who, len(slots), *((self.version, *values[:i]) if i else ())), slot, value)
            for i, (slot, value) in enumerate(zip(slots, values, strict=True))
        ]
        return Way(nodes, leaf)

    def ask_all(self, state: State, path: list[int]) -> list[tuple[int, int, Way]]:
        self.enabled(state, path)
        ways = []
        for pid in self.people:
            ways.append((CAN, pid, self.way(CAN, pid, state, path)))
            if ways[-1][2].leaf == IF_IT_FINDS:
                ways.append((LOOK, pid, self.way(LOOK, pid, state, path)))
        return ways


class Likes(Orbits):
    """The like ones of a table: its values mean nothing, so that new names and orders of them are drawn."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.classes = [sorted(table.like)] if table.like else []
        self.like = dict.fromkeys([pid for pids in self.classes for pid in pids], "")
        commuting = Commuting()
        commuting.like = {pid: i for i, pid in enumerate(self.like)}
        self._steps: Any = SimpleNamespace(commuting=commuting)
        self.own = {pid: [table.at[pid]] for pid in self.like}
        self.lists = [table.some_slot()]
        self._size = table.size()
        self._known: dict[Hashable, int] = {}
        self._rows, self._anonymous, self._sources, self._values = {}, {}, {}, {}
        self._renamers, self._in_order = {}, {}
        self._more()

    def _more(self) -> None:
        for pid in self.like:
            self._table.held.append(1)
            self.own[pid].append(len(self._table.held) - 1)
        self._rows = {pid: itemgetter(*slots) for pid, slots in self.own.items()}
        self._sources.clear()

    def refresh(self) -> None:
        """Whoever got slots of his own, so do the others."""
        new = range(self._size, self._table.size())
        self._size = self._table.size()
        if any(slot in self._table.owner for slot in new):
            self._more()
            self._size = self._table.size()
        self._sources.clear()

    def _drawn(self, *what: Hashable) -> int:
        if what not in self._known:
            self._table.asked.append(what)
            self._known[what] = self._table.draw.randrange(self._table.values())
        return self._known[what]

    def anonymous(self, pid: int, value: int) -> int:
        return value if value < 6 else self._drawn("anonymous", pid, value)

    def in_order(self, value: int) -> int:
        if value not in self._in_order:
            self._in_order[value] = value if value < 3 else self._drawn("in order", value)
        return self._in_order[value]

    def renamed_values(self, renaming: Renaming) -> list[int]:
        values = self._values.setdefault(renaming, [])
        while len(values) < self._table.values():
            value = len(values)
            values.append(value if value < 5 else self._drawn("renamed", renaming, value))
        return values
