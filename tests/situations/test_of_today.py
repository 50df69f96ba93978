"""The situations of today's kernels alone: possible there, refused elsewhere in one line, and explored only if somebody names them.

Each run explores the small ones; the thorough profile explores all.
"""

from __future__ import annotations

import os

import attrs
import pytest

from oom_review.claims import BY_ID, HOLDS, REFUTED
from oom_review.commands.cli import main
from oom_review.play.session import play
from oom_review.scenario.items import Run, Scenario
from oom_review.situations.families import SITUATIONS, bearing, select
from oom_review.situations.job import Job, run
from oom_review.situations.of_today import OF_TODAY, REFUTED_IN, expected
from oom_review.situations.script import lacking
from oom_review.situations.verdicts import unexpected
from oom_review.situations.without_oom import Script
from oom_review.variants.loading import known

TODAYS = ("oom_kernels.v6_12", "oom_kernels.v7_3")
THOROUGH = os.environ.get("OOM_REVIEW_PROFILE") == "thorough"
SMALL = 1_000_000 if THOROUGH else 250
EACH = pytest.mark.parametrize("script", OF_TODAY.values(), ids=lambda s: s.name)


@EACH
def test_it_can_be_played_on_todays_kernels_alone(script: Script) -> None:
    """No operation of it is refused there; elsewhere one is, by name."""
    first = max((i for i, item in enumerate(script.scenario.items[:-1]) if isinstance(item, Run)), default=-1)
    for name in TODAYS:
        assert not lacking(script, known(name))
        play(script.scenario, known(name))
        broken = set(play(Scenario(script.scenario.items[: first + 1]), known(name)).violations)
        assert all(expected(claim, script.name, name) == REFUTED for claim in broken)
    assert lacking(script, known("legacy_tifmemdie")).startswith(f"{script.name} on legacy: this kernel's")


@pytest.mark.parametrize("variant", TODAYS)
@pytest.mark.parametrize("name", [name for name, s in OF_TODAY.items() if s.size < SMALL])
def test_exploring_gives_what_is_expected(name: str, variant: str) -> None:
    """A claim is refuted where REFUTED_IN says so, and nowhere else."""
    outcome = run(Job(name, variant))
    assert not outcome.bounded
    assert [(claim.id, expected) for claim, _outcome, expected in unexpected([outcome])] == []


def test_the_slow_close_breaks_what_it_breaks() -> None:
    """7.3 suspends over it, 6.12 does not; a file that is answered before breaks nothing on 6.12."""
    asleep = {"suspended-means-quiet", "no-tail-when-suspended"}
    assert asleep <= set(run(Job("fuse/suspend", TODAYS[1])).refuted)
    assert not asleep & set(run(Job("fuse/suspend", TODAYS[0])).refuted)
    assert not run(Job("fuse/answer", TODAYS[0])).refuted


def test_what_is_expected_is_of_situations_and_claims_that_there_are() -> None:
    """And a verdict that is not expected is news, in both directions."""
    assert set(REFUTED_IN) <= set(OF_TODAY)
    assert {claim for row in REFUTED_IN.values() for claim in row} <= set(BY_ID)
    outcome = run(Job("fuse/resume", TODAYS[1]))
    one, other = (attrs.evolve(outcome, job=Job(n, TODAYS[1])) for n in ("fuse/wait", "io_uring/frozen"))
    assert [(c.id, e) for c, _o, e in unexpected([one])] == [("no-tail-when-suspended", HOLDS)]
    assert not unexpected([outcome])
    missed = attrs.evolve(other, refuted={}, job=Job("io_uring/frozen", TODAYS[0]))
    assert {c.id: e for c, _o, e in unexpected([missed])} == dict.fromkeys(
        ("fridge-empties", "victim-dies", "marked-reaches-exit-mm"), REFUTED
    )


def test_nobody_explores_them_unasked() -> None:
    """They are no family's, every claim is looked at in them, and patterns choose them, also of one claim."""
    assert not SITUATIONS.keys() & OF_TODAY.keys()
    assert all(set(OF_TODAY) < set(bearing(claim)) for claim in BY_ID)
    assert not {s.name for s in (*select([], [], None), *select([], list(BY_ID), None))} & OF_TODAY.keys()
    assert [s.name for s in select(["fuse/suspend"], ["no-deadlock"], None)] == ["fuse/suspend"]


def test_a_kernel_without_the_operations(capfd: pytest.CaptureFixture[str]) -> None:
    """One line and status 2; beside one that has them it is left out, and the table has no column of it."""
    words = ["explore", "--situation", "fuse/answer", "--jobs", "1", "--quiet"]
    assert main([*words, "--variant", "patched"]) == 2
    why = "fuse/answer on RFC: this kernel's model has no open_fuse\n"
    assert capfd.readouterr() == ("", f"oom-review: {why}")
    assert main([*words, "--variant", "patched", "--variant", "6.12"]) == 0
    output = capfd.readouterr().out
    assert output.startswith(f"left out: {why}")
    assert "25 verdicts: 25 hold, 0 refuted, 0 bounded; all as expected" in output


def test_find_leaves_them_out_where_they_can_not_be(capfd: pytest.CaptureFixture[str]) -> None:
    """As explore does."""
    words = ["find", "exiting", "--situation", "fuse/killed", "--jobs", "1"]
    assert main([*words, "--variant", "patched"]) == 2
    assert "fuse/killed on RFC: this kernel's model has no open_fuse" in capfd.readouterr().err


def test_the_list_has_them_in_a_part_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Behind all others, or alone."""
    assert main(["explore", "--list"]) == 0
    families, of_today = capsys.readouterr().out.split("\nOf today's kernels alone")
    assert all(f"\n{name}\n" in of_today and f"{name}\n" not in families for name in OF_TODAY)
    assert main(["explore", "--list", "--situation", "fuse/*"]) == 0
    assert capsys.readouterr().out.count("fuse/") == sum(name.startswith("fuse/") for name in OF_TODAY)
