"""Who can take a step in a state: as Machine.runnable() has it, and whose short sleep may end before the others are done.

A sleep of up to 200 ms may end at any time.  So may that of a task which looks again and again, if it would find something new: were
it to look without being disturbed, it would not come back to the same sleep with nothing changed.  A look in vain changes nothing,
so that leaving it out loses no behaviour but that of a look which others disturb half-way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kernel_model.preempt import POINTS, Kind
from kernel_model.sched import PF_FROZEN, SIGKILL, TASK_INTERRUPTIBLE, TASK_WAKEKILL, TIF_SIGPENDING
from oom_review.explore.commuting import READ
from oom_review.explore.numbering import ABSENT, State
from oom_review.explore.steps import Steps
from oom_review.explore.table import Key, Leaf, Test
from oom_review.schedules.driver import SHORT_SLEEP

LONG_LOOK = 200
NEVER = -1
LOOK = -1
"""Instead of places: those that the task's look reads."""
LOCKS = frozenset({Kind.LOCK, Kind.READ, Kind.KILLABLE})


class Row(NamedTuple):
    """A task, and the slots that decide whether it can run."""

    pid: int
    at: int
    state: int
    thread_flags: int
    pending: int
    syscall: int
    flags: int
    timer: int
    polling: int


class Wait(NamedTuple):
    """What a place waits for: its Kind or NEVER, and the slots of a lock's owner and readers."""

    kind: int
    owner: int = 0
    readers: int = 0


