"""What the compiled core asks, beyond what a Python search asks: on which slots an answer rests, so that it is asked for once.

A state's answers are leaves of decision trees.  ``Way`` is the way through a tree to its leaf; what a core was told and is so no longer
is among ``forgotten()``.  This is all that the core ever learns of a system, and it is the same for a kernel and for a table drawn at
random (tests/explore).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple, Protocol

from oom_review.explore.limits import MOVE_ON
from oom_review.explore.model import Model, RecordedKernel, Symmetry
from oom_review.explore.numbering import State
from oom_review.explore.orbits import Renaming
from oom_review.explore.sleepers import Sleepers
from oom_review.explore.steps import Steps
from oom_review.explore.table import Key

STEP, LOOK, CAN, WAITS = range(4)
"""What trees tell: what a step does; if a look comes to anything; who can take a step; for what others wait."""

NO, YES, IF_IT_FINDS = range(3)
"""Leaves of CAN."""

WHOLE = None
"""Of a tree that is forgotten: all of it."""


class Waits(NamedTuple):
    """A leaf of WAITS: what is waited for, bits as in Leaf.own, sleepers.LOOK or None; and if the guard is what the look reads."""

    waits: int | None
    guard: bool


class Way(NamedTuple):
    """The nodes with the slots that they look at and what they find there, and the leaf: a Leaf, a leaf of CAN, or Waits.

    Equal nodes look at the same slot, and go on alike from the same value.
    """

    nodes: list[tuple[Hashable, int, int]]
    leaf: Any


class Recorded(Model, Protocol):
    """A system whose answers rest on few slots each.  Nobody has a number above 63."""

    def everybody(self) -> list[int]:
        """All who may take steps, in the order in which they are asked if they can."""

    def defaults(self) -> list[int]:
        """What each slot held before it came up."""

    def values(self) -> int:
        """So many numbers are given to values."""

    def news(self) -> tuple[list[int], int, int]:
        """The slots that a step with ``progress`` sets, to what, and the value that they keep."""

    def changed(self, leaf: Any, change: int, value: int) -> int:
        """What the leaf's change of bits with this index makes of a value."""

    def way(self, kind: int, who: int, state: State, path: list[int]) -> Way:
        """The way to the leaf for this state, which is asked for first; may add slots."""

    def ask_all(self, state: State, path: list[int]) -> list[tuple[int, int, Way]]:
        """Who can take a step, of everybody: kind, number and way, with the looks that it took."""

    def forgotten(self) -> list[tuple[int, int, int | None]]:
        """What has changed since this was last asked: kind, number, and the value at the tree's first node, or WHOLE."""


class Alike(Symmetry, Protocol):
    """A symmetry of like threads whose slots can be named."""

    @property
    def classes(self) -> list[list[int]]:
        """Numbers that may be exchanged."""

    @property
    def own(self) -> dict[int, list[int]]:
        """The slots of each, like with like."""

    @property
    def lists(self) -> list[int]:
        """Slots with lists of them."""

    def anonymous(self, pid: int, value: int) -> int:
        """A value without the name."""

    def in_order(self, value: int) -> int:
        """A list in order."""

    def renamed_values(self, renaming: Renaming) -> list[int]:
        """For each value its number under the new names."""


class RecordedTables(RecordedKernel):
    """The kernel, with its tables."""

    def __init__(self, steps: Steps, sleepers: Sleepers) -> None:
        """As RecordedKernel; from here on it is noted what is forgotten."""
        super().__init__(steps, sleepers)
        self._steps = steps
        self._sleepers = sleepers
        self._panicked = sleepers.panicked
        self._forgotten: list[tuple[int, int, int | None]] = []
        steps.table.forgets = self._forgets

    def _forgets(self, key: Key) -> None:
        match key:
            case ("poll", int(pid), int(context)):
                self._forgotten.append((LOOK, pid, context))
            case (int(pid), int(context)):
                self._forgotten.append((STEP, pid, context))
            case _:
                self._forgotten.append((STEP, MOVE_ON, WHOLE))

    def forgotten(self) -> list[tuple[int, int, int | None]]:
        """See Recorded; that somebody may panic changes for all if they can take a step, and what they wait for."""
        if self._panicked != self._sleepers.panicked:
            self._panicked = self._sleepers.panicked
            self._forgotten += [
                (kind, pid, WHOLE) for kind in (CAN, WAITS) for pid in self._steps.places.pids
            ]
        found, self._forgotten = self._forgotten, []
        return found

    def everybody(self) -> list[int]:
        """See Recorded."""
        return list(self._steps.places.pids)

    def defaults(self) -> list[int]:
        """See Recorded."""
        return self._steps.numbering.defaults

    def values(self) -> int:
        """See Recorded."""
        return len(self._steps.numbering.codes)

    def news(self) -> tuple[list[int], int, int]:
        """See Recorded."""
        return self._steps.news()

    def changed(self, leaf: Any, change: int, value: int) -> int:
        """See Recorded."""
        return self._steps.changed(leaf.bits[change], value)

    def way(self, kind: int, who: int, state: State, path: list[int]) -> Way:
        """See Recorded."""
        steps, sleepers = self._steps, self._sleepers
        if kind == STEP:
            leaf = steps.leaf(who, state, path)
            return self._tree(steps.key(who, state), kind, who, steps.numbering.padded(state), leaf)
        if kind == LOOK:
            leaf = sleepers.look(who, state, path)
            state = steps.numbering.padded(state)
            return self._tree(("poll", *steps.key(who, state)), kind, who, state, leaf)
        panicked = [] if sleepers.panicked is None else [sleepers.panicked]
        if any(steps.numbering.codes[state[slot]] for slot in panicked):
            return Way(_in_a_row(kind, who, panicked, state), NO if kind == CAN else Waits(None, guard=False))
        if kind == CAN:
            slots, may = sleepers.can(who, state)
            slots = panicked + slots
            return Way(_in_a_row(kind, who, slots, state), IF_IT_FINDS if may is None else int(may))
        slots, waits, guard = sleepers.waits(who, state)
        slots = panicked + slots
        return Way(_in_a_row(kind, who, slots, steps.numbering.padded(state)), Waits(waits, guard))

    def _tree(self, key: Key, kind: int, who: int, state: State, leaf: Any) -> Way:
        """Through a tree of the table, behind a node that looks at the context."""
        tests, found = self._steps.table.way(key, state)
        assert found is leaf
        nodes: list[tuple[Hashable, int, int]] = [(node, node.slot, value) for node, value in tests]
        if who != MOVE_ON:
            context = self._steps.numbering.slots["context", who]
            nodes.insert(0, ((kind, who), context, state[context]))
        return Way(nodes, leaf)

    def ask_all(self, state: State, path: list[int]) -> list[tuple[int, int, Way]]:
        """See Recorded."""
        self.enabled(state, path)
        state = self._steps.numbering.padded(state)
        ways = []
        for pid in self._steps.places.pids:
            way = self.way(CAN, pid, state, path)
            ways.append((CAN, pid, way))
            if way.leaf == IF_IT_FINDS:
                ways.append((LOOK, pid, self.way(LOOK, pid, state, path)))
        return ways


def _in_a_row(kind: int, who: int, slots: list[int], state: State) -> list[tuple[Hashable, int, int]]:
    """Nodes, each of which is known by what was found before it."""
    values = [state[slot] for slot in slots]
    return [
        ((kind, who, slot, *values[:i]), slot, value)
        for i, (slot, value) in enumerate(zip(slots, values, strict=True))
    ]
