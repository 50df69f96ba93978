"""What is expected of whom: the ledger, else the base, else a file; and what is news."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

import patched
from kernel_model.variant import Variant
from oom_kernels import v7_3
from oom_review.claims import BY_ID, CLAIMS, HOLDS, REFUTED
from oom_review.errors import BadInput
from oom_review.review.review import Work, review
from oom_review.situations import expectations as expected
from oom_review.situations.expectations import EITHER, Expectations, not_in_step, read, write
from oom_review.variants import loading
from oom_review.verdicts import Cell

COUNT, SHARERS, DIES = BY_ID["count-returns"], BY_ID["sharers-leave"], BY_ID["victim-dies"]
GONE = "memcg-oom/threads=2/leader=long-gone"
BIN = Path(sys.executable).parent


def package(directory: Path, base: str) -> None:
    """A kernel over that one."""
    directory.mkdir()
    (directory / "__init__.py").write_text(
        f"import {base} as under\nfrom kernel_model.variant import Variant\nVARIANT = Variant(__name__, base=under.VARIANT)\n",
        encoding="utf-8",
    )


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variants of somebody's own: one over the RFC, one over that, one over nothing."""
    over = Variant("over_rfc", base=patched.VARIANT)
    mine = [over, Variant("over_that", base=over)]
    mine.append(attrs.evolve(patched.VARIANT, name="alone"))
    monkeypatch.setattr(loading, "_GIVEN", {v.name: loading._Given(v, f"./{v.name}") for v in mine})


@pytest.mark.usefixtures("given")
def test_the_base_s_verdicts() -> None:
    """The nearest that the ledger knows; somebody without a base is to keep every claim."""
    plain = Expectations()
    for name in ("patched", "over_rfc", "over_that"):
        assert [plain.verdict(c, name) for c in (COUNT, SHARERS, DIES)] == [REFUTED, REFUTED, HOLDS]
        assert plain.in_situation(COUNT, GONE, name) == REFUTED
        assert plain.in_situation(COUNT, "self-oom/threads=1/suspend", name) == EITHER
        assert plain.in_situation(DIES, GONE, name) == HOLDS
    assert [plain.verdict(c, "alone") for c in (COUNT, SHARERS, DIES)] == [HOLDS] * 3
    legacy = Expectations("legacy_tifmemdie")
    for name in ("over_rfc", "over_that", "alone"):
        assert [legacy.verdict(c, name) for c in (COUNT, SHARERS, DIES)] == [HOLDS, REFUTED, REFUTED]
    assert legacy.verdict(COUNT, "patched") == REFUTED
    assert [plain.base_of(n) for n in ("over_that", "over_rfc", "alone", "patched")] == [
        "over_rfc",
        "patched",
        "",
        "",
    ]


@pytest.mark.usefixtures("given")
def test_a_file_has_the_last_word() -> None:
    """But says nothing about single situations of a claim that is refuted."""
    file = Expectations(given={"over_rfc": {COUNT.id: HOLDS, DIES.id: REFUTED}})
    assert [file.verdict(c, "over_rfc") for c in (COUNT, SHARERS, DIES)] == [HOLDS, REFUTED, REFUTED]
    assert file.in_situation(COUNT, GONE, "over_rfc") == HOLDS
    assert file.in_situation(DIES, GONE, "over_rfc") == EITHER
    assert file.verdict(COUNT, "over_that") == REFUTED


