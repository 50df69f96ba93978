"""Which wheel is built: one for this platform with the compiled core, or one for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hatch_build import CompiledCore
from oom_review.explore import build

ROOT = Path(__file__).parents[2]
COMPILER = '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\n: > "$2"\n'


def built(version: str = "standard") -> tuple[dict[str, Any], list[str]]:
    """What the hook asks of the builder, and those files of it that are there while the wheel is built."""
    data: dict[str, Any] = {"force_include": {}}
    hook = CompiledCore(str(ROOT), {}, None, None, "", "wheel")  # type: ignore[arg-type]
    hook.initialize(version, data)
    there = [inside for made, inside in data["force_include"].items() if Path(made).is_file()]
    hook.finalize(version, data, "")
    assert not any(Path(made).exists() for made in data["force_include"])
    return data, there


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is quick."""
    path = tmp_path / "c++"
    path.write_text(COMPILER, encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("CXX", str(path))
    monkeypatch.delenv("OOM_REVIEW_WHEEL", raising=False)


def test_with_a_compiler(compiler: None) -> None:
    """The core lies where it is looked for first, and any Python 3 on this platform takes the wheel."""
    data, there = built()
    assert there == [f"oom_review/explore/core/{build.name(build.FLAGS)}"]
    assert build.SOURCES == ROOT / "oom_review/explore/core"
    assert data["tag"].startswith("py3-none-")
    assert not data["tag"].endswith("-any")
    assert data["pure_python"] is False


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said, and the wheel is for all."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert built() == ({"force_include": {}}, [])
    said = "no compiled core in this wheel: CXX names no-such-compiler, which is not here\n"
    assert capsys.readouterr().err == said


def test_a_pure_wheel(compiler: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As asked for."""
    monkeypatch.setenv("OOM_REVIEW_WHEEL", "pure")
    assert built() == ({"force_include": {}}, [])


def test_an_editable_install(compiler: None) -> None:
    """It finds the core in the user's cache."""
    assert built("editable") == ({"force_include": {}}, [])
