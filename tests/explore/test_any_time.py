"""`holds` means sleeps that end at any time; two scripts on which sleeps that end at rest only said it wrongly."""

from __future__ import annotations

import pytest
from builders import in_peace, op

import legacy_tifmemdie
from kernel_model.variant import Variant
from oom_kernels import v7_3
from oom_review.claims import HOLDS, REFUTED
from oom_review.explore import Bounds, explore
from oom_review.explore.explorer import BOUNDED, QUICK_LOOK
from oom_review.play.session import play
from oom_review.scenario.items import Run, Scenario
from oom_review.schedules.gaps import Gaps

QUIET = ("disabled-means-quiet", "suspended-means-quiet")


def stopped_victim() -> Scenario:
    """SysRq-f kills a stopped process of two threads while the machine suspends."""
    before = (
        "init: fork v",
        "v: clone t1",
        "init: oom_score_adj v 1000",
        "init: fork s",
        "init: kill v STOP",
    )
    return Scenario((*in_peace(*before), op("s: suspend"), op("sysrq_f"), Run()))


def vfork_child_in_the_fridge() -> Scenario:
    """The victim and its vfork child, which shares the mm, are in a frozen cgroup."""
    before = (
        "init: fork v",
        "init: fork hog",
        "init: oom_score_adj hog -1000",
        "init: memcg_attach hog M",
        "init: memcg_attach v M",
        "init: attach v A",
        "v: vfork child",
        "init: freeze A",
    )
    return Scenario((*in_peace(*before), op("hog: charge"), Run()))


@pytest.mark.parametrize(
    ("variant", "ends", "refuted"),
    [(v7_3.VARIANT, 17, set(QUIET)), (legacy_tifmemdie.VARIANT, None, {QUIET[0]})],
    ids=["7.3", "legacy"],
)
def test_a_tick_is_not_always_the_slowest(variant: Variant, ends: int | None, refuted: set[str]) -> None:
    """The OOM killer's own sleep may end while the victim is on its way out: at rest only, both quiet claims seemed to hold."""
    result = explore(stopped_victim(), variant)
    assert {claim for claim in QUIET if result.verdicts[claim].verdict == REFUTED} == refuted
    if ends is not None:
        assert len(result.finals) == ends
    look = explore(stopped_victim(), variant, bounds=Bounds(short_sleeps=False))
    assert len(look.finals) < len(result.finals)
    assert {look.verdicts[claim].verdict for claim in QUIET} == {BOUNDED}


def test_the_reapers_delay_decides() -> None:
    """Whoever charges retries before the oom_reaper gives up, or after: both ends exist, as real kernels showed."""
    result = explore(vfork_child_in_the_fridge(), legacy_tifmemdie.VARIANT)
    states = {
        tuple(state for name, state, *_rest in final.tasks if name == "child") for final in result.finals
    }
    assert states > {("in the fridge",)}
    assert result.verdicts["sharers-leave"].verdict == REFUTED


def test_a_quick_look_never_says_holds() -> None:
    """It says what it is where the verdict is read."""
    items = (*in_peace("init: fork v"), op("init: kill v KILL"), Run())
    for short_sleeps, verdict in ((True, HOLDS), (False, BOUNDED)):
        result = explore(Scenario(items), legacy_tifmemdie.VARIANT, bounds=Bounds(short_sleeps=short_sleeps))
        assert {v.verdict for v in result.verdicts.values()} == {verdict}
        assert result.bounded == ("" if short_sleeps else QUICK_LOOK)


def test_a_poller_that_kills_itself_looks_again() -> None:
    """Its own mark is news to it: otherwise the victim napped for ever, and did not die on any kernel."""
    items = (
        *in_peace("init: clone_vm p1", "p1: fork p2"),
        op("p1: alloc"),
        op("kswapd: alloc"),
        Run(Gaps(((20, "p2"),))),
    )
    for variant in (legacy_tifmemdie.VARIANT, v7_3.VARIANT):
        session = play(Scenario(items), variant)
        assert session.observe().state("p1") == "zombie"
        assert "victim-dies" not in session.violations
