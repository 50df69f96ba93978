"""What the RFC changes, as accepted differences: the names of the catalogue that lockstep goes by, found by comparing or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from oom_review.compare import accepted
from oom_review.differences import DIFFERENCES, Difference
from oom_review.errors import BadInput
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.gaps import Gaps
from oom_review.search.lockstep import lockstep_play
from oom_review.variants.loading import PAIR, load

OURS = accepted.ours(PAIR)
FOUND = {name for names in OURS.values() for name in names}


def to_rest(example: Scenario) -> Scenario:
    """The same preemptions, and no run that ends before nobody can go on."""
    return Scenario(
        tuple(
            item
            if isinstance(item, Op) or not isinstance(item.schedule, Gaps)
            else Run(Gaps(item.schedule.preemptions))
            for item in example.items
        )
    )


def test_each_has_names_that_the_catalogue_knows() -> None:
    assert all(OURS.values())
    assert {d.id for d in DIFFERENCES} >= FOUND


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda d: d.id)
def test_comparing_finds_what_is_there_in_the_end(difference: Difference) -> None:
    """What it does not find both kernels come through on their way to the same ends: lockstep, which looks on the way, keeps the name."""
    left, right = map(load, PAIR)
    pair, remaining = lockstep_play(to_rest(difference.example), left, right)
    assert remaining == []
    assert (difference.id in pair.parted) == (difference.id in FOUND)


def test_the_page_says_which_names_lockstep_keeps() -> None:
    page = (Path(__file__).parents[2] / "docs" / "compare.md").read_text()
    assert {d.id for d in DIFFERENCES if f"`{d.id}`" in page} == {d.id for d in DIFFERENCES} - FOUND


def test_it_is_about_these_two() -> None:
    with pytest.raises(BadInput, match="it is about legacy_tifmemdie and patched, not about a and b"):
        accepted.ours(("a", "b"))