def test_a_base_that_the_ledger_does_not_know_is_reviewed_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it does is expected: what both break is no news."""
    package(tmp_path / "over_7_3", "oom_kernels.v7_3")
    monkeypatch.setattr(loading, "_GIVEN", {})
    loading.load(f"{tmp_path}/over_7_3")
    name = v7_3.VARIANT.name
    monkeypatch.setattr(expected, "KNOWN", expected.KNOWN - {name})
    for claim in CLAIMS:
        monkeypatch.delitem(claim.expected, name)
    expectations = Expectations()
    assert expectations.bases(["over_7_3", "patched"]) == {name}
    work = Work(0, 0, ("memcg-oom/threads=1/freezer=frozen/sharer=clone-vm",))
    done = review(["over_7_3", name], claims=[SHARERS, DIES], expectations=expectations, work=work, jobs=1)
    cells = {(c.id, c.variant): c for c in done.review.claims}
    for variant in ("over_7_3", name):
        cell = cells[SHARERS.id, variant]
        assert (cell.verdict, cell.expected, cell.as_expected) == (REFUTED, REFUTED, True)
        assert cells[DIES.id, variant].as_expected


def test_explore_looks_at_such_a_base_too(tmp_path: Path) -> None:
    """Both leak the count: no news, whether the patch stands on the base or ``--base`` names it."""
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone/__init__.py").write_text(
        "import attrs, patched\nVARIANT = attrs.evolve(patched.VARIANT, name=__name__)\n", encoding="utf-8"
    )
    package(tmp_path / "over", "patched")
    words = ["explore", "--situation", GONE, "--claim", COUNT.id, "--quiet", "--jobs", "1"]
    for more in (["--variant", "./over", "--base", "./alone"], ["--variant", "./alone"]):
        done = subprocess.run(
            [BIN / "oom-review", *words, *more], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.stdout.count("explored on") == len(more) // 2, done.stdout
        assert done.returncode == (more[1] == "./alone"), done.stdout + done.stderr


def cell(claim: str, verdict: str, variant: str = "my_v2") -> Cell:
    return Cell(claim, variant, verdict, HOLDS, 0, 0, None)


def test_what_was_found_is_a_file_and_news_are_a_line_each(tmp_path: Path) -> None:
    """Nothing bounded is an expectation; what only one side has is said."""
    path = tmp_path / "e.json"
    found = [cell(COUNT.id, REFUTED), cell(DIES.id, HOLDS), cell(SHARERS.id, "bounded")]
    assert write(path, found) == ["sharers-leave on my_v2 is bounded"]
    given = read(path)
    assert given == {"my_v2": {COUNT.id: REFUTED, DIES.id: HOLDS}}
    assert not_in_step(given, found[:2], whole=True) == []
    assert not_in_step(given, found, whole=True) == ["not in the file: sharers-leave on my_v2 bounded"]
    assert not_in_step(given, found[:1], whole=True) == ["only in the file: victim-dies on my_v2 holds"]
    assert not_in_step(given, found[:1], whole=False) == []
    assert not_in_step(given, [cell(COUNT.id, HOLDS, "patched")], whole=True) == [
        "not in the file: count-returns on patched holds"
    ]
    path.write_text("mine\n", encoding="utf-8")
    with pytest.raises(BadInput, match="left as it is"):
        write(path, found)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": "oom-review expectations", "version": 1, "expected": {"a": {"b": 1}}}'],
)
def test_what_is_no_such_file_is_one_line(text: str, tmp_path: Path) -> None:
    """With its name."""
    path = tmp_path / "e.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"e\.json: not a file of expectations"):
        read(path)
    with pytest.raises(BadInput, match="nowhere: No such file"):
        read(tmp_path / "nowhere")


def test_a_gate(tmp_path: Path) -> None:
    """The base's leak is no news; the file that a review writes passes, and one that is out of step does not."""
    package(tmp_path / "my_v2", "patched")

    def run(*words: str) -> tuple[int, str, str]:
        command = [str(BIN / "oom-review"), "review", "--variant", "./my_v2", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    first = run("--claim", COUNT.id, "--json", "r.json", "--save-expectations", "e.json", "--quiet")
    assert (first[0], first[2]) == (0, ""), first[1]
    assert "\nmy_v2: expected is what patched does\n" in first[1]
    again = ("--from", "r.json", "--quiet")
    assert run(*again, "--expect", "e.json")[0] == 0
    status, output, _errors = run(*again, "--base", "legacy")
    assert (status, "UNEXPECTED: count-returns on my_v2 refuted, expected holds" in output) == (1, True)
    data = json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))
    data["expected"]["my_v2"] = {"joy": HOLDS}
    (tmp_path / "e.json").write_text(json.dumps(data), encoding="utf-8")
    status, output, _errors = run(*again, "--expect", "e.json")
    assert status == 1
    assert "e.json: not in the file: count-returns on my_v2 refuted\n" in output
    assert "e.json: only in the file: joy on my_v2 holds\n" in output
