"""What a search counts, where it gives up, and the choice of nobody."""

from __future__ import annotations

import time

import attrs

MOVE_ON = 0
"""The choice of nobody: time passes, or the next operations are asked for."""


@attrs.define
class Counts:
    """What the search did.  ``cycles``: steps back to a state that led to them."""

    states: int = 0
    transitions: int = 0
    executions: int = 0
    pruned_by_cache: int = 0
    pruned_by_order: int = 0
    pruned_by_symmetry: int = 0
    cycles: int = 0


@attrs.define(frozen=True)
class Limits:
    """Where to give up; None for never."""

    states: int | None = None
    seconds: float | None = None


class Cycle(Exception):
    """A state comes back without anything that orders the steps."""


class LimitReached(Exception):
    """The search was stopped; what it did not find may exist."""


class Gauge:
    """Holds a search to its limits; the seconds begin now."""

    def __init__(self, limits: Limits) -> None:
        """Looks at the clock once in 64 states."""
        self._limits = limits
        self._deadline = None if limits.seconds is None else time.monotonic() + limits.seconds

    def check(self, states: int) -> None:
        """So many there are by now.  Raises LimitReached."""
        limits = self._limits
        if limits.states is not None and states > limits.states:
            raise LimitReached(f"{limits.states} states")
        if self._deadline is not None and not states & 63 and time.monotonic() > self._deadline:
            raise LimitReached(f"{limits.seconds} seconds")
