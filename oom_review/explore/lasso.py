"""Runs that never come to rest: cycles of states in which nobody is forgotten.

A cycle is fair if whoever can take a step at some point of it takes one in it: locks are handed on, whoever can run gets a CPU, and
sleeps that may end end.  So a task that spins while another one could let it go is none, nor is one that overtakes a waiter again and
again.  Sought after the search, and only if that came back to a state which led to it: a plain pass over all states, without a
reduction, then the largest sets of states that can be gone around for ever without forgetting anybody.

Tried and dropped: the cycle that the search closes first, alone.  Most often somebody is forgotten in that one, and not in a larger one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

import attrs

from oom_review.explore.limits import MOVE_ON
from oom_review.explore.model import Model
from oom_review.explore.numbering import State

MOST = 200_000
"""States of a plain pass: some ten seconds, and 300 MB."""
Edge = tuple[int, int]
"""A choice, and the state it leads to."""


@attrs.define(frozen=True)
class Lasso:
    """Choices that lead to a state, and from there back to it, for ever; ``restless``: who takes steps in what can be gone around."""

    stem: tuple[int, ...]
    cycle: tuple[int, ...]
    restless: frozenset[int]


@attrs.define(eq=False)
class Graph:
    """States by number, in the order in which they are met, breadth first: their steps, who can take one, and how each was met.

    ``whole``: there are no more.
    """

    edges: list[dict[int, int]] = attrs.Factory(list)
    enabled: list[frozenset[int]] = attrs.Factory(list)
    parents: list[Edge] = attrs.Factory(lambda: [(MOVE_ON, -1)])
    whole: bool = True

    def path(self, state: int) -> list[int]:
        """The choices that lead there from the start."""
        choices = []
        while state:
            choice, state = self.parents[state]
            choices.append(choice)
        return choices[::-1]

    def way(self, start: int, within: set[int], arrived: Callable[[int], bool]) -> tuple[list[int], int]:
        """The shortest way from one state to another, and which that is; there is one."""
        came: dict[int, Edge] = {}
        todo = deque([start])
        while not arrived(state := todo.popleft()):
            for choice, after in self.edges[state].items():
                if after in within and after not in came and after != start:
                    came[after] = choice, state
                    todo.append(after)
        choices, here = [], state
        while here != start:
            choice, here = came[here]
            choices.append(choice)
        return choices[::-1], state


def lassos(model: Model, most: int = MOST) -> tuple[list[Lasso], bool]:
    """One for each set of states that can be gone around for ever, the one that is met first coming first; and if all are known."""
    graph = _graph(model, most)
    found = sorted(_fair(graph, set(range(len(graph.edges)))), key=min)
    return [_lasso(graph, states) for states in found], graph.whole


def _graph(model: Model, most: int) -> Graph:
    """Begun again whenever slots come up: by then nearly all steps are in the table."""
    while True:
        size = model.size()
        graph = _tried(model, size, most)
        if graph is not None:
            return graph


def _tried(model: Model, size: int, most: int) -> Graph | None:
    graph = Graph()
    states: list[State] = [model.padded(model.start())]
    numbers = {states[0]: 0}
    while len(graph.edges) < len(states):
        here = len(graph.edges)
        state, path = states[here], graph.path(here)
        enabled = model.enabled(state, path)
        if model.size() > size:
            return None
        steps: dict[int, int] = {}
        for choice in enabled or (MOVE_ON,):
            leaf = model.leaf(choice, state, path)
            if model.size() > size:
                return None
            if not leaf.moves:
                continue
            after = model.after(state, leaf)
            if after not in numbers:
                if len(states) >= most:
                    graph.whole = False
                    continue
                numbers[after] = len(states)
                states.append(after)
                graph.parents.append((choice, here))
            steps[choice] = numbers[after]
        graph.edges.append(steps)
        graph.enabled.append(frozenset(enabled))
    return graph


def _fair(graph: Graph, states: set[int]) -> Iterator[set[int]]:
    """The largest sets in which whoever can take a step somewhere takes one that stays in them."""
    for component in _components(graph, states):
        stepping = _stepping(graph, component)
        forgetting = {state for state in component if graph.enabled[state] - stepping}
        if not forgetting:
            yield component
        elif forgetting < component:
            yield from _fair(graph, component - forgetting)


def _stepping(graph: Graph, states: set[int]) -> set[int]:
    return {choice for state in states for choice, after in graph.edges[state].items() if after in states}


def _components(graph: Graph, states: set[int]) -> Iterator[set[int]]:
    """The strongly connected ones that have a step (Tarjan, 1972)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    for root in sorted(states):
        calls = [] if root in index else [(root, iter(graph.edges[root].values()))]
        while calls:
            state, successors = calls[-1]
            if state not in index:
                index[state] = low[state] = len(index)
                stack.append(state)
            for after in successors:
                if after not in states:
                    continue
                if after not in index:
                    calls.append((after, iter(graph.edges[after].values())))
                    break
                if after in low:
                    low[state] = min(low[state], low[after])
            else:
                calls.pop()
                if calls:
                    low[calls[-1][0]] = min(low[calls[-1][0]], low[state])
                if low[state] == index[state]:
                    component = set()
                    while state not in component:
                        component.add(member := stack.pop())
                        del low[member]
                    if _stepping(graph, component):
                        yield component


def _can_stay(graph: Graph, states: set[int], who: int, state: int) -> bool:
    return graph.edges[state].get(who) in states


def _lasso(graph: Graph, states: set[int]) -> Lasso:
    """Around once, with a step of everybody who takes one."""
    first = here = min(states)
    restless = _stepping(graph, states)
    cycle: list[int] = []
    for who in sorted(restless):
        if who not in cycle:
            way, here = graph.way(here, states, partial(_can_stay, graph, states, who))
            cycle += [*way, who]
            here = graph.edges[here][who]
    cycle += graph.way(here, states, lambda state: state == first)[0]
    return Lasso(tuple(graph.path(first)), tuple(cycle), frozenset(restless - {MOVE_ON}))
