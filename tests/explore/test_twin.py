"""The core situations written twice: what Spin finds in core.pml, and what we find in the kernel models, have to be the same."""

from __future__ import annotations

import os

import pytest

from benchmarks.peers import twin
from benchmarks.peers.ours import explored
from benchmarks.peers.run import Configuration
from oom_review.explore import Limits

DIGEST, FOUND = twin.load()
ALL = [c for n in (1, 2, 3, 4) for c in twin.configurations(n)]
# The thorough profile explores all that are quick.
EACH = 1 if os.environ.get("OOM_REVIEW_PROFILE") == "thorough" else 2


def quick(c: Configuration) -> bool:
    """The rest of N = 2 takes minutes, and more threads longer: python -m benchmarks.peers compare."""
    if c.threads == 1:
        return True
    two = c.threads == 2
    return two and (not c.suspend or (c.variant == "legacy" and c.frozen and c.trigger == "task"))


def test_what_is_stored_is_of_this_twin() -> None:
    """A changed core.pml has to be searched again: python -m benchmarks.peers record FILE."""
    assert twin.digest() == DIGEST
    assert set(FOUND) == set(ALL)


@pytest.mark.parametrize("c", [c for c in ALL if quick(c)][::EACH], ids=twin.name)
def test_outcomes_and_verdicts_are_the_twins(c: Configuration) -> None:
    """With sleeps that may end at any time, as the twin's do, no outcome and no verdict is only on one side."""
    ours = explored(c, Limits(None, None))
    assert ours.outcomes == set(FOUND[c].outcomes)
    assert ours.refuted == twin.refuted(FOUND[c].outcomes, c.threads)
