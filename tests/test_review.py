"""The main job, as its users run it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import patched
from oom_review.claims import CLAIMS
from oom_review.scenario import file as scenario_file


def run(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    """The exit status, output and errors of `oom-review`."""
    command = [sys.executable, "-m", "oom_review", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_review_writes_what_it_found(tmp_path: Path) -> None:
    """Every claim has its expected verdict: status 0, a table, an interleaving and a scenario for each refutation."""
    status, output, errors = run(
        "review", "--variant", "patched", "--budget", "1", "--json", "r.json", "--save", "found", cwd=tmp_path
    )
    assert (status, errors) == (0, ""), output
    cells = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["claims"]
    assert [c["id"] for c in cells] == [c.id for c in CLAIMS]
    assert {c["id"]: c["verdict"] for c in cells} == {c.id: c.expected["patched"] for c in CLAIMS}
    for cell in cells:
        assert cell["examples"] > 0
        assert (cell["scenario"] is not None) == (cell["verdict"] == "refuted")
        if cell["scenario"] is not None:
            assert f"{cell['id']} is refuted on RFC" in output
            saved = tmp_path / "found" / f"{cell['id']}--patched.scenario"
            assert scenario_file.read(saved).scenario == scenario_file.parse(cell["scenario"]).scenario


def test_a_variant_of_ones_own_is_held_to_every_claim(tmp_path: Path) -> None:
    """A copy of the RFC under another name breaks what the RFC breaks, which is now unexpected: status 1."""
    shutil.copytree(
        Path(patched.__file__).parent, tmp_path / "my_v2", ignore=shutil.ignore_patterns("__pycache__")
    )
    status, output, _errors = run("review", "--variant", "my_v2", "--budget", "1", cwd=tmp_path)
    assert status == 1
    assert "UNEXPECTED: count-returns on my_v2 refuted, expected holds" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["review", "--budget", "0"], "argument --budget: '0' is not a number above 0"),
        (["review", "--jobs", "x"], "argument --jobs: 'x' is not a number above 0 and up to 256"),
        (["review", "--variant", "nope"], "variant 'nope' can't be imported"),
        (["review", "--variant", "broken", "--budget", "1"], "variant 'broken' broke at"),
        (["review", "--json", "mine.txt"], "mine.txt: exists, and is not an older one of ours"),
        (["review", "--json", "nowhere/r.json"], "nowhere/r.json: can't be written"),
        (["review", "--save", "mine.txt"], "mine.txt: File exists"),
        (["nosuch"], "invalid choice: 'nosuch'"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    """Status 2 and one line that says what and where; nothing of the user's is touched."""
    (tmp_path / "mine.txt").write_text("precious\n", encoding="utf-8")
    shutil.copytree(
        Path(patched.__file__).parent, tmp_path / "broken", ignore=shutil.ignore_patterns("__pycache__")
    )
    source = tmp_path / "broken" / "exit.py"
    source.write_text(
        source.read_text(encoding="utf-8").replace("last = False", "last = nothing"), encoding="utf-8"
    )
    status, _output, errors = run(*arguments, cwd=tmp_path)
    assert status == 2
    assert errors.count("\n") == 1
    assert message in errors
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "precious\n"
