"""Runs that never come to rest: found where nobody is forgotten, not where somebody only has to be let go on."""

from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path
from typing import Any

import attrs
import pytest

from kernel_model import exit as base_exit
from kernel_model.exit import exit_signals as exit_signals_of_the_base
from kernel_model.preempt import Steps, point
from kernel_model.sched import PF_KTHREAD, Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out
from oom_review.claims import REFUTED
from oom_review.commands import cli
from oom_review.compare.job import FILE, PATCH, Job, run
from oom_review.explore import Bounds, Limits, Result, explore
from oom_review.explore import explorer as explorer_module
from oom_review.explore.explorer import MAY_GO_ON, NO_END
from oom_review.explore.lasso import lassos
from oom_review.explore.limits import MOVE_ON
from oom_review.explore.numbering import State
from oom_review.explore.table import Leaf
from oom_review.play.session import play
from oom_review.play.trace import record
from oom_review.review.board import Explorations
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import ScenarioFile, Settings
from oom_review.scenario.items import Op, Run, Scenario, in_peace
from oom_review.show.columns import CYCLE, columns
from oom_review.show.ends import text
from oom_review.show.table import print_endless
from oom_review.situations import job as exploring
from oom_review.situations import script
from oom_review.situations.expectations import Expectations
from oom_review.situations.families import SITUATIONS
from oom_review.situations.verdicts import endless as endless_ones
from oom_review.variants.loading import load
from oom_review.verdicts import Cell, Review, as_json

ASK = point("exit_signals", "wants to go first")
LOOK = point("exit_signals", "does another one?")
YIELD = point("exit_signals", "after you")
BIRTHS = in_peace([Op("fork", "init", ("p1",)), Op("fork", "init", ("p2",))])
BOTH = Scenario((*BIRTHS, Op("exit", "p1"), Op("exit", "p2"), Run()))
ONE = Scenario((*BIRTHS, Op("exit", "p1"), Run()))


def _others(k: Kernel, cur: TaskStruct) -> list[TaskStruct]:
    return [p for p in k.tasks.values() if p is not cur and p.name != "init" and not p.flags & PF_KTHREAD]


