"""The search in the compiled core (core/): asked with the same words as search.py, and with the same answer to the last count.

The core holds states and summaries, and looks up what it was told.  Here its questions are put to the system and what was learned is
taught.  An exception in an answer ends the run and is raised from it.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from oom_review.explore.commuting import BITS, BLOCK, READ, UPDATE, WRITE
from oom_review.explore.final import Final
from oom_review.explore.interface import COUNTS, Core, Counted, Questions
from oom_review.explore.limits import Counts, Cycle, LimitReached, Limits
from oom_review.explore.recorded import CAN, LOOK, STEP, WAITS, Alike, Recorded, Waits, Way
from oom_review.explore.search import GROWN, SMALL, Ended, Found
from oom_review.explore.sleepers import LOOK as OF_THE_LOOK
from oom_review.explore.table import Leaf

NOTHING, LOOKS = 0xFFFFFFFF, 0xFFFFFFFE
MOVES, FINDS, ORDERED, NEWS, TELLS, LOSES, KEEPS = (1 << i for i in range(7))
DONE, STATES, SECONDS, CYCLE, FAILED, MEMORY = range(6)
MOST = 63
"""The largest number of somebody."""


class Unfit(Exception):
    """The core can't hold this system: why."""


class CompiledSearch:
    """One search; the arguments are those of search.Search."""

    def __init__(
        self,
        core: Core,
        model: Recorded,
        orbits: Alike,
        *,
        por: bool,
        limits: Limits,
        found: Found,
        ended: Ended,
        keep: str = "",
    ) -> None:
        """``found`` is told of each step that breaks a claim once, ``ended`` of each end, with the choices that led there first."""
        self._core = core
        self._model = model
        self._orbits = orbits
        self._por = por
        self._limits = limits
        self._found = found
        self._ended = ended
        self._keep = keep
        self._deadline = None if limits.seconds is None else time.monotonic() + limits.seconds
        self.kept: Final | None = None
        self.counts = Counts(executions=1)
        self._nodes: dict[Hashable, int] = {}
        self._leaves: list[Leaf] = []
        self._numbers: dict[int, int] = {}
        self._sets: dict[int, int] = {}
        self._waits: dict[Waits, int] = {}
        self._slots = self._values = 0
        self._everybody: list[int] = []
        self._news: tuple[list[int], int, int] | None = None
        self._error: BaseException | None = None
        self._answered = ctypes.c_uint32(0)
        self._answers: list[Callable[..., int]] = []
        self._handle: Any = None

    # The run

    def run(self) -> None:
        """Explore everything; raises LimitReached, Cycle, MemoryError, or Unfit for a system with too many who take steps."""
        left = -1.0 if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        most = (1 << 64) - 1 if self._limits.states is None else self._limits.states
        questions = self._questions()
        self._handle = self._core.new(ctypes.byref(questions), self._por, most, left, SMALL, GROWN)
        if not self._handle:
            raise MemoryError
        try:
            if self._orbits:
                self._orbits.refresh()
            self._orbits_known()
            self._learn([])
            with self._caught():
                how = self._core.run(self._handle)
            self._count()
        finally:
            self._core.free(self._handle)
            self._handle = None
        self._raise(how)

    def _count(self) -> None:
        counted = Counted()
        self._core.counted(self._handle, ctypes.byref(counted))
        self.counts = Counts(*[getattr(counted, name) for name in COUNTS])
        kept = self._core.kept(self._handle)
        if kept != NOTHING:
            self.kept = self._leaves[kept].final

    def _raise(self, how: int) -> None:
        if self._error is not None:
            raise self._error
        if how == STATES:
            raise LimitReached(f"{self._limits.states} states")
        if how == SECONDS:
            raise LimitReached(f"{self._limits.seconds} seconds")
        if how == CYCLE:
            raise Cycle
        if how == MEMORY:
            raise MemoryError
        if how != DONE:
            raise AssertionError(
                "the compiled core asked for something that it was told, or was told nonsense"
            )

    # Questions

    def _questions(self) -> Questions:
        model, orbits = self._model, self._orbits

        def one(kind: int) -> Callable[..., None]:
            def ask(who: int, state: Any, n: int, path: Any, depth: int) -> None:
                way = model.way(kind, who, tuple(state[:n]), path[:depth])
                self._learn([(kind, who, way)])

            return ask

        def can(state: Any, n: int, path: Any, depth: int) -> None:
            self._learn(model.ask_all(tuple(state[:n]), path[:depth]))

        def renamed(pairs: Any, n: int, known: int) -> None:
            renaming = tuple([(pairs[i], pairs[i + 1]) for i in range(0, n, 2)])
            values = orbits.renamed_values(renaming)[known:]
            self._tell(self._core.renamed, _array(values), len(values))

        def refresh() -> None:
            orbits.refresh()
            self._orbits_known()

        def changed(leaf: int, change: int, value: int) -> int:
            return model.changed(self._leaves[leaf], change, value)

        self._answers = [
            self._safe(answer)
            for answer in (
                one(STEP),
                one(LOOK),
                one(WAITS),
                can,
                changed,
                refresh,
                orbits.anonymous,
                orbits.in_order,
                renamed,
                self._told,
                lambda: None,
            )
        ]
        return Questions(ctypes.pointer(self._answered), *self._answers)

    def _safe(self, answer: Callable[..., int | None]) -> Callable[..., int]:
        """Nothing is raised into the core: an answer is counted, last of all, and one that failed is not."""

        def asked(*args: Any) -> int:
            value = 0
            try:
                value = answer(*args) or 0
                self._learn([])
            except BaseException as error:  # noqa: BLE001 - raised again by run()
                self._error = error
                return 0
            self._answered.value += 1
            return value

        return asked

    @contextmanager
    def _caught(self) -> Iterator[None]:
        """A signal that came while the core ran raises before the first line of an answer, and only this hook is told."""

        def unraisable(lost: Any) -> None:
            # Python 3.13 no longer says whose it was.
            ours = any(lost.object is answer for answer in self._answers)
            if ours or "ctypes callback" in (lost.err_msg or ""):
                self._error = lost.exc_value
            else:
                before(lost)

        before, sys.unraisablehook = sys.unraisablehook, unraisable
        try:
            yield
        finally:
            sys.unraisablehook = before

    def _told(self, number: int, choice: int, path: Any, depth: int) -> None:
        leaf, choices = self._leaves[number], path[:depth]
        for claim, sentence in leaf.broken:
            self._found(claim, sentence, [*choices, choice])
        if leaf.final is not None:
            self._ended(leaf.final, choices)

    # Teaching

    def _tell(self, teach: Callable[..., int], *args: Any) -> int:
        answer = teach(self._handle, *args)
        if answer == NOTHING:
            raise MemoryError
        return answer

    def _learn(self, ways: Iterable[tuple[int, int, Way]]) -> None:
        """What came up since the last question, and the ways to what was asked for."""
        model, core = self._model, self._core
        defaults = model.defaults()
        if len(defaults) > self._slots:
            new = defaults[self._slots :]
            self._tell(core.slots, _array(new), len(new))
            self._slots = len(defaults)
        if model.values() > self._values:
            self._values = model.values()
            self._tell(core.values, self._values)
        everybody = model.everybody()
        if everybody != self._everybody:
            if max(everybody) > MOST:
                raise Unfit(f"more than {MOST} tasks")
            self._everybody = everybody
            self._tell(core.everybody, _array(everybody), len(everybody))
        slots, told, absent = model.news()
        if (slots, told, absent) != self._news:
            self._news = list(slots), told, absent
            self._tell(core.news, _array(slots), len(slots), told, absent)
        for kind, who, value in model.forgotten():
            self._tell(core.forget, kind, who, NOTHING if value is None else value)
        for kind, who, way in ways:
            self._way(kind, who, way)

    def _way(self, kind: int, who: int, way: Way) -> None:
        nodes = [self._nodes.setdefault(node, len(self._nodes)) for node, _slot, _value in way.nodes]
        slots = [slot for _node, slot, _value in way.nodes]
        values = [value for _node, _slot, value in way.nodes]
        leaf = (
            way.leaf
            if kind == CAN
            else self._waiting(way.leaf)
            if kind == WAITS
            else self._leaf(kind, way.leaf)
        )
        self._tell(self._core.way, kind, who, _array(nodes), _array(slots), _array(values), len(nodes), leaf)

    def _waiting(self, leaf: Waits) -> int:
        known = self._waits.get(leaf)
        if known is None:
            waits = (
                NOTHING
                if leaf.waits is None
                else LOOKS
                if leaf.waits == OF_THE_LOOK
                else self._set(leaf.waits)
            )
            known = self._tell(self._core.waits, waits, LOOKS if leaf.guard else NOTHING)
            self._waits[leaf] = known
        return known

    def _leaf(self, kind: int, leaf: Leaf) -> int:
        known = self._numbers.get(id(leaf))
        if known is None:
            # A guard is read only: its enemies are not kept with it.
            enemy = leaf.own * (UPDATE | WRITE) // READ if kind == LOOK else leaf.enemy
            slots, values = [slot for slot, _value in leaf.sets], [value for _slot, value in leaf.sets]
            changes = [change[0] for change in leaf.bits]
            known = self._tell(
                self._core.leaf,
                self._set(leaf.own),
                self._set(enemy),
                self._flags(leaf),
                _array(slots),
                _array(values),
                len(slots),
                _array(changes),
                len(changes),
            )
            assert known == len(self._leaves)
            self._leaves.append(leaf)
            self._numbers[id(leaf)] = known
        return known

    def _flags(self, leaf: Leaf) -> int:
        loses = bool(self._keep) and any(claim == self._keep for claim, _sentence in leaf.broken)
        keeps = bool(self._keep) and leaf.final is not None and not loses and not leaf.final.panicked
        return (
            MOVES * leaf.moves
            | FINDS * leaf.finds
            | ORDERED * leaf.ordered
            | NEWS * leaf.progress
            | TELLS * bool(leaf.broken or leaf.final is not None)
            | LOSES * loses
            | KEEPS * keeps
        )

    def _set(self, bits: int) -> int:
        known = self._sets.get(bits)
        if known is None:
            words = [bits >> i & (1 << 64) - 1 for i in range(0, bits.bit_length(), 64)]
            known = self._tell(self._core.set, (ctypes.c_uint64 * len(words))(*words), len(words))
            self._sets[bits] = known
        return known

    def _orbits_known(self) -> None:
        """The slots of like threads, as they are now."""
        orbits, core = self._orbits, self._core
        if not orbits:
            return
        everybody = [pid for pids in orbits.classes for pid in pids]
        if max(everybody) > MOST:
            raise Unfit(f"more than {MOST} tasks")
        self._tell(core.blocks, _array(everybody), len(everybody), BITS * BLOCK)
        self._tell(core.lists, _array(orbits.lists), len(orbits.lists))
        for pids in orbits.classes:
            slots = [slot for pid in pids for slot in orbits.own.get(pid, ())]
            self._tell(core.like, _array(pids), len(pids), _array(slots), len(slots) // len(pids))


def _array(numbers: Sequence[int]) -> Any:
    return (ctypes.c_uint32 * len(numbers))(*numbers)
