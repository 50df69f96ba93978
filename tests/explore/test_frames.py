"""What a suspended frame holds is all that there is of its state: nothing hides in an iterator or on the stack."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module

import kernel_model
import legacy_tifmemdie
import mainline_v6_18
import patched
from oom_review.explore.codes import WALKED


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
