"""What a search may ask: of the kernel (RecordedKernel), or of any other system whose states are tuples of numbers (tests/explore)."""

from __future__ import annotations

from typing import Protocol

from oom_review.explore.numbering import State
from oom_review.explore.orbits import Renaming
from oom_review.explore.sleepers import Sleepers
from oom_review.explore.steps import Steps
from oom_review.explore.summaries import Summary
from oom_review.explore.table import Leaf


class Model(Protocol):
    """A system.  Choices are the numbers of those who can take a step; MOVE_ON is that of nobody, where nobody can.

    ``path`` is always a sequence of choices that leads to ``state`` from the start.
    """

    def size(self) -> int:
        """How many numbers a state has; may grow with each question."""

    def start(self) -> State:
        """The first state."""

    def padded(self, state: State) -> State:
        """The same state after the size has grown."""

    def enabled(self, state: State, path: list[int]) -> list[int]:
        """Who can take a step."""

    def leaf(self, choice: int, state: State, path: list[int]) -> Leaf:
        """What the choice does, and what it touches."""

    def after(self, state: State, leaf: Leaf) -> State:
        """The next state."""

    def waiting(self, state: State, path: list[int], enabled: tuple[int, ...]) -> list[tuple[int, int]]:
        """Who could take a step but for what others have touched, with what that is: reads, as in Leaf.own."""

    def guard(self, choice: int, state: State, path: list[int]) -> int:
        """What decided that this choice was enabled, where others may turn that: reads, as in Leaf.own."""


class Symmetry(Protocol):
    """States that may stand for each other; false if there are none."""

    def __bool__(self) -> bool:
        """Whether there are any."""

    def refresh(self) -> None:
        """The model's size may have grown; may grow it further."""

    def canonical(self, state: State) -> tuple[State, Renaming]:
        """The state that stands for this one, and who is called whom in it."""

    def summary(self, summary: Summary, there: Renaming, here: Renaming) -> Summary:
        """A summary of one state as that of another with the same canonical one, by their renamings."""


class RecordedKernel:
    """The kernel: what its steps do, and who can take one."""

    def __init__(self, steps: Steps, sleepers: Sleepers) -> None:
        """``sleepers`` answers for the states of ``steps``."""
        self._places = steps.numbering.places
        self.start = steps.numbering.start
        self.padded = steps.numbering.padded
        self.leaf = steps.leaf
        self.after = steps.after
        self.enabled = sleepers.enabled
        self.waiting = sleepers.waiting
        self.guard = sleepers.guard

    def size(self) -> int:
        """The slots by now."""
        return len(self._places)
