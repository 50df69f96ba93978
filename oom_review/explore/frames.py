"""What a suspended frame keeps: its locals, and how far its loops are; or a refusal, where it keeps more than can be seen.

An iterator and a half-done expression lie on the stack of a frame, which nobody can look at.  So a loop with a preemption point in it
walks a local with enumerate(): then the counter tells where it is, and what lies behind it is not looked at again.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from types import CodeType, FrameType
from typing import Any, NamedTuple

from oom_review.errors import BadInput

# Expressions that may stand round a yield: nothing of them lies on the stack meanwhile.
_AROUND = ast.Yield | ast.YieldFrom | ast.BoolOp | ast.UnaryOp | ast.NamedExpr | ast.IfExp


class Unseen(BadInput):
    """Something that a step depends on can't be seen: what, and in which function."""


class Walk(NamedTuple):
    """A loop with preemption points in it: its first line, its counter, the list, and whether that is read by nobody else."""

    line: int
    counter: str
    walked: str
    alone: bool


def held(frame: FrameType) -> dict[str, Any]:
    """The locals, without what a walk has behind it.  Raises Unseen if the frame keeps something on its stack."""
    found = dict(frame.f_locals)
    begun = [w for w in walks(frame.f_code) if w.counter in found and w.line <= frame.f_lineno]
    if begun and begun[-1].alone:
        _line, counter, walked, _alone = begun[-1]
        found[walked] = found[walked][found.pop(counter) + 1 :]
    return found


@cache
def walks(code: CodeType) -> tuple[Walk, ...]:
    """The function's loops, in order.  Raises Unseen for one that keeps its place on the stack, and for a half-done expression."""
    try:
        lines, first = inspect.getsourcelines(code)
    except OSError as error:
        raise Unseen(f"{code.co_qualname}: there is no source to see what its frame keeps") from error
    function = ast.parse(textwrap.dedent("".join(lines))).body[0]
    for node in _own(function):
        _check(code, node, first)
    return tuple(
        [
            _walk(code, function, node, first)
            for node in _own(function)
            if isinstance(node, ast.For) and _yields(node)
        ]
    )


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """All that belongs to the function itself, in the order of the source."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield from _own(child)


def _yields(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Yield | ast.YieldFrom) for n in _own(node))


def _check(code: CodeType, node: ast.AST, first: int) -> None:
    """Raises Unseen for a node that keeps something on the stack at a preemption point inside it."""
    match node:
        case ast.Compare(comparators=others):
            kept = any(_yields(ast.Expr(other)) for other in others)
        case ast.expr():
            kept = not isinstance(node, _AROUND) and _yields(node)
        case _:
            kept = isinstance(node, ast.With | ast.AugAssign) and _yields(node)
    if kept:
        where = f"{code.co_qualname}, line {first + getattr(node, 'lineno', 1) - 1}"
        what = ast.unparse(node).splitlines()[0]
        raise Unseen(f"{where}: what is half done at a preemption point inside {what!r} can't be seen")


def _walk(code: CodeType, function: ast.AST, loop: ast.For, first: int) -> Walk:
    line = first + loop.lineno - 1
    match loop.iter, loop.target:
        case ast.Call(ast.Name("enumerate"), [ast.Name(walked)], []), ast.Tuple([ast.Name(counter), _]):
            loops = [n for n in _own(function) if isinstance(n, ast.For | ast.While) and n is not loop]
            again = any(loop in _own(n) for n in loops)
            loads = [n for n in _own(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
            read = [n.id for n in loads if again or n.lineno >= loop.lineno]
            return Walk(line, counter, walked, read.count(walked) == 1 and counter not in read)
    raise Unseen(
        f"{code.co_qualname}, line {line}: a loop with a preemption point in it has to walk a local: "
        "for _i, x in enumerate(name)"
    )
