"""Depth-first search over all interleavings of recorded steps: visited states, and dynamic partial-order reduction.

A state first tries one task, and others only when a race below shows that their order mattered (Flanagan and Godefroid, POPL 2005).
The races of a part that was visited before are found from its summary (summaries.py).

When nobody can run, time passes: nothing commutes with that, so that a summary ends there.  A cycle of states within one such stretch
would let a summary miss something: then the search says so.

Can a claim still be kept?  Then a step that breaks it counts as one that can't be taken, and its task as one that waits until what the
step touches is changed, as for a lock: whoever changes that races with it, so that no order in which it may be taken, or may be put off,
is missed, and all others are tried in its place.  What a claim remembers counts as touched.  So the reductions leave out no run that
keeps it which is not equivalent to one that is tried.

Tried: persistent sets, from the recorded steps, as a cap on what races add; steps that nobody else's ever meet taken with the next one;
states with one way on not kept.  What each would have saved stands in docs/benchmarks.md.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from oom_review.explore.commuting import READ, UPDATE, WRITE
from oom_review.explore.final import Final
from oom_review.explore.limits import MOVE_ON, Counts, Cycle, Gauge, Limits
from oom_review.explore.model import Model, Symmetry
from oom_review.explore.numbering import State
from oom_review.explore.orbits import Renaming
from oom_review.explore.summaries import Kept, Summary, join, leave_out_implied, step_above
from oom_review.explore.table import Leaf

# A summary is looked through for what is implied when it is larger than this, and so much larger than when it was last.
SMALL, GROWN = 30, 1.2

Found = Callable[[str, str, list[int]], None]
Ended = Callable[[Final, list[int]], None]


@contextmanager
def few_collections() -> Iterator[None]:
    """Nearly all that a search makes is kept to its end: looking for garbage among it takes a third of the time."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@attrs.define(eq=False, slots=True)
class Node:
    """A state on the path from the start."""

    state: State
    enabled: tuple[int, ...]
    todo: list[int]
    done: int = 0
    choice: int = MOVE_ON
    own: int = 0
    enemy: int = 0
    kept: Kept | None = None
    ordered: bool = False
    canonical: State | None = None
    renaming: Renaming = ()
    summary: Summary = attrs.Factory(dict)
    size: int = 0

    def add(self, pid: int) -> None:
        """This task has to be tried here too."""
        if not self.done >> pid & 1 and pid not in self.todo:
            self.todo.append(pid)


