"""Notes what one step reads and writes of the kernel's structures, by giving them classes that tell.

Only while a step is recorded do structures have these classes, and only those that it meets.  Reads are noted in the order in which they
happen: with the values read so far, the next read is determined.  Flag words tell which bits are asked for and which are set or
cleared; lists tell a removal from a look; questions that have a method of their own (is the group empty but for me?) are noted as asked.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, MutableSequence
from functools import partial
from types import FunctionType
from typing import Any, Self

import attrs

from kernel_model.entry import RESTART
from kernel_model.fields import STRUCTURES, Kind
from kernel_model.locking import Lock
from kernel_model.sched import TASK_RUNNING, Kernel, PidNamespace, SignalStruct, TaskStruct
from oom_review.explore.codes import PLAIN, Coder
from oom_review.explore.fields import FIELDS, RAW, REAL, Name, name_of, unknown

ALL = (1 << 33) - 1
"""All bits of a flag word."""

Question = tuple[str, int]
Part = int | Question | None
"""What of a field is meant: bits, a question, or (None) all of it."""


@attrs.define(eq=False, slots=True)
class Entry:
    """One field that the step met: its code before, and what was done with it."""

    recorder: Recorder
    x: Any
    place: tuple[Name, str]
    kind: Kind
    before: Any
    asked: bool = False  # all of it was looked at
    written: bool = False
    removed: bool = False  # an element was taken from the list
    changed_otherwise: bool = False
    known: int = 0  # bits that were tested
    looked: int = 0  # bits that were looked at
    dirty: int = 0  # bits that were written
    ored: int = 0  # of these: set, whatever they were
    woken: int = 0  # bits that a waker asked for


_now: list[Recorder] = []


class Word(int):
    """A flag word under recording."""

    entry: Entry
    cleared: int
    ored: int

    def _look(self, mask: int) -> None:
        recorder = self.entry.recorder
        if _now and _now[-1] is recorder:
            recorder.look(self.entry, mask)

    def told(self) -> int:
        """All of it, as a number."""
        self._look(ALL)
        return int(self)

    def __and__(self, mask: int) -> int:
        self._look(mask & ALL)
        return int(self) & mask

    __rand__ = __and__

    def __iand__(self, mask: int) -> Word:  # noqa: PYI034 - a new one
        return _word(int(self) & mask, self.entry, ~mask & ALL, 0)

    def __ior__(self, mask: int) -> Word:  # noqa: PYI034 - a new one
        return _word(int(self) | mask, self.entry, 0, mask)

    def __or__(self, mask: int) -> int:
        self._look(ALL)
        return int(self) | mask

    def __xor__(self, mask: int) -> int:
        self._look(ALL)
        return int(self) ^ mask

    def __bool__(self) -> bool:
        self._look(ALL)
        return int(self) != 0

    def __eq__(self, other: object) -> bool:
        self._look(ALL)
        return int(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        self._look(ALL)
        return hash(int(self))


def _word(value: int, entry: Entry, cleared: int, ored: int) -> Word:
    word = Word(value)
    word.entry, word.cleared, word.ored = entry, cleared, ored
    return word


class ListView(MutableSequence[Any]):
    """A list under recording."""

    __slots__ = ("entry", "real")

    def __init__(self, real: list[Any], entry: Entry) -> None:
        """A view of the real list."""
        self.real = real
        self.entry = entry

    @property
    def _recorder(self) -> Recorder | None:
        """None once the step is over, for a view that was kept in a local."""
        recorder = self.entry.recorder
        return recorder if _now and _now[-1] is recorder else None

    def _ask(self) -> None:
        recorder = self._recorder
        if recorder is not None:
            recorder.ask(self.entry)
            recorder.adopt(self.real)

    def _change(self) -> list[Any]:
        self._ask()
        self.entry.changed_otherwise = True
        return self.real

    def __iter__(self) -> Iterator[Any]:
        self._ask()
        return iter(self.real)

    def __len__(self) -> int:
        self._ask()
        return len(self.real)

    def __contains__(self, item: object) -> bool:
        self._ask()
        return item in self.real

    def __getitem__(self, index: Any) -> Any:
        self._ask()
        return self.real[index]

    def __add__(self, other: Any) -> list[Any]:
        self._ask()
        return self.real + list(other)

    def __radd__(self, other: Any) -> list[Any]:
        self._ask()
        return list(other) + self.real

    def __eq__(self, other: object) -> bool:
        self._ask()
        return self.real == (other.real if isinstance(other, ListView) else other)

    __hash__ = None  # type: ignore[assignment]

    def __setitem__(self, index: Any, item: Any) -> None:
        self._change()[index] = item

    def __delitem__(self, index: Any) -> None:
        del self._change()[index]

    def insert(self, index: int, item: Any) -> None:
        """The order of elements may matter to somebody: not a removal."""
        self._change().insert(index, item)

    def append(self, item: Any) -> None:
        """See insert()."""
        self._change().append(item)

    def remove(self, item: Any) -> None:
        """Takes one element, whatever else there is."""
        recorder = self._recorder
        if recorder is not None:
            recorder.test(self.entry, None)
        self.entry.removed = True
        self.real.remove(item)

    def copy(self) -> ListView:
        """To be put in the list's place."""
        return ListView(self.real.copy(), self.entry)


