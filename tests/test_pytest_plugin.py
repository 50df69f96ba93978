"""``pytest --oom-replay=FILE``: the file's own verdict, nobody's tests, and nothing of what lies beside the file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEAK = ROOT / "tests" / "corpus" / "count-returns--patched.scenario"
OVER_RFC = (
    "import attrs, patched\nVARIANT = attrs.evolve(patched.VARIANT, name=__name__, base=patched.VARIANT)\n"
)
TOUCHES = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"
OTHER_S_OPTION = """
def pytest_addoption(parser):
    parser.addoption("--replay", help="what pytest-replay has")
"""


def run(*arguments: str, cwd: Path = ROOT) -> tuple[int, str]:
    """The exit status and all output of pytest."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def changed(path: Path, old: str, new: str) -> Path:
    """The corpus's leak, changed."""
    text = LEAK.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_the_file_s_verdict() -> None:
    """A test for each kernel that it names."""
    status, output = run(f"--oom-replay={LEAK}")
    assert (status, "7 passed" in output) == (0, True), output


def test_it_fails_while_the_bug_is_there(tmp_path: Path) -> None:
    """As a counterexample is written: it expects the claim to hold."""
    text = LEAK.read_text(encoding="utf-8")
    path = tmp_path / "found.scenario"
    path.write_text(
        text[: text.index("\nexpect")] + "\nexpect patched\n  holds count-returns\n\nend\n", encoding="utf-8"
    )
    status, output = run(f"--oom-replay={path}")
    assert (status, "1 failed" in output) == (1, True), output
    assert "// point of no return" in output
    assert "holds: count-returns is broken" in output
    assert f"oom-review replay {path} --variant patched" in output
    status, output = run(f"--oom-replay={path}", "--oom-variant=legacy")
    assert (status, "1 passed" in output) == (0, True), output


def test_what_is_no_scenario_is_one_line(tmp_path: Path) -> None:
    """With status 2, as everywhere."""
    broken = tmp_path / "broken.scenario"
    broken.write_text("nonsense\n", encoding="utf-8")
    for arguments, said in (
        ([f"--oom-replay={broken}"], f"{broken}:1:"),
        ([f"--oom-replay={LEAK}", "--oom-variant=./nowhere"], "variant './nowhere': no such directory"),
    ):
        status, output = run(*arguments)
        assert (status, said in output, "Traceback" in output) == (2, True, False), output


def test_a_kernel_of_one_s_own(tmp_path: Path) -> None:
    """Only the user may name it: what a file names does not run."""
    for name in ("my_v2", "evilmod"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(TOUCHES + OVER_RFC, encoding="utf-8")
    changed(tmp_path / "mine.scenario", "expect patched", "expect my_v2")
    status, output = run("--oom-replay=mine.scenario", cwd=tmp_path)
    assert (status, "variant 'my_v2' does not come with the project" in output) == (2, True), output
    assert not list(tmp_path.rglob("*.ran"))
    status, output = run("--oom-replay=mine.scenario", "--oom-variant=./my_v2", cwd=tmp_path)
    assert (status, "1 passed" in output) == (0, True), output
    bad = changed(tmp_path / "bad.scenario", "expect patched\n  fridge -", "expect my_v2\n  fridge init")
    status, output = run(f"--oom-replay={bad}", "--oom-variant", "./my_v2", cwd=tmp_path)
    assert (status, f"oom-review replay {bad} --variant ./my_v2" in output) == (1, True), output
    assert "my_v2: loaded from ./my_v2" in output
    assert [p.parent.name for p in tmp_path.rglob("*.ran")] == ["my_v2"]


def test_a_kernel_that_never_comes_back_fails_in_a_line(tmp_path: Path) -> None:
    """As the command says it."""
    (tmp_path / "hangs").mkdir()
    (tmp_path / "hangs" / "__init__.py").write_text(
        "import patched\nfrom kernel_model import prototypes\nfrom kernel_model.variant import Variant, replaces\n\n"
        "def exit_notify(k, tsk, group_dead):\n    while True: pass\n    yield\n\n"
        "VARIANT = Variant(__name__, (replaces(prototypes.exit_notify, exit_notify),), base=patched.VARIANT)\n",
        encoding="utf-8",
    )
    status, output = run(f"--oom-replay={LEAK}", "--oom-variant=./hangs", cwd=tmp_path)
    assert (status, "Traceback" in output) == (1, False), output
    said = "hangs/__init__.py:6: exit_notify() goes on without end: 100000 instructions"
    assert f"variant 'hangs' broke at {tmp_path}/{said}" in output


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A directory with a scenario, and with settings of its own."""
    there = tmp_path / "there"
    there.mkdir()
    shutil.copy(LEAK, there / "a.scenario")
    (there / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (there / "conftest.py").write_text(TOUCHES, encoding="utf-8")
    (tmp_path / "here").mkdir()
    return there


def test_nothing_beside_the_file_is_looked_at(elsewhere: Path) -> None:
    """Neither its pytest.ini nor its conftest.py; rootdir is where the user stands."""
    here = elsewhere.parent / "here"
    status, output = run("-v", f"--oom-replay={elsewhere}/a.scenario", cwd=here)
    assert (status, "7 passed" in output) == (0, True), output
    assert f"rootdir: {here}\n" in output
    assert not list(elsewhere.rglob("*.ran"))


def test_in_two_words_pytest_would_look_beside_the_file(elsewhere: Path) -> None:
    """It reads its settings before it knows our option, which is refused before any conftest.py runs; otherwise it does as well."""
    here = elsewhere.parent / "here"
    status, output = run("--oom-replay", f"{elsewhere}/a.scenario", cwd=here)
    assert (status, "write --oom-replay=FILE in one word: " in output) == (4, True), output
    assert not list(elsewhere.rglob("*.ran"))
    status, output = run("--oom-replay", "a.scenario", cwd=elsewhere)
    assert (status, "7 passed" in output) == (0, True), output


def test_nobody_s_tests_are_collected(tmp_path: Path) -> None:
    """Not even read: one of them can't be."""
    (tmp_path / "test_theirs.py").write_text(TOUCHES + "raise RuntimeError\n", encoding="utf-8")
    status, output = run(f"--oom-replay={LEAK}", cwd=tmp_path)
    assert (status, "7 passed" in output) == (0, True), output
    assert not list(tmp_path.rglob("*.ran"))


def test_the_option_of_pytest_replay_is_not_taken(tmp_path: Path) -> None:
    """Two plugins can't have the same one: no run would begin."""
    (tmp_path / "theirs.py").write_text(OTHER_S_OPTION, encoding="utf-8")
    status, output = run("-p", "theirs", f"--oom-replay={LEAK}", cwd=tmp_path)
    assert (status, "7 passed" in output) == (0, True), output
