"""What preemption points declare is what their blocks touch, and what a state's identity shows is all that there is."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import random
from collections.abc import Hashable, Iterator
from importlib import import_module

import pytest
from generated import scenario

import kernel_model
import legacy_tifmemdie
import mainline_v6_18
import patched
from kernel_model.entry import USER_MODE
from kernel_model.errors import IllegalOperation
from kernel_model.machine import Machine
from kernel_model.operations import OPERATIONS, Arg
from kernel_model.preempt import POINTS
from oom_review.explore.core import core_situation
from oom_review.explore.frames import WALKED
from oom_review.explore.repeated.access import Accesses, parse, scope
from oom_review.explore.repeated.dependence import Objects
from oom_review.explore.repeated.identity import Identity
from oom_review.explore.repeated.narrow import NARROW
from oom_review.explore.repeated.watch import UndeclaredAccess, Watch, WatchedAccesses, watching
from oom_review.run import play
from oom_review.scenario import Op, Run, Scenario

VARIANTS = (legacy_tifmemdie.VARIANT, patched.VARIANT, mainline_v6_18.VARIANT)


def walk(situation: Scenario, seed: int, accesses: Accesses) -> Iterator[Machine]:
    """Random steps through a scenario; yields after each."""
    rng = random.Random(seed)
    machine = Machine(VARIANTS[seed % 3])
    for item in situation.items:
        if isinstance(item, Op):
            machine.request(item.name, item.task, *item.args)
            continue
        for _ in range(2000):
            runnable = machine.runnable_tasks()
            if not runnable and not machine.tick():
                break
            if runnable:
                accesses.step(machine, rng.choice(runnable))
            machine.k.events.clear()
            yield machine


def watched(seed: int, watch: Watch) -> int:
    situation = core_situation(1 + seed % 3) if seed % 2 else scenario(seed)
    try:
        return sum(1 for _ in walk(situation, seed, WatchedAccesses(Objects(), watch)))
    except IllegalOperation:
        return 0


@pytest.mark.parametrize("block", range(6))
def test_blocks_touch_what_their_points_declare(block: int) -> None:
    """Random walks through generated scenarios and the core situation, each step watched."""
    with watching() as watch:
        steps = sum(watched(seed, watch) for seed in range(20 * block, 20 * block + 20))
    assert steps > 300


@pytest.mark.parametrize("name", [n for n, o in OPERATIONS.items() if o.by != "event"])
def test_system_calls_begin_without_touching_more_than_user_mode_declares(name: str) -> None:
    """A signal may come between the begin of any system call and its first access that others could tell apart."""
    values: dict[Arg, str | int] = {
        Arg.TASK: "v",
        Arg.CGROUP: "A",
        Arg.MEMCG: "M",
        Arg.SIGNAL: "TERM",
        Arg.NUMBER: 1,
    }
    values |= {Arg.NEW: "n", Arg.NEW_CGROUP: "C"}
    machine = play(Scenario((Op("fork", "init", ("v",)), Run())), patched.VARIANT).machine
    machine.request(name, "init", *(values[kind] for kind in OPERATIONS[name].args))
    init = machine.k.init
    with watching() as watch:
        WatchedAccesses(Objects(), watch).step(machine, init)
    assert init.at is not USER_MODE


def test_the_watch_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A declaration that is taken away is missed."""
    monkeypatch.setattr(
        "oom_review.explore.repeated.access.NARROW",
        {**NARROW, ("do_exit", "atomic_dec_and_test(signal->live)"): lambda *_: ("live",)},
    )
    with (
        watching() as watch,
        pytest.raises(UndeclaredAccess, match=r"live.* touches undeclared: write \('live', \d+\)"),
    ):
        sum(watched(seed, watch) for seed in range(1, 12, 2))


def test_classes_are_left_as_they_were() -> None:
    """Nothing stays instrumented."""
    with watching():
        pass
    machine = Machine(patched.VARIANT)
    assert "__getattribute__" not in vars(type(machine.k))


def test_declarations_can_be_read() -> None:
    """Every point's declarations parse, and their scopes are known."""
    for point in POINTS.values():
        for text in point.touches:
            touch = parse(text)
            assert not touch.scope or callable(scope(touch.scope))


def test_narrowed_points_exist() -> None:
    """No rule is left behind by a point that was renamed."""
    assert set(NARROW) <= set(POINTS)


@pytest.mark.parametrize("seed", range(0, 60, 2))
def test_identity_does_not_depend_on_the_way(seed: int) -> None:
    """What is remembered from state to state gives the same identity as a fresh look."""
    parts: dict[Hashable, int] = {}
    rng = random.Random(seed)
    machine = Machine(VARIANTS[seed % 3])
    known = Identity(machine.k, parts)
    try:
        for item in scenario(seed).items:
            if isinstance(item, Op):
                machine.request(item.name, item.task, *item.args)
                known.asked()
                continue
            while (runnable := machine.runnable_tasks()) or machine.tick():
                if runnable:
                    chosen = rng.choice(runnable)
                    machine.step(chosen)
                    known.stepped(chosen.pid)
                machine.k.events.clear()
                assert known.of() == Identity(machine.k, parts).of()
    except IllegalOperation:
        pass  # a scenario that nobody could play ends there


def modules() -> Iterator[ast.Module]:
    for package in (kernel_model, legacy_tifmemdie, patched, mainline_v6_18):
        for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            yield ast.parse(inspect.getsource(import_module(info.name)))


def loops_that_yield() -> Iterator[tuple[ast.FunctionDef, ast.For]]:
    for module in modules():
        for function in ast.walk(module):
            if isinstance(function, ast.FunctionDef):
                for loop in ast.walk(function):
                    if isinstance(loop, ast.For) and any(
                        isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(loop)
                    ):
                        yield function, loop


def test_no_state_hides_in_an_iterator() -> None:
    """A loop with a preemption point in it walks a local with enumerate(), counts in _i, and nobody else reads that local."""
    loops = list(loops_that_yield())
    assert len(loops) > 8
    for function, loop in loops:
        where = f"{function.name}, line {loop.lineno}"
        walked = next((name for name in WALKED if ast.unparse(loop.iter) == f"enumerate({name})"), None)
        assert walked is not None, where
        assert ast.unparse(loop.target).startswith("(_i, "), where
        later = [
            n
            for n in ast.walk(function)
            if isinstance(n, ast.Name) and n.id == walked and n.lineno > loop.lineno
        ]
        assert not later, where


def test_no_value_waits_on_the_stack() -> None:
    """A preemption point stands alone, or is all of what is assigned, returned or asked: no half-done expression keeps state."""
    for module in modules():
        for node in ast.walk(module):
            for comprehension in (
                n
                for n in ast.walk(node)
                if isinstance(n, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
            ):
                assert not any(isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(comprehension))
            if isinstance(node, ast.BinOp | ast.Call | ast.Tuple | ast.List):
                assert not any(
                    isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.iter_child_nodes(node)
                ), ast.unparse(node)
