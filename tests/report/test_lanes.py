"""Where things lie in lanes, and the pictures drawn of them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from pages import player

from oom_review.commands import BAD_INPUT, OK
from oom_review.commands.cli import main
from oom_review.play.trace import Request, Rest, Step, Trace, record
from oom_review.report import drawing as draw
from oom_review.report import lanes
from oom_review.report.lanes import frames, layout, notable, shown_tasks
from oom_review.scenario.file import read
from oom_review.variants.loading import load

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
STILLS = ("left-in-the-fridge", "leaked-count")


def traces(key: str = "disabled-means-quiet") -> list[Trace]:
    """Both kernels of a counterexample."""
    return [side.trace for side in player(key).sides]


@pytest.mark.parametrize("matched", [lanes.MATCHED, 1], ids=["matched", "too long to match"])
def test_each_entry_has_one_position(matched: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All entries of both kernels are there, in order, and an operation is asked for at the same position on both."""
    monkeypatch.setattr(lanes, "MATCHED", matched)
    both = traces()
    order = frames(both)
    for side, trace in enumerate(both):
        assert [f[side] for f in order if f[side] is not None] == list(range(len(trace.entries)))
    asked = [
        [f[side] is not None and isinstance(t.entries[f[side] or 0], Request) for f in order]
        for side, t in enumerate(both)
    ]
    assert asked[0] == asked[1]


def test_until_the_kernels_part_they_share_their_positions() -> None:
    """Steps that are alike stand at one position; the first that are not end the common beginning."""
    both = traces("fridge-empties")
    order = frames(both)
    keys = [[(e.task, e.point) if isinstance(e, Step) else type(e).__name__ for e in t.entries] for t in both]
    same = next(i for i, (a, b) in enumerate(zip(*keys, strict=False)) if a != b)
    assert same > 20
    assert order[:same] == [(i, i) for i in range(same)]


def test_lanes_say_what_the_rows_say() -> None:
    """At every position each lane's state and mark, the count and the phase are those of the trace there."""
    for trace in traces():
        order = frames([trace])
        made = layout(trace, order, 0, shown_tasks([trace]))
        rows = {r.task: r for r in trace.boot}
        count, phase = 0, "running"
        for position in range(made.length):
            if position:
                entry = trace.entries[position - 1]
                rows |= {} if isinstance(entry, Rest) else {r.task: r for r in entry.rows}
                if isinstance(entry, Step):
                    count, phase = entry.count, entry.phase
            for lane in made.lanes:
                row = rows.get(lane.task)
                state = [s.value for s in lane.states if s.start <= position < s.end]
                assert state == ([row.state] if row else [])
                assert any(s.start <= position < s.end for s in lane.marked) == bool(row and row.marked)
            assert [s.value for s in made.count if s.start <= position < s.end] == [str(count)]
            assert [s.value for s in made.phases if s.start <= position < s.end] == [phase]


def test_notable_positions_have_the_turning_points() -> None:
    """Whatever can be observed is a place to stop at, and most of the way through the kernel is not."""
    both = traces()
    order = frames(both)
    stops = notable(both, order)
    assert len(stops) == len(order) + 1
    for position, frame in enumerate(order, 1):
        entries = [t.entries[i] for t, i in zip(both, frame, strict=True) if i is not None]
        if any(isinstance(e, Request) or e.broken or (isinstance(e, Step) and e.seen) for e in entries):
            assert stops[position]
    assert sum(stops) < len(stops) / 2


def test_every_thread_and_every_actor_has_a_lane() -> None:
    """Kernel threads only if they do something to be seen."""
    file = read(PICTURES / "left-in-the-fridge.scenario")
    trace = record(file.scenario, load("legacy"))
    assert shown_tasks([trace]) == ["init", "kworker", "v", "t1", "t2"]


@pytest.mark.parametrize("name", STILLS)
def test_the_documents_pictures_are_up_to_date(name: str, tmp_path: Path) -> None:
    """The pictures in docs/ are what draw makes of the scenarios beside them, byte for byte."""
    out = tmp_path / "x.svg"
    assert main(["draw", str(PICTURES / f"{name}.scenario"), "--out", str(out)]) == OK
    assert out.read_bytes() == (PICTURES / f"{name}.svg").read_bytes()


@pytest.mark.parametrize("name", STILLS)
def test_a_picture_stands_alone(name: str) -> None:
    """It is XML with a title and a description, needs nothing else, and paints its own ground for light and dark."""
    text = (PICTURES / f"{name}.svg").read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert {"title", "desc", "pattern"} <= names
    assert not names & {"script", "image", "foreignObject"}
    assert "prefers-color-scheme: dark" in text
    assert 'class="ground"' in text


def test_names_and_titles_can_hold_anything() -> None:
    """Long names are cut, and what looks like a tag stays text."""
    file = read(PICTURES / "leaked-count.scenario")
    text = draw.still(
        type(file)(
            read(PICTURES / "leaked-count.scenario").scenario, type(file.settings)(title="<script>&"), ()
        ),
        load("patched"),
    )
    assert "<script>" not in text
    ET.fromstring(text)  # noqa: S314 - our own


def test_a_picture_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """The same as to a file."""
    assert main(["draw", str(PICTURES / "leaked-count.scenario"), "--out", "-"]) == OK
    assert capsys.readouterr().out == (PICTURES / "leaked-count.svg").read_text(encoding="utf-8")


def test_draw_refuses_what_it_can_not_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line and status 2; somebody's file stays as it is."""
    good = str(PICTURES / "leaked-count.scenario")
    theirs = tmp_path / "theirs.svg"
    theirs.write_text("<svg/>", encoding="utf-8")
    impossible = tmp_path / "impossible.scenario"
    impossible.write_text("oom-review scenario 1\n\ninit: unplug\n\nend\n", encoding="utf-8")
    new = str(tmp_path / "x.svg")
    for arguments in (
        [good, "--out", str(theirs)],
        [good, "--out", new, "--variant", "nobody"],
        [good, "--out", new, "--claim", "nobody"],
        [str(impossible), "--out", new],
        [str(tmp_path / "absent"), "--out", new],
    ):
        assert main(["draw", *arguments]) == BAD_INPUT
        printed = capsys.readouterr()
        assert printed.err.count("\n") == 1, printed.err
    assert theirs.read_text(encoding="utf-8") == "<svg/>"
    assert not Path(new).exists()
