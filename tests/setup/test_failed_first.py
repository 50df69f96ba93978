"""Where CI is not set, examples are random, and what failed is what the next run tries first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PLANTED = """
from hypothesis import given, strategies
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from settings_of_tests import profile


def tried(name, number):
    with open(name, "a") as file:
        print(number, file=file)
    assert number < 1000


@given(strategies.integers(0, 1_000_000))
def test_property(number):
    tried("property.txt", number)


class Machine(RuleBasedStateMachine):
    @rule(number=strategies.integers(0, 1_000_000))
    def step(self, number):
        tried("machine.txt", number)


def test_machine():
    run_state_machine_as_test(Machine, settings=profile())
"""


def tries(directory: Path, **more: str) -> list[list[str]]:
    """Run the planted tests, which fail; the numbers that each tried, in order."""
    unwanted = ("CI", "OOM_REVIEW_PROFILE", "OOM_REVIEW_DATABASE", "PYTEST_ADDOPTS")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"],
        cwd=directory,
        env={**environment, "PYTHONPATH": str(TESTS / "search"), **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 failed" in done.stdout, done.stdout + done.stderr
    tried = []
    for file in (directory / "property.txt", directory / "machine.txt"):
        tried.append(file.read_text(encoding="utf-8").split())
        file.unlink()
    return tried


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A project with our conftest.py and tests that fail from 1000 on."""
    shutil.copy(TESTS.parent / "conftest.py", tmp_path)
    (tmp_path / "test_planted.py").write_text(PLANTED, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path


def test_the_next_run_tries_what_failed_first(directory: Path) -> None:
    """The smallest failing example was stored; the next run begins with it."""
    assert [numbers[0] == "1000" for numbers in tries(directory)] == [False, False]
    assert [numbers[0] == "1000" for numbers in tries(directory)] == [True, True]


def test_under_ci_each_run_is_the_same(directory: Path) -> None:
    """With CI set nothing is stored, and all examples are the same as before."""
    assert tries(directory, CI="true") == tries(directory, CI="true")
    assert not (directory / ".hypothesis" / "examples").exists()
