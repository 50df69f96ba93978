"""A property that fails says how to run the very example again, and its statistics are there when they are asked for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# The project's own tests, on kernels with a mistake in them.
PLANTED = """
import patched
import test_claims, test_lockstep
from kernel_model.variant import Variant, replaces
from hypothesis import reproduce_failure
from test_lockstep import never_freezing

# Unknown to the ledger, so that it is held to what the RFC breaks.
UNKNOWN = Variant("my_v2", base=patched.VARIANT)
BROKEN = Variant("patched", (replaces(patched.freezer.freezing_slow_path, never_freezing),), base=patched.VARIANT)
EXACTLY = {exactly}


def planted(made):
    def of(*arguments):
        machine = made(*arguments)
        return EXACTLY(machine) if EXACTLY else machine
    return of


test_claims.claim_machine = planted(test_claims.claim_machine)
test_lockstep.lockstep_machine = planted(test_lockstep.lockstep_machine)
test_lockstep.RIGHT = BROKEN


def test_claims_hold(): test_claims.test_what_ought_to_hold_holds(UNKNOWN)


def test_differences(capsys): test_lockstep.test_every_difference_is_explained(capsys)
"""


def output(directory: Path, test: str, exactly: str = "None", *options: str) -> str:
    """Of the planted test, which fails."""
    (directory / "test_planted.py").write_text(PLANTED.replace("{exactly}", exactly), encoding="utf-8")
    unwanted = ("PYTEST_ADDOPTS", "OOM_REVIEW_PROFILE")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options]
    done = subprocess.run(
        [*command, f"test_planted.py::{test}"],
        cwd=directory,
        # The same examples each time: the mistake is planted.
        env={**environment, "CI": "true", "PYTHONPATH": str(TESTS / "search")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed" in done.stdout, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("test", ["test_claims_hold", "test_differences"])
def test_a_machine_that_fails(test: str, tmp_path: Path) -> None:
    """The decorator is there, and does what is said of it: one example; so are the statistics."""
    shutil.copy(TESTS.parent / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    first = output(tmp_path, test, "None", "--hypothesis-show-statistics")
    assert f"test_planted.py::{test}:\n\n  - during generate phase" in first
    said = re.search(
        r"again: @(reproduce_failure\('[\d.]+', b'\S+'\)) \(from hypothesis\), as \1\(machine\)", first
    )
    assert said is not None, first
    again = output(tmp_path, test, said[1], "--hypothesis-show-statistics")
    assert "during generate phase" not in again
    heads = [
        re.findall(r"^(?:my_v2 breaks \S+|unexplained difference:)", text, re.MULTILINE)
        for text in (first, again)
    ]
    assert heads[0] == heads[1] != []
