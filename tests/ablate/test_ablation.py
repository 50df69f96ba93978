"""What follows from which mixture breaks what: on explorations of some mixtures, and on made-up ones of all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from oom_kernels.hunks.family import RFC, mixtures, name_of, plain
from oom_review.ablate import ablation
from oom_review.ablate.ablation import PLACES, Ablation, Parts
from oom_review.ablate.text import as_data, lines, said
from oom_review.commands.cli import main
from oom_review.report.ablated import page
from oom_review.situations.job import Job, Outcome, Refutation, run

SUSPEND = "memcg-oom/threads=1/suspend/freezer=frozen"


def made(breaks: Callable[[Parts], set[str]]) -> Ablation:
    """All mixtures, each of which breaks these promises everywhere."""
    outcomes = [
        Outcome(
            Job(place, name_of(parts)),
            1,
            1,
            1,
            0.0,
            "",
            {claim: Refutation("", "") for claim in breaks(parts)},
        )
        for parts in mixtures()
        for place in PLACES
    ]
    return ablation.of(outcomes)


def fridge_and_noise(parts: Parts) -> set[str]:
    """The fridge needs h12 and that all are thawed; h12 without a count of the group makes noise."""
    broken = set()
    if "h12" not in parts or not {"thaw", "both"} & parts:
        broken.add("fridge-empties")
    if "h12" in parts and not {"count", "both"} & parts:
        broken.add("suspended-means-quiet")
    return broken


def test_what_a_promise_needs() -> None:
    """``both`` has what ``thaw`` has; what is kept without a hunk needs none."""
    found = made(fridge_and_noise)
    assert found.promises == ["fridge-empties", "suspended-means-quiet"]
    assert found.needed("fridge-empties") == {"h12", "thaw"}
    assert found.keeping("fridge-empties") == [frozenset({"h12", "thaw"}), frozenset({"h12", "both"})]
    assert found.needed("suspended-means-quiet") == frozenset()
    assert found.keeping("suspended-means-quiet") == [frozenset()]


def test_one_hunk_alone_and_the_rfc_without_one() -> None:
    """What changes nothing says so; a form of mark_oom_victim() takes the place of another."""
    found = made(fridge_and_noise)
    alone = {c.part: c for c in found.alone()}
    everywhere = {("suspended-means-quiet", place) for place in PLACES}
    assert alone["h12"].breaks == everywhere
    assert not alone["h12"].mends
    assert alone["h7"].name == "oom_kernels.hunks.none"
    without = {c.part: c for c in found.without()}
    assert {claim for claim, _ in without["h12"].breaks} == {"fridge-empties"}
    assert {claim for claim, _ in without["thaw"].breaks} == {"suspended-means-quiet"}
    assert without["h9"].breaks == frozenset()
    assert all("h12" in p and not {"count", "both"} & p for p in found.worse())
    assert plain(RFC) in found.best()
    text = "\n".join(lines(found))
    assert "Every promise is kept by h12_both" in text
    assert "Worth merging alone: none" in text
    assert "Worse than either side: 64 mixtures, the smallest h12" in text


def test_some_mixtures_for_real() -> None:
    """What went into v6.18 thaws all and exempts all: the machine suspends over a victim's I/O, which neither side allows."""
    names = ["oom_kernels.hunks.none", "oom_kernels.hunks.h12_thaw", name_of(plain(RFC))]
    outcomes = [run(Job(SUSPEND, name)) for name in names]
    legacy, merged, rfc = (set(o.refuted) for o in outcomes)
    assert legacy == {"disabled-means-quiet"}
    assert merged == legacy | {"suspended-means-quiet", "no-tail-when-suspended"}
    assert rfc == set()


def test_a_limit_is_said_and_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1."""
    monkeypatch.setattr(ablation, "STATES", 1)
    monkeypatch.setattr(ablation, "PLACES", PLACES[:1])
    monkeypatch.setattr(ablation, "jobs", lambda: [Job(PLACES[0], "oom_kernels.hunks.none", 1)])
    assert main(["ablate", "--quiet", "--jobs", "1"]) == 1
    assert "bounded: memcg-oom/threads=2 on oom_kernels.hunks.none: " in capsys.readouterr().out


def test_data_and_page_say_the_same() -> None:
    """A number for each promise that is broken, and the situations behind it."""
    found = made(fridge_and_noise)
    data = json.loads(json.dumps(as_data(found)))
    assert len(data["mixtures"]) == 160
    assert data["mixtures"]["none"] == {"fridge-empties": sorted(PLACES)}
    text = page(found)
    assert text.count('<tr><th scope="row">') == 160
    broken = sum(len(cells) for cells in found.broken.values())
    assert text.count('class="heat-6"') == broken / len(PLACES)
    assert said({("a", "x"), ("a", "y"), ("b", "x")}, 2) == "a, b (1)"


def test_a_stranger_s_file_stays(tmp_path: Path) -> None:
    """One line, before anything is explored."""
    (tmp_path / "mine.json").write_text("mine\n", encoding="utf-8")
    words: list[str | Path] = [Path(sys.executable).parent / "oom-review", "ablate", "--json", "mine.json"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, ""), done.stderr
    assert (tmp_path / "mine.json").read_text(encoding="utf-8") == "mine\n"
