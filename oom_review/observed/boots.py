"""Many cases, few boots: a case is torn down to nothing before the next begins, so that one machine can play them all.

A boot that comes to no end costs the case that it was in one of two tries, and the rest goes on in the next boot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from oom_review.boot.console import DONE, Outcome, Record
from oom_review.observed.translation import Played, text

TRIES = 2
CASES = 40
"""In one boot, at most."""
Boot = Callable[[str], Outcome]


@attrs.define(frozen=True)
class Case:
    """One run of a situation; ``seed`` draws who waits how long."""

    played: Played
    seed: int


@attrs.define(frozen=True)
class Ran:
    """``records``: of the case alone; ``lost``: why there are none that count, or ""."""

    case: Case
    records: tuple[Record, ...]
    lost: str


def ran(cases: Sequence[Case], boot: Boot) -> Iterator[Ran]:
    """Each case as it ended, in order but for those of a boot that came to no end, which are tried again."""
    todo, tries = list(cases), dict.fromkeys(cases, 0)
    while todo:
        now, todo = todo[:CASES], todo[CASES:]
        outcome = boot("".join(text(case.played, case.seed) for case in now))
        whole = list(_whole(outcome.records))
        yield from (Ran(case, records, "") for case, records in zip(now, whole, strict=False))
        left = now[len(whole) :]
        if not left:
            continue
        if outcome.status == DONE:
            # The probe refused to go on: what is left was not begun.
            lacking = "".join(f": the kernel lacks {r['lacks']}" for r in outcome.records if "lacks" in r)
            yield from (Ran(case, (), f"the probe came to its end without it{lacking}") for case in left)
            continue
        tries[left[0]] += 1
        if tries[left[0]] == TRIES:
            yield Ran(left.pop(0), (), f"{outcome.status}: {outcome.why}")
        todo = left + todo


def _whole(records: Iterable[Record]) -> Iterator[tuple[Record, ...]]:
    """The records of each case that came to its end."""
    kept: list[Record] = []
    for record in records:
        if record.get("at") == "begin":
            kept = []
        kept.append(record)
        if record.get("at") == "end":
            yield tuple(kept)
