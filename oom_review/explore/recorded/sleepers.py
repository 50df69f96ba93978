"""Who can take a step in a state: as Machine.runnable() has it, and whose short sleep may end before the others are done.

A sleep of up to 200 ms may end at any time.  So may that of a task which looks again and again, if it would find something new: were
it to look without being disturbed, it would not come back to the same sleep with nothing changed.  A look in vain changes nothing,
so that leaving it out loses no behaviour but that of a look which others disturb half-way.
"""

from __future__ import annotations

from typing import Any

from kernel_model.preempt import POINTS, Kind
from kernel_model.sched import PF_FROZEN, SIGKILL, TASK_INTERRUPTIBLE, TASK_WAKEKILL, TIF_SIGPENDING
from oom_review.explore.recorded.commuting import READ
from oom_review.explore.recorded.steps import ABSENT, State, Steps
from oom_review.explore.recorded.table import Key, Leaf, Test
from oom_review.schedules.driver import SHORT_SLEEP

LONG_LOOK = 200
_NEVER = -1


class Sleepers:
    """Answers for the states of ``steps``."""

    def __init__(self, steps: Steps, *, short_sleeps: bool) -> None:
        """Without ``short_sleeps`` sleeps end only when nobody else can run."""
        self._steps = steps
        self._short_sleeps = short_sleeps
        self._rows: list[tuple[int, ...]] = []
        self._known_pids = 0
        self._waits: dict[int, tuple[int, int, int]] = {}

    def enabled(self, state: State, path: list[int]) -> list[int]:
        """Who can take a step; new slots may come up."""
        steps = self._steps
        while True:
            size = len(steps.places)
            if len(state) < size:
                state = steps.padded(state)
            if self._known_pids != len(steps.pids):
                self._find_rows()
            panicked = steps.slots.get((("kernel",), "panicked"))
            if panicked is not None and steps.codes[state[panicked]]:
                return []
            found = [row[0] for row in self._rows if self._can(row, state, path)]
            if len(steps.places) == size:
                return found

    def _find_rows(self) -> None:
        slots = self._steps.slots
        names = ("at", "state", "thread_flags", "pending", "syscall", "flags", "timer", "polling")
        self._rows = [(pid, *[slots[("task", pid), name] for name in names]) for pid in self._steps.pids]
        self._known_pids = len(self._steps.pids)

    def _wait(self, at: int) -> tuple[int, int, int]:
        """What a place waits for: the kind, and the slots of a lock's owner and readers."""
        found = self._waits.get(at)
        if found is None:
            code: Any = self._steps.codes[at]
            found = (_NEVER, 0, 0)
            if code is not None and code is not ABSENT:
                point, lock = (code, None) if isinstance(code[0], str) else code
                kind = POINTS[point].kind
                found = (int(kind), 0, 0)
                if kind in (Kind.LOCK, Kind.READ, Kind.KILLABLE):
                    owner = self._steps.slot((lock, "owner"), None)
                    found = int(kind), owner, self._steps.slot((lock, "readers"), frozenset())
            self._waits[at] = found
        return found

    def _can(self, row: tuple[int, ...], state: State, path: list[int]) -> bool:
        _pid, at, sleep, thread_flags, pending, syscall, _flags, _timer, _polling = row
        kind, owner, readers = self._wait(state[at])
        if kind == Kind.RUN:
            return True
        if kind == _NEVER:
            return False
        codes: list[Any] = self._steps.codes
        if kind == Kind.SLEEP:
            how = codes[state[sleep]]
            if how == 0:
                return True
            if (
                how & (TASK_INTERRUPTIBLE | TASK_WAKEKILL)
                and codes[state[thread_flags]] & TIF_SIGPENDING
                and (how & TASK_INTERRUPTIBLE or SIGKILL in codes[state[pending]])
            ):
                return True
            return self._short_sleeps and self.sleep_may_end(row, state, path)
        if kind == Kind.USER:
            return codes[state[syscall]] is not None or bool(codes[state[thread_flags]] & TIF_SIGPENDING)
        if owner >= len(state) or readers >= len(state):
            return False  # asked again with the new slots
        if codes[state[owner]] is None and (kind == Kind.READ or not codes[state[readers]]):
            return True
        return (
            kind == Kind.KILLABLE
            and bool(codes[state[thread_flags]] & TIF_SIGPENDING)
            and SIGKILL in codes[state[pending]]
        )

    def sleep_may_end(self, row: tuple[int, ...], state: State, path: list[int]) -> bool:
        """A timer that is due soon, or a look that is worth it."""
        pid, _at, sleep, _thread_flags, _pending, _syscall, flags, timer, polling = row
        codes: list[Any] = self._steps.codes
        if codes[state[flags]] & PF_FROZEN:
            return False
        due = codes[state[timer]]
        if due is not None and due <= SHORT_SLEEP:
            return True
        if not codes[state[polling]] or codes[state[sleep]] & TASK_WAKEKILL:
            return False
        return self.look(pid, state, path).yes

    def waiting(self, state: State, path: list[int], enabled: tuple[int, ...]) -> list[tuple[int, int]]:
        """Who waits for a lock, or would look in vain, with the places that decide it: steps that may have to come earlier."""
        codes: list[Any] = self._steps.codes
        found = []
        for row in self._rows:
            pid = row[0]
            if pid in enabled:
                continue
            kind, owner, readers = self._wait(state[row[1]])
            if kind in (Kind.LOCK, Kind.READ, Kind.KILLABLE):
                touch = self._steps.commuting.touch
                places = self._steps.places
                found.append((pid, touch(places[owner], READ)[0] | touch(places[readers], READ)[0]))
            elif (
                kind == Kind.SLEEP
                and self._short_sleeps
                and codes[state[row[8]]]
                and not codes[state[row[6]]] & PF_FROZEN
                and not codes[state[row[2]]] & TASK_WAKEKILL
            ):
                found.append((pid, self.look(pid, state, path).own))
        return found

    def guard(self, pid: int, state: State, path: list[int]) -> int:
        """What decided that a sleeping task may take a step: places read, as bits; 0 for others."""
        if not self._short_sleeps:
            return 0
        codes: list[Any] = self._steps.codes
        row = next(row for row in self._rows if row[0] == pid)
        kind, _owner, _readers = self._wait(state[row[1]])
        if kind != Kind.SLEEP or codes[state[row[2]]] == 0 or not codes[state[row[8]]]:
            return 0
        due = codes[state[row[7]]]
        if due is not None and due <= SHORT_SLEEP:
            return 0
        return self.look(pid, state, path).own

    def look(self, pid: int, state: State, path: list[int]) -> Leaf:
        """Would an undisturbed look come to anything?  ``own`` has what was read for the answer."""
        steps = self._steps
        if len(state) < len(steps.places):
            state = steps.padded(state)
        key: Key = ("poll", pid, state[steps.slots["context", pid]])
        found = steps.table.find(key, state)
        while found is None:
            size = len(steps.places)
            leaf, tests = self._look_ahead(pid, steps.padded(state), path)
            if len(steps.places) == size:
                steps.table.add(key, tests, leaf)
                found = leaf
        return found

    def _look_ahead(self, pid: int, first: State, path: list[int]) -> tuple[Leaf, list[Test]]:
        """Let the task run alone until it sleeps as before, or can't go on."""
        steps = self._steps
        context, sleep = steps.slots["context", pid], steps.slots[("task", pid), "state"]
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
            if len(steps.places) > len(state):
                return leaf, []  # asked again with the new slots
            for slot, part, _value in steps.table.path(steps.key(pid, state), state):
                test(slot, part)
            own |= leaf.reads
            written.update({slot: -1 for slot, _value in leaf.sets})
            for slot, mask, _bits, _known in leaf.bits:
                written[slot] = written.get(slot, 0) | mask if written.get(slot) != -1 else -1
            state = steps.after(state, leaf)
            way.append(pid)
            if state[context] == first[context] and steps.codes[state[sleep]]:
                return Leaf(own=own, yes=not self._same(first, state)), list(tests.values())
            if not self._goes_on(pid, state, test):
                return Leaf(own=own), list(tests.values())
        return Leaf(own=own), list(tests.values())

    def _same(self, first: State, state: State) -> bool:
        places = self._steps.places
        return all(
            a == b or places[slot][-1] == "seen_progress"
            for slot, (a, b) in enumerate(zip(first, state, strict=True))
        )

    def _goes_on(self, pid: int, state: State, test: Any) -> bool:
        """It can take its next step, or its sleep has an end of its own."""
        panicked = self._steps.slots.get((("kernel",), "panicked"))
        if panicked is not None and self._steps.codes[state[panicked]]:
            return False
        row = next(row for row in self._rows if row[0] == pid)
        kind, owner, readers = self._wait(state[row[1]])
        if kind in (Kind.LOCK, Kind.READ, Kind.KILLABLE):
            if max(owner, readers) < len(state):
                test(owner, None)
                test(readers, None)
            return self._can(row, state, [])
        if kind == Kind.SLEEP:
            due: Any = self._steps.codes[state[row[7]]]
            return self._steps.codes[state[row[2]]] == 0 or (due is not None and due <= SHORT_SLEEP)
        return kind == Kind.RUN
