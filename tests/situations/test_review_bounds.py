"""The bounds in a review: what was explored, what was not, and what exploring found that nobody expected."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

import attrs
import pytest
from rich.console import Console

from oom_review import review
from oom_review.claims import BY_ID, HOLDS, REFUTED
from oom_review.explore.explorer import BOUNDED
from oom_review.play.session import play
from oom_review.review import Board, Explorations, Reviewer, Search, bound_beside
from oom_review.scenario.file import parse
from oom_review.search.one_claim import Found
from oom_review.show.table import table
from oom_review.situations.families import QUICK
from oom_review.variants import load
from oom_review.workers import Lost, Pool

ONE, GONE = "memcg-oom/threads=1", "memcg-oom/threads=2/leader=long-gone"
HELD = Found("victim-dies", "patched", HOLDS, 3, 4, 0.5)


class Here(Pool):
    """No workers: whoever wants an answer works it out."""

    def run(self, answer: Callable[[Any], Any], more: Callable[[], Any]) -> Generator[tuple[Any, Any]]:
        while (job := more()) is not None:
            yield job, answer(job)


class Killed(Pool):
    """Workers that all die."""

    def run(self, answer: Callable[[Any], Any], more: Callable[[], Any]) -> Generator[tuple[Any, Any]]:
        del answer
        while (job := more()) is not None:
            yield job, Lost("Killed")


@pytest.fixture(autouse=True)
def _two_situations(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {ONE, GONE} <= set(QUICK)
    monkeypatch.setattr(review, "QUICK", (ONE, GONE))


def reviewer(pool: Pool | None = None) -> Reviewer:
    return Reviewer(pool or Here(1), [load("patched")], time.monotonic() + 60)


def explored(until: float = float("inf")) -> Explorations:
    """Both situations, or as many as there is time for."""
    return reviewer().explore(until)


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
    monkeypatch.setattr(review, "STATES", 10)
    found = explored()
    cells = found.cells(["patched"])
    assert {cell.verdict for cell in cells.values()} == {"bounded"}
    assert cells["victim-dies", "patched"].bound == "bounded: stopped at 10 states in 1 of 1 situation"
    assert found.bound("patched") == ""
    assert set(found.surprises()) == {(claim, "patched") for claim in BY_ID}
    asked = reviewer()
    asked.board.add(HELD)
    cell = asked.cell(BY_ID["victim-dies"], "patched", None, found.surprises()["victim-dies", "patched"])
    assert (cell.verdict, cell.as_expected) == (HOLDS, False)


def test_whose_worker_died_is_said_and_nothing_of_it_holds() -> None:
    """In each of the three parts of a review."""
    asked = reviewer(Killed(1))
    asked.refute()
    found = asked.bound()
    asked.until = 0.0
    asked.watch()
    assert found.outcomes == ()
    claim = BY_ID["count-returns"]
    assert found.surprises()[claim.id, "patched"] == f"bounded: a worker died (Killed) in {GONE}"
    for one in BY_ID.values():
        cell = asked.cell(one, "patched", None, "")
        assert (cell.verdict, cell.surprise) == (BOUNDED, "a worker died (Killed) over it")
        assert not cell.as_expected


def test_what_exploring_refutes_is_refuted() -> None:
    """Also if the search found nothing: with a small scenario that shows it; and it is a surprise if nobody expected it."""
    asked = reviewer()
    asked.board.add(attrs.evolve(HELD, claim="count-returns"))
    found = asked.bound()
    one = asked.board.found["patched", "count-returns"]
    assert (one.verdict, one.examples) == (REFUTED, 3)
    cell = asked.cell(BY_ID["count-returns"], "patched", None, "")
    assert cell.scenario is not None
    assert "count-returns" in play(parse(cell.scenario).scenario, load("patched")).violations
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
    refuted = attrs.evolve(HELD, verdict=REFUTED)
    assert bound_beside(refuted, cells["victim-dies", "patched"]) == ""
    assert bound_beside(refuted, None) == ""
    assert bound_beside(refuted, cells["count-returns", "patched"]) == "refuted in 1 of 2 situations"
    assert bound_beside(HELD, cells["victim-dies", "patched"]).startswith("all interleavings of 1 situation")


def test_a_refutation_is_final_and_what_holds_adds_up() -> None:
    """Whatever comes first."""
    refuted = attrs.evolve(HELD, verdict=REFUTED, examples=1)
    for order in ([HELD, HELD, refuted], [HELD, refuted, HELD]):
        board = Board()
        for one in order:
            board.add(one)
        assert board.refuted("patched", "victim-dies")
    board = Board()
    board.add(HELD)
    board.add(HELD)
    assert board.found["patched", "victim-dies"] == attrs.evolve(
        HELD, examples=6, interleavings=8, seconds=1.0
    )


def test_each_variant_is_watched_whatever_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch each, and one more for a refutation that is found there."""
    jobs: list[Search] = []

    def watched(job: Search) -> list[Found]:
        jobs.append(job)
        return [
            attrs.evolve(HELD, claim=c, verdict=REFUTED if len(jobs) == 1 else HOLDS) for c in job.claims[:1]
        ]

    monkeypatch.setattr(review, "watch", watched)
    asked = reviewer()
    asked.until = 0.0
    asked.watch()
    assert [job.until for job in jobs] == [float("inf")] * 2
    assert jobs[1].claims == jobs[0].claims[1:]


def test_the_table_has_what_a_verdict_rests_on() -> None:
    """Under the verdict; a variant without one has an empty cell."""
    console = Console(width=100)
    with console.capture() as shown:
        console.print(table([("victim-dies", "patched", HOLDS, "all of [it]")], ["patched", "my_v2"]))
    assert "all of [it]" in shown.get()


def test_the_smallest_situation_comes_first() -> None:
    """Whatever the time is enough for."""
    lost = reviewer(Killed(1)).explore(float("inf")).lost
    assert [job.situation for job, _lost in lost] == [ONE, GONE]
