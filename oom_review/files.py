"""Writing files that people keep: whole or not at all, and never over anything that we did not make ourselves.

Whatever goes wrong raises BadInput, in one line.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from oom_review.errors import BadInput

STDOUT = "-"
HEAD = 512
"""Our own files carry their marker within so many bytes."""


def check_target(path: Path, marker: str) -> None:
    """Raise BadInput if the file can't be written, or exists and does not carry the marker of our own files."""
    with _one_line(path):
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise BadInput(f"{path}: not a regular file; it is left as it is")
        if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            raise BadInput(f"{path}: can't be written")
        if path.exists():
            with path.open("rb") as stream:
                ours = marker.encode() in stream.read(HEAD)
            if not ours:
                raise BadInput(f"{path}: exists, and is not an older one of ours; it is left as it is")


def check_new(path: Path) -> None:
    """Raise BadInput if the file is there already, or can't be written."""
    with _one_line(path):
        if os.path.lexists(path):
            raise BadInput(f"{path}: exists; it is left as it is")
        if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            raise BadInput(f"{path}: can't be written")


def check_directory(path: Path) -> None:
    """Make the directory for files; raises BadInput if that can't be."""
    with _one_line(path):
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK):
            raise BadInput(f"{path}: can't be written")


def write_over_ours(path: Path, text: str, marker: str) -> None:
    """Write the text, which has the marker near its beginning, over nothing or an older one."""
    assert marker.encode() in text.encode()[:HEAD]
    check_target(path, marker)
    if path.exists():
        with _written(path, text) as temporary:
            temporary.replace(path)
    else:
        write_new(path, text)


def write_new(path: Path, text: str) -> None:
    """Write a file of a name that nothing has."""
    with _written(path, text) as temporary:
        # Not replace(): somebody may have made the file meanwhile.
        os.link(temporary, path)


def write_beside(directory: Path, stem: str, suffix: str, text: str) -> Path:
    """Write the text under the first name that nothing has, also if others write there at the same time."""
    for path in fresh_names(directory, stem, suffix):
        with _written(path, text) as temporary:
            try:
                os.link(temporary, path)
            except FileExistsError:
                continue
            return path
    raise AssertionError


def fresh_names(directory: Path, stem: str, suffix: str) -> Iterator[Path]:
    """Names that nothing has there yet: the stem, the stem with -2, -3, ..."""
    for number in count(1):
        path = directory / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        if not os.path.lexists(path):
            yield path


@contextmanager
def _written(path: Path, text: str) -> Iterator[Path]:
    """The text in a file beside the path, which is gone afterwards."""
    temporary = path.parent / f".oom-review-{secrets.token_hex(8)}"
    with _one_line(path):
        try:
            with temporary.open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise BadInput(f"{path}: {reason or error}") from None
