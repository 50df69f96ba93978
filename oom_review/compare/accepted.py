"""Differences that are known, as a file in somebody's repository: a new one, or one that vanished, is news.

Each may have names there, in the words of whoever accepted it.  One such file is ours: what the RFC changes, by the names of the
catalogue of differences that lockstep goes by (oom_review/differences.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import attrs

from oom_review.compare.groups import Group
from oom_review.errors import BadInput
from oom_review.files import write_new

FORMAT, VERSION = "oom-review accepted differences", 1
MOST_BYTES = 10_000_000
OURS = "legacy_tifmemdie--patched.json"
Known = tuple[str, tuple[str, ...], tuple[str, ...]]
"""On which kernel only, what it has, what the other one has instead."""
Accepted = Mapping[Known, tuple[str, ...]]
"""Their names."""
NOTHING_IS_KNOWN: Accepted = {}


@attrs.define(frozen=True)
class Checked:
    """What is not in the file, and what is in it only."""

    new: tuple[Known, ...]
    vanished: tuple[Known, ...]


def known(group: Group, variants: tuple[str, str]) -> Known:
    """A group as the file names it."""
    return variants[group.side], group.difference.only, group.difference.instead


def ours(variants: tuple[str, str]) -> Accepted:
    """What the RFC changes.  Raises BadInput if these are other kernels."""
    with as_file(files("oom_review.compare").joinpath(OURS)) as path:
        return read(path, variants)


def read(path: Path, variants: tuple[str, str]) -> Accepted:
    """The differences in the file.  Raises BadInput, also if it is about other kernels."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path}: not a file of accepted differences")
        data = json.loads(path.read_text())
        if data["format"] != FORMAT or data["version"] != VERSION:
            raise BadInput(f"{path}: not a file of accepted differences, or of another version")
        if (data["base"], data["patch"]) != variants:
            raise BadInput(
                f"{path}: it is about {data['base']} and {data['patch']}, not about {' and '.join(variants)}"
            )
        return dict(_row(row) for row in data["differences"])
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BadInput(f"{path}: not a file of accepted differences") from None


def _row(row: dict[str, Any]) -> tuple[Known, tuple[str, ...]]:
    found = str(row["only on"]), tuple(row["has"]), tuple(row["instead of"])
    names = tuple(row.get("names", ()))
    if not all(isinstance(said, str) for said in (*found[1], *found[2], *names)):
        raise TypeError
    return found, names


def write(path: Path, groups: Iterable[Group], variants: tuple[str, str], accepted: Accepted) -> None:
    """A new file of all these; who is ``accepted`` already keeps its names.  Raises BadInput."""
    data = {
        "format": FORMAT,
        "version": VERSION,
        "base": variants[0],
        "patch": variants[1],
        "differences": [
            {"names": list(accepted.get(row, ())), "only on": row[0], "has": row[1], "instead of": row[2]}
            for row in sorted(known(g, variants) for g in groups if g.sure)
        ],
    }
    write_new(path, json.dumps(data, indent=2) + "\n")


def check(accepted: Accepted, groups: Iterable[Group], variants: tuple[str, str]) -> Checked:
    """What came and what went."""
    found = {known(g, variants) for g in groups}
    return Checked(tuple(sorted(found - accepted.keys())), tuple(sorted(accepted.keys() - found)))
