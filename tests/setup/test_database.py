"""A shared database of examples that can't be reached costs nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A client whose server is down.
DOWN = """
class Redis:
    @classmethod
    def from_url(cls, address):
        print("asked for", address)
        return cls()
    def __getattr__(self, name):
        def down(*_arguments, **_options):
            raise ConnectionError("nobody there")
        return down
"""
ASK = """
import conftest
shared = conftest._database()
shared.save(b"key", b"value")
print(list(shared.fetch(b"key")))
shared.delete(b"key", b"value")
print(list(shared.fetch(b"key")))
"""


def ask(place: Path, address: str) -> subprocess.CompletedProcess[str]:
    """Save, fetch and delete an example in a project that has our conftest.py."""
    shutil.copy(ROOT / "conftest.py", place)
    return subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=place,
        env=os.environ | {"OOM_REVIEW_DATABASE": address},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_what_a_server_can_t_take_is_kept_here(scheme: str, tmp_path: Path) -> None:
    """One line says so, once for each who was to use it."""
    (tmp_path / "redis.py").write_text(DOWN, encoding="utf-8")
    done = ask(tmp_path, f"{scheme}://host/0")
    assert done.returncode == 0, done.stderr
    assert f"asked for {scheme}://host/0\n" in done.stdout
    assert done.stdout.endswith("[b'value']\n[]\n")
    here = tmp_path / ".hypothesis" / "examples"
    assert done.stderr == f"OOM_REVIEW_DATABASE: nobody there; from here on examples are kept in {here}\n"


def test_without_the_extra_it_says_so(tmp_path: Path) -> None:
    """No traceback of ours in between."""
    (tmp_path / "redis.py").write_text("raise ImportError('no redis')", encoding="utf-8")
    done = ask(tmp_path, "redis://host/0")
    assert done.returncode != 0
    assert "UsageError: OOM_REVIEW_DATABASE: no redis (the extra redis has to be installed)" in done.stderr
