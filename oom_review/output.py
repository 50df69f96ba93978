"""Writing a file that people keep: whole or not at all, and never over anything that we did not make ourselves."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from oom_review.errors import BadInput

HEAD = 4096


def check_target(path: Path, marker: str) -> None:
    """Raise BadInput if the file can't be written, or exists and does not carry the marker of our own files."""
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise BadInput(f"{path}: can't be written")
    if path.is_symlink() or path.exists():
        if not path.is_file() or path.is_symlink():
            raise BadInput(f"{path}: not a regular file; it is left as it is")
        try:
            with path.open("rb") as stream:
                ours = marker.encode() in stream.read(HEAD)
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror or error}") from None
        if not ours:
            raise BadInput(f"{path}: exists, and is not an older one of ours; it is left as it is")


def write_over_ours(path: Path, text: str, marker: str) -> None:
    """Write the text, which has the marker near its beginning.  Raises BadInput."""
    assert marker in text[:HEAD]
    check_target(path, marker)
    try:
        handle, name = tempfile.mkstemp(prefix=".oom-review-", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            temporary.chmod(0o666 & ~_umask())
            if path.exists():
                temporary.replace(path)
            else:
                # Not replace(): somebody may have made the file meanwhile.
                os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None


def check_directory(path: Path) -> None:
    """Make the directory for files; raises BadInput if that can't be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    if not os.access(path, os.W_OK):
        raise BadInput(f"{path}: can't be written")


def new_file(directory: Path, stem: str, suffix: str) -> Path:
    """A name that nothing has there yet."""
    path = directory / f"{stem}{suffix}"
    number = 2
    while path.exists():
        path = directory / f"{stem}-{number}{suffix}"
        number += 1
    return path


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
