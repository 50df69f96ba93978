"""The explorer is held to the plain oracle, on generated scenarios; and to notice faults that are planted in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import attrs
import faults
import pytest
from generated import (
    MIDWAY,
    SLEEPING,
    TRIED,
    counted_while_it_is_disabled,
    killed_before_it_sleeps,
    looked_in_vain,
    midway,
    scenario,
)
from plainly import Explored, Plainly

import legacy_tifmemdie
import patched
from kernel_model.errors import ModelBug
from kernel_model.variant import Variant
from oom_kernels import v7_3
from oom_review.claims import REFUTED
from oom_review.explore import Bounds, Limits, Result, engines, explore
from oom_review.scenario.items import Scenario

VARIANTS = (legacy_tifmemdie.VARIANT, patched.VARIANT, v7_3.VARIANT)
NOTHING = Bounds(por=False, symmetry=False, whole_walks=False)
# What the oracle does in half a second.
FEW = 300
LED = (killed_before_it_sleeps, counted_while_it_is_disabled, looked_in_vain)


def outcome(found: Result | Explored) -> tuple[object, object]:
    """The ends, and the claims that are broken."""
    if isinstance(found, Explored):
        return found.ends, found.broken
    return set(found.finals), {claim for claim, v in found.verdicts.items() if v.verdict == REFUTED}


@cache
def oracle(situation: Scenario, variant: Variant, short_sleeps: bool) -> Explored:
    """Once for each."""
    return Plainly(situation, variant, short_sleeps, 5 * FEW).explore()


def compared(situation: Scenario, variant: Variant, *, short_sleeps: bool) -> tuple[Explored, Result]:
    """The oracle's answer and the explorer's, with nothing reduced; both reduced answers are asserted to be the same."""
    plain = oracle(situation, variant, short_sleeps)
    full = explore(situation, variant, bounds=attrs.evolve(NOTHING, short_sleeps=short_sleeps))
    reduced = explore(situation, variant, bounds=Bounds(short_sleeps=short_sleeps))
    assert outcome(full) == outcome(plain)
    assert outcome(reduced) == outcome(plain)
    if short_sleeps:
        # The oracle also lets pollers look in vain.
        assert full.counts.states <= len(plain.states)
    else:
        assert full.counts.states == len(plain.states)
    return plain, full


def few(situation: Scenario, variant: Variant, *, short_sleeps: bool) -> bool:
    """Few enough states for the oracle."""
    bounds = attrs.evolve(NOTHING, short_sleeps=short_sleeps)
    return not explore(situation, variant, limits=Limits(FEW), bounds=bounds).bounded


@pytest.mark.parametrize("short_sleeps", [False, True], ids=["at rest", "at any time"])
@pytest.mark.parametrize("seed", TRIED)
def test_from_the_start(seed: int, short_sleeps: bool) -> None:
    """The same ends and broken claims, and as many states."""
    situation, variant = scenario(seed), VARIANTS[seed % 3]
    if few(situation, variant, short_sleeps=short_sleeps):
        compared(situation, variant, short_sleeps=short_sleeps)


@pytest.mark.parametrize(("seed", "begun"), MIDWAY)
def test_from_the_middle(seed: int, begun: int) -> None:
    """The same, where a run begins with locks held, sleeps ended early and victims counted."""
    variant = VARIANTS[seed % 3]
    compared(midway(seed, variant, begun), variant, short_sleeps=False)


@pytest.mark.parametrize("make", LED)
def test_in_places_that_are_hard_to_reach(make: Callable[[Variant], Scenario]) -> None:
    """The same, in situations that are led to one narrow place."""
    compared(make(patched.VARIANT), patched.VARIANT, short_sleeps=False)


@pytest.mark.parametrize(("seed", "begun"), SLEEPING)
def test_sleeps_that_end_at_any_time(seed: int, begun: int) -> None:
    """The same ends and broken claims; here the oracle has more states."""
    variant = VARIANTS[seed % 3]
    plain, full = compared(midway(seed, variant, begun), variant, short_sleeps=True)
    assert len(plain.states) > full.counts.states


def test_the_oracle_sees_enough() -> None:
    """Many states, several ends and broken claims are among what is compared."""
    found = [
        compared(midway(s, VARIANTS[s % 3], b), VARIANTS[s % 3], short_sleeps=False)[0] for s, b in MIDWAY
    ]
    assert sum(len(plain.states) for plain in found) > 2000
    assert sum(len(plain.ends) > 1 for plain in found) >= 2
    assert set.union(*[plain.broken for plain in found])


def middle(seed: int, begun: int) -> tuple[Scenario, Variant]:
    """As it is compared above."""
    return midway(seed, VARIANTS[seed % 3], begun), VARIANTS[seed % 3]


# Where each fault is noticed.  Two of them can't change an end where sleeps end at rest, and are noticed by the states alone: a
# sleep that the kernel begins without asking for signals first has an end of its own (a tick, or the next look), which comes once
# the others rest; and without news a poller still looks once at rest, after which only a long time-out makes news.
PLANTED: dict[Callable[[pytest.MonkeyPatch], None], tuple[Scenario, Variant]] = {
    faults.a_pending_signal_ends_no_sleep: (killed_before_it_sleeps(patched.VARIANT), patched.VARIANT),
    faults.a_read_is_not_recorded: (scenario(379), VARIANTS[379 % 3]),
    faults.updates_commute_with_reads: middle(227, 3),
    faults.a_lock_taken_away_is_no_race: middle(97, 36),
    faults.a_signal_never_leaves_user_mode: (looked_in_vain(patched.VARIANT), patched.VARIANT),
    faults.oom_victims_is_no_part_of_a_state: (
        counted_while_it_is_disabled(patched.VARIANT),
        patched.VARIANT,
    ),
    faults.no_news_for_pollers: middle(378, 36),
    faults.the_end_of_a_wait_is_not_relative: middle(369, 79),
}


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_fault_is_noticed(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison passes without the fault and fails with it, or the explorer stops by itself."""
    situation, variant = PLANTED[plant]
    compared(situation, variant, short_sleeps=False)
    monkeypatch.setenv(engines.ASKED, engines.PYTHON)
    plant(monkeypatch)
    with pytest.raises((AssertionError, ModelBug)):
        compared(situation, variant, short_sleeps=False)
