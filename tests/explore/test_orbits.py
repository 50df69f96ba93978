"""Like threads: states that are taken for each other have the same future."""

from __future__ import annotations

from collections import defaultdict

import pytest
from generated import killing

import patched
from oom_review.explore.limits import MOVE_ON, Limits
from oom_review.explore.model import RecordedKernel
from oom_review.explore.numbering import State
from oom_review.explore.observer import Observer
from oom_review.explore.orbits import Orbits
from oom_review.explore.search import Search
from oom_review.explore.setup import played
from oom_review.explore.sleepers import Sleepers
from oom_review.explore.steps import Steps
from oom_review.explore.symmetry import interchangeable
from oom_review.explore.walks import walks
from oom_review.scenario.items import Op, Run, Scenario

Future = frozenset[object]


class Graph:
    """All states of a scenario, in the order in which they were left, with what may still come of each."""

    def __init__(self, scenario: Scenario) -> None:
        session, setup = played(scenario.items[:-1], patched.VARIANT)
        tasks = session.machine.k.tasks.values()
        like = interchangeable(session.machine.k, scenario)
        self.steps = Steps(patched.VARIANT, setup, Observer(session, like), walks=walks(patched.VARIANT))
        self.orbits = Orbits(self.steps, like, {t.pid: t.name for t in tasks})
        self.sleepers = Sleepers(self.steps, short_sleeps=False)
        while not self._explored():
            pass

    def _explored(self) -> bool:
        """Depth first; False if slots came up on the way."""
        self.orbits.refresh()
        size = len(self.steps.numbering.places)
        self.futures: dict[State, Future] = {}
        self.ordered: dict[State, bool] = {}
        path: list[tuple[State, list[int], set[object], list[bool]]] = []
        choices: list[int] = []

        def enter(state: State) -> None:
            enabled = self.sleepers.enabled(state, choices)
            path.append((state, list(enabled) or [MOVE_ON], set(), [False]))

        enter(self.steps.numbering.start())
        while path and len(self.steps.numbering.places) == size:
            state, todo, future, ordered = path[-1]
            if not todo:
                path.pop()
                self.futures[state], self.ordered[state] = frozenset(future), ordered[0]
                if path:
                    choices.pop()
                    path[-1][2].update(future)
                    path[-1][3][0] |= ordered[0]
                continue
            choice = todo.pop()
            leaf = self.steps.leaf(choice, state, choices)
            if len(self.steps.numbering.places) > size:
                break
            ordered[0] |= leaf.ordered
            future |= {claim for claim, _sentence in leaf.broken}
            if not leaf.moves:
                future.add(leaf.final)
                continue
            below = self.steps.after(state, leaf)
            if below in self.futures:
                future |= self.futures[below]
                ordered[0] |= self.ordered[below]
                continue
            choices.append(choice)
            enter(below)
        return not path


BORN = (Op("fork", "init", ("v",)), Op("clone", "v", ("t1",)), Op("clone", "v", ("t2",)))


def group(*together: Op | Run, before: tuple[Op, ...] = ()) -> Scenario:
    """Three threads v, t1, t2, of which t1 and t2 are alike, and what then happens at once."""
    return Scenario((*[item for op in (*BORN, *before) for item in (op, Run())], *together, Run()))


def moved(*names: str) -> tuple[Op, ...]:
    """Into a memory cgroup, the whole process each time."""
    return tuple([Op("memcg_attach", "init", (name, "M")) for name in names])


SCENARIOS = {
    "exit_group": group(Op("exit_group", "v")),
    "exec": group(Op("execve", "v")),
    "kill": group(Op("kill", "init", ("v", "KILL"))),
    "core dump": group(Op("kill", "init", ("v", "ABRT"))),
    "freeze and thaw": group(Op("attach", "init", ("v", "A")), Run(), Op("freeze", "init", ("A",))),
    "killing 68": killing(68),
    "moved by name": group(Op("kill", "init", ("v", "KILL")), before=moved("t1", "t2")),
}


def alike(scenario: Scenario) -> list[str]:
    """The names of the threads that stand for each other."""
    session, _setup = played(scenario.items[:-1], patched.VARIANT)
    k = session.machine.k
    return sorted(k.tasks[pid].name for pid in interchangeable(k, scenario))


def test_who_is_named_is_told_apart() -> None:
    """Unless each is named alike, and before the explored run; also by an operation that only somebody's kernel has."""
    exits = Op("exit_group", "v")
    assert alike(group(exits)) == ["t1", "t2"]
    assert alike(group(exits, before=moved("t2", "t1"))) == ["t1", "t2"]
    assert alike(group(exits, before=moved("t1"))) == []
    assert alike(group(exits, *moved("t1"))) == []
    assert alike(group(exits, Op("exit", "t1"))) == []
    items = group(exits).items
    own = Scenario((*items[:-1], Op("of_a_kernel_of_its_own", None, ("t1",)), Run()))
    session, _setup = played(items[:-1], patched.VARIANT)
    assert interchangeable(session.machine.k, own) == {}


@pytest.mark.parametrize("name", SCENARIOS)
def test_states_that_are_alike_have_the_same_future(name: str) -> None:
    """Unless somebody below goes by an order: the same ends may be reached, and the same claims be broken."""
    graph = Graph(SCENARIOS[name])
    alike: dict[State, set[Future]] = defaultdict(set)
    members: dict[State, int] = defaultdict(int)
    for state, future in graph.futures.items():
        canonical, _renaming = graph.orbits.canonical(state)
        members[canonical] += 1
        if not graph.ordered[state]:
            alike[canonical].add(future)
    assert all(len(futures) == 1 for futures in alike.values())
    assert max(members.values()) > 1


def test_names_can_be_exchanged() -> None:
    """Whichever of two like threads goes first: the states are the same but for the names."""
    graph = Graph(SCENARIOS["exit_group"])
    canonical = {graph.orbits.canonical(state)[0] for state in graph.futures}
    renamed = [state for state in graph.futures if graph.orbits.canonical(state)[1]]
    assert renamed
    assert all(graph.orbits.canonical(state)[0] in graph.futures for state in renamed)
    assert len(canonical) < len(graph.futures)


def test_who_goes_by_an_order_is_noticed() -> None:
    """Some steps below look through a list with both like threads in it; most do not."""
    graph = Graph(SCENARIOS["freeze and thaw"])
    assert 0 < sum(graph.ordered.values()) < len(graph.ordered) / 2


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_order_below_is_known_above(name: str) -> None:
    """Whatever the search did not enter again, it knows of each state it left whether somebody below goes by an order."""
    graph = Graph(SCENARIOS[name])
    parts = RecordedKernel(graph.steps, graph.sleepers), graph.orbits
    search = Search(*parts, por=False, limits=Limits(), found=lambda *_: None, ended=lambda *_: None)
    search.run()
    left = {state: kept.ordered for state, kept in search._visited.items() if kept is not None}
    assert left == {state: graph.ordered[state] for state in left}