class Search:
    """One search."""

    def __init__(
        self,
        model: Model,
        orbits: Symmetry,
        *,
        por: bool,
        limits: Limits,
        found: Found,
        ended: Ended,
        keep: str = "",
    ) -> None:
        """``found`` is told of each broken claim, ``ended`` of each end, with the choices that lead there.

        ``keep``: the id of a claim; what breaks it is not gone on from, and the search is over at the first end that it holds in.
        A panic is no such end: nobody keeps anything then.
        """
        self._model = model
        self._orbits = orbits
        self._like: dict[State, tuple[Kept, Renaming]] = {}
        self._por = por
        self._found = found
        self._ended = ended
        self._keep = keep
        self.kept: Final | None = None
        self.counts = Counts(executions=1)
        self._visited: dict[State, Kept | None] = {}
        self._path: list[Node] = []
        self._choices: list[int] = []
        self._size = model.size()
        self._gauge = Gauge(limits)

    def run(self) -> None:
        """Explore everything; raises LimitReached or Cycle."""
        path = self._path
        if self._orbits:
            self._orbits.refresh()
        self._size = self._model.size()
        self._enter(self._model.start(), MOVE_ON, None, ())
        with few_collections():
            while path and self.kept is None:
                node = path[-1]
                choice = self._next(node)
                if choice is None:
                    self._leave()
                else:
                    self._go(node, choice)

    @staticmethod
    def _next(node: Node) -> int | None:
        while node.todo:
            choice = node.todo.pop(0)
            if not node.done >> choice & 1:
                return choice
        return None

    def _grow(self) -> None:
        """New slots came up: all states get them."""
        if self._orbits:
            self._orbits.refresh()
        padded = self._model.padded
        self._size = self._model.size()
        self._visited = {padded(state): summary for state, summary in self._visited.items()}
        self._like.clear()  # the slots of like threads are other ones now
        for node in self._path:
            node.state = padded(node.state)
            node.canonical = None

    def _go(self, node: Node, choice: int) -> None:
        model = self._model
        choices = self._choices
        leaf = model.leaf(choice, node.state, choices)
        if model.size() > self._size:
            self._grow()
        self.counts.transitions += 1
        node.choice = choice
        node.done |= 1 << choice
        if leaf.broken:
            for claim, sentence in leaf.broken:
                self._found(claim, sentence, [*choices, choice])
        lost = self._loses(leaf)
        if not leaf.moves:
            if leaf.final is not None:
                self._ended(leaf.final, list(choices))
                if self._keep and not lost and not leaf.final.panicked:
                    self.kept = leaf.final
            return
        node.own, node.enemy = leaf.own, leaf.enemy
        node.ordered = node.ordered or leaf.ordered
        if choice != MOVE_ON:
            guard = model.guard(choice, node.state, choices)
            if guard:
                node.own |= guard
                node.enemy |= guard * (UPDATE | WRITE) // READ
        if lost:
            self._cut(node)
            return
        state = model.after(node.state, leaf)
        choices.append(choice)
        if state in self._visited:
            self.counts.pruned_by_cache += 1
            kept = self._visited[state]
            self.counts.cycles += kept is None
            # Of a state on the path nobody knows yet who goes by an order below it.
            node.ordered = node.ordered or kept is None or kept.ordered
            if self._por and choice != MOVE_ON:
                self._disabled(node, self._model.enabled(state, choices))
                if kept is None:
                    raise Cycle
                absorb(node, kept, kept.whole())
            choices.pop()
            return
        canonical, renaming = self._orbits.canonical(state) if self._orbits else (None, ())
        found = None if canonical is None else self._like.get(canonical)
        if found is not None and not found[0].ordered:
            self.counts.pruned_by_symmetry += 1
            if self._por and choice != MOVE_ON:
                self._disabled(node, self._model.enabled(state, choices))
                absorb(node, None, self._orbits.summary(found[0].whole(), found[1], renaming))
            choices.pop()
            return
        self.counts.executions += bool(node.done & (node.done - 1))
        self._enter(state, choice, canonical, renaming)
        if self._por and choice != MOVE_ON:
            self._disabled(node, self._path[-1].enabled)

    def _loses(self, leaf: Leaf) -> bool:
        """The step breaks the claim that is to be kept."""
        return bool(self._keep) and any(claim == self._keep for claim, _sentence in leaf.broken)

    def _cut(self, node: Node) -> None:
        """The node's last choice breaks the claim to keep, and goes no further: as if it waited for what it touches to change."""
        if self._por:
            for pid in node.enabled:
                node.add(pid)
            absorb(node, None, {})

    @staticmethod
    def _disabled(node: Node, now: tuple[int, ...] | list[int]) -> None:
        """Who can't go on after the node's choice has to go first, too."""
        for pid in node.enabled:
            if pid != node.choice and pid not in now:
                node.add(pid)

    def _enter(self, state: State, last: int, canonical: State | None, renaming: Renaming) -> None:
        counts = self.counts
        counts.states += 1
        self._gauge.check(counts.states)
        enabled = tuple(self._model.enabled(state, self._choices))
        if self._model.size() > self._size:
            self._grow()
        if len(state) < self._size:
            state = self._model.padded(state)
            canonical = None
        self._visited[state] = None
        if not enabled:
            todo = [MOVE_ON]
        elif not self._por:
            todo = list(enabled)
        else:
            todo = [last if last in enabled else enabled[-1]]
        node = Node(state, enabled, todo, canonical=canonical, renaming=renaming)
        if self._por:
            waiting = self._model.waiting(state, self._choices, enabled)
            node.summary = {(pid, 0): guard for pid, guard in waiting}
        self._path.append(node)

    def _leave(self) -> None:
        """Everything below the path's last node is done."""
        path = self._path
        node = path.pop()
        self.counts.pruned_by_order += max(0, len(node.enabled) - node.done.bit_count())
        kept = node.kept
        if kept is None:
            kept = Kept(node.summary)
        kept.ordered = node.ordered
        self._visited[node.state] = kept
        if node.canonical is not None:
            self._like.setdefault(node.canonical, (kept, node.renaming))
        if path:
            self._choices.pop()
            path[-1].ordered = path[-1].ordered or node.ordered
            if self._por and path[-1].choice != MOVE_ON:
                absorb(path[-1], kept, node.summary)


def absorb(node: Node, kept: Kept | None, below: Summary) -> None:
    """Learn from what is below the node's last choice: races add choices here, the rest goes further up.

    ``kept`` is the same as ``below`` for good, None if it has other names.
    """
    above, races = step_above(below, node.choice, node.own, node.enemy)
    for q, before in races:
        race(node, q, before)
    node.kept = None
    if not node.summary:
        if kept is not None:
            node.kept = Kept({}, False, kept, node.choice, node.own, node.enemy)
        node.summary = above
        return
    node.summary = join(node.summary, above)
    if len(node.summary) > max(SMALL, GROWN * node.size):
        leave_out_implied(node.summary)
        node.size = len(node.summary)


def race(node: Node, q: int, before: int) -> None:
    """The node's last choice races with a step of ``q`` below: try first what can lead there, unless some of it is tried anyway."""
    if q not in node.enabled and not before:
        return  # q's very next step, which can't be taken here: the choice enables it, or nobody here does
    before |= 1 << q
    candidates = [r for r in node.enabled if before >> r & 1 and r != node.choice]
    if any(node.done >> r & 1 or r in node.todo for r in candidates):
        return
    for r in (q,) if q in candidates else candidates[:1] or node.enabled:
        node.add(r)
