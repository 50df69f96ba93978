"""States as tuples of numbers: a slot for each place that some step changes, and in it the number of a code."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from oom_review.explore.recorder import Part, answer
from oom_review.explore.table import Place

State = tuple[int, ...]
ABSENT = ("absent",)


class Numbering:
    """Slots and codes, as they come up; one for an exploration."""

    def __init__(self, changes: Callable[[Place], None]) -> None:
        """``changes`` is told of each place that gets a slot."""
        self.numbers: dict[Hashable, int] = {}
        self.codes: list[Any] = []
        self.slots: dict[Place, int] = {}
        self.places: list[Place] = []
        self.defaults: list[int] = []
        self._changes = changes

    def number(self, code: Hashable) -> int:
        """The number of a code."""
        found = self.numbers.get(code)
        if found is None:
            found = self.numbers[code] = len(self.codes)
            self.codes.append(code)
        return found

    def project(self, value: int, part: Part) -> Hashable:
        """What of the code with this number a test asks for."""
        code: Any = self.codes[value]
        if part is None:
            return value
        return code & part if isinstance(part, int) else answer(part, code)

    def slot(self, place: Place, default: Hashable) -> int:
        """The slot of a place; a place that first changes now had its value in all states before."""
        found = self.slots.get(place)
        if found is None:
            found = self.slots[place] = len(self.places)
            self.places.append(place)
            self.defaults.append(self.number(default))
            self._changes(place)
        return found

    def of(self, place: Place, state: State) -> Any:
        """The code at a place, ABSENT if that has no slot."""
        slot = self.slots.get(place)
        if slot is None:
            return ABSENT
        return self.codes[state[slot] if slot < len(state) else self.defaults[slot]]

    def padded(self, state: State) -> State:
        """With the slots that came later."""
        return state + tuple(self.defaults[len(state) :])

    def start(self) -> State:
        """The state in which the run begins."""
        return tuple(self.defaults)
