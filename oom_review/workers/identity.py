"""What has to be the same on two machines for the same job to have the same answer there, each with a word for people.

Hypothesis draws constants of the modules that are loaded and not installed: a checkout draws other programs than an installed wheel.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import version as version_of
from pathlib import Path

from oom_review.explore import engines
from oom_review.project import version
from oom_review.variants.loading import HOME, INSTALLED, SHIPPED
from oom_review.variants.sources import digest_of

Identity = tuple[tuple[str, str], ...]
OURS = ("kernel_model", "oom_review", *sorted(SHIPPED))


@cache
def identity() -> Identity:
    """Of this process, as its sources were when it was first asked.  Raises BadInput."""
    python = sys.version_info
    return (
        ("oom-review", version()),
        ("Python", f"{python.major}.{python.minor}"),
        ("Hypothesis", version_of("hypothesis")),
        ("sources", digest_of(HOME / name for name in OURS)[:12]),
        ("kept in", INSTALLED if "site-packages" in Path(__file__).parts else "a checkout"),
        ("engine", "Python" if isinstance(engines.chosen(), str) else "the compiled core"),
    )


def difference(wanted: Identity) -> str:
    """The first thing in which this process is another one than ``wanted``, in words; empty if there is none."""
    mine = dict(identity())
    for what, there in wanted:
        if mine.get(what) != there:
            return f"{what}: {mine.get(what)} there, {there} here"
    return ""
