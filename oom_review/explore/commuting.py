"""Which steps commute, from what they did to each field: three ways to touch a place, as sets of bits.

READ sees a value; UPDATE changes it so that updates commute (a count, a bit that is set, a wake-up, an element that is taken away);
WRITE is any other change.  READ and READ commute, and UPDATE and UPDATE.  An update that found nothing to do has read that another
was there before it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from kernel_model.events import QUIET_PHASES
from kernel_model.exit import OWN_PIDS
from kernel_model.fields import Kind
from kernel_model.sched import (
    PF_DUMPCORE,
    PF_EXITING,
    PF_FREEZER_SKIP,
    PF_FROZEN,
    PF_KTHREAD,
    PF_NOFREEZE,
    PF_SIGNALED,
    PF_SUSPEND_TASK,
    PF_USER_WORKER,
)
from oom_review.explore.recorder import ALL, Entry, answer
from oom_review.explore.table import Place

READ, UPDATE, WRITE = 1, 2, 4
_ENEMIES = {READ: UPDATE | WRITE, UPDATE: READ | WRITE, WRITE: READ | UPDATE | WRITE}
BITS = 3
BLOCK = 128

# Bits that are always asked for together are one place.
_FLAGS = (
    PF_EXITING,
    PF_FROZEN,
    PF_FREEZER_SKIP,
    PF_NOFREEZE | PF_SUSPEND_TASK,
    PF_KTHREAD,
    PF_SIGNALED,
    PF_DUMPCORE,
    PF_USER_WORKER,
)
_GROUPS: dict[str, tuple[int, ...]] = {"flags": _FLAGS, "state": (1, 2, 4, 8, 64, 128)}
_SINGLE = tuple([1 << i for i in range(33)])


class Commuting:
    """Numbers places; one for an exploration."""

    def __init__(self) -> None:
        """None is known yet."""
        self._numbers: dict[tuple[object, ...], int] = {}
        self.like: dict[int, int] = {}
        self.by_lock: dict[Hashable, int] = {}
        self._shapes: dict[Hashable, int] = {}
        self._others = 0

    def touch(self, place: tuple[object, ...], way: int) -> tuple[int, int]:
        """(own, enemy) of one touch."""
        number = self._numbers.get(place)
        if number is None:
            number = self._numbers[place] = self._number(place)
        shift = BITS * number
        return way << shift, _ENEMIES[way] << shift

    def _number(self, place: tuple[object, ...]) -> int:
        """Like threads have a block each, in which like places have like numbers."""
        whose, shape = self._shape(place)
        if whose is not None:
            number = self._shapes.setdefault(shape, len(self._shapes))
            if number >= BLOCK:
                raise AssertionError("a thread has more places than a block has numbers")
            return self.like[whose] * BLOCK + number
        self._others += 1
        return len(self.like) * BLOCK + self._others - 1

    def _shape(self, place: Any) -> tuple[int | None, Any]:
        """Of which like thread a place is, and the place without its name."""
        if not isinstance(place, tuple):
            return None, place
        if place[:1] == ("lock",) and place[1] in self.by_lock:
            return self.by_lock[place[1]], ("lock", "self")
        if len(place) > 1 and place[0] in ("task", "context", "io", "claim", "empty but for"):
            pid = place[-1]
            if isinstance(pid, int) and pid in self.like:
                return pid, (*place[:-1], "self")
        parts = [self._shape(part) for part in place]
        whose = next((pid for pid, _shape in parts if pid is not None), None)
        return whose, tuple([shape for _pid, shape in parts])

    def renamer(self, names: Mapping[int, int]) -> Callable[[int], int]:
        """A function that gives sets of touches to other threads, by pids."""
        return mover({self.like[a]: self.like[b] for a, b in names.items()}, BITS * BLOCK)

    def places(self, own: int) -> list[tuple[object, ...]]:
        """The places in a set of touches, for people."""
        return [
            place
            for place, number in self._numbers.items()
            if own >> (BITS * number) & (READ | UPDATE | WRITE)
        ]

    def of(self, e: Entry, after: object) -> list[tuple[tuple[object, ...], int]]:
        """What a step did to one field, whose code is ``after`` now."""
        if e.kind == Kind.WORD:
            assert isinstance(after, int)
            return self._word(e, after)
        if e.kind == Kind.LIST:
            assert isinstance(after, tuple)
            return self._list(e, after)
        name = e.place[1]
        if name == "readers":
            if e.before != after:
                return [(e.place, UPDATE)]
            return [] if e.written else [(e.place, READ)]
        if name == "pm_phase":
            quiet = {e.before, after} & QUIET_PHASES
            return [(e.place, WRITE if e.before != after and quiet else READ)]
        if e.before == after:
            return [(e.place, READ)]
        if e.kind == Kind.COUNT or (e.kind == Kind.LAST_ONE and e.before and after):
            return [(e.place, UPDATE)]
        return [(e.place, READ), (e.place, WRITE)]

    @staticmethod
    def _word(e: Entry, after: int) -> list[tuple[tuple[object, ...], int]]:
        assert isinstance(e.before, int)
        changed = (e.before ^ after) & e.dirty
        found: list[tuple[tuple[object, ...], int]] = []
        groups = _GROUPS.get(e.place[1], _SINGLE)
        seen = e.looked | e.dirty | e.woken
        for group in (*groups, ALL & ~sum(groups)):
            if not seen & group:
                continue
            place = (e.place, group)
            if e.looked & group:
                found.append((place, READ))
            if changed & group:
                gentle = not changed & group & ~e.ored or (e.woken and not e.written)
                found.append((place, UPDATE if gentle else WRITE))
            elif (e.dirty | e.woken) & group:
                found.append((place, READ))
        return found

    def _list(self, e: Entry, after: tuple[object, ...]) -> list[tuple[tuple[object, ...], int]]:
        before = e.before
        assert isinstance(before, tuple)
        found: list[tuple[tuple[object, ...], int]] = []
        if e.asked:
            found.append((e.place, READ))
        if before != after:
            found.append((e.place, UPDATE if e.removed and not e.changed_otherwise else WRITE))
        asked = {part for x, part in e.recorder.tests if x is e and isinstance(part, tuple)}
        found += [((e.place, question), READ) for question in asked]
        if before != after:
            possible = self.questions(e.place, before, after)
            turned = [
                question for question in possible if answer(question, before) != answer(question, after)
            ]
            found += [((e.place, question), WRITE) for question in turned]
        return found

    def questions(
        self, place: Place, before: tuple[object, ...], after: tuple[object, ...]
    ) -> list[tuple[str, int]]:
        """All that somebody may ask about a list that changes."""
        if place[1] == "threads":
            pids = {code[1] for code in (*before, *after)}  # type: ignore[index]
            return [("empty but for", pid) for pid in pids]
        if place[1] == "tasks":
            return [("at most", OWN_PIDS)]
        return []


def mover(moves: Mapping[int, int], width: int) -> Callable[[int], int]:
    """A function that moves fields of so many bits, by their numbers."""
    mask = (1 << width) - 1
    gone = ~sum(mask << width * start for start in moves)
    known: dict[int, int] = {}

    def move(bits: int) -> int:
        found = known.get(bits)
        if found is None:
            found = bits & gone
            for start, to in moves.items():
                found |= (bits >> width * start & mask) << width * to
            known[bits] = found
        return found

    return move
