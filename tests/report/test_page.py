"""The page as text: the same bytes every time, self-contained, small, and safe whatever the review holds; and the command that writes it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import attrs
import pytest
from pages import REVIEW, data, made, review

from oom_review.commands import BAD_INPUT, FAILED, OK
from oom_review.commands.cli import main
from oom_review.differences import DIFFERENCES
from oom_review.errors import BadInput
from oom_review.report import page as build
from oom_review.report.players import counterpart, players
from oom_review.verdicts import Cell, Review, as_json, from_data

ROOT = Path(__file__).parents[2]


class Tags(HTMLParser):
    """All tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_same_review_gives_the_same_bytes(tmp_path: Path) -> None:
    """Neither the process nor its hash seed shows in the page."""
    for seed in ("0", "1"):
        subprocess.run(
            [sys.executable, "-m", "oom_review", "report", "--review", REVIEW, "--out", tmp_path / seed],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    # The file's name is not in it either.
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes() == made().encode()


def test_nothing_is_loaded_from_anywhere() -> None:
    """No tag names another file, the policy forbids what would, and the page is far below 3 MB."""
    text = made()
    for tag, attributes in Tags(text).tags:
        for name in ("src", "href", "srcset", "action", "xlink:href"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:")), (tag, value)
    policy = next(
        a["content"] for _tag, a in Tags(text).tags if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert str(policy).startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in str(policy)
    assert not re.search(r"url\((?!#)", text)
    assert len(text.encode()) < 1_000_000


def test_every_verdict_is_in_the_table() -> None:
    """A cell for each claim and variant, with its verdict, what it rests on, and a link for what is refuted."""
    text = made()
    cells = re.findall(r'<td role="cell" class="(\w+)"[^>]*>(.*?)</td>', text, re.DOTALL)
    wanted = review()
    by_row = [wanted.cell(claim, variant) for claim in wanted.ids for variant in wanted.variants]
    assert [verdict for verdict, _cell in cells] == [c.verdict if c else "none" for c in by_row]
    for cell, (_verdict, shown) in zip(by_row, cells, strict=True):
        assert cell is not None
        assert ("href=" in shown) == (cell.scenario is not None)
        assert str(cell.examples) in shown
        assert ("seed 0" in shown) == (cell.scenario is not None)


def test_who_is_compared_with_whom() -> None:
    """Legacy and the RFC stand side by side, legacy on the left; so do 6.12 and 7.3; others stand beside one that keeps the promise."""
    wanted = review()
    for player in players(wanted, "review.json", 1000):
        left, right = (s.trace.variant for s in player.sides)
        assert (left, right) == (
            ("oom_kernels.v6_12", "oom_kernels.v7_3")
            if player.cell.variant == "oom_kernels.v7_3"
            else ("legacy_tifmemdie", "patched")
        )
    cell = wanted.cell("suspended-means-quiet", "oom_kernels.v7_3")
    assert cell is not None
    kernels = {"oom_kernels.v7_3_rfc": "oom_kernels.v7_3", "oom_kernels.last_out": "patched"}
    for variant, other in kernels.items():
        assert counterpart(wanted, attrs.evolve(cell, variant=variant)) == other


def test_an_unexpected_verdict_stands_out() -> None:
    """It is named at the top and in its cell, and the command's status is 1."""
    value = data()
    value["claims"][0]["expected"] = "holds"
    text = made(value)
    assert "1 unexpected:" in text
    assert "expected: holds" in text
    assert "Every verdict is the expected one" not in text


def test_bounds_and_differences_are_shown_if_there_are_any() -> None:
    """What exploration and lockstep found comes from the review; without it nothing is claimed."""
    assert "Explored bounds" not in made()
    assert "Differences found in lockstep" not in made()
    value = data()
    known = DIFFERENCES[0]
    value["bounds"] = ["3 threads, 2 preemptions"]
    value["differences"] = {known.id: 12, "count-of-nobody": 3}
    value["claims"][1] |= {"bound": "every interleaving of 4 operations", "seed": 77}
    text = made(value)
    for part in (
        "3 threads, 2 preemptions",
        known.id,
        "12</td>",
        "count-of-nobody",
        "every interleaving of 4",
        "from seed 77",
    ):
        assert part in text


def test_hostile_texts_stay_texts() -> None:
    """Whatever a title says, it is neither a tag nor the end of the script element that holds the data."""
    value = data()
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    scenario = value["claims"][0]["scenario"]
    value["claims"][0]["scenario"] = scenario.replace("claim ", f"title {evil}\nclaim ", 1)
    value["bounds"] = [evil]
    value |= dict.fromkeys(("command", "made", "project", "python"), evil)
    value["claims"][0]["alternatives"] = {"55": [{"task": evil[:64], "outcome": "keeps", "end": evil}]}
    text = made(value)
    assert evil not in text
    assert sum(tag == "script" for tag, _attributes in Tags(text).tags) == sum(
        tag == "script" for tag, _attributes in Tags(made()).tags
    )


def test_data_can_not_end_its_script_element() -> None:
    """Nor can it begin a comment there; what the page's program reads is what was meant."""
    value = {"strings": ["</script>", "<!-- <script>", "\u2028&"]}
    embedded = build._embedded(value)
    assert "<" not in embedded
    assert json.loads(embedded) == value


def test_long_runs_are_left_out_before_the_page_grows_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says so; one that is too large even then is refused."""
    whole = len(made().encode())
    monkeypatch.setattr(build, "MAX_BYTES", whole - 1)
    assert "too long for a player" in made()
    monkeypatch.setattr(build, "MAX_BYTES", 1000)
    with pytest.raises(BadInput, match="would have"):
        made()


def test_a_counterexample_that_does_not_refute_any_more_is_said_not_to() -> None:
    """The page replays what it is given and believes the replay."""
    value = data()
    value["claims"][0]["scenario"] = "oom-review scenario 1\n\ninit: fork v\nrun\n\nend\n"
    text = made(value)
    section = text[text.index('<section class="player" id="fridge-empties"') :]
    assert section[: section.index("</section>")].count("does not break it here") == 2


def test_what_a_review_writes_can_be_read() -> None:
    """The review command's own form."""
    cell = Cell(
        "fridge-empties", "patched", "bounded", "holds", 3, 4, None, 0, "9 situations", surprise="died"
    )
    review = Review((cell,), {"known": 3}, ("RFC: 9 situations",))
    assert from_data(json.loads(as_json(review)), "it") == review


def _with(**changes: Any) -> str:
    value = data()
    value["claims"][0] |= changes
    return json.dumps(value)


def _headed(**changes: Any) -> str:
    return json.dumps(data() | changes)


def _without(key: str) -> str:
    return json.dumps({k: v for k, v in data().items() if k != key})


def _other(**changes: Any) -> dict[str, Any]:
    return {"7": [{"task": "v", "outcome": "keeps", "end": ""} | changes]}


WRONG = {
    "no JSON": ("{", "not JSON"),
    "deep": ("[" * 100_000, "not JSON"),
    "a list": ("[]", "not the result of a review"),
    "nothing": ("{}", "'format' is a required property"),
    "no claims": (_without("claims"), "'claims' is a required property"),
    "empty": (_headed(claims=[]), "claims"),
    "version": (_headed(version=2), "version: 1 was expected"),
    "no version": (_without("version"), "'version' is a required property"),
    "verdict": (_with(verdict="maybe"), "claims[0].verdict"),
    "examples": (_with(examples=-1), "claims[0].examples"),
    "format": (_headed(format="oom-review replay"), "format"),
    "command": (_headed(command=["oom-review"]), "command"),
    "version of Python": (_headed(python=3.11), "python"),
    "alternatives": (_with(alternatives=[]), "claims[0].alternatives"),
    "step of alternatives": (_with(alternatives={"first": []}), "claims[0].alternatives"),
    "outcome": (_with(alternatives=_other(outcome="maybe")), "claims[0].alternatives.7[0].outcome"),
    "end": (_with(alternatives=_other(end=None)), "claims[0].alternatives.7[0].end"),
    "claim": (_with(id="nobody"), "no such claim: 'nobody'"),
    "twice": (_with(id="fridge-empties", variant="patched"), "two verdicts on fridge-empties"),
    "scenario": (
        _with(scenario="what?"),
        "review.json: the scenario of fridge-empties on legacy_tifmemdie:1:",
    ),
    "variant": (_with(variant="no_such"), "variant 'no_such' does not come with the project"),
    "name": (_with(variant="../x"), "variant '../x' does not come with the project"),
    "files": (_headed(files={"patched": 3}), "files.patched"),
}


@pytest.mark.parametrize(("text", "reason"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_review_gets_one_line(
    text: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, what and where, and no page."""
    path = tmp_path / "review.json"
    path.write_text(text, encoding="utf-8")
    assert main(["report", "--review", str(path), "--out", str(tmp_path / "x.html")]) == BAD_INPUT
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert reason in printed.err
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize("content", [b"\xff\xfe", None], ids=["not UTF-8", "a directory"])
def test_what_is_no_text_is_no_review(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is a directory, or nothing at all."""
    path = tmp_path / "review.json"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    for name in (str(path), str(tmp_path / "absent"), "a\0b"):
        assert main(["report", "--review", name, "--out", str(tmp_path / "x.html")]) == BAD_INPUT
        assert capsys.readouterr().err.count("\n") == 1


def test_only_an_older_report_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What somebody else wrote stays as it is, and so does what a link points to."""
    ours, theirs, link = tmp_path / "ours.html", tmp_path / "theirs.html", tmp_path / "link.html"
    command = ["report", "--review", str(REVIEW), "--out"]
    assert main([*command, str(ours)]) == OK
    ours.write_text(
        ours.read_text(encoding="utf-8").replace("</html>", "<!-- older --></html>"), encoding="utf-8"
    )
    assert main([*command, str(ours)]) == OK
    assert "<!-- older -->" not in ours.read_text(encoding="utf-8")
    theirs.write_text("<html>mine</html>", encoding="utf-8")
    link.symlink_to(ours)
    capsys.readouterr()
    for target in (theirs, link, tmp_path, tmp_path / "no" / "x.html"):
        assert main([*command, str(target)]) == BAD_INPUT
        assert capsys.readouterr().err.count("\n") == 1
    assert theirs.read_text(encoding="utf-8") == "<html>mine</html>"
    assert link.is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.html", "ours.html", "theirs.html"]


def test_the_status_tells_of_unexpected_verdicts(tmp_path: Path) -> None:
    """As the review's own does."""
    path = tmp_path / "review.json"
    path.write_text(_with(expected="holds"), encoding="utf-8")
    assert main(["report", "--review", str(path), "--out", str(tmp_path / "x.html")]) == FAILED
