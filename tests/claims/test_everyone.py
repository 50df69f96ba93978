"""Each promise about every task: kept by the quiet base, and broken where the kernel is; and what two promises say of one patch."""

from __future__ import annotations

from pathlib import Path

import breaking
import pytest

from kernel_model.variant import Variant
from oom_kernels import last_out
from oom_review.claims import BY_ID, HOLDS, REFUTED
from oom_review.claims.everyone import OF_EVERYONE
from oom_review.explore import explore
from oom_review.situations.families import FAMILIES, SITUATIONS
from oom_review.situations.script import scenario
from oom_review.variants.loading import load

HERE = Path(__file__).parent
BASE = last_out.VARIANT

# Public bugs and their promise; in situations that a review explores.
BUGS = [
    ("victim_refreezes", "memcg-oom/threads=1/freezer=frozen", "fridge-empties"),
    ("marked_too_late", "memcg-oom/threads=1/parent=frozen", "count-never-negative"),
    ("suspender_freezes", "snapshot/term", "suspender-stays-awake"),
    ("dead_are_freezable", "suspend/zombie", "ebusy-names-a-task"),
    ("disable_does_not_wait", "self-oom/threads=1/suspend", "disabled-means-quiet"),
    ("dump_waiter_counts", "suspend/dump", "ebusy-names-a-task"),
    ("thread_escapes", "kill/clone", "fork-cannot-escape"),
    ("reaper_drops_count", "self-oom/threads=1/suspend", "disabled-means-quiet"),
    ("marked_without_mm", "memcg-oom/threads=1/racing=exit_group", "count-returns"),
    ("dumper_frees_soon", "memory/dump-pipe", "victim-dies"),
    ("users_stay_frozen", "suspend/kthread", "fridge-has-a-reason"),
    ("queued_twice", "memory/two-victims", "memory-waiters-go-on"),
    ("exec_meets_attach", "trace/exec", "no-deadlock"),
]
BY_HAND = [
    (breaking.NOBODY_THAWS, "cgroup/thaw-kill", "fridge-has-a-reason"),
    (breaking.READS_FROZEN, "cgroup/read", "frozen-does-not-run"),
    (breaking.PARENT_SLEEPS, "wait/exit", "zombies-go"),
    (breaking.NOBODY_KILLS, "memcg-oom/threads=1", "memory-waiters-go-on"),
]


def verdict(variant: Variant, situation: str, claim: str) -> str:
    result = explore(scenario(SITUATIONS[situation]), variant)
    assert not result.bounded
    return result.verdicts[claim].verdict


def quick(situation: str) -> bool:
    return any(row.quick for f in FAMILIES.values() for row in f.rows if row.situation.name == situation)


@pytest.mark.parametrize(("bug", "situation", "claim"), BUGS, ids=[b[0] for b in BUGS])
def test_a_review_finds_the_bug(
    bug: str, situation: str, claim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it explores by default; the fixed kernel keeps the promise there."""
    monkeypatch.syspath_prepend(str(HERE.parent / "bugs"))
    assert quick(situation)
    variant = load(bug)
    assert variant.base is not None
    assert verdict(variant.base, situation, claim) == HOLDS
    assert verdict(variant, situation, claim) == REFUTED


@pytest.mark.parametrize(("variant", "situation", "claim"), BY_HAND, ids=[b[2] for b in BY_HAND])
def test_a_breakage_by_hand_is_seen(variant: Variant, situation: str, claim: str) -> None:
    assert quick(situation)
    assert verdict(BASE, situation, claim) == HOLDS
    assert verdict(variant, situation, claim) == REFUTED


def test_every_promise_was_seen_to_break() -> None:
    """By a public bug, by hand, or on the kernels in use."""
    seen = {claim for _who, _where, claim in [*BUGS, *BY_HAND]}
    refuted = {c.id for c in OF_EVERYONE if REFUTED in c.expected.values()}
    assert {c.id for c in OF_EVERYONE} == (seen & {c.id for c in OF_EVERYONE}) | refuted


SHARED = "memcg-oom/threads=1/freezer=frozen/sharer=clone-vm"
ALONE = "memcg-oom/threads=1/freezer=frozen/parent=frozen"


def test_whoever_thaws_sharers_keeps_both_promises() -> None:
    """bystanders-stay yields to sharers-leave: they are killed with the victim."""
    result = explore(scenario(SITUATIONS[SHARED]), breaking.THAWS_SHARERS)
    assert not result.bounded
    assert {c: result.verdicts[c].verdict for c in ("sharers-leave", "bystanders-stay")} == {
        "sharers-leave": HOLDS,
        "bystanders-stay": HOLDS,
    }
    assert verdict(BASE, SHARED, "sharers-leave") == REFUTED


def test_whoever_thaws_everybody_breaks_one() -> None:
    """A frozen parent is a bystander."""
    assert verdict(breaking.THAWS_EVERYBODY, ALONE, "bystanders-stay") == REFUTED
    assert BY_ID["bystanders-stay"].expected["patched"] == HOLDS
