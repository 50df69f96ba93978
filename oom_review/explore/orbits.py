"""Symmetry: states that differ only in which of several like threads does what.

Threads that nothing tells apart (symmetry.py) are born one after the other, and stand so in the lists of their group, their cgroups and
their namespace.  A state is compared under the names that sort the threads by where they are, lists in the order of birth.  That
forgets who comes first in a list, which a step can see that takes the first that suits it.  So a state is left out for one that is like it
only if no step below that one looked through a list with several like threads, but for walks over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from operator import itemgetter
from typing import Any

from kernel_model.fields import Kind
from oom_review.explore.commuting import mover
from oom_review.explore.fields import FIELDS
from oom_review.explore.numbering import State
from oom_review.explore.steps import Steps
from oom_review.explore.summaries import Summary
from oom_review.explore.table import Place

Renaming = tuple[tuple[int, int], ...]
"""Who is called whom, by pids; those who keep their names are left out."""

SELF = "self"


class Orbits:
    """Names and renames the like threads of the states of ``steps``."""

    def __init__(self, steps: Steps, common_names: Mapping[int, str], names: Mapping[int, str]) -> None:
        """``common_names`` of the like threads by pid, and the ``names`` in which their locks are named."""
        self._steps = steps
        classes: dict[str, list[int]] = {}
        for pid, name in sorted(common_names.items()):
            classes.setdefault(name, []).append(pid)
        self.classes = [pids for pids in classes.values() if len(pids) > 1]
        self.like = {pid: f"alloc_lock({names[pid]})" for pids in self.classes for pid in pids}
        self._by_lock: dict[Hashable, int] = {lock: pid for pid, lock in self.like.items()}
        steps.commuting.like = {pid: i for i, pid in enumerate(self.like)}
        steps.commuting.by_lock = self._by_lock
        self._list_fields = {
            n for fields in FIELDS.values() for n, kind in fields.items() if kind == Kind.LIST
        }
        self._size = 0
        self.own: dict[int, list[int]] = {}
        self.lists: list[int] = []
        self._rows: dict[int, Callable[[State], State]] = {}
        self._anonymous: dict[tuple[int, State], State] = {}
        self._sources: dict[Renaming, Callable[[State], State]] = {}
        self._values: dict[Renaming, list[int]] = {}
        self._renamers: dict[Renaming, tuple[Callable[[int], int], Callable[[int], int]]] = {}
        self._in_order: dict[int, int] = {}
        self._told: dict[int, bool] = {}

    def __bool__(self) -> bool:
        """There are like threads."""
        return bool(self.classes)

    # Slots

    def refresh(self) -> None:
        """Slots of one thread have their like for the others; may add slots."""
        steps = self._steps
        while self._size < len(steps.numbering.places):
            for slot in range(self._size, len(steps.numbering.places)):
                self._size = slot + 1
                place = steps.numbering.places[slot]
                pid = self._whose(place)
                if place[-1] in self._list_fields:
                    self.lists.append(slot)
                for other in () if pid is None else self._class_of(pid):
                    renaming = ((pid, other), (other, pid)) if other != pid else ()
                    code = self.code(steps.numbering.codes[steps.numbering.defaults[slot]], dict(renaming))
                    like = steps.numbering.slot(self.code(place, dict(renaming)), code)  # type: ignore[arg-type]
                    if like not in self.own.setdefault(other, []):
                        self.own[other].append(like)
        self._rows = {pid: itemgetter(*slots) for pid, slots in self.own.items()}
        self._sources.clear()

    def _class_of(self, pid: int) -> list[int]:
        return next(pids for pids in self.classes if pid in pids)

    def _whose(self, place: Place) -> int | None:
        """Of which like thread, if of one."""
        for part in (*place, place):
            match part:
                case ("task" | "context" | "io", int(pid)) | ("claim", _, int(pid)) if pid in self.like:
                    return pid
                case ("lock", str(lock)) if lock in self._by_lock:
                    return self._by_lock[lock]
        return None

    # Codes

    def code(self, code: Hashable, names: Mapping[Any, Any]) -> Hashable:
        """A code with these names."""
        if not names:
            return code
        if isinstance(code, frozenset):
            return frozenset([self.code(part, names) for part in code])  # numbers are signals here
        if not isinstance(code, tuple):
            return code
        match code:
            case (("task" | "context" | "io" | "core") as what, int(pid)) if pid in names:
                return what, names[pid]
            case ("lock", str(lock)) if self._by_lock.get(lock) in names:
                new = names[self._by_lock[lock]]
                return "lock", SELF if new == SELF else self.like[new]
            case ("claim", which, int(pid)) if pid in names:
                return "claim", which, names[pid]
        return tuple([self.code(part, names) for part in code])

    def _tells(self, value: int) -> bool:
        """A like thread is named in it."""
        found = self._told.get(value)
        if found is None:
            code = self._steps.numbering.codes[value]
            names = dict.fromkeys(self.like, SELF)
            found = self._told[value] = self.code(code, names) != code
        return found

    def _anonymous_row(self, pid: int, row: State) -> State:
        """Where a thread is, without its name."""
        found = self._anonymous.get((pid, row))
        if found is None:
            found = self._anonymous[pid, row] = tuple([self.anonymous(pid, v) for v in row])
        return found

    def anonymous(self, pid: int, value: int) -> int:
        """A value without the thread's name."""
        if not self._tells(value):
            return value
        numbering = self._steps.numbering
        return numbering.number(self.code(numbering.codes[value], {pid: SELF}))

    def in_order(self, value: int) -> int:
        """A list with its like threads in the order of birth."""
        found = self._in_order.get(value)
        if found is None:
            found = value
            code = self._steps.numbering.codes[value]
            if isinstance(code, tuple):
                where = [
                    i for i, c in enumerate(code) if isinstance(c, tuple) and c[1:] and c[1] in self.like
                ]
                new = list(code)
                for i, c in zip(where, sorted([code[i] for i in where], key=str), strict=True):
                    new[i] = c
                found = self._steps.numbering.number(tuple(new))
            self._in_order[value] = found
        return found

    # States

    def canonical(self, state: State) -> tuple[State, Renaming]:
        """The state under the names that sort like threads, and the renaming that leads there."""
        pairs: list[tuple[int, int]] = []
        for pids in self.classes:
            where = sorted([(self._anonymous_row(pid, self._rows[pid](state)), pid) for pid in pids])
            pairs += [(old, new) for (_p, old), new in zip(where, pids, strict=True) if old != new]
        renaming = tuple(pairs)
        if renaming:
            state = self._renamed(state, renaming)
        in_order = self._in_order
        changed = []
        for slot in self.lists:
            value = state[slot]
            new = in_order[value] if value in in_order else self.in_order(value)
            if new != value:
                changed.append((slot, new))
        if changed:
            new_state = list(state)
            for slot, new in changed:
                new_state[slot] = new
            state = tuple(new_state)
        return state, renaming

    def _renamed(self, state: State, renaming: Renaming) -> State:
        """Each slot from its like slot, and each value under the new names."""
        sources = self._sources.get(renaming)
        if sources is None:
            names = {new: old for old, new in renaming}
            order = list(range(len(state)))
            for pid, slots in self.own.items():
                for slot, source in zip(slots, self.own[names.get(pid, pid)], strict=True):
                    order[slot] = source
            sources = self._sources[renaming] = itemgetter(*order)
        values = self.renamed_values(renaming)
        return tuple(map(values.__getitem__, sources(state)))

    def renamed_values(self, renaming: Renaming) -> list[int]:
        """For each value its number under the new names."""
        values = self._values.setdefault(renaming, [])
        codes = self._steps.numbering.codes
        names = dict(renaming)
        while len(values) < len(codes):
            value = len(values)
            values.append(
                self._steps.numbering.number(self.code(codes[value], names)) if self._tells(value) else value
            )
        return values

    # Summaries

    def summary(self, summary: Summary, there: Renaming, here: Renaming) -> Summary:
        """A summary in the names of one state, in those of another that has the same canonical one."""
        back = {new: old for old, new in here}
        names = {pid: back.get(via, via) for pid in self.like for via in (dict(there).get(pid, pid),)}
        names = {a: b for a, b in names.items() if a != b}
        if not names:
            return summary
        renaming = tuple(names.items())
        found = self._renamers.get(renaming)
        if found is None:
            found = self._renamers[renaming] = mover(names, 1), self._steps.commuting.renamer(names)
        pids, places = found
        return {(names.get(q, q), pids(before)): places(touched) for (q, before), touched in summary.items()}
