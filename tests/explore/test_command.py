"""`oom-review explore`, as its users run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from oom_review.commands.cli import main
from oom_review.explore import engines

CORPUS = Path(__file__).parents[1] / "corpus"


def test_explore_says_what_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """Every interleaving of the smallest leak: the RFC leaks sometimes, legacy never, in the memory model's words."""
    file = str(CORPUS / "count-returns--patched.scenario")
    assert main(["explore", file, "--variant", "legacy", "--variant", "patched"]) == 0
    legacy, patched, loaded = capsys.readouterr().out.split("patched: ")
    assert "Observation count-returns Never 0 " in legacy
    assert "Observation count-returns Sometimes " in patched
    assert "bounded" not in legacy + patched
    assert loaded.startswith(("loaded from ", "installed"))


def test_a_limit_never_counts_as_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, a line that says so, and no verdict of holds."""
    file = str(CORPUS / "count-returns--patched.scenario")
    assert main(["explore", file, "--states", "10"]) == 1
    output = capsys.readouterr().out
    assert "bounded: " in output
    assert not any(line.endswith("  holds") for line in output.splitlines())


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Status 2 for a file that is none, and for one without a run."""
    empty = tmp_path / "empty.scenario"
    empty.write_text("oom-review scenario 1\n\ninit: fork p1\n\nend\n", encoding="utf-8")
    for file in (str(tmp_path / "nowhere"), str(empty)):
        assert main(["explore", file]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_which_engine_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the verdicts; one that there is not is bad input."""
    file = str(CORPUS / "count-returns--patched.scenario")
    monkeypatch.setenv(engines.ASKED, engines.PYTHON)
    assert main(["explore", file]) == 0
    assert "\nexplored in Python: OOM_REVIEW_ENGINE asks for it\n" in capsys.readouterr().out
    monkeypatch.setenv(engines.ASKED, "cobol")
    assert main(["explore", file]) == 2
    assert capsys.readouterr().err == "oom-review: OOM_REVIEW_ENGINE=cobol: there are compiled and python\n"
