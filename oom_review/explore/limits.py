"""What every search counts, where it gives up, and the choice of nobody."""

from __future__ import annotations

import attrs

MOVE_ON = 0
"""The choice of nobody: time passes, or the next operations are asked for."""


@attrs.define
class Counts:
    """What the search did.  ``transitions`` leaves out those that were repeated to get back to a choice."""

    states: int = 0
    transitions: int = 0
    executions: int = 0
    pruned_by_cache: int = 0
    pruned_by_order: int = 0
    pruned_by_sleep: int = 0
    pruned_by_symmetry: int = 0


@attrs.define(frozen=True)
class Limits:
    """Where to give up; None for never."""

    states: int | None = None
    seconds: float | None = None


class LimitReached(Exception):
    """The search was stopped; what it did not find may exist."""


class Cycle(Exception):
    """A state comes back without anything that orders the steps."""