def after_you(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Two who meet here may step back and try again at the same time, for ever."""
    met = True
    while met:
        yield ASK
        cur.task_works = 1
        yield LOOK
        met = any(p.task_works for p in _others(k, cur))
        yield YIELD
        cur.task_works = 0
    yield from exit_signals_of_the_base(k, cur)


def spins(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Whoever comes first goes around until the other one has come, too."""
    cur.task_works = 1
    while not all(p.task_works for p in _others(k, cur)):
        yield LOOK
    yield from exit_signals_of_the_base(k, cur)


POLITE = Variant(__name__, (replaces(base_exit.exit_signals, after_you),), base=last_out.VARIANT)
VARIANT = POLITE
SPINS = Variant(f"{__name__}.spins", (replaces(base_exit.exit_signals, spins),), base=last_out.VARIANT)


def endless(result: Result) -> dict[tuple[str, ...], Scenario]:
    """Who goes on for ever, with a run."""
    return {
        tuple(name for name, state, *_ in final.tasks if state == "never at rest"): witness
        for final, witness in result.finals.items()
        if not final.rests
    }


@pytest.mark.parametrize("bounds", [Bounds(), Bounds(por=False, symmetry=False, whole_walks=False)])
def test_two_who_let_each_other_go_first_never_rest(bounds: Bounds) -> None:
    """It is an end beside the one at rest, with both in it; and the machine stands after the cycle where it stood before."""
    result = explore(BOTH, POLITE, bounds=bounds)
    assert {final.rests for final in result.finals} == {True, False}
    assert not result.bounded
    assert not result.unseen
    [(who, witness)] = endless(result).items()
    assert who == ("p1", "p2")
    before, after = (play(Scenario(witness.items[:n]), POLITE).machine for n in (-1, len(witness.items)))
    assert {t.task for t in record(witness, POLITE).steps[-6:]} == {"p1", "p2"}
    for p in before.k.tasks.values():
        assert after.k.tasks[p.pid].at == p.at
        assert after.k.tasks[p.pid].task_works == p.task_works


def test_whoever_only_has_to_be_let_go_on_is_no_cycle() -> None:
    """The search comes back to a state, and the other one could have run all the time: not so where he does not exit."""
    result = explore(BOTH, SPINS)
    assert result.counts.cycles
    assert not endless(result)
    assert not result.unseen
    alone = explore(ONE, SPINS)
    assert list(endless(alone)) == [("p1",)]
    assert alone.stopped == NO_END
    assert not alone.unseen


def test_the_kernels_that_come_with_the_project_come_to_rest() -> None:
    """And nothing is looked for where no state comes back."""
    result = explore(BOTH, last_out.VARIANT)
    assert not result.counts.cycles
    assert not endless(result)


def test_what_was_not_looked_through_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exploration that found no cycle in the states it looked at does not say that there is none."""
    monkeypatch.setattr(explorer_module, "lassos", lambda model: lassos(model, 5))
    result = explore(BOTH, POLITE)
    assert not endless(result)
    assert not result.bounded
    assert result.unseen == MAY_GO_ON
    assert f"there may be further ends: {MAY_GO_ON}" in text(result, POLITE)


def test_it_is_shown_with_its_cycle_marked_and_can_be_kept() -> None:
    """Below the mark each step of the cycle stands once; a file says it, too."""
    [witness] = endless(explore(BOTH, POLITE)).values()
    file = ScenarioFile(witness)
    assert scenario_file.parse(scenario_file.dumps(file)).scenario == witness
    assert "\nrun exactly p1*2 p2*2\nrun again p1 p2 p1 p2 p1 p2\n" in scenario_file.dumps(file)
    said = columns(witness, POLITE)
    assert said.count("// after you") == 2
    assert CYCLE in said[: said.index("// after you")]
    assert "At the end: never at rest; oom_victims 0." in said
    ends = text(explore(BOTH, POLITE), POLITE)
    assert ": 2 ends, 1 of them never at rest, " in ends
    assert "p1 never at rest; p2 never at rest; oom_victims 0\n  run exactly p1*2 p2*2\n  run again " in ends


def test_a_comparison_says_which_kernel_may_go_on_for_ever() -> None:
    """As of any end, with the run that shows it."""
    outcome = run(Job(FILE, "both exit", BOTH, (last_out.VARIANT.name, __name__), (1000, 1000)))
    [found] = outcome.found
    assert found.side == PATCH
    assert found.sure
    assert "another task: never at rest" in found.difference.only
    assert found.here.cyclic(len(found.here.items) - 1)


@attrs.define
class Drawn:
    """A few states and steps, drawn at random: each choice leads somewhere, or can't be taken."""

    table: list[dict[int, int]]

    def size(self) -> int:
        return 1

    def start(self) -> State:
        return (0,)

    def padded(self, state: State) -> State:
        return state

    def enabled(self, state: State, _path: list[int]) -> list[int]:
        return [who for who in self.table[state[0]] if who != MOVE_ON]

    def leaf(self, choice: int, state: State, _path: list[int]) -> Leaf:
        after = self.table[state[0]].get(choice)
        return Leaf(moves=False) if after is None else Leaf(sets=((0, after),))

    def after(self, _state: State, leaf: Leaf) -> State:
        return (leaf.sets[0][1],)


def drawn(seed: int) -> Drawn:
    draw = random.Random(seed)
    count = draw.randint(1, 6)
    table = []
    for _ in range(count):
        steps = {who: draw.randrange(count) for who in (1, 2, 3) if draw.random() < 0.4}
        table.append(steps or ({MOVE_ON: draw.randrange(count)} if draw.random() < 0.5 else {}))
    return Drawn(table)


def reached(table: list[dict[int, int]], start: int, within: set[int]) -> set[int]:
    found, todo = {start}, [start]
    while todo:
        new = {after for after in table[todo.pop()].values() if after in within} - found
        found |= new
        todo += new
    return found


def fair(table: list[dict[int, int]], states: set[int]) -> bool:
    """By the definition: all of them can be gone around, and whoever can take a step takes one."""
    steps = {who for s in states for who, after in table[s].items() if after in states}
    around = bool(steps) and all(reached(table, s, states) == states for s in states)
    return around and all(who in steps for s in states for who in table[s])


@pytest.mark.parametrize("seed", range(300))
def test_what_is_found_is_what_the_definition_says(seed: int) -> None:
    """On graphs so small that all sets of states can be tried; each cycle is a way around in which nobody is forgotten."""
    model: Any = drawn(seed)
    table = model.table
    there = sorted(reached(table, 0, set(range(len(table)))))
    all_sets = (set(c) for n in range(1, len(there) + 1) for c in combinations(there, n))
    cyclic = [s for s in all_sets if fair(table, s)]
    largest = [s for s in cyclic if not any(s < other for other in cyclic)]
    found, whole = lassos(model)
    assert whole
    assert len(found) == len(largest)
    for lasso in found:
        here = first = follow(table, 0, lasso.stem)
        seen = {here}
        for who in lasso.cycle:
            here = table[here][who]
            seen.add(here)
        assert here == first
        assert any(seen <= states for states in largest)
        assert {who for s in seen for who in table[s] if who != MOVE_ON} <= set(lasso.cycle)
        assert set(lasso.cycle) - {MOVE_ON} == set(lasso.restless)


def follow(table: list[dict[int, int]], state: int, choices: tuple[int, ...]) -> int:
    for who in choices:
        state = table[state][who]
    return state


def test_a_situation_in_which_a_run_may_go_on_for_ever_is_not_expected(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exploration says so, with the run, and so does a review: its JSON has the run, too."""
    load(VARIANT.name)
    outcome = exploring.run(exploring.Job("wait/orphan", VARIANT.name))
    assert scenario_file.parse(outcome.endless).settings.title == "wait/orphan"
    explored = Explorations((attrs.evolve(outcome, states=1, endless="the smallest"), outcome))
    assert explored.endless(Expectations()) == {VARIANT.name: "the smallest"}
    print_endless([outcome, outcome], with_interleavings=True)
    said = capsys.readouterr().out
    assert said.count(CYCLE) == 1
    assert said.count(f"UNEXPECTED: {VARIANT.name} need not come to rest in wait/orphan") == 2


def test_what_the_base_does_is_no_news() -> None:
    outcome = exploring.Outcome(exploring.Job("wait/orphan", "mine"), 1, 1, 1, 0.0, "", {}, "a run")
    of_the_base = attrs.evolve(outcome, job=exploring.Job("wait/orphan", "base"))
    elsewhere = attrs.evolve(outcome, job=exploring.Job("wait/exit", "mine"))

    class Beside(Expectations):
        def beside(self, variant: str) -> str:
            return "base" if variant == "mine" else ""

    assert endless_ones([outcome, of_the_base, elsewhere], Beside()) == [of_the_base, elsewhere]
    assert endless_ones([outcome, elsewhere], Beside()) == [outcome, elsewhere]


def test_a_review_that_found_one_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also when it is printed again from its file."""
    made_by = Settings(title="both exit", variant="patched")
    run_again = scenario_file.dumps(ScenarioFile(Scenario((Op("wakeup"), Run())), made_by))
    cell = Cell("count-returns", "patched", REFUTED, REFUTED, 0, 0, None)
    for endless_runs, status in (({}, 0), ({"patched": run_again}, 1)):
        path = tmp_path / f"{status}.json"
        path.write_text(as_json(Review((cell,), endless=endless_runs)))
        assert cli.main(["review", "--from", str(path)]) == status
        said = capsys.readouterr().out
        assert ("UNEXPECTED: RFC need not come to rest in both exit" in said) == bool(status)


def test_a_state_gets_the_slots_that_come_up_while_it_is_asked_who_can_go_on() -> None:
    """The step that is looked up next goes by one of them."""
    situation = SITUATIONS["memcg-oom/threads=2/freezer=frozen/racing=second-oom"]
    result = explore(script.scenario(situation), load("legacy_tifmemdie"), limits=Limits(states=10_000))
    assert result.stopped == "stopped at 10000 states"
