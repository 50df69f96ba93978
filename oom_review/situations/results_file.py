"""A file of JSON lines, a header first, that grows as results come and is nobody else's meanwhile.  What is wrong with it raises BadInput."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from oom_review.errors import BadInput

MAX_BYTES = 1_000_000_000


class ResultsFile:
    """An open one."""

    def __init__(self, path: Path, header: dict[str, Any], what: str) -> None:
        """Open it, or begin a new one; ``what`` it holds, for messages.  Everything in the header has to be the same."""
        self.path = path
        self._header, self._what = header, what
        try:
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)
            self._new = True
        except FileExistsError:
            self._file = self._existing()
            self._new = False
        except (OSError, ValueError) as error:
            raise self.bad(None, getattr(error, "strerror", None) or str(error)) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise self.bad(None, "another exploration writes to it") from None

    def _existing(self) -> int:
        try:
            # A pipe that nobody writes to must not hang us; a link may lead to what is not ours.
            return os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise self.bad(None, error.strerror or str(error)) from None

    def close(self) -> None:
        """What is written stays."""
        os.close(self._file)

    def append(self, data: dict[str, Any]) -> None:
        """One more line, whole or not at all."""
        line = json.dumps(data).encode() + b"\n"
        end = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(0, "no space left")  # noqa: TRY301 - the same as when none of it fits
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, end)
            raise self.bad(None, error.strerror or str(error)) from None

    def bad(self, line: int | None, reason: str) -> BadInput:
        """To be raised."""
        shown = " ".join(reason.split())[:300]
        return BadInput(f"{self.path}{'' if line is None else f':{line}'}: {shown}")

    def each(self, take: Callable[[int, bytes], None]) -> None:
        """Give away the lines after the header, with their numbers; a new file gets its header.  Closed if one is not taken."""
        try:
            for number, line in self._lines():
                take(number, line)
        except BaseException:
            self.close()
            raise

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        if self._new:
            self.append(self._header)
            return
        about = os.fstat(self._file)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
            raise self.bad(None, f"not {self._what}; it is left as it is")
        with os.fdopen(os.dup(self._file), "rb") as stream:
            lines = stream.read().split(b"\n")
        self._check_header(lines[0])
        if lines.pop():
            raise self.bad(len(lines) + 1, "truncated: the line has no end; delete it to go on without it")
        yield from enumerate(lines[1:], 2)

    def _check_header(self, line: bytes) -> None:
        mine = self._header
        try:
            found = json.loads(line)
            ours = found["format"] == mine["format"]
        except (ValueError, TypeError, KeyError, RecursionError):
            ours = False
        if not ours:
            raise self.bad(None, f"not {self._what}; it is left as it is")
        if found.get("version") != mine["version"]:
            raise self.bad(
                1, f"format version {found.get('version')!r}, and this is version {mine['version']}"
            )
        if found.get("project") != mine["project"]:
            raise self.bad(1, f"made by oom-review {found.get('project')!r}, and this is {mine['project']!r}")
        if found.get("sources") != mine["sources"]:
            raise self.bad(1, "made with other sources of the model; explore anew, into another file")
