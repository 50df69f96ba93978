"""Without a browser: what was not run is said, each time and at the end; on CI it fails; only make test installs one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import chromium
import pytest

TESTS = Path(__file__).parents[1]
LAST = "tests were NOT run, for want of a browser"


def tried_without(**more: str) -> tuple[int, list[str]]:
    """The exit status and the lines of a run of two browser tests on two workers, where there is no browser."""
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    command = [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", "-k", "axe"]
    done = subprocess.run(
        [*command, TESTS / "report" / "test_browser.py"],
        cwd=TESTS.parent,
        env={**environment, chromium.CHOICE: "", **more},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def test_what_was_not_run_is_said_at_the_end() -> None:
    """Each test is skipped with its reason; the very last line says how many, and how to run them."""
    status, lines = tried_without()
    assert status == 0
    assert any(line.startswith("SKIPPED [2]") and chromium.MISSING in line for line in lines)
    assert "2 skipped in" in lines[-2]
    assert lines[-1].startswith(f"2 {LAST}: install Chromium or Chrome")


def test_on_ci_it_is_a_failure() -> None:
    """Whatever CI is set to, nothing is skipped."""
    status, lines = tried_without(CI="1")
    assert status == 1
    assert "2 errors in" in lines[-1]
    assert any(chromium.MISSING in line for line in lines)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands by which a browser would be installed, on a Debian without one, as root."""
    commands: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...], **_options: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.delenv(chromium.CHOICE, raising=False)
    monkeypatch.setattr(chromium, "NAMES", ())
    monkeypatch.setattr(chromium, "DEBIAN", Path(__file__))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_root_on_debian_gets_one(
    installed: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is installed, and one line says so."""
    chromium.install()
    assert installed == list(chromium.INSTALL)
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("why", ["there is one", "not root", "not Debian", "none is wanted"])
def test_nobody_else_does(
    why: str,
    installed: list[tuple[str, ...]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is installed where one is there, where it can't be, or where none is wanted."""
    if why == "there is one":
        monkeypatch.setattr(chromium, "NAMES", (sys.executable,))
    elif why == "not root":
        monkeypatch.setattr(os, "geteuid", lambda: 65534)
    elif why == "not Debian":
        monkeypatch.setattr(chromium, "DEBIAN", Path(__file__) / "nowhere")
    else:
        monkeypatch.setenv(chromium.CHOICE, "")
    chromium.install()
    assert (installed, capsys.readouterr().out) == ([], "")


def test_one_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was named is taken, and no other."""
    monkeypatch.setenv(chromium.CHOICE, sys.executable)
    assert chromium.find() == sys.executable
    monkeypatch.setenv(chromium.CHOICE, "/nowhere/chromium")
    assert chromium.find() is None
