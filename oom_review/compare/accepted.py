"""Differences that are known, as a file in somebody's repository: a new one, or one that vanished, is news."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from oom_review.compare.groups import Group
from oom_review.errors import BadInput
from oom_review.files import write_new

FORMAT, VERSION = "oom-review accepted differences", 1
MOST_BYTES = 10_000_000
Known = tuple[str, tuple[str, ...], tuple[str, ...]]
"""On which kernel only, what it has, what the other one has instead."""


@attrs.define(frozen=True)
class Checked:
    """What is not in the file, and what is in it only."""

    new: tuple[Known, ...]
    vanished: tuple[Known, ...]


def known(group: Group, variants: tuple[str, str]) -> Known:
    """A group as the file names it."""
    return variants[group.side], group.difference.only, group.difference.instead


def read(path: Path, variants: tuple[str, str]) -> frozenset[Known]:
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
        return frozenset(_row(row) for row in data["differences"])
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BadInput(f"{path}: not a file of accepted differences") from None


def _row(row: dict[str, Any]) -> Known:
    found = str(row["only on"]), tuple(row["has"]), tuple(row["instead of"])
    if not all(isinstance(said, str) for said in (*found[1], *found[2])):
        raise TypeError
    return found


def write(path: Path, groups: Iterable[Group], variants: tuple[str, str]) -> None:
    """A new file of all these.  Raises BadInput."""
    rows = sorted(known(g, variants) for g in groups if g.sure)
    data = {
        "format": FORMAT,
        "version": VERSION,
        "base": variants[0],
        "patch": variants[1],
        "differences": [
            {"only on": side, "has": only, "instead of": instead} for side, only, instead in rows
        ],
    }
    write_new(path, json.dumps(data, indent=2) + "\n")


def check(accepted: frozenset[Known], groups: Iterable[Group], variants: tuple[str, str]) -> Checked:
    """What came and what went."""
    found = {known(g, variants) for g in groups}
    return Checked(tuple(sorted(found - accepted)), tuple(sorted(accepted - found)))
