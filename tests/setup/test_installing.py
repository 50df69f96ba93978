"""A lock goes on installing when newer releases of what it pins come out."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[2] / "Makefile"


def how_the_makefile_installs() -> list[str]:
    """The options of pip, from the Makefile itself."""
    given = subprocess.run(
        ["make", "--no-print-directory", "-f", "-", "told"],
        input=f"include {MAKEFILE}\ntold: ; @echo $(LOCKED)\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return given.stdout.split()


def release(directory: Path, name: str, version: str, *metadata: str) -> str:
    """A wheel of one module; returns its hash, as a lock has it."""
    path = directory / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    headers = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata, ""]
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = {version!r}\n")
        wheel.writestr(f"{about}/METADATA", "\n".join(headers))
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def install(options: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    """Install the lock into a directory of its own, from what was released here and from nowhere else."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    lock, target = directory / "some.lock", directory / "installed"
    return subprocess.run(
        [sys.executable, *options, "--no-index", "--find-links", directory, "--target", target, "-r", lock],
        env={**clean, "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """`app` asks for an extra of `base`, which is pinned; then a newer `base` comes out."""
    app = release(tmp_path, "app", "1", "Requires-Dist: base[fast]>=1")
    base = release(tmp_path, "base", "1", "Provides-Extra: fast")
    (tmp_path / "some.lock").write_text(f"app==1 --hash={app}\nbase==1 --hash={base}\n", encoding="utf-8")
    release(tmp_path, "base", "2", "Provides-Extra: fast")
    return tmp_path


def test_a_newer_release_does_not_stop_a_set_up(directory: Path) -> None:
    """What is pinned is installed, as it stands."""
    options = how_the_makefile_installs()
    done = install(options, directory)
    assert done.returncode == 0, done.stderr
    assert "version = '1'" in (directory / "installed" / "base.py").read_text(encoding="utf-8")


def test_it_would_stop_one_that_resolves(directory: Path) -> None:
    """Without --no-deps pip goes for the newer release, which has no hash in the lock, and refuses."""
    options = [option for option in how_the_makefile_installs() if option != "--no-deps"]
    done = install(options, directory)
    assert done.returncode == 1
    assert "base[fast]>=1" in done.stderr
    assert "--require-hashes" in done.stderr
