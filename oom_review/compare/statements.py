"""An end as statements without names, and in which of them two ends differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import attrs

from oom_review.explore.final import Final

Statements = Counter[str]


@attrs.define(frozen=True, order=True)
class Difference:
    """In what an end differs from the nearest end of the other kernel: what it has, and what that one has instead."""

    only: tuple[str, ...]
    instead: tuple[str, ...]


def renamed(final: Final, common_names: Mapping[str, str]) -> Final:
    """The end with the common names of threads that nothing tells apart (symmetry.py), on whichever kernel."""
    tasks = [(common_names.get(name, name), state, marked, io) for name, state, marked, io in final.tasks]
    return attrs.evolve(final, tasks=tuple(sorted(tasks)))


def statements(final: Final, *, names: bool) -> Statements:
    """All but the count, which is compared by itself."""
    said: list[str] = []
    for name, state, marked, phases in final.tasks:
        kind = "init" if name == "init" else "a victim's thread" if marked else "another task"
        who = name if names else kind
        said.append(f"{who}: {state}{', marked' if names and marked else ''}")
        said += [f"{who}: I/O while {phase}" for phase in phases]
    said += [
        f"{f'{task}: ' if names else ''}{what} returns {_result(result)}" for task, what, result in final.pm
    ]
    said += [f"warning: {text}" for text in final.warnings]
    said += [f"freezer.state of {cgroup} reads {state}" for cgroup, state in final.freezer_states]
    said += [] if final.phase == "running" else [f"the machine stays {final.phase}"]
    said += [f"panic: {final.panicked}"] if final.panicked else []
    return Counter(said)


def _result(result: str) -> str:
    return f"-{result}" if result.isupper() else result


def nearest(final: Final, others: Collection[Final]) -> Final:
    """The other kernel's end that differs in the fewest statements; ``others`` is not empty."""
    mine = statements(final, names=True)

    def distance(other: Final) -> tuple[int, bool, str]:
        theirs = statements(other, names=True)
        return ((mine - theirs) + (theirs - mine)).total(), final.counts != other.counts, repr(other)

    return min(others, key=distance)


def difference(final: Final, other: Final) -> Difference:
    """Without names, unless the ends differ in nothing else."""
    for names in (False, True):
        mine, theirs = statements(final, names=names), statements(other, names=names)
        one, two = _count(final.counts, other.counts)
        found = Difference(tuple(sorted({*(mine - theirs), *one})), tuple(sorted({*(theirs - mine), *two})))
        if found.only or found.instead:
            return found
    return Difference(("the same in another order",), ())


def _count(mine: tuple[int, ...], theirs: tuple[int, ...]) -> tuple[list[str], list[str]]:
    """Where it ends, else how far it goes, else how it goes."""
    if mine == theirs:
        return [], []
    for said, one, two in (
        ("oom_victims ends at", (0, *mine)[-1], (0, *theirs)[-1]),
        ("oom_victims falls to", min(0, 0, *mine), min(0, 0, *theirs)),
        ("oom_victims rises to", max(0, 0, *mine), max(0, 0, *theirs)),
    ):
        if one != two:
            return [f"{said} {one}"], [f"{said} {two}"]
    return [f"oom_victims goes {_walk(mine)}"], [f"oom_victims goes {_walk(theirs)}"]


def _walk(counts: tuple[int, ...]) -> str:
    return " ".join(map(str, (0, *counts)))
