"""The results file: nothing finished is lost, and nothing of somebody else's is touched."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from oom_review.errors import BadInput
from oom_review.situations import results
from oom_review.situations.job import Job, Outcome, Refutation
from oom_review.situations.results import Results
from oom_review.variants import loading, sources

JOB = Job("memcg-oom/threads=1", "patched", 100)
OUTCOME = Outcome(JOB, 83, 90, 1, 0.5, "", {"count-returns": Refutation("why", "oom-review scenario 1\n")})
STOPPED = attrs.evolve(OUTCOME, bounded="stopped at 100 states")


def made(path: Path, *outcomes: Outcome) -> Path:
    """A file with these outcomes."""
    file = Results(path, ["patched"])
    for outcome in outcomes:
        file.add(outcome)
    file.close()
    return path


def known(path: Path, job: Job = JOB) -> Outcome | None:
    """What the file knows of the job."""
    file = Results(path, ["patched"])
    try:
        return file.outcome(job)
    finally:
        file.close()


def test_what_is_written_is_known_again(tmp_path: Path) -> None:
    """Also under other limits, as it was finished."""
    path = made(tmp_path / "r", OUTCOME)
    assert known(path) == OUTCOME
    assert known(path, attrs.evolve(JOB, states=None)) == OUTCOME
    assert known(path, attrs.evolve(JOB, situation="memcg-oom/threads=2")) is None


def test_what_a_limit_stopped_is_tried_again_under_another(tmp_path: Path) -> None:
    """Under the same one it would stop again."""
    path = made(tmp_path / "r", STOPPED)
    assert known(path) == STOPPED
    assert known(path, attrs.evolve(JOB, states=None)) is None
    made(path, OUTCOME)
    assert known(path, attrs.evolve(JOB, states=None)) == OUTCOME


def _header(**changes: object) -> Callable[[list[str]], str]:
    def change(lines: list[str]) -> str:
        return "\n".join([json.dumps(json.loads(lines[0]) | changes), *lines[1:]])

    return change


def _line(**changes: object) -> Callable[[list[str]], str]:
    def change(lines: list[str]) -> str:
        return "\n".join([lines[0], json.dumps(json.loads(lines[1]) | changes), ""])

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_header(version=2), "r:1: format version 2, and this is version 1"),
        (_header(project="0.0.9"), "r:1: made by oom-review '0.0.9'"),
        (_header(sources="0"), "r:1: made with other sources of the model; explore anew, into another file"),
        (_line(sources="0"), "r:2: made with other sources of variant 'patched'"),
        (_line(states="many"), "r:2: not a result of an exploration"),
        (_line(more=1), "r:2: not a result of an exploration"),
        (_line(refuted={"no-such": {"sentence": "", "scenario": ""}}), "r:2: no such claim: 'no-such'"),
        (lambda lines: f"{lines[0]}\n[]\n", "r:2: not a result of an exploration"),
        (lambda lines: "\n".join(lines)[:-9], "r:2: truncated: the line has no end"),
        (lambda _lines: "precious\n", "r: not the results of an exploration; it is left as it is"),
        (lambda _lines: '{"format": "another"}\n', "r: not the results of an exploration"),
        (lambda _lines: "", "r: not the results of an exploration; it is left as it is"),
        (lambda _lines: "\xff\0", "r: not the results of an exploration; it is left as it is"),
    ],
)
def test_a_bad_file_is_one_line(change: Callable[[list[str]], str], message: str, tmp_path: Path) -> None:
    """What and where; and it is left as it is."""
    path = made(tmp_path / "r", OUTCOME)
    text = change(path.read_text(encoding="utf-8").split("\n"))
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadInput) as caught:
        known(path)
    assert str(caught.value).startswith(str(tmp_path / message))
    assert "\n" not in str(caught.value)
    assert path.read_text(encoding="latin-1") == text


def test_other_sources_are_other_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of a file that verdicts rest on is seen; another place for the same files is none."""
    for place in ("here", "there"):
        (tmp_path / place / "model").mkdir(parents=True)
        (tmp_path / place / "model" / "exit.py").write_text("a = 1\n", encoding="utf-8")
    here, there = (sources.digest_of([tmp_path / place / "model"]) for place in ("here", "there"))
    assert here == there
    (tmp_path / "there" / "model" / "exit.py").write_text("a = 2\n", encoding="utf-8")
    assert sources.digest_of([tmp_path / "there" / "model"]) != here
    path = made(tmp_path / "r", OUTCOME)
    monkeypatch.setattr(results, "DECIDES", ("claims/claim.py",))
    with pytest.raises(BadInput, match="other sources of the model"):
        known(path)


def test_nobody_writes_to_a_file_in_use_or_through_a_link(tmp_path: Path) -> None:
    """Nor to a directory, nor into one that is not there."""
    first = Results(tmp_path / "r", ["patched"])
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "pipe")
    for name, message in (
        ("r", "another exploration writes to it"),
        ("link", "Too many levels of symbolic links"),
        ("pipe", "not the results of an exploration"),
        (".", "Is a directory"),
        ("nowhere/r", "No such file or directory"),
    ):
        with pytest.raises(BadInput, match=message):
            Results(tmp_path / name, ["patched"])
    first.close()
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What did not fit is taken back and said."""
    file = Results(tmp_path / "r", ["patched"])
    file.add(OUTCOME)
    before = (tmp_path / "r").read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:20]))
    with pytest.raises(BadInput, match="no space left"):
        file.add(OUTCOME)
    file.close()
    assert (tmp_path / "r").read_bytes() == before


def test_an_edited_variant_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was explored with its old functions, or those of what it stands on, is not taken for its own."""
    (tmp_path / "edited_v2").mkdir()
    source = tmp_path / "edited_v2" / "__init__.py"
    source.write_text(
        "import attrs, patched\nVARIANT = attrs.evolve(patched.VARIANT, name=__name__, base=patched.VARIANT)\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(loading, "_GIVEN", {})
    variant = loading.load(str(source.parent))
    before = sources.variant_digest(variant)
    assert before != sources.variant_digest(loading.load("patched"))
    source.write_text(source.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    assert sources.variant_digest(variant) != before
    monkeypatch.delitem(sys.modules, "edited_v2")
