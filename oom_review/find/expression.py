"""An expression over an end: ``suspend == EBUSY and zombies``.  Names, constants, comparisons, and, or, not, in; nothing else.

Python's own parser reads it and nothing is ever compiled or called.  Weighed: simpleeval and asteval evaluate far more (calls,
attributes, powers) that would have to be switched off, and know of a wrong name only when they come to it.
"""

from __future__ import annotations

import ast
import difflib
import operator
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from oom_review.errors import BadInput, one_line
from oom_review.explore.final import Final
from oom_review.play.observation import IN_FRIDGE

MOST_LETTERS = 1000
WORDS = {"EBUSY": "EBUSY", "ok": "ok"}
"""What ``suspend`` may be, without quotes."""
NOBODY = Final((), (), (), (), (), "running", "")


def _in_state(state: str) -> Callable[[Final], tuple[str, ...]]:
    return lambda end: tuple(name for name, s, _marked, _phases in end.tasks if s == state)


NAMES: dict[str, tuple[str, Callable[[Final], Any]]] = {
    "suspend": ("result of the last suspend or hibernation: ok, EBUSY, or '' if none came back", lambda e: e.pm[-1][2] if e.pm else ""),
    "results": ("all of those results, in order", lambda e: tuple(result for _task, _what, result in e.pm)),
    "count": ("oom_victims", lambda e: e.counts[-1] if e.counts else 0),
    "most": ("the highest value that oom_victims had", lambda e: max((0, *e.counts))),
    "least": ("the lowest value that oom_victims had", lambda e: min((0, *e.counts))),
    "zombies": ("tasks that are zombies", _in_state("zombie")),
    "reaped": ("tasks that are gone", _in_state("reaped")),
    "fridge": ("tasks in the fridge", _in_state(IN_FRIDGE)),
    "stopped": ("tasks that are stopped", _in_state("stopped")),
    "traced": ("tasks in a ptrace stop", _in_state("traced")),
    "exiting": ("tasks on their way out", _in_state("exiting")),
    "running": ("tasks in user mode", _in_state("user mode")),
    "sleeping": ("tasks that wait in the kernel", _in_state("in the kernel")),
    "marked": ("tasks of a marked group", lambda e: tuple(name for name, _s, marked, _p in e.tasks if marked)),
    "tasks": ("all tasks of user space", lambda e: tuple(name for name, _s, _m, _p in e.tasks)),
    "io": ("quiet phases in which somebody did I/O", lambda e: tuple(sorted({p for *_, phases in e.tasks for p in phases}))),
    "warnings": ("texts of the WARN_ON()s that fired", lambda e: e.warnings),
    "cgroups": ("what freezer.state read, in order", lambda e: tuple(state for _cgroup, state in e.freezer_states)),
    "phase": ("phase of the machine: running, freezing, suspended ...", lambda e: e.phase),
    "panic": ("why the kernel panicked, or ''", lambda e: e.panicked),
}  # fmt: skip

COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}


@attrs.define(frozen=True)
class Expression:
    """A question about an end that is answered with yes or no."""

    text: str
    _body: ast.expr

    def of(self, end: Final) -> bool:
        """The answer.  Raises BadInput where values can't be compared."""
        names = {name: value(end) for name, (_what, value) in NAMES.items()}
        try:
            return bool(_value(self._body, names))
        except TypeError as error:
            raise BadInput(f"{one_line(self.text)}: {error}") from None


def parse(text: str) -> Expression:
    """The expression, known to make sense.  Raises BadInput, with the column."""
    if len(text) > MOST_LETTERS:
        raise BadInput(f"the expression is longer than {MOST_LETTERS} letters")
    try:
        body = ast.parse(text.strip(), mode="eval").body
        _check(body)
    except SyntaxError as error:
        # At the end of the text it says 0.
        where = "" if error.offset is None else f"column {error.offset or len(text) + 1}: "
        raise BadInput(f"{text!r}: {where}{error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise BadInput(f"{text!r}: not an expression: {error}") from None
    found = Expression(text, body)
    found.of(NOBODY)
    return found


def _check(node: ast.expr) -> None:
    """Raises SyntaxError for what is not in the language."""
    match node:
        case ast.BoolOp(values=parts) | ast.Tuple(elts=parts):
            below = parts
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=one):
            below = [one]
        case ast.Compare(left=left, ops=ops, comparators=rest) if all(type(op) in COMPARE for op in ops):
            below = [left, *rest]
        case ast.Constant(value=str() | int()):
            below = []
        case ast.Name(id=name):
            _check_name(node, name)
            below = []
        case _:
            raise _wrong(
                node, "only names, constants, comparisons, and, or, not, in (oom-review find --names)"
            )
    for part in below:
        _check(part)


def _check_name(node: ast.expr, name: str) -> None:
    known = [*NAMES, *WORDS]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else "oom-review find --names lists them; put quotes around a task's name"
        )
        raise _wrong(node, f"there is no {name!r} ({hint})")


def _wrong(node: ast.expr, what: str) -> SyntaxError:
    return SyntaxError(what, ("", node.lineno, node.col_offset + 1, ""))


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(p, names) for p in parts)
        case ast.BoolOp(values=parts):
            return any(_value(p, names) for p in parts)
        case ast.UnaryOp(op=ast.Not(), operand=one):
            return not _value(one, names)
        case ast.UnaryOp(operand=one):
            return -_value(one, names)
        case ast.Tuple(elts=parts):
            return tuple(_value(p, names) for p in parts)
        case ast.Compare(left=left, ops=ops, comparators=rest):
            return _compared(_value(left, names), zip(ops, (_value(r, names) for r in rest), strict=True))
        case ast.Name(id=name):
            return names.get(name, WORDS.get(name))
        case ast.Constant(value=value):
            return value
    raise AssertionError(node)


def _compared(left: Any, rest: Any) -> bool:
    for op, right in rest:
        if not COMPARE[type(op)](left, right):
            return False
        left = right
    return True
