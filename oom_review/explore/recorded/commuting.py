"""Which steps commute, from what they did to each field: four ways to touch a place, as sets of bits.

READ sees a value; UPDATE changes it so that updates commute (a count, a bit that is set, a wake-up, an element that is taken away);
WRITE is any other change; IDLE is an update that found nothing to do.  READ and READ commute, UPDATE and UPDATE, and IDLE with
everything but WRITE.
"""

from __future__ import annotations

from kernel_model.exit import OWN_PIDS
from kernel_model.sched import (
    PF_DUMPCORE,
    PF_EXITING,
    PF_FREEZER_SKIP,
    PF_FROZEN,
    PF_KTHREAD,
    PF_NOFREEZE,
    PF_SIGNALED,
    PF_SUSPEND_TASK,
)
from oom_review.explore.final import QUIET_PHASES
from oom_review.explore.recorded.fields import COUNTS, LAST_ONE, Kind
from oom_review.explore.recorded.recorder import ALL, Entry, answer
from oom_review.explore.recorded.table import Place

READ, UPDATE, WRITE, IDLE = 1, 2, 4, 8
_ENEMIES = {READ: UPDATE | WRITE, UPDATE: READ | WRITE, WRITE: READ | UPDATE | WRITE | IDLE, IDLE: WRITE}
READS = READ
BITS = 4

# Bits that are always asked for together are one place.
_FLAGS = (
    PF_EXITING,
    PF_FROZEN,
    PF_FREEZER_SKIP,
    PF_NOFREEZE | PF_SUSPEND_TASK,
    PF_KTHREAD,
    PF_SIGNALED,
    PF_DUMPCORE,
)
_GROUPS: dict[str, tuple[int, ...]] = {"flags": _FLAGS, "state": (1, 2, 4, 8, 64, 128)}
_SINGLE = tuple([1 << i for i in range(33)])


class Commuting:
    """Numbers places; one for an exploration."""

    def __init__(self) -> None:
        """None is known yet."""
        self._numbers: dict[tuple[object, ...], int] = {}

    def touch(self, place: tuple[object, ...], way: int) -> tuple[int, int]:
        """(own, enemy) of one touch."""
        shift = BITS * self._numbers.setdefault(place, len(self._numbers))
        return way << shift, _ENEMIES[way] << shift

    def places(self, own: int) -> list[tuple[object, ...]]:
        """The places in a set of touches, for people."""
        return [place for place, number in self._numbers.items() if own >> (BITS * number) & 15]

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
        if name in COUNTS or (name in LAST_ONE and e.before and after):
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
            elif e.dirty & group and not e.woken:
                found.append((place, IDLE if e.dirty & group == e.ored & group else READ))
            elif e.woken & group:
                found.append((place, IDLE))
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
        for question in asked:
            found.append(((e.place, question), READ))
        if before != after:
            for question in self.questions(e.place, before, after):
                if answer(question, before) != answer(question, after):
                    found.append(((e.place, question), WRITE))
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
