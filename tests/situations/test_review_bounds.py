"""The bounds in a review: what was explored, what was not, and what exploring found that nobody expected."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from io import StringIO
from itertools import islice
from typing import Any

import attrs
from rich.console import Console

from oom_review.claims import BY_ID, HOLDS, REFUTED
from oom_review.explore.explorer import BOUNDED
from oom_review.play.session import play
from oom_review.review.board import Board, Explorations
from oom_review.review.jobs import NEVER, Watched
from oom_review.review.review import BY_THE_USER, Reviewer, Work, bound_beside
from oom_review.scenario.file import parse
from oom_review.search.one_claim import Found
from oom_review.show.table import tables
from oom_review.situations.families import SITUATIONS
from oom_review.situations.job import Job
from oom_review.situations.progress import Progress, shown
from oom_review.variants.loading import DEFAULT_VARIANTS, load
from oom_review.verdicts import Cell
from oom_review.workers.pool import Lost, Pool

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


WORK = Work(batches=1, floor=1, situations=(ONE, GONE))


def reviewer(pool: Pool | None = None, work: Work = WORK, until: float = NEVER) -> Reviewer:
    return Reviewer(pool or Here(1), [load("patched")], work, until)


def asked(work: Work = WORK, until: float = NEVER) -> Reviewer:
    """Both situations were explored, or as many as there was time for; nothing else was done."""
    one = reviewer(work=work, until=until)
    one._know(one._stage(one.explorations()))
    return one


def explored() -> Explorations:
    """Both situations."""
    return asked().explored


def cell(one: Reviewer, claim: str) -> Cell:
    """The verdict on the claim."""
    return next(c for c in one.cells() if c.id == claim)


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
    """Nothing is begun after the time is up; then there are no bounds, and nothing holds."""
    one = asked(until=time.monotonic())
    assert one.explored == Explorations()
    assert one.explored.bound("patched") == ""
    one.run()
    assert {c.verdict for c in one.cells()} == {BOUNDED}
    held, refuted = cell(one, "victim-dies"), cell(one, "count-returns")
    assert held.surprise == "bounded: cut short after 0 of 150 programs, 0 of 2 situations"
    assert refuted.surprise == "bounded: cut short after 0 of 4000 programs, 0 of 2 situations"


def test_a_limit_is_no_bound() -> None:
    """It is said in every cell, and nothing holds."""
    one = asked(attrs.evolve(WORK, states=10))
    cells = one.explored.cells(["patched"])
    assert {c.verdict for c in cells.values()} == {BOUNDED}
    assert cells["victim-dies", "patched"].bound == "bounded: stopped at 10 states in 1 of 1 situation"
    assert one.explored.bound("patched") == ""
    one.board.watched("patched", Watched((HELD,), whole=True))
    held = cell(one, "victim-dies")
    assert (held.verdict, held.as_expected) == (BOUNDED, False)
    assert held.surprise == f"bounded: stopped at 10 states in {ONE}"


def test_less_than_the_floor_is_bounded() -> None:
    """Whoever asks for fewer programs gets no verdict of holds; a batch that was cut is none."""
    one = asked(attrs.evolve(WORK, floor=2))
    one.board.watched("patched", Watched((HELD,), whole=True))
    assert cell(one, "victim-dies").surprise == "bounded: only 150 of 300 programs"
    one._know([(one.batches()[0], Watched((HELD,), whole=False))])
    assert cell(one, "victim-dies").surprise == "bounded: cut short after 150 of 300 programs"
    one.interrupted = BY_THE_USER
    assert cell(one, "victim-dies").surprise == "bounded: interrupted after 150 of 300 programs"
    one.board.watched("patched", Watched((HELD,), whole=True))
    assert cell(one, "victim-dies").verdict == HOLDS


def test_whose_worker_died_is_said_and_nothing_of_it_holds() -> None:
    """In each part of a review."""
    one = reviewer(Killed(1))
    one.run()
    assert one.explored.outcomes == ()
    for found in one.cells():
        assert (found.verdict, found.as_expected) == (BOUNDED, False)
        assert found.surprise == f"bounded: a worker died (Killed) over it; a worker died (Killed) in {ONE}"


def test_what_exploring_refutes_is_refuted() -> None:
    """Also if no search found anything: with a small scenario that shows it; and it is a surprise if nobody expected it."""
    one = asked()
    large = one.board.found["patched", "count-returns"]
    one._know(one._stage(one._shrinks()))
    small = one.board.found["patched", "count-returns"]
    assert large.scenario is not None
    assert small.scenario is not None
    assert small.verdict == REFUTED
    assert len(small.scenario.operations) < len(large.scenario.operations)
    text = cell(one, "count-returns").scenario
    assert text is not None
    assert "count-returns" in play(parse(text).scenario, load("patched")).violations
    assert one._shrinks() == []
    gone = next(o for o in one.explored.outcomes if o.job.situation == GONE)
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


def test_a_refutation_is_final_and_what_was_tried_adds_up() -> None:
    """The first refutation stays, with all that was tried until then."""
    refuted = attrs.evolve(HELD, verdict=REFUTED, examples=1)
    board = Board()
    for one in (HELD, HELD, refuted, HELD, attrs.evolve(refuted, seed=7)):
        board.add(one)
    assert board.found["patched", "victim-dies"] == attrs.evolve(
        refuted, examples=7, interleavings=12, seconds=1.5
    )


def test_the_first_refutation_is_that_of_the_first_batch() -> None:
    """Whichever comes first."""

    class Backwards(Here):
        def run(self, answer: Callable[[Any], Any], more: Callable[[], Any]) -> Generator[tuple[Any, Any]]:
            del answer
            for job in reversed(list(iter(more, None))):
                one = attrs.evolve(HELD, verdict=REFUTED, seed=job.number)
                yield job, Watched((one,), whole=True)

    one = reviewer(Backwards(1), Work(batches=3))
    one._know(one._stage(one.batches()))
    assert one.board.found["patched", "victim-dies"].seed == 0


def test_interrupted_nothing_more_is_begun() -> None:
    """What is known by then stays."""

    class Interrupted(Here):
        def run(self, answer: Callable[[Any], Any], more: Callable[[], Any]) -> Generator[tuple[Any, Any]]:
            yield from islice(super().run(answer, more), 6)
            raise KeyboardInterrupt

    one = reviewer(Interrupted(1), attrs.evolve(WORK, situations=(ONE,)))
    one.run()
    assert one.interrupted
    verdicts = {c.id: c.verdict for c in one.cells()}
    assert {claim for claim, verdict in verdicts.items() if verdict == REFUTED} == {
        "count-returns",
        "no-spurious-ebusy",
        "sharers-leave",
        "killed-dies",
        "no-deadlock",
    }
    assert set(verdicts.values()) == {REFUTED, BOUNDED}
    assert cell(one, "victim-dies").surprise == "bounded: interrupted after 0 of 150 programs"


def test_the_table_has_what_a_verdict_rests_on_if_that_is_asked_for() -> None:
    """Under the verdict; a variant without one has an empty cell."""
    console = Console(width=100)
    rows = [("victim-dies", "patched", HOLDS, "!", "all of [it]")]
    for verbose in (False, True):
        with console.capture() as shown:
            console.print(*tables(rows, ["patched", "my_v2"], verbose=verbose))
        assert "holds!" in shown.get()
        assert ("all of [it]" in shown.get()) is verbose


def test_the_table_of_a_review_fits_a_screen() -> None:
    """At 80 columns: a line for each claim."""
    console = Console(width=80)
    rows = [(claim, v, REFUTED, "!", "") for claim in BY_ID for v in DEFAULT_VARIANTS]
    with console.capture() as shown:
        console.print(*tables(rows, DEFAULT_VARIANTS))
    assert len(shown.get().splitlines()) <= len(BY_ID) + 4


def test_more_variants_than_fit_are_in_several_tables() -> None:
    """With every claim's name in each."""
    console = Console(width=80)
    some, many = (
        list(BY_ID)[:5],
        [*DEFAULT_VARIANTS, "oom_kernels.last_out", "my_v2", "oom_kernels.v7_3_last_out"],
    )
    with console.capture() as shown:
        console.print(*tables([(claim, v, REFUTED, "!", "") for claim in some for v in many], many))
    said = shown.get()
    assert all(said.count(claim) == 2 for claim in some), said
    assert said.count("refuted!") == len(some) * len(many)


def test_the_smallest_situation_comes_first() -> None:
    """Whatever the time is enough for."""
    jobs = reviewer(work=Work()).explorations()
    sizes = [SITUATIONS[job.situation].size for job in jobs if isinstance(job, Job)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_a_log_has_a_few_lines_of_progress() -> None:
    """Not one for each job."""
    stream = StringIO()
    progress = Progress(1000, "states")
    with shown(Console(file=stream), progress) as tell:
        for number in range(1000):
            progress.finished(f"job {number}", 1)
            tell(True)
            tell(False)
    assert [line.split(" ")[0] for line in stream.getvalue().splitlines()] == [
        f"{n}/1000" for n in range(100, 1001, 100)
    ]
