"""The probe: compiled without a warning, and held to the scripts that it is given, as far as an ordinary user can."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from oom_review.boot import compile as compiling
from oom_review.boot.compile import built, probe
from oom_review.errors import BadInput
from oom_review.observed.translation import Played, text, translated
from oom_review.situations.families import EVERY

needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler here")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It, on the disk."""
    path = tmp_path_factory.mktemp("probe") / "init"
    path.write_bytes(probe())
    path.chmod(0o755)
    return path


def said(program: Path, script: str) -> tuple[int, list[dict[str, object]]]:
    """Status, and records, of a check: it is not the first process here, so it does nothing else."""
    path = program.with_name("situation")
    path.write_text(script)
    done = subprocess.run([program, path], capture_output=True, text=True, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@needs_compiler
def test_it_knows_every_line_of_every_situation(program: Path) -> None:
    """Compiled with all warnings as errors."""
    scripts = [s for s in map(translated, EVERY.values()) if isinstance(s, Played)]
    assert len(scripts) > 100
    assert said(program, "".join(text(s, 1) for s in scripts)) == (0, [{"end": True}])


@needs_compiler
def test_it_says_which_line_it_does_not_know(program: Path) -> None:
    """By number."""
    status, records = said(program, "case x\ninit: fork p\np: fly\nmeanwhale\nend\n")
    assert status == 1
    assert records == [{"line": 3, "failed": "fly"}, {"line": 4, "failed": "meanwhale"}, {"end": True}]


@needs_compiler
def test_what_the_compiler_says(tmp_path: Path) -> None:
    """A warning is an error, in one line."""
    source = tmp_path / "bad.c"
    source.write_text("int main(void) { int unused; return 0; }\n")
    with pytest.raises(BadInput, match=r"the probe can't be compiled: .*unused"):
        built([source])


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(BadInput, match="apt install gcc libc6-dev"):
        built([])


def test_no_static_libc() -> None:
    """The linker's words, in ours."""
    assert compiling._said("cc", "/usr/bin/ld: cannot find -lc: No such file").startswith(
        "cc: there is no static libc"
    )
