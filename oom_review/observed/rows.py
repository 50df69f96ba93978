"""What came out, as rows of a file of JSON lines: one for each situation and kernel, so that copied rows are test data."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from oom_review.errors import BadInput
from oom_review.observed.outcome import Seen


@attrs.define(frozen=True)
class Observed:
    """``kernel``: the model that it is held against; ``version`` of the kernel; how often each outcome came out."""

    situation: str
    kernel: str
    version: str
    outcomes: Mapping[Seen, int]

    @property
    def runs(self) -> int:
        """That came to their end."""
        return sum(self.outcomes.values())


def as_row(observed: Observed) -> dict[str, Any]:
    """As the file has it."""
    outcomes = [attrs.asdict(seen) | {"runs": n} for seen, n in sorted(observed.outcomes.items())]
    return {
        "id": f"{observed.situation} on {observed.version}",
        "kernel": observed.kernel,
        "situation": {"name": observed.situation},
        "observed": {"outcomes": outcomes},
        "runs": observed.runs,
        "kernel_version": observed.version,
    }


def of_row(row: dict[str, Any]) -> Observed:
    """Raises KeyError, TypeError or ValueError for what is none."""
    outcomes = Counter[Seen]()
    for one in row["observed"]["outcomes"]:
        seen = Seen(
            tuple(map(str, one["tasks"])),
            int(one["oom_victims"]),
            tuple(map(str, one["pm"])),
            str(one["read"]),
        )
        outcomes[seen] += int(one["runs"])
    return Observed(str(row["situation"]["name"]), str(row["kernel"]), str(row["kernel_version"]), outcomes)


def read(path: Path) -> Iterator[Observed]:
    """All rows; none if there is no such file.  Raises BadInput."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n") if os.path.lexists(path) else []
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {getattr(error, 'strerror', None) or 'not text'}") from None
    for number, line in enumerate(lines, 1):
        if line:
            try:
                yield of_row(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise BadInput(f"{path}:{number}: not a row of observations; it is left as it is") from None


def append(path: Path, observed: Observed) -> None:
    """One row more.  Raises BadInput."""
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(as_row(observed)) + "\n")
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
