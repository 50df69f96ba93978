"""What a review says of the RFC's change as a whole, and when it is not as accepted."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from oom_review.claims import HOLDS
from oom_review.commands import cli
from oom_review.commands import review as review_command
from oom_review.compare import brief as module
from oom_review.compare.brief import brief, lines, told
from oom_review.compare.comparison import Bounds, compare, jobs
from oom_review.review.review import Reviewed
from oom_review.situations.families import SITUATIONS
from oom_review.variants.loading import PAIR
from oom_review.verdicts import Cell, Change, Kind, Review

ONE = "memcg-oom/threads=2"
LEAK = ("patched", ("oom_victims ends at 1",), ("oom_victims ends at 0",))


def test_news_are_unexpected_and_so_is_what_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One situation shows one of the differences."""
    bounds = Bounds(0, 0, 1)
    found = compare(
        jobs(PAIR, [SITUATIONS[ONE]], (), bounds, states=10_000), bounds, 1, lambda _s: None, smallest=False
    )
    assert [g.measured for g in found.groups] == [None]
    line = "       1 only on RFC: oom_victims ends at 1 ({})"
    known, new = told(found, {LEAK: ("the-leak",)}), told(found, {})
    assert lines(known)[1] == line.format("the-leak")
    assert "gone" not in known.unexpected
    assert lines(new)[1] == line.format("NEW")
    assert "not accepted: only on patched: oom_victims ends at 1 (instead of" in new.unexpected
    gone = told(found, {LEAK: (), ("patched", ("joy",), ()): ()})
    assert "accepted, and gone: only on patched: joy" in gone.unexpected
    assert "bounded: freezing_slow_path()" in known.unexpected
    monkeypatch.setattr(module, "QUICK", (ONE,))
    assert lines(brief(10_000, 1, lambda _s: None))[1] == line.format("count-leaks")


CHANGE = Change(*PAIR, 9, (Kind("patched", ("joy", "no sorrow"), ("sorrow",), (), 7),))
SAID = "       7 only on RFC: joy; no sorrow (NEW)"


def reviewed(*variants: str) -> Reviewed:
    cells = (Cell("count-returns", v, HOLDS, HOLDS, 0, 0, None) for v in variants)
    return Reviewed(Review(tuple(cells)))


@pytest.mark.parametrize(
    ("words", "variants", "asked"),
    [
        ((), PAIR, True),
        ((), PAIR[:1], False),
        (("--claim", "count-returns"), PAIR, False),
        (("--budget", "5"), PAIR, False),
    ],
)
def test_a_whole_review_compares(
    words: tuple[str, ...],
    variants: tuple[str, ...],
    asked: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """What is not as accepted is not as expected."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(review_command, "reviewed", lambda *_a, **_k: reviewed(*variants))
    monkeypatch.setattr(module, "brief", lambda *_a: CHANGE)
    assert cli.main(["review", *words]) == 0
    assert (SAID in capsys.readouterr().out) == asked
    news = attrs.evolve(CHANGE, unexpected="not accepted: joy")
    monkeypatch.setattr(module, "brief", lambda *_a: news)
    assert cli.main(["review", *words]) == int(asked)
    assert ("UNEXPECTED: legacy -> RFC: not accepted: joy" in capsys.readouterr().out) == asked


def test_it_is_kept_with_the_verdicts_and_said_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """By the review and on the page, with the same status; not beside the verdicts on some claims."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(review_command, "reviewed", lambda *_a, **_k: reviewed(*PAIR))
    monkeypatch.setattr(module, "brief", lambda *_a: attrs.evolve(CHANGE, unexpected="not accepted: joy"))
    assert cli.main(["review", "--json", "r.json"]) == 1
    first = capsys.readouterr().out
    assert cli.main(["review", "--from", "r.json"]) == 1
    again = capsys.readouterr().out
    for said in (SAID, "UNEXPECTED: legacy -> RFC: not accepted: joy"):
        assert said in first
        assert said in again
    assert cli.main(["review", "--from", "r.json", "--claim", "count-returns"]) == 0
    assert SAID not in capsys.readouterr().out
    assert cli.main(["report", "--review", "r.json", "--out", "p.html"]) == 1
    page = (tmp_path / "p.html").read_text()
    assert '<td>joy; no sorrow</td><td>sorrow</td><td>new</td><td class="number">7</td>' in page
    assert "Unexpected:</strong> legacy -&gt; RFC: not accepted: joy." in page
    assert "Every verdict is the expected one" not in page


def test_who_interrupts_it_keeps_the_verdicts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupted(*_anything: object) -> Change:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(review_command, "reviewed", lambda *_a, **_k: reviewed(*PAIR))
    monkeypatch.setattr(module, "brief", interrupted)
    assert cli.main(["review"]) == 130
    assert "what was found is kept in oom-review-interrupted.json" in capsys.readouterr().err