class Recorder:
    """The accesses of one step; ``tests`` are what was read first, in order."""

    def __init__(self, k: Kernel, virtual: Callable[[Name, Hashable], Hashable]) -> None:
        """``virtual`` gives the value of what the observer remembers."""
        declare()
        self.k = k
        self.coder = Coder(k)
        self.entries: dict[tuple[int, str], Entry] = {}
        self.tests: list[tuple[Entry | Name, Part]] = []
        self.remembered: dict[Name, tuple[Hashable, Hashable]] = {}
        self.started: list[TaskStruct] = []
        self._virtual = virtual
        self._adopted: list[Any] = []

    def __enter__(self) -> Self:
        """From here on accesses are noted."""
        _now.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        """All structures get their classes back."""
        _now.pop()
        for x in self._adopted:
            x.__class__ = REAL[type(x)]
        self._adopted = []

    def adopt(self, x: Any) -> None:
        """Record this structure from here on, and whatever this container, closure or other object of its own holds."""
        if type(x) in PLAIN:
            return
        shadow = SHADOWS.get(type(x))
        if shadow is not None:
            if isinstance(x, TaskStruct) and RAW(self.k, "tasks").get(RAW(x, "pid")) is not x:
                self._adopt_new(x)
                return
            x.__class__ = shadow
            self._adopted.append(x)
        elif type(x) in (list, tuple, set, frozenset):
            for item in x:
                self.adopt(item)
        elif type(x) is ListView:
            self.adopt(x.real)
        elif type(x) is dict:
            for item in x.values():
                self.adopt(item)
        elif type(x) is FunctionType:
            self.adopt([cell.cell_contents for cell in x.__closure__ or ()])
            self.adopt(x.__defaults__ or ())
        elif type(x) is partial:
            self.adopt((x.func, x.args, x.keywords))
        elif type(x) not in REAL and attrs.has(type(x)) and not isinstance(x, tuple(STRUCTURES)):
            for a in attrs.fields(type(x)):
                self.adopt(getattr(x, a.name))

    def _adopt_new(self, p: TaskStruct) -> None:
        """A task that only its maker knows is part of its maker's frames; what it shares is not."""
        for name, kind in FIELDS[REAL.get(type(p), type(p))].items():
            value = RAW(p, name)
            if kind == Kind.PLAIN and value is not p and type(value) in SHADOWS:
                self.adopt(value)
        self.adopt(RAW(p, "alloc_lock"))

    def entry(self, x: Any, name: str, kind: Kind, value: Any) -> Entry:
        """The note of this field."""
        key = (id(x), name)
        found = self.entries.get(key)
        if found is None:
            place = name_of(x, REAL[type(x)]), name
            found = self.entries[key] = Entry(self, x, place, kind, self._before(name, kind, value))
        return found

    def _before(self, name: str, kind: Kind, value: Any) -> Hashable:
        if kind == Kind.WORD:
            return int(value)
        if kind == Kind.NEWS:
            return bool(value == RAW(self.k, "progress"))
        return self.code(name, kind, value)

    def code(self, name: str, kind: Kind, value: Any) -> Hashable:
        """A field's value as a code."""
        if kind == Kind.TIMER:
            return None if value is None else value - RAW(self.k, "clock")
        if kind == Kind.RESULT:
            return value if isinstance(value, str) and value in RESTART else None
        if name == "readers":
            return frozenset([self.coder.code(holder) for holder in value])
        return self.coder.field(value)

    def test(self, e: Entry, part: Part) -> None:
        """What the step does from here on depends on this."""
        if isinstance(part, int):
            new = part & ~e.known & ~e.dirty
            if new:
                e.known |= new
                self.tests.append((e, new))
        elif not e.written and (e, part) not in self.tests:
            self.tests.append((e, part))

    def look(self, e: Entry, mask: int) -> None:
        """Bits are asked for."""
        e.looked |= mask & ~e.dirty
        self.test(e, mask)

    def ask(self, e: Entry) -> None:
        """All of a list is asked for."""
        e.asked = True
        self.test(e, None)

    def question(self, e: Entry, question: Question) -> None:
        """Something about a field is asked for."""
        self.test(e, question)

    def read(self, x: Any, name: str, value: Any, kind: Kind) -> Any:
        """A field is read; returns what the reader gets."""
        e = self.entry(x, name, kind, value)
        if kind == Kind.WORD:
            return _word(value, e, ALL, 0)
        if kind == Kind.LIST:
            return ListView(value, e)
        self.ask(e)
        self.adopt(value)
        return value

    def write(self, x: Any, name: str, value: Any, kind: Kind) -> None:
        """A field is written."""
        e = self.entry(x, name, kind, RAW(x, name))
        if kind == Kind.WORD:
            cleared, ored = ALL, 0
            if isinstance(value, Word) and value.entry is e:
                cleared, ored = value.cleared, value.ored
            self.test(e, cleared | ored)
            e.dirty |= cleared | ored
            e.ored = e.ored & ~cleared | ored
            value = int(value)
        else:
            if isinstance(value, ListView):
                if value.entry is not e:
                    value._ask()  # noqa: SLF001 - a view of another list
                    e.changed_otherwise = True
                value = value.real
            elif kind == Kind.LIST:
                e.changed_otherwise = True
            self.test(e, None)
        e.written = True
        object.__setattr__(x, name, value)

    def wake(self, p: TaskStruct, state: int) -> None:
        """try_to_wake_up(): wakers commute with each other, so this is neither a look nor a plain write."""
        value = RAW(p, "state")
        e = self.entry(p, "state", Kind.WORD, value)
        self.test(e, state)
        e.woken |= state & ~e.dirty
        if value & state:
            self.test(e, ALL)
            e.dirty |= ALL
            e.ored = 0
            object.__setattr__(p, "state", TASK_RUNNING)
            self.write(p, "timer", None, Kind.TIMER)

    def recall(self, name: Name, initial: Hashable) -> Hashable:
        """What the observer remembers under this name."""
        found = self.remembered.get(name)
        if found is None:
            value = self._virtual(name, initial)
            found = self.remembered[name] = (value, value)
            self.tests.append((name, None))
        return found[1]

    def remember(self, name: Name, value: Hashable) -> None:
        """After recall()."""
        self.remembered[name] = (self.remembered[name][0], value)


