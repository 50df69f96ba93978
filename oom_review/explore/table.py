"""Steps by what they read: for each context and place a decision tree, whose leaves say what the step does."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

import attrs

from oom_review.explore.final import Final
from oom_review.explore.recorder import Part

Place = tuple[Hashable, ...]
Key = tuple[Hashable, ...]
Test = tuple[int, Part, int]
"""Slot, what of its value, and the value's number."""


@attrs.define(eq=False, slots=True)
class Leaf:
    """What a step does: ``sets`` are (slot, value), ``bits`` are (slot, mask, bits); ``own`` and ``enemy`` as in commuting.py.

    ``moves``: False where the clock stands still for good, and ``final`` is the end.  ``finds``: of a look ahead, that it is worth it.
    """

    own: int = 0
    enemy: int = 0
    reads: int = 0
    sets: tuple[tuple[int, int], ...] = ()
    bits: tuple[tuple[int, int, int, dict[int, int]], ...] = ()
    progress: bool = False
    broken: tuple[tuple[str, str], ...] = ()
    moves: bool = True
    finds: bool = True
    ordered: bool = False
    final: Final | None = None


@attrs.define(eq=False, slots=True)
class Branch:
    """One test; ``known`` finds the next node by the slot's whole value."""

    slot: int
    part: Part
    next: dict[Hashable, Branch | Leaf] = attrs.Factory(dict)
    known: dict[int, Branch | Leaf] = attrs.Factory(dict)


class Table:
    """All trees; ``project`` gives the part of a value that a test asks for."""

    def __init__(self, project: Callable[[int, Part], Hashable]) -> None:
        """Nothing is known."""
        self._project = project
        self.forgets: Callable[[Key], None] = lambda _key: None
        self.trees: dict[Key, Branch | Leaf] = {}
        # Who read what nobody had ever changed, and so without a test.
        self._constant: dict[Place, set[Key]] = {}

    def find(self, key: Key, state: tuple[int, ...]) -> Leaf | None:
        """What is known of the step from this state."""
        node = self.trees.get(key)
        while type(node) is Branch:
            value = state[node.slot]
            found = node.known.get(value)
            if found is None:
                if node.part is not None:
                    found = node.next.get(self._project(value, node.part))
                if found is None:
                    return None
                node.known[value] = found
            node = found
        return node  # type: ignore[return-value]

    def way(self, key: Key, state: tuple[int, ...]) -> tuple[list[tuple[Branch, int]], Leaf]:
        """The way to a leaf that is known: tests, with the numbers of the values that they meet."""
        node = self.trees[key]
        tests = []
        while type(node) is Branch:
            value = state[node.slot]
            tests.append((node, value))
            node = node.known[value]
        return tests, node  # type: ignore[return-value]

    def add(self, key: Key, tests: Iterable[Test], leaf: Leaf) -> None:
        """From every state that passes these tests alike the step does the same."""
        node = self.trees.get(key)
        last: tuple[Branch, Hashable, int] | None = None
        for slot, part, value in tests:
            if node is None:
                node = Branch(slot, part)
                self._link(key, last, node)
            if type(node) is not Branch or node.slot != slot or node.part != part:
                raise AssertionError(f"a step at {key} did not read what it read before")
            projected = self._project(value, part)
            last = node, projected, value
            node = node.next.get(projected)
        self._link(key, last, leaf)

    def _link(self, key: Key, last: tuple[Branch, Hashable, int] | None, node: Branch | Leaf) -> None:
        if last is None:
            self.trees[key] = node
        else:
            branch, projected, value = last
            branch.next[projected] = node
            branch.known[value] = node

    def constant(self, place: Place, key: Key) -> None:
        """The steps at this key rely on this place never changing."""
        self._constant.setdefault(place, set()).add(key)

    def changes(self, place: Place) -> None:
        """It does: forget who relied on it, and all that was looked up through them."""
        for key in self._constant.pop(place, ()):
            self.forget(key)
        for key in [key for key in self.trees if key[0] == "poll"]:
            self.forget(key)

    def forget(self, key: Key) -> None:
        """These steps read something more from here on."""
        if self.trees.pop(key, None) is not None:
            self.forgets(key)
