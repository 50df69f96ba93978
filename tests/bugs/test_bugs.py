"""Public bugs of real kernels, each as a variant over the fixed kernel: comparing shows it on a script of a few operations.

Only the changed functions are written, in words of our own.  The script of each is small, so that this runs with every change;
table.py says what a default comparison finds.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest
from scripts import CASES, QUIET
from table import BUGS, PAGE, base_of

from oom_review.commands.cli import main
from oom_review.compare.job import PATCH, Job, Outcome, run
from oom_review.scenario.file import dumps
from oom_review.scenario.form import ScenarioFile
from oom_review.scenario.items import Scenario
from oom_review.situations.families import SITUATIONS
from oom_review.situations.script import scenario

HERE = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def _found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)


def outcome(bug: str, what: Scenario) -> Outcome:
    return run(Job("file", "script", what, (base_of(bug), bug), (50_000, 50_000)))


@pytest.mark.parametrize(("bug", "what", "said"), CASES, ids=[c[0] for c in CASES])
def test_comparing_shows_it(bug: str, what: Scenario, said: str) -> None:
    got = outcome(bug, what)
    assert got.bounded == ("", "")
    alone = {s for f in got.found if f.side == PATCH for s in f.difference.only}
    assert said in alone, alone


@pytest.mark.parametrize("bug", QUIET)
def test_a_patch_that_nobody_notices(bug: str) -> None:
    for what in QUIET[bug]:
        got = outcome(bug, what)
        assert (got.bounded, got.found) == (("", ""), ())
        assert len(got.lines["freeze_task"]) > 2, "the patch's own line has to be run"


def test_a_promise_alone_is_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The lost victim's memory is nobody's, and each task is where it is without the bug."""
    file = tmp_path / "two.scenario"
    file.write_text(dumps(ScenarioFile(scenario(SITUATIONS["memory/two-victims"]))), encoding="utf-8")
    assert main(["compare", "oom_kernels.last_out", "queued_twice", str(file)]) == 1
    said = capsys.readouterr().out
    assert "memory-waiters-go-on: holds -> refuted in 1 scripts" in said
    assert "the ends are the same, the promises are not" in said


def test_each_has_a_script() -> None:
    assert sorted([*QUIET, *(name for name, _, _ in CASES)]) == list(BUGS)


def test_the_page_has_a_row_for_each() -> None:
    """It is made by runs that take long: only that no bug is missing or gone, and that each is called what its file says."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    titles = {bug: str(import_module(bug).__doc__).splitlines()[0].rstrip(".") for bug in BUGS}
    assert [row.split(" | ")[0] for row in rows] == [f"| `{bug}`: {titles[bug]}" for bug in BUGS]


@pytest.mark.parametrize("bug", BUGS)
def test_each_replaces_few_functions_of_a_fixed_kernel(bug: str) -> None:
    variant = vars(__import__(bug))["VARIANT"]
    assert 1 <= len(variant.replaced) <= 3
    assert variant.base.name in ("oom_kernels.last_out", "legacy_tifmemdie")
    assert bug in sys.modules
