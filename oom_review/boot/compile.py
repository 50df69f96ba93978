"""The probe's program: made of the C sources here, with the C compiler and the static libc of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from oom_review.errors import BadInput, one_line

SOURCES = Path(__file__).parent / "probe"
FLAGS = ("-std=gnu11", "-static", "-O2", "-Wall", "-Wextra", "-Werror")
COMPILERS = ("cc", "gcc", "clang")


@cache
def probe() -> bytes:
    """The program.  Raises BadInput."""
    return built(sorted(SOURCES.glob("*.c")))


def built(sources: list[Path]) -> bytes:
    """A static program of these sources.  Raises BadInput, in one line with what to install."""
    named = os.environ.get("CC")
    compiler = next(filter(None, map(shutil.which, (named,) if named else COMPILERS)), None)
    if compiler is None:
        raise BadInput("a C compiler is missing (on Debian: apt install gcc libc6-dev)")
    with tempfile.TemporaryDirectory(prefix="oom-review-") as place:
        program = Path(place) / "init"
        command = [compiler, *FLAGS, "-o", str(program), *map(str, sources)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BadInput(_said(compiler, done.stderr))
        return program.read_bytes()


def _said(compiler: str, text: str) -> str:
    if "-lc" in text and "cannot find" in text:
        return f"{compiler}: there is no static libc (on Debian: apt install libc6-dev)"
    wrong = [line for line in text.splitlines() if "error" in line] or text.splitlines() or ["no message"]
    return f"{compiler}: the probe can't be compiled: {one_line(wrong[0])}"
