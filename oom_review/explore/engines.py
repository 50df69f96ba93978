"""Which engine explores: the compiled core where it can be had, else Python.  Both give the same answer to the last count.

The environment's OOM_REVIEW_ENGINE asks for ``compiled`` or ``python``; then nothing else will do.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from oom_review.errors import BadInput, one_line
from oom_review.explore.build import NotBuilt, library
from oom_review.explore.compiled import CompiledSearch
from oom_review.explore.interface import Core, WrongVersion
from oom_review.explore.model import RecordedKernel
from oom_review.explore.orbits import Orbits
from oom_review.explore.recorded import RecordedTables
from oom_review.explore.search import Search
from oom_review.explore.sleepers import Sleepers
from oom_review.explore.steps import Steps

ASKED = "OOM_REVIEW_ENGINE"
COMPILED, PYTHON = "compiled", "python"


@cache
def core() -> Core | str:
    """The compiled core, or why there is none."""
    try:
        return Core(library())
    except NotBuilt as reason:
        return one_line(reason)
    except (OSError, WrongVersion) as reason:
        return one_line(f"it can't be loaded: {reason}")


def chosen() -> Core | str:
    """The compiled core, or why it is Python.  Raises BadInput if what was asked for can't be had."""
    asked = os.environ.get(ASKED)
    if asked == PYTHON:
        return f"{ASKED} asks for it"
    if asked not in (None, "", COMPILED):
        raise BadInput(f"{ASKED}={asked}: there are {COMPILED} and {PYTHON}")
    found = core()
    if asked and isinstance(found, str):
        raise BadInput(f"{ASKED}={asked}: there is no compiled core: {found}")
    return found


def said(unfit: str = "") -> str:
    """Which engine explores, for people; ``unfit``: why the core can't.  Raises BadInput."""
    found = unfit or chosen()
    return f"explored in Python: {found}" if isinstance(found, str) else "explored by the compiled core"


def search(
    steps: Steps, sleepers: Sleepers, orbits: Orbits, unfit: str, **how: Any
) -> Search | CompiledSearch:
    """A search with the chosen engine; ``how`` as both take it.  Raises BadInput."""
    found = unfit or chosen()
    if isinstance(found, str):
        return Search(RecordedKernel(steps, sleepers), orbits, **how)
    return CompiledSearch(found, RecordedTables(steps, sleepers), orbits, **how)
