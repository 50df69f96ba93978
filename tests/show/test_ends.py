"""Ends as text: what no end shows is said, and counts are of ends."""

from __future__ import annotations

from deaf import AGAIN, DEAF

import legacy_tifmemdie
from oom_review.explore import explore
from oom_review.explore.explorer import NO_END
from oom_review.scenario.items import Run, Scenario
from oom_review.show.ends import text

LEGACY = legacy_tifmemdie.VARIANT


def test_a_script_without_end_says_so() -> None:
    """kswapd kills whoever can't hear it, for ever, and counts each time."""
    said = text(explore(Scenario((*DEAF.items, AGAIN, Run())), LEGACY), LEGACY)
    assert "legacy_tifmemdie: 1 ends, 1 of them never at rest, " in said
    assert f"\nbounded: {NO_END}; nothing here counts as holds\n" in said
    assert "Observation counted-once-per-group Always 1 0  refuted\n" in said
    assert "Observation count-returns Never 0 1  bounded\n" in said
    assert "kswapd never at rest; oom_reaper never at rest; p1 reaped, marked; " in " ".join(said.split())


def test_an_end_that_other_runs_reach_without_breaking_anything_counts_as_that() -> None:
    """All interleavings of the kill end as a run does in which nothing is broken; some lose the signal."""
    said = text(explore(DEAF, LEGACY), LEGACY)
    assert NO_END not in said
    assert "legacy_tifmemdie: 3 ends, " in said
    assert "Observation killed-dies Sometimes 1 2  refuted\n" in said
