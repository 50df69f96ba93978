"""Two promises that today's kernels have ways to break, played on the finding and on random programs."""

from __future__ import annotations

import pytest
import test_today_walks as walks
from test_today_finding import slow_close
from todays import AFTER, BEFORE, V6_18, V7_2, short

from kernel_model.variant import Variant
from oom_kernels import v7_3_last_out, v7_3_rfc
from oom_review.claims import BY_ID
from oom_review.play.session import play

BOTH = (BY_ID["no-tail-when-suspended"], BY_ID["marked-reaches-exit-mm"])
KEPT = (BEFORE, v7_3_rfc.VARIANT, v7_3_last_out.VARIANT)
BROKEN = (V6_18, V7_2, AFTER)


@pytest.mark.parametrize("variant", KEPT, ids=short)
def test_who_waits_for_the_tail_keeps_both(variant: Variant) -> None:
    assert play(slow_close(), variant, BOTH).violations == {}


@pytest.mark.parametrize("variant", BROKEN, ids=short)
def test_who_does_not_breaks_the_first(variant: Variant) -> None:
    violations = play(slow_close(), variant, BOTH).violations
    assert {v.sentence for v in violations.values()} == {
        "suspend succeeds, and v of a marked group is not through"
    }


@pytest.mark.parametrize("variant", [*KEPT, *BROKEN], ids=short)
def test_on_random_programs(variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is broken there, and nothing by those that wait."""
    monkeypatch.setattr(walks, "BY_ID", {c.id: c for c in BOTH})
    monkeypatch.setattr(walks, "EVERYWHERE", tuple(c.id for c in BOTH))
    broken = set()
    for seed in range(120):
        *_, session = walks.walk(variant, seed)
        broken |= set(session.violations)
    assert broken <= ({BOTH[0].id} if variant in BROKEN else set())