def recording() -> Recorder | None:
    """Of the step that is being taken, if that is recorded."""
    return _now[-1] if _now else None


SHADOWS: dict[type, type] = {}


def declare() -> None:
    """Structures that came up since the last time can be recorded, too."""
    for cls in unknown():
        _shadow(cls)


def _shadow(cls: type) -> None:
    fields = FIELDS[cls]

    def get(x: Any, name: str) -> Any:
        value = RAW(x, name)
        kind = fields.get(name)
        if kind is None:
            return value
        if kind == Kind.CONSTANT:
            _now[-1].adopt(value)
            return value
        return _now[-1].read(x, name, value, kind)

    def put(x: Any, name: str, value: Any) -> None:
        kind = fields.get(name)
        if kind is None or kind == Kind.CONSTANT:
            if name == "context":
                _now[-1].started.append(x)
            object.__setattr__(x, name, value)
        else:
            _now[-1].write(x, name, value, kind)

    members: dict[str, Any] = {"__slots__": (), "__getattribute__": get, "__setattr__": put}
    for base, methods in _METHODS.items():
        if issubclass(cls, base):
            members |= methods
    shadow = type("Recorded" + cls.__name__, (cls,), members)
    SHADOWS[cls] = shadow
    REAL[shadow] = cls


def _empty_but_for(signal: SignalStruct, p: TaskStruct) -> bool:
    threads = RAW(signal, "threads")
    r = _now[-1]
    r.question(r.entry(signal, "threads", Kind.LIST, threads), ("empty but for", RAW(p, "pid")))
    return not threads or (len(threads) == 1 and threads[0] is p)


def _has_at_most(ns: PidNamespace, pids: int) -> bool:
    tasks = RAW(ns, "tasks")
    r = _now[-1]
    r.question(r.entry(ns, "tasks", Kind.LIST, tasks), ("at most", pids))
    return len(tasks) <= pids


def _try_to_wake_up(p: TaskStruct, state: int) -> None:
    _now[-1].wake(p, state)


def answer(question: Question, code: tuple[Hashable, ...]) -> bool:
    """The same questions, asked of a list's code."""
    what, number = question
    if what == "at most":
        return len(code) <= number
    return not code or code == (("task", number),)


_METHODS: dict[type, dict[str, Callable[..., Any]]] = {
    SignalStruct: {"empty_but_for": _empty_but_for},
    PidNamespace: {"has_at_most": _has_at_most},
    TaskStruct: {"try_to_wake_up": _try_to_wake_up},
}
_shadow(Lock)


declare()
