"""Depth-first search over all interleavings, with three reductions that can be switched off.

Contexts can't be copied, so the search goes down one path on one machine until there is nothing new, and gets back to a choice
that is left by taking the choices before it again on a fresh machine.

- *Caching*: a state that was left behind for good is not entered again.
- *Partial order*: of two steps that commute one order is enough.  This is dynamic partial-order reduction (Flanagan and Godefroid,
  POPL 2005): a state first tries one process, and others only when a race below shows that their order mattered.  Without
  caching, sleep sets (Godefroid 1996) prune what remains, so that each class of equivalent interleavings is tried once.  With
  caching, the races of the part that is not entered again are found from its summary (Yang, Chen, Gopalakrishnan and Kirby, SPIN
  2008); sleep sets are then off, as a stored state has been left with another sleep set.
- *Symmetry* is the system's: equivalent states have equal keys.

A summary is a set of records, one for each step below a state: who took it, what it touched, and whose steps below the state came
before it by need (in the happens-before order), with all that those touched.  When nobody can run, the system moves on by itself (the
clock, the next operation): nothing commutes with that, so that a summary ends there.

A cycle of states within one such stretch would let a summary miss something: then the search says so, and reduces no partial order.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import chain
from typing import Protocol

import attrs

from oom_review.explore.limits import MOVE_ON, Counts, Cycle, Gauge, Limits
from oom_review.explore.repeated.dependence import NOTHING, Access


class System(Protocol):
    """What can be explored: processes are numbers from 1."""

    def restart(self) -> None:
        """Back to the initial state."""

    def enabled(self) -> list[int]:
        """Who can take a step; MOVE_ON may be among them where the system may move on early."""

    def step(self, process: int) -> Access:
        """One step of an enabled process; what it touched."""

    def repeat(self, process: int) -> None:
        """The same step on a fresh machine: what it touches is known."""

    def blocked(self) -> list[int]:
        """Who can't take a step now, but may later."""

    def pending(self, process: int) -> Access:
        """All that the next step of a blocked process may touch."""

    def move_on(self) -> bool:
        """Nobody can run: move on; False at the end."""

    def key(self) -> Hashable:
        """The state's identity."""

    def at_end(self, choices: list[int]) -> None:
        """These choices led to a state from which nothing moves."""


Record = tuple[int, int, int, int]
"""Who, what its step touched, whose steps came before it by need (bits), and what those touched."""


@attrs.define(eq=False, slots=True)
class Node:
    """A state on the path from the start, with what is known of the part below it."""

    key: Hashable
    enabled: tuple[int, ...]
    todo: list[int]
    full: bool = False
    done: int = 0
    sleep: dict[int, Access] = attrs.Factory(dict)
    records: set[Record] = attrs.Factory(set)
    stopped: tuple[Record, ...] = ()
    choice: int = MOVE_ON
    access: Access = NOTHING

    def add(self, process: int) -> None:
        """This process has to be tried here too."""
        if process not in self.todo and not self.done >> process & 1:
            self.todo.append(process)


