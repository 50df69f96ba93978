"""What a suspended frame holds is all that there is of its state, or the explorer refuses it."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from types import CodeType
from typing import Any

import attrs
import pytest

import kernel_model
import legacy_tifmemdie
import oom_kernels
import patched
from kernel_model.machine import Machine
from kernel_model.oom import OomControl
from kernel_model.preempt import Kind, PreemptionPoint
from kernel_model.sched import Jiffies, TaskStruct
from oom_review.explore.codes import Coder
from oom_review.explore.frames import Unseen, Walk, walks
from oom_review.explore.recorder import Recorder

POINT = PreemptionPoint("test", "a step", Kind.RUN)


def generators(code: CodeType) -> Iterator[CodeType]:
    """The generator functions in a module."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_flags & inspect.CO_GENERATOR and inner.co_name != "<genexpr>":
                yield inner
            yield from generators(inner)


def test_every_function_of_the_kernels_can_be_seen() -> None:
    """No loop keeps its place in an iterator alone, and no half-done expression waits on the stack."""
    found: list[Walk] = []
    for package in (kernel_model, legacy_tifmemdie, patched, oom_kernels):
        for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            module = import_module(info.name)
            for code in generators(compile(inspect.getsource(module), str(module.__file__), "exec")):
                found += walks(code)
    assert len(found) > 8
    assert all(walk.alone for walk in found)


def suspended(function: Callable[..., Any], *args: Any) -> Any:
    """A machine whose init stands at the function's first preemption point."""
    machine = Machine(patched.VARIANT)
    init = machine.k.init
    init.context = function(machine.k, *args)
    next(init.context)
    return machine


def context(machine: Machine) -> tuple[Any, ...]:
    return Coder(machine.k).context(machine.k.init)


def walks_whatever(_k: Any, whoever: list[int]) -> Any:
    for _i, p in enumerate(whoever):
        yield POINT, p


def reads_again(_k: Any, whoever: list[int]) -> Any:
    for _i, p in enumerate(whoever):
        yield POINT, p
    return whoever[0]


def keeps_an_iterator(_k: Any, whoever: list[int]) -> Any:
    for p in whoever:
        yield POINT, p


def keeps_another_iterator(_k: Any, whoever: list[int]) -> Any:
    rest = iter(whoever)
    yield POINT, rest


def keeps_half_a_sum(_k: Any, whoever: list[int]) -> Any:
    total = len(whoever) + (yield POINT)
    return total


def keeps_half_an_update(_k: Any, whoever: list[int]) -> Any:
    whoever += yield POINT


def keeps_an_argument(_k: Any, whoever: list[int]) -> Any:
    return max(whoever[0], (yield POINT))


def keeps_a_comparison(_k: Any, whoever: list[int]) -> Any:
    return whoever == (yield POINT)


def keeps_a_with(_k: Any, _whoever: list[int]) -> Any:
    with open("/dev/null") as _file:  # noqa: PTH123 - never run
        yield POINT


def keeps_a_generator(_k: Any, whoever: list[int]) -> Any:
    squares = (x * x for x in whoever)
    yield POINT
    return squares


def keeps_a_time(k: Any, ms: int) -> Any:
    deadline = k.clock + ms
    yield POINT
    return deadline


def test_what_lies_behind_a_walk_is_not_looked_at_again() -> None:
    """Whatever the list is called: two walks with the same rest are at the same place, unless somebody reads the list."""
    for function, same in ((walks_whatever, True), (reads_again, False)):
        machine, other = suspended(function, [1, 2, 3]), suspended(function, [4, 2, 3])
        for each in (machine, other):
            next(each.k.init.context)
        assert (context(machine) == context(other)) is same


REFUSED = {
    keeps_an_iterator: "keeps_an_iterator, line .*: a loop with a preemption point in it has to walk a local",
    keeps_another_iterator: "keeps_another_iterator: the local 'rest'",
    keeps_half_a_sum: "keeps_half_a_sum, line .*half done",
    keeps_half_an_update: "keeps_half_an_update, line .*half done",
    keeps_an_argument: "keeps_an_argument, line .*half done",
    keeps_a_comparison: "keeps_a_comparison, line .*half done",
    keeps_a_generator: "keeps_a_generator: the local 'squares'",
    keeps_a_with: "keeps_a_with, line .*half done",
}


@pytest.mark.parametrize("function", REFUSED)
def test_what_can_not_be_seen_is_refused(function: Callable[..., Any]) -> None:
    """The function and the line, or the local, are named."""
    with pytest.raises(Unseen, match=REFUSED[function]):
        context(suspended(function, [1, 2]))


def test_a_time_is_relative_whatever_it_is_called() -> None:
    """The clock is no part of a state: what is left until the time is."""
    machine, later = suspended(keeps_a_time, 20), Machine(patched.VARIANT)
    later.k.clock = Jiffies(100)
    later.k.init.context = keeps_a_time(later.k, 20)
    next(later.k.init.context)
    assert context(machine) == context(later)
    later.k.clock = Jiffies(110)
    assert context(machine) != context(later)


def test_what_an_object_in_a_frame_refers_to_is_recorded() -> None:
    """An OomControl's memory cgroup, though no local and no field that was read leads to it."""
    k = Machine(patched.VARIANT).k
    oc = OomControl(memcg=k.memcgs["M"])
    with Recorder(k, lambda _name, initial: initial) as r:
        r.adopt(oc)
        assert oc.memcg is not None
        _ = oc.memcg.freed
    assert [e.place for e in r.entries.values()] == [(("MemCgroup", "M"), "freed")]


@attrs.define
class Mutable:
    """Something of a patch's own."""

    number: int = 0


@attrs.define(frozen=True)
class Frozen:
    """The same, for good."""

    number: int = 0


def test_a_field_that_holds_what_changes_unseen_is_refused() -> None:
    """What a field leads to is shared: it has to be a structure of kernel_model, or never change."""
    coder = Coder(Machine(patched.VARIANT).k)
    assert coder.field([Frozen(1)]) != coder.field([Frozen(2)])
    with pytest.raises(Unseen, match=r"Mutable\(number=1\) can change unseen"):
        coder.field([Mutable(1)])
    assert coder.code(Mutable(1)) != coder.code(Mutable(2))


def test_tasks_in_a_set_are_recorded() -> None:
    """As those in a list are."""
    k = Machine(patched.VARIANT).k
    with Recorder(k, lambda _name, initial: initial) as r:
        r.adopt({k.init})
        assert type(k.init) is not TaskStruct
    assert type(k.init) is TaskStruct
    assert r.coder.code({k.init}) == frozenset({("task", 1)})
