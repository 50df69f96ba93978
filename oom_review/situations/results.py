"""The results file: a header, and a JSON line for each job that is finished, written as it finishes.

What was explored with other sources of the model, of the claims or of the variant says nothing about the present ones.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import cattrs

import kernel_model
from kernel_model.variant import Variant
from oom_review.claims import BY_ID
from oom_review.errors import BadInput
from oom_review.project import version
from oom_review.situations.job import Job, Outcome, as_data, from_data
from oom_review.variants.loading import known

FORMAT = "oom-review exploration"
VERSION = 1
MAX_BYTES = 1_000_000_000
# Of our own package only what can change a verdict: not the tables, whose situations have names that say what they are.
DECIDES = (
    "claims.py",
    "play",
    "scenario/items.py",
    "explore",
    "schedules",
    "situations/script.py",
)


@attrs.define(frozen=True)
class Header:
    """What the results rest on."""

    format: str
    version: int
    project: str
    sources: str


def header() -> Header:
    """Of a file that is made now."""
    ours = Path(__file__).parents[1]
    model = Path(kernel_model.__file__).parent
    return Header(FORMAT, VERSION, version(), _digest([model, *(ours / name for name in DECIDES)]))


def variant_digest(variant: Variant) -> str:
    """Of the packages that the functions of the variant, and of what it stands on, come from."""
    modules = {v.name for v in variant.lineage()} | {f.__module__ for f in variant.functions().values()}
    files = {n: getattr(sys.modules.get(n), "__file__", None) for n in modules}
    # A module of its own stands among who knows what.
    packages = {n for n, file in files.items() if "." in n or Path(file or "").name == "__init__.py"}
    return _digest(Path(f).parent if n in packages else Path(f) for n, f in files.items() if f is not None)


def _digest(roots: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for root in sorted(set(roots)):
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            # Not the whole path: the same sources elsewhere are the same.
            name = path.relative_to(root.parent).as_posix()
            digest.update(f"{name} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


class Results:
    """An open results file: nobody else writes to it meanwhile.  Whatever is wrong with it raises BadInput."""

    def __init__(self, path: Path, variants: Iterable[str]) -> None:
        """Read what there is on these variants; begin a new file if there is none."""
        self.path = path
        self._variants = {name: variant_digest(known(name)) for name in variants}
        self._finished: dict[tuple[str, str], Outcome] = {}
        try:
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)
            new = True
        except FileExistsError:
            self._file = self._existing()
            new = False
        except (OSError, ValueError) as error:
            raise self._bad(None, getattr(error, "strerror", None) or str(error)) from None
        try:
            self._lock()
            if new:
                self._append(attrs.asdict(header()))
            else:
                self._read()
        except BaseException:
            os.close(self._file)
            raise

    def _existing(self) -> int:
        try:
            # A pipe that nobody writes to must not hang us; a link may lead to what is not ours.
            return os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise self._bad(None, error.strerror or str(error)) from None

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise self._bad(None, "another exploration writes to it") from None

    def close(self) -> None:
        """What is written stays."""
        os.close(self._file)

    def outcome(self, job: Job) -> Outcome | None:
        """What is known of the job: finished under any limits, or stopped at the very same ones."""
        found = self._finished.get((job.situation, job.variant))
        return found if found is not None and (not found.bounded or found.job == job) else None

    def add(self, outcome: Outcome) -> None:
        """Remember it for ever."""
        self._append(as_data(outcome) | {"sources": self._variants[outcome.job.variant]})
        self._finished[outcome.job.situation, outcome.job.variant] = outcome

    def _append(self, data: dict[str, Any]) -> None:
        line = json.dumps(data).encode() + b"\n"
        end = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(0, "no space left")  # noqa: TRY301 - the same as when none of it fits
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, end)
            raise self._bad(None, error.strerror or str(error)) from None

    def _bad(self, line: int | None, reason: str) -> BadInput:
        shown = " ".join(reason.split())[:300]
        return BadInput(f"{self.path}{'' if line is None else f':{line}'}: {shown}")

    def _read(self) -> None:
        about = os.fstat(self._file)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
            raise self._bad(None, "not the results of an exploration; it is left as it is")
        with os.fdopen(os.dup(self._file), "rb") as stream:
            lines = stream.read().split(b"\n")
        self._check_header(lines[0])
        if lines.pop():
            raise self._bad(len(lines) + 1, "truncated: the line has no end; delete it to go on without it")
        for number, line in enumerate(lines[1:], 2):
            self._take(number, line)

    def _check_header(self, line: bytes) -> None:
        try:
            found = json.loads(line)
            ours = found["format"] == FORMAT
        except (ValueError, TypeError, KeyError, RecursionError):
            ours = False
        if not ours:
            raise self._bad(None, "not the results of an exploration; it is left as it is")
        mine = header()
        if found.get("version") != VERSION:
            raise self._bad(1, f"format version {found.get('version')!r}, and this is version {VERSION}")
        if found.get("project") != mine.project:
            raise self._bad(1, f"made by oom-review {found.get('project')!r}, and this is {mine.project!r}")
        if found.get("sources") != mine.sources:
            raise self._bad(1, "made with other sources of the model; explore anew, into another file")

    def _take(self, number: int, line: bytes) -> None:
        try:
            data = json.loads(line)
            sources = data.pop("sources")
            outcome = from_data(data)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, cattrs.BaseValidationError):
            raise self._bad(number, "not a result of an exploration") from None
        unknown = [claim for claim in outcome.refuted if claim not in BY_ID]
        if unknown:
            raise self._bad(number, f"no such claim: {unknown[0]!r}")
        variant = outcome.job.variant
        if variant not in self._variants:
            return
        if sources != self._variants[variant]:
            raise self._bad(
                number, f"made with other sources of variant {variant!r}; explore anew, into another file"
            )
        self._finished[outcome.job.situation, variant] = outcome