class Search:
    """One search of one system."""

    def __init__(self, system: System, *, caching: bool, por: bool, limits: Limits) -> None:
        """Nothing is explored yet."""
        self.system = system
        self.caching = caching
        self.por = por
        self._gauge = Gauge(limits)
        self.counts = Counts()
        self._visited: dict[Hashable, frozenset[Record] | None] = {}
        self._path: list[Node] = []

    @property
    def choices(self) -> list[int]:
        """The choices that led to the present state."""
        return [node.choice for node in self._path]

    def run(self) -> None:
        """Explore everything; raises LimitReached or Cycle."""
        system = self.system
        path = self._path
        system.restart()
        self.counts.executions = 1
        self._enter(system.key(), {})
        here = True
        while path:
            node = path[-1]
            choice = self._next(node)
            if choice is None:
                self._leave()
                here = False
                continue
            if not here:
                self._repeat()
                here = True
            here = self._go(node, choice)

    def _next(self, node: Node) -> int | None:
        while node.todo:
            choice = node.todo.pop(0)
            if node.done >> choice & 1:
                continue
            if choice in node.sleep:
                self.counts.pruned_by_sleep += 1
                continue
            return choice
        return None

    def _repeat(self) -> None:
        """A fresh machine in the state of the path's last node."""
        system = self.system
        system.restart()
        self.counts.executions += 1
        for node in self._path[:-1]:
            if node.choice == MOVE_ON:
                system.move_on()
            else:
                system.repeat(node.choice)

    def _go(self, node: Node, choice: int) -> bool:
        """Take a choice; True if the machine now stands in the state of the path's last node."""
        system = self.system
        node.choice = choice
        node.done |= 1 << choice
        if choice == MOVE_ON:
            if not system.move_on():
                node.choice = MOVE_ON
                system.at_end(self.choices[:-1])
                return False
            node.access = NOTHING
            sleep: dict[int, Access] = {}
        else:
            node.access = access = system.step(choice)
            enemy = access.enemy
            sleep = {p: a for p, a in node.sleep.items() if not a.own & enemy}
        self.counts.transitions += 1
        key = system.key() if self.caching else None
        if self.caching and key in self._visited:
            summary = self._visited[key]
            self.counts.pruned_by_cache += 1
            if self.por and choice != MOVE_ON:
                if summary is None:
                    raise Cycle
                self._absorb(node, summary, self._stopped(node, system.enabled()))
            return False
        self._enter(key, sleep)
        return True

    def _stopped(self, node: Node, enabled_now: Iterable[int]) -> tuple[Record, ...]:
        """Who can't go on after the node's choice: the step that was not taken may have to come before earlier ones."""
        system = self.system
        now = set(enabled_now)
        blocked = [q for q in node.enabled if q not in now]
        if not blocked:
            return ()
        alive = system.blocked()
        for q in blocked:
            if q != node.choice:
                node.add(q)
        return tuple([(q, system.pending(q).own, 0, 0) for q in blocked if q in alive])

    def _enter(self, key: Hashable, sleep: dict[int, Access]) -> None:
        system = self.system
        counts = self.counts
        counts.states += 1
        self._gauge.check(counts.states)
        enabled = tuple(system.enabled())
        if self.caching:
            self._visited[key] = None
        path = self._path
        stopped = self._stopped(path[-1], enabled) if path and self.por and path[-1].choice != MOVE_ON else ()
        if not enabled:
            path.append(Node(key, (), [MOVE_ON], stopped=stopped))
            return
        full = not self.por or MOVE_ON in enabled
        if full:
            node = Node(key, enabled, list(enabled), full=True, stopped=stopped)
        else:
            awake = [p for p in enabled if p not in sleep]
            last = path[-1].choice if path else MOVE_ON
            first = [last] if last in awake else awake[-1:]
            if not first:
                counts.pruned_by_sleep += 1
            node = Node(key, enabled, first, sleep={} if self.caching else sleep, stopped=stopped)
        path.append(node)

    def _leave(self) -> None:
        """Everything below the path's last node is done."""
        path = self._path
        node = path.pop()
        # Where one choice was enough nothing was merged, so little can be needless.
        records: Iterable[Record] = _minimal(node.records) if node.done & (node.done - 1) else node.records
        if self.caching:
            self._visited[node.key] = frozenset(records)
        if node.enabled:
            self.counts.pruned_by_order += len(node.enabled) - node.done.bit_count()
        if path and self.por:
            self._absorb(path[-1], records, node.stopped)
            if not self.caching:
                path[-1].sleep[path[-1].choice] = path[-1].access

    @staticmethod
    def _absorb(node: Node, below: Iterable[Record], stopped: tuple[Record, ...]) -> None:
        """Learn from what is below the node's last choice: races add choices here, records go further up."""
        p = node.choice
        if p == MOVE_ON:
            return
        own, enemy = node.access
        bit = 1 << p
        records = node.records
        records.add((p, own, 0, 0))
        for record in chain(below, stopped):
            q, touched, before, touched_before = record
            if q == p or before & bit or enemy & touched_before:
                records.add((q, touched, before | bit, touched_before | own))
            elif enemy & touched:
                records.add((q, touched, before | bit, touched_before | own))
                if not node.full:
                    _race(node, q, before)
            else:
                records.add(record)


def _race(node: Node, q: int, before: int) -> None:
    """The node's last choice races with a step of ``q`` below: try first what can lead there."""
    if q in node.enabled:
        node.add(q)
        return
    if not before:
        return  # q's very next step, which can't be taken here: not a race, the choice enables it
    candidates = [r for r in node.enabled if before >> r & 1 and r != node.choice]
    if any(node.done >> r & 1 or r in node.todo for r in candidates):
        return
    for r in candidates[:1] or node.enabled:
        node.add(r)


def _minimal(records: set[Record]) -> set[Record]:
    """Without those that a record of the same step makes needless, by knowing of less that came before."""
    groups: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for q, touched, before, touched_before in records:
        groups.setdefault((q, touched), []).append((before, touched_before))
    kept: set[Record] = set()
    for (q, touched), pairs in groups.items():
        if len(pairs) > 1:
            pairs.sort(key=lambda pair: (pair[0].bit_count(), pair[1].bit_count()))
        minimal: list[tuple[int, int]] = []
        for b, t in pairs:
            if not any(b0 & b == b0 and t0 & t == t0 for b0, t0 in minimal):
                minimal.append((b, t))
                kept.add((q, touched, b, t))
    return kept
