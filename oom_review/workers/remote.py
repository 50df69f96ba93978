"""A job from another machine: done only where all is as it is there, the user's kernels and claims included, which came along as source."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs

from oom_review import ledger
from oom_review.errors import BadInput
from oom_review.variants.loading import given, known, load, load_all
from oom_review.variants.sources import own, variant_digest
from oom_review.workers.identity import Identity, difference, identity

COMMAND_LINE = "oom_review.commands.cli"
"""Local workers load it, as it started them; and Hypothesis draws constants of all that is loaded."""


@attrs.define(frozen=True)
class Origin:
    """Where jobs come from: what has to be the same, the words and files that name the user's kernels and claims, and digests of these."""

    identity: Identity
    modules: tuple[str, ...]
    kernels: tuple[tuple[str, str, str], ...]
    claims: tuple[str, ...]


@attrs.define(frozen=True)
class Refused:
    """The job was not begun: why."""

    reason: str


def here() -> tuple[Origin, dict[str, bytes]]:
    """This process as an origin, and the files that travel: the user's own kernels and claims, and nothing else.  Raises BadInput."""
    files: dict[str, bytes] = {}
    kernels = []
    for variant in map(load, given()):
        name = variant.name
        mine = own(variant)
        files |= mine
        word = f".{os.sep}{name}" if f"{name}/__init__.py" in mine else name
        kernels.append((word, name, variant_digest(variant)))
    claims = []
    for number, path in enumerate(ledger.sources(), 1):
        # Two of them may have the same name.
        claims.append(f"claims-{number}/{path.name}")
        files[claims[-1]] = path.read_bytes()
    modules = tuple(name for name in (COMMAND_LINE,) if name in sys.modules)
    return Origin(identity(), modules, tuple(kernels), tuple(claims)), files


def answered(work: tuple[Origin, str, bytes]) -> Any:
    """The answer to a job of that origin, whose files are in that directory; or Refused."""
    origin, directory, packed = work
    reason = _prepared(origin, directory)
    if reason:
        return Refused(reason)
    answer: Callable[[Any], Any]
    answer, job = pickle.loads(packed)  # noqa: S301 - from whoever may give jobs here
    return answer(job)


@cache
def _prepared(origin: Origin, directory: str) -> str:
    """Why this process is no place for such jobs; empty if it is one, from then on."""
    reason = difference(origin.identity)
    if reason:
        return reason
    for name in origin.modules:
        import_module(name)
    os.chdir(Path(directory))
    try:
        load_all(word for word, _name, _digest in origin.kernels)
        ledger.load_all(origin.claims)
    except BadInput as error:
        return str(error)
    for _word, name, digest in origin.kernels:
        if variant_digest(known(name)) != digest:
            return f"the sources of {name} are others there"
    return ""