class Sleepers:
    """Answers for the states of ``steps``."""

    def __init__(self, steps: Steps, *, short_sleeps: bool) -> None:
        """Without ``short_sleeps`` sleeps end only when nobody else can run."""
        self._steps = steps
        self._short_sleeps = short_sleeps
        self._rows: dict[int, Row] = {}
        self._waits: dict[int, Wait] = {}

    def enabled(self, state: State, path: list[int]) -> list[int]:
        """Who can take a step; new slots may come up."""
        steps = self._steps
        while True:
            size = len(steps.numbering.places)
            if len(state) < size:
                state = steps.numbering.padded(state)
            if len(self._rows) != len(steps.places.pids):
                self._find_rows()
            if self._panicked(state):
                return []
            found = [row.pid for row in self._rows.values() if self._can(row, state, path)]
            if len(steps.numbering.places) == size:
                return found

    def _find_rows(self) -> None:
        slots = self._steps.numbering.slots
        for pid in self._steps.places.pids:
            self._rows[pid] = Row(pid, *[slots[("task", pid), name] for name in Row._fields[1:]])

    def _wait(self, at: int) -> Wait:
        """What the place with this number waits for; may add a lock's slots."""
        found = self._waits.get(at)
        if found is None:
            code: Any = self._steps.numbering.codes[at]
            found = Wait(NEVER)
            if code is not None and code is not ABSENT:
                point, lock = (code, ()) if isinstance(code[0], str) else code
                kind = POINTS[point].kind
                found = Wait(kind, *self._steps.places.lock_slots(lock)) if kind in LOCKS else Wait(kind)
            self._waits[at] = found
        return found

    def _panicked(self, state: State) -> bool:
        slot = self.panicked
        return slot is not None and bool(self._steps.numbering.codes[state[slot]])

    @property
    def panicked(self) -> int | None:
        """The slot that says that nobody can take a step, if there is one."""
        return self._steps.numbering.slots.get((("kernel",), "panicked"))

    def _can(self, row: Row, state: State, path: list[int]) -> bool:
        may = self._may(row, state)
        return self.look(row.pid, state, path).finds if may is None else may

    def _may(self, row: Row, state: State) -> bool | None:
        """None: if a look comes to anything."""
        kind, owner, readers = self._wait(state[row.at])
        if kind == Kind.RUN:
            return True
        if kind == NEVER:
            return False
        codes: list[Any] = self._steps.numbering.codes
        if kind == Kind.SLEEP:
            how = codes[state[row.state]]
            if how == 0:
                return True
            if (
                how & (TASK_INTERRUPTIBLE | TASK_WAKEKILL)
                and codes[state[row.thread_flags]] & TIF_SIGPENDING
                and (how & TASK_INTERRUPTIBLE or SIGKILL in codes[state[row.pending]])
            ):
                return True
            return self._short_sleeps and self.sleep_may_end(row, state)
        if kind == Kind.USER:
            return codes[state[row.syscall]] is not None or bool(
                codes[state[row.thread_flags]] & TIF_SIGPENDING
            )
        if owner >= len(state) or readers >= len(state):
            return False  # asked again with the new slots
        if codes[state[owner]] is None and (kind == Kind.READ or not codes[state[readers]]):
            return True
        return (
            kind == Kind.KILLABLE
            and bool(codes[state[row.thread_flags]] & TIF_SIGPENDING)
            and SIGKILL in codes[state[row.pending]]
        )

    def sleep_may_end(self, row: Row, state: State) -> bool | None:
        """For a timer that is due soon; None: if a look comes to anything."""
        codes: list[Any] = self._steps.numbering.codes
        if codes[state[row.flags]] & PF_FROZEN:
            return False
        due = codes[state[row.timer]]
        if due is not None and due <= SHORT_SLEEP:
            return True
        if not codes[state[row.polling]] or codes[state[row.state]] & TASK_WAKEKILL:
            return False
        return None

    def can(self, pid: int, state: State) -> tuple[list[int], bool | None]:
        """Where nobody panicked: the slots that decide whether the task can take a step, and whether; None: if its look finds something."""
        row = self._rows[pid]
        return self._deciding(row, state), self._may(row, state)

    def _deciding(self, row: Row, state: State) -> list[int]:
        kind, owner, readers = self._wait(state[row.at])
        if kind == Kind.SLEEP:
            return [row.at, row.state, row.thread_flags, row.pending, row.flags, row.timer, row.polling]
        if kind == Kind.USER:
            return [row.at, row.syscall, row.thread_flags]
        if kind not in LOCKS:
            return [row.at]
        return [row.at, owner, readers, *((row.thread_flags, row.pending) if kind == Kind.KILLABLE else ())]

    def waits(self, pid: int, state: State) -> tuple[list[int], int | None, bool]:
        """The slots that decide what waiting() and guard() say; what is waited for, or LOOK; and whether the guard is the look's."""
        row = self._rows[pid]
        return self._deciding(row, state), self._waits_for(row, state), self._guarded(row, state)

    def waiting(self, state: State, path: list[int], enabled: tuple[int, ...]) -> list[tuple[int, int]]:
        """Who waits for a lock, or would look in vain, with the places that decide it: steps that may have to come earlier."""
        found: list[tuple[int, int]] = []
        if self._panicked(state):
            return found
        for pid, row in self._rows.items():
            if pid in enabled:
                continue
            places = self._waits_for(row, state)
            if places is not None:
                found.append((pid, self.look(pid, state, path).own if places == LOOK else places))
        return found

    def _waits_for(self, row: Row, state: State) -> int | None:
        kind, owner, readers = self._wait(state[row.at])
        if kind in LOCKS:
            touch = self._steps.commuting.touch
            places = self._steps.numbering.places
            return touch(places[owner], READ)[0] | touch(places[readers], READ)[0]
        codes: list[Any] = self._steps.numbering.codes
        if (
            kind == Kind.SLEEP
            and self._short_sleeps
            and codes[state[row.polling]]
            and not codes[state[row.flags]] & PF_FROZEN
            and not codes[state[row.state]] & TASK_WAKEKILL
        ):
            return LOOK
        return None

    def guard(self, pid: int, state: State, path: list[int]) -> int:
        """What decided that a sleeping task may take a step: places read, as bits; 0 for others."""
        return self.look(pid, state, path).own if self._guarded(self._rows[pid], state) else 0

    def _guarded(self, row: Row, state: State) -> bool:
        if not self._short_sleeps:
            return False
        codes: list[Any] = self._steps.numbering.codes
        kind, _owner, _readers = self._wait(state[row.at])
        if kind != Kind.SLEEP or codes[state[row.state]] == 0 or not codes[state[row.polling]]:
            return False
        due = codes[state[row.timer]]
        return due is None or due > SHORT_SLEEP

    def look(self, pid: int, state: State, path: list[int]) -> Leaf:
        """Would an undisturbed look come to anything?  ``own`` has what was read for the answer."""
        steps = self._steps
        if len(state) < len(steps.numbering.places):
            state = steps.numbering.padded(state)
        key: Key = ("poll", pid, state[steps.numbering.slots["context", pid]])
        found = steps.table.find(key, state)
        while found is None:
            size = len(steps.numbering.places)
            leaf, tests = self._look_ahead(pid, steps.numbering.padded(state), path)
            if len(steps.numbering.places) == size:
                steps.table.add(key, tests, leaf)
                found = leaf
        return found

    def _look_ahead(self, pid: int, first: State, path: list[int]) -> tuple[Leaf, list[Test]]:
        """Let the task run alone until it sleeps as before, or can't go on."""
        steps = self._steps
        context, sleep = steps.numbering.slots["context", pid], steps.numbering.slots[("task", pid), "state"]
        written: dict[int, int] = {}
        tests: dict[tuple[int, object], Test] = {}

        def test(slot: int, part: object) -> None:
            done = written.get(slot, 0)
            if done == -1 or (isinstance(part, int) and not part & ~done):
                return
            if isinstance(part, int):
                part &= ~done
            tests.setdefault((slot, part), (slot, part, first[slot]))  # type: ignore[arg-type]

        state, way, own = first, list(path), 0
        for _ in range(LONG_LOOK):
            leaf = steps.leaf(pid, state, way)
            if len(steps.numbering.places) > len(state):
                return leaf, []  # asked again with the new slots
            for node, _value in steps.table.way(steps.key(pid, state), state)[0]:
                test(node.slot, node.part)
            own |= leaf.reads
            written.update({slot: -1 for slot, _value in leaf.sets})
            for slot, mask, _bits, _known in leaf.bits:
                written[slot] = written.get(slot, 0) | mask if written.get(slot) != -1 else -1
            state = steps.after(state, leaf)
            way.append(pid)
            if state[context] == first[context] and steps.numbering.codes[state[sleep]]:
                return Leaf(own=own, finds=not self._same(first, state)), list(tests.values())
            if not self._goes_on(pid, state, test):
                return Leaf(own=own), list(tests.values())
        return Leaf(own=own), list(tests.values())

    def _same(self, first: State, state: State) -> bool:
        places = self._steps.numbering.places
        return all(
            a == b or places[slot][-1] == "seen_progress"
            for slot, (a, b) in enumerate(zip(first, state, strict=True))
        )

    def _goes_on(self, pid: int, state: State, test: Any) -> bool:
        """It can take its next step, or its sleep has an end of its own."""
        if self._panicked(state):
            return False
        row = self._rows[pid]
        kind, owner, readers = self._wait(state[row.at])
        if kind in LOCKS:
            if max(owner, readers) < len(state):
                test(owner, None)
                test(readers, None)
            return self._can(row, state, [])
        if kind == Kind.SLEEP:
            due: Any = self._steps.numbering.codes[state[row.timer]]
            return self._steps.numbering.codes[state[row.state]] == 0 or (
                due is not None and due <= SHORT_SLEEP
            )
        return kind == Kind.RUN
