"""The mutants are those that the source has, each once; each file has tests; and how sure a rate is."""

from __future__ import annotations

from pathlib import Path

import pytest
from cosmic_ray import plugins
from interval import wilson
from mutants import drawn, mutating, of_source
from selected import BASE, TEXT, files, stages_of

ROOT = Path(__file__).parents[2]
SOURCE = '''\
"""A file."""

KNOWN: int | None = 1

def close(k: Kernel | None, cur: Task) -> Steps[bool]:
    """Both."""
    mm = cur.mm
    yield CLOSE, k.lock
    if not cur.flags & EXITING:
        cur.state = mm
    yield from wake(k, cur)
    release(cur, k.lock)
    return True
'''
CHANGES = [
    ("KNOWN: int | None = 1", "KNOWN: int | None = 2"),
    ("KNOWN: int | None = 1", "KNOWN: int | None = 0"),
    ("        cur.state = mm", "        pass"),
    ("    yield from wake(k, cur)", "    pass"),
    ("    release(cur, k.lock)", "    pass"),
    ("    if not cur.flags & EXITING:", "    if not not cur.flags & EXITING:"),
    ("    if not cur.flags & EXITING:", "    if not cur.flags | EXITING:"),
    ("    return True", "    return False"),
]


def test_each_change_of_what_is_run_once() -> None:
    """Types and texts are never run, nor is a bare ``yield`` taken out."""
    changes = []
    for mutant in of_source("file.py", SOURCE):
        changed = mutating.mutate_code(SOURCE, plugins.get_operator(mutant.operator)(), mutant.occurrence)
        pairs = zip(SOURCE.splitlines(), changed.splitlines(), strict=True)
        changes.append(next((old, new) for old, new in pairs if old != new))
    assert sorted(changes) == sorted(CHANGES)


def test_same_seed_same_order() -> None:
    """And another one with another."""
    orders = [
        [m.occurrence for m in drawn(ROOT, ["legacy_tifmemdie/oom_kill.py"], seed)] for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("path", [path for paths in files(ROOT).values() for path in paths])
def test_every_file_and_every_test_of_it_is_there(path: str) -> None:
    """A path that is not would make each of its mutants count as killed."""
    assert (ROOT / path).is_file()
    assert all((ROOT / test.split("::")[0]).exists() for stage in stages_of(path) for test in (*stage, *TEXT))


def test_which_files() -> None:
    """Those of both semantics, and of the base's exit, freezer, signals and OOM killer."""
    variants = files(ROOT)["variants"]
    assert {"legacy_tifmemdie/exit.py", "patched/oom_kill.py", "oom_kernels/today/freezer.py"} <= set(
        variants
    )
    assert len(BASE) == len(set(BASE))


@pytest.mark.parametrize(
    ("hits", "tried", "low", "high"),
    [(0, 0, 0, 1), (0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (81, 263, 0.2553, 0.3662)],
)
def test_wilson(hits: int, tried: int, low: float, high: float) -> None:
    """The last one is an example of Newcombe's (1998, method 3)."""
    assert wilson(hits, tried) == pytest.approx((low, high), abs=1e-4)
