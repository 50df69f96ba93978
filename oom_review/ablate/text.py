"""An ablation for people, and as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from oom_kernels.hunks.family import PARTS, name_of
from oom_review.ablate.ablation import LEGACY, WHOLE, Ablation, Cell, Change, Parts
from oom_review.project import version

FORMAT, VERSION = "oom-review ablation", 1
MOST = 3


def short(parts: Parts) -> str:
    """The mixture without its kernels' home."""
    return name_of(parts).rpartition(".")[2]


def said(cells: Iterable[Cell], places: int) -> str:
    """The promises, each with the number of situations if that is not all of them."""
    found: dict[str, int] = {}
    for claim, _place in sorted(cells):
        found[claim] = found.get(claim, 0) + 1
    return ", ".join(claim if n == places else f"{claim} ({n})" for claim, n in found.items()) or "-"


def lines(a: Ablation) -> Iterator[str]:
    """All of it; a number behind a promise says in how many of the situations."""
    yield f"{len(a.broken)} mixtures of the RFC's hunks in {len(a.places)} situations, every interleaving, {a.states} states"
    yield from (f"bounded: {where}" for where in a.bounded)
    yield ""
    for name, parts in (("legacy", LEGACY), ("the RFC", WHOLE)):
        yield f"{name} breaks {said(a.broken[parts], len(a.places))}"
    yield ""
    yield "Legacy with one part of the RFC"
    yield from _changes(a.alone(), len(a.places))
    yield ""
    yield "The RFC without one part, or with another form of mark_oom_victim()"
    yield from _changes(a.without(), len(a.places))
    yield ""
    yield "What a promise needs"
    for promise in a.promises:
        smallest = a.keeping(promise)
        needed = " ".join(part for part in PARTS if part in a.needed(promise)) or "nothing"
        yield f"  {promise}: {needed}; kept by {_some(smallest)}"
    yield ""
    yield from _verdict(a)


def _changes(changes: Iterable[Change], places: int) -> Iterator[str]:
    for c in changes:
        yield f"  {c.part:6} {PARTS[c.part]}"
        if c.breaks or c.mends:
            yield f"         breaks {said(c.breaks, places)}; mends {said(c.mends, places)}"
        else:
            yield "         changes no verdict"


def _verdict(a: Ablation) -> Iterator[str]:
    worth = [c for c in a.alone() if c.mends and not c.breaks]
    yield f"Worth merging alone: {', '.join(c.part for c in worth) or 'none: each that mends something breaks something else'}"
    worse = a.worse()
    yield f"Worse than either side: {len(worse)} mixtures, the smallest {_some(worse)}"
    kept = [p for p, cells in a.broken.items() if not cells]
    best = a.best()
    yield (
        f"Every promise is kept by {_some(kept)}"
        if kept
        else f"No mixture keeps every promise; {len(best)} break so little that none breaks a part of it"
    )


def _some(mixtures: Sequence[Parts]) -> str:
    """The first ones."""
    more = f" and {len(mixtures) - MOST} more" if len(mixtures) > MOST else ""
    return ", ".join(map(short, mixtures[:MOST])) + more or "none of them"


def as_data(a: Ablation) -> dict[str, Any]:
    """Each mixture with the promises that it breaks, and where."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "project": version(),
        "situations": list(a.places),
        "states": a.states,
        "bounded": list(a.bounded),
        "parts": dict(PARTS),
        "mixtures": {short(parts): by_promise(cells) for parts, cells in a.broken.items()},
    }


def by_promise(cells: Iterable[Cell]) -> dict[str, list[str]]:
    """The situations in which each is broken."""
    found: dict[str, list[str]] = {}
    for claim, place in sorted(cells):
        found.setdefault(claim, []).append(place)
    return found
