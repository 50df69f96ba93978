"""The bounds in a review: what was explored, what was not, and what exploring found that nobody expected."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest
from rich.console import Console

from oom_review import review, review_bounds
from oom_review.claims import BY_ID, HOLDS, REFUTED
from oom_review.review import Cell
from oom_review.review_bounds import Explorations, explore_quick
from oom_review.review_command import as_data, table
from oom_review.run import play
from oom_review.search import Verdict
from oom_review.situations.families import QUICK
from oom_review.situations.job import Broke
from oom_review.variants import load

ONE, GONE = "memcg-oom/threads=1", "memcg-oom/threads=2/leader=long-gone"


@pytest.fixture(autouse=True)
def _two_situations(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {ONE, GONE} <= set(QUICK)
    monkeypatch.setattr(review_bounds, "QUICK", (ONE, GONE))


def explored(until: float = float("inf"), variant: str = "patched") -> Explorations:
    """Both situations, or as many as there is time for."""
    with ThreadPoolExecutor(1) as pool:
        found = explore_quick(pool, 1, [variant], until, lambda _done, _total, _last: None)
    assert not isinstance(found, Broke)
    return found


def test_each_verdict_has_its_bound() -> None:
    """Only what was explored to its end counts, and only where it bears on the claim."""
    found = explored()
    cells = found.cells(["patched"])
    assert cells["victim-dies", "patched"].verdict == HOLDS
    assert cells["victim-dies", "patched"].bound.startswith(
        "all interleavings of 1 situation, up to 1 thread, "
    )
    assert cells["count-returns", "patched"].bound == "refuted in 1 of 2 situations"
    assert ("sharers-leave", "patched") not in cells
    assert found.bound("patched").startswith("all interleavings of 2 situations, up to 2 threads, ")
    assert found.surprises() == {}


def test_what_there_was_no_time_for_is_not_counted() -> None:
    """Nothing is begun after the time is up, and then there are no bounds."""
    found = explored(until=time.monotonic())
    assert found.outcomes == ()
    assert found.cells(["patched"]) == {}
    assert found.bound("patched") == ""


def test_a_limit_is_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said in every cell, and the review is not as expected."""
    monkeypatch.setattr(review_bounds, "STATES", 10)
    found = explored()
    cells = found.cells(["patched"])
    assert {cell.verdict for cell in cells.values()} == {"bounded"}
    assert cells["victim-dies", "patched"].bound == "bounded: stopped at 10 states in 1 of 1 situation"
    assert found.bound("patched") == ""
    assert set(found.surprises()) == {(claim, "patched") for claim in BY_ID}
    verdict = Verdict("victim-dies", "patched", HOLDS, 3, 4, 0.5)
    surprise = found.surprises()["victim-dies", "patched"]
    assert not Cell(BY_ID["victim-dies"], "patched", HOLDS, verdict, "", surprise).as_expected


def _bounds(board: review._Board, found: Explorations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "explore_quick", lambda *_arguments: found)
    with ThreadPoolExecutor(1) as pool:
        review._then_the_bounds(pool, 1, ["patched"], board, time.monotonic() + 60, lambda _step: None)


def test_what_exploring_refutes_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the search found nothing: with a small scenario that shows it; and it is a surprise if nobody expected it."""
    found = explored()
    board = review._Board()
    board.add(Verdict("count-returns", "patched", HOLDS, 3, 4, 0.5))
    _bounds(board, found, monkeypatch)
    verdict = board.verdicts["patched", "count-returns"]
    assert (verdict.verdict, verdict.examples) == (REFUTED, 3)
    assert verdict.scenario is not None
    assert "count-returns" in play(verdict.scenario, load("patched")).violations
    gone = next(o for o in found.outcomes if o.job.situation == GONE)
    more = attrs.evolve(gone, refuted=gone.refuted | {"victim-dies": gone.refuted["count-returns"]})
    assert Explorations((more,)).surprises() == {
        ("victim-dies", "patched"): f"exploring {GONE} says refuted, expected holds"
    }


def test_what_exploring_no_longer_refutes_is_a_surprise() -> None:
    """Refutations are asserted as strictly as successes."""
    gone = next(o for o in explored().outcomes if o.job.situation == GONE)
    assert Explorations((attrs.evolve(gone, refuted={}),)).surprises() == {
        ("count-returns", "patched"): f"exploring {GONE} says holds, expected refuted"
    }


def test_what_is_refuted_has_no_bound_within_which_it_holds() -> None:
    """Unless exploring refutes it too: then it says how often."""
    cells = explored().cells(["patched"])
    search = Verdict("victim-dies", "patched", REFUTED, 3, 4, 0.5)
    assert review._bound(search, cells["victim-dies", "patched"]) == ""
    assert review._bound(search, None) == ""
    assert review._bound(search, cells["count-returns", "patched"]) == "refuted in 1 of 2 situations"
    holds = attrs.evolve(search, verdict=HOLDS)
    assert review._bound(holds, cells["victim-dies", "patched"]).startswith(
        "all interleavings of 1 situation"
    )


def test_the_table_and_the_json_have_the_bound() -> None:
    """Under the verdict, and by cell."""
    cell = Cell(
        BY_ID["victim-dies"],
        "patched",
        HOLDS,
        Verdict("victim-dies", "patched", HOLDS, 3, 4, 0.5),
        "all of it",
    )
    console = Console(width=100)
    with console.capture() as shown:
        console.print(table([cell], ["patched"]))
    assert "all of it" in shown.get()
    data = as_data(review.Review([cell], ("RFC: all of it",)))
    assert data["claims"][0]["bound"] == "all of it"
    assert data["bounds"] == ["RFC: all of it"]
