"""The library of the compiled core: shipped beside its sources, or made once with the C++ compiler that is here and kept in the user's cache.

Its name says what it was made from: sources that were edited since get another one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent / "core"
FLAGS = ("-std=c++17", "-O2", "-fPIC", "-shared")
COMPILERS = ("c++", "g++", "clang++")
PATIENCE = 120
"""Seconds that a compiler gets; five are enough."""


class NotBuilt(Exception):
    """There is no library: why, in one line."""


def library(flags: tuple[str, ...] = FLAGS) -> Path:
    """The library, made if it is not there yet.  Raises NotBuilt."""
    shipped = SOURCES / name(flags)
    if shipped.is_file():
        return shipped
    place = cache()
    path = place / shipped.name
    if path.is_file():
        return path
    compiler = found_compiler()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with (place / "lock").open("w", encoding="utf-8") as lock:
            # Whoever comes second finds it made.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.is_file():
                make(compiler, flags, path)
    except OSError as error:
        raise NotBuilt(f"{error.filename or place}: {error.strerror or error}") from None
    return path


def cache() -> Path:
    """Where libraries are kept: in the user's cache.  Raises NotBuilt."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "oom-review"
    except RuntimeError:
        raise NotBuilt("there is no home directory to keep it in") from None


def name(flags: tuple[str, ...]) -> str:
    """The library's file name: a digest of all that it is made from, and for which machine."""
    sources = sorted(p for p in SOURCES.rglob("*") if p.suffix in (".h", ".cpp"))
    made_from = hashlib.sha256("\n".join([*flags, sys.platform, platform.machine()]).encode())
    for source in sources:
        made_from.update(f"\n{source.relative_to(SOURCES)}\n".encode() + source.read_bytes())
    return f"core-{made_from.hexdigest()[:16]}.so"


def found_compiler() -> str:
    """The compiler that CXX names, or the first that is here.  Raises NotBuilt."""
    named = os.environ.get("CXX")
    for name in (named,) if named else COMPILERS:
        path = shutil.which(name)
        if path is not None:
            return path
    raise NotBuilt(f"CXX names {named}, which is not here" if named else "there is no C++ compiler")


def make(compiler: str, flags: tuple[str, ...], path: Path) -> None:
    """Make it there, whole or not at all.  Raises NotBuilt."""
    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        made = Path(place) / path.name
        command = [compiler, *flags, "-o", str(made), str(SOURCES / "core.cpp")]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise NotBuilt(f"{compiler} was not done after {PATIENCE} s") from None
        if done.returncode != 0 or not made.is_file():
            said = next(iter(done.stderr.strip().splitlines()), f"status {done.returncode}")
            raise NotBuilt(f"{compiler} failed: {said}")
        made.replace(path)


def main() -> None:
    """Make it ahead of the first exploration, and say in one line what came of it."""
    try:
        print(f"the compiled core is {library()}")
    except NotBuilt as reason:
        print(f"no compiled core, explorations run in Python: {reason}")
