"""What of a patch ran and to what effect; and that after an edit only scripts that an edited function runs on are explored again."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import patched
from oom_review.commands.cli import main
from oom_review.compare.job import Job, Outcome, run
from oom_review.compare.reached import TraceFunction, standing
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import ScenarioFile
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.situations.families import SITUATIONS
from oom_review.situations.script import scenario
from oom_review.variants import loading

FORK = (Op("fork", "init", ("p1",)), Run())
QUIET = Scenario((*FORK, Op("exit", "p1"), Run()))
BEFORE = Scenario((*FORK, Op("exit", "p1"), Run(), Op("suspend", "init"), Run()))
KILL = Scenario((*FORK, Op("charge", "p1"), Run()))
FREEZE = scenario(SITUATIONS["memcg-oom/threads=1/parent=frozen"])


class Patch:
    """A copy of the RFC that is edited."""

    def __init__(self, home: Path) -> None:
        self.home = home / "edited_rfc"
        shutil.copytree(
            Path(patched.__file__).parent, self.home, ignore=shutil.ignore_patterns("__pycache__")
        )

    def edit(self, file: str, old: str, new: str) -> None:
        """Once; and nobody knows the old one any more."""
        source = (self.home / file).read_text()
        assert source.count(old) == 1
        (self.home / file).write_text(source.replace(old, new))
        self.forget()

    def forget(self) -> None:
        """As if it had never been loaded."""
        loading._GIVEN.clear()
        for name in [n for n in sys.modules if n.partition(".")[0] == self.home.name]:
            del sys.modules[name]

    def outcome(self, script: Scenario) -> Outcome:
        """Against the RFC."""
        loading.load(str(self.home))
        return run(Job("file", "script", script, ("patched", self.home.name), (10_000, 10_000)))


@pytest.fixture
def patch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patch:
    monkeypatch.setattr(loading, "_GIVEN", {})
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Patch(tmp_path)
    made.forget()
    return made


# In effect


def test_a_refactoring_is_unchanged_in_effect(patch: Patch) -> None:
    patch.edit(
        "oom_kill.py",
        "    threads = tsk.signal.threads\n    for _i, t in enumerate(threads):\n",
        "    group = tsk.signal.threads\n    for _n, t in enumerate(group):\n",
    )
    got = patch.outcome(FREEZE)
    assert "mark_oom_victim" in got.ran[1]
    assert got.alike == got.ran[0] | got.ran[1]
    assert not got.found


def test_a_change_of_one_function_is_none_of_the_others(patch: Patch) -> None:
    patch.edit(
        "oom_kill.py",
        "    if not atomic_dec_return_oom_victims(k, cur):\n        wake",
        "    if not atomic_dec_return_oom_victims(k, cur) and k.oom_killer_disabled:\n        wake",
    )
    got = patch.outcome(KILL)
    assert "exit_oom_victim" in got.ran[1]
    assert "exit_oom_victim" not in got.alike
    assert "mark_oom_victim" in got.alike


@pytest.mark.parametrize("script", [BEFORE, KILL, FREEZE], ids=["before", "kill", "freeze"])
def test_whatever_of_a_kernel_runs_is_noted(script: Scenario) -> None:
    """Also what runs before the explored run, or where no step is recorded."""
    names = ("legacy_tifmemdie", "patched")
    own: dict[Any, str] = {}
    for name in names:
        functions = loading.load(name).functions()
        own |= {f.__code__: n for n, f in standing(loading.load(name)).items() if n in functions}
    unnoted: set[str] = set()

    def call(frame: FrameType, _event: str, _argument: object) -> TraceFunction | None:
        return line if frame.f_code in own else None

    def line(frame: FrameType, event: str, _argument: object) -> TraceFunction:
        if event == "line":
            unnoted.add(own[frame.f_code])
        return line

    before = sys.gettrace()
    sys.settrace(call)
    try:
        got = run(Job("file", "script", script, names, (10_000, 10_000)))
    finally:
        sys.settrace(before)
    assert got.ran[0]
    assert unnoted <= got.ran[0] & got.ran[1]


# Kept


def compared(patch: Patch, tmp_path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    files = []
    for name, script in (("quiet", QUIET), ("kill", KILL)):
        files.append(str(tmp_path / f"{name}.scenario"))
        Path(files[-1]).write_text(scenario_file.dumps(ScenarioFile(script)))
    words = ["patched", str(patch.home), *files, "--resume", str(tmp_path / "kept"), "--jobs", "1", *more]
    main(["compare", *words])
    return capsys.readouterr().out


def test_only_what_an_edit_reaches_is_explored_again(
    patch: Patch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = compared(patch, tmp_path, capsys)
    assert "are known" not in first
    again = compared(patch, tmp_path, capsys)
    assert "Explored now: 0 scripts; 2 are known" in again
    assert [line for line in again.splitlines() if "known" not in line] == first.splitlines()
    patch.edit("oom_kill.py", "    mm = tsk.mm\n", "    mm = tsk.mm  # the victim's\n")
    assert "Explored now: 1 scripts; 1 are known" in compared(patch, tmp_path, capsys)
    assert "Explored now: 0 scripts; 2 are known" in compared(patch, tmp_path, capsys)


def test_what_stands_beside_the_functions_matters_to_all(
    patch: Patch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compared(patch, tmp_path, capsys)
    patch.edit("oom_kill.py", "\n\ndef mark_oom_victim", "\nMORE = 1\n\n\ndef mark_oom_victim")
    assert "are known" not in compared(patch, tmp_path, capsys)
    assert "are known" not in compared(patch, tmp_path, capsys, "--states", "10")


def test_a_file_of_something_else_is_left_alone(
    patch: Patch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept").write_text("mine\n")
    main(["compare", "legacy", "rfc", "--programs", "0", "--resume", str(tmp_path / "kept")])
    assert "kept: not what a comparison explored; it is left as it is" in capsys.readouterr().err
    assert (tmp_path / "kept").read_text() == "mine\n"
    (tmp_path / "kept").unlink()
    compared(patch, tmp_path, capsys)
    with (tmp_path / "kept").open("a") as kept:
        kept.write('{"outcome": 1}\n')
    assert main(["compare", "patched", str(patch.home), "--resume", str(tmp_path / "kept")]) == 2
    assert "kept:4: not an outcome of a comparison" in capsys.readouterr().err
