"""One more operator for cosmic-ray: a statement is left out.

A model of a kernel is calls in an order: its likeliest bug is a wake-up, a mark or a count that is missing, and none of cosmic-ray's own
operators makes that.  A bare ``yield`` of a preemption point stays: without it there are fewer interleavings of the same program, and what
every function does is the same; docs/mutants.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cosmic_ray.ast import get_ast
from cosmic_ray.operators.operator import Example, Operator

LOCALS = ("name", "testlist_star_expr")


def _is_left_out(node: Any) -> bool:
    """A call, a ``yield from``, an assignment of a function's body; but for that of a local, which would only be missed as a name."""
    if node.type != "simple_stmt" or node.search_ancestor("funcdef") is None:
        return False
    first = node.children[0]
    second: Any = first.children[1] if hasattr(first, "children") else None
    if first.type == "expr_stmt":
        return second.type == "operator" and (second.value != "=" or first.children[0].type not in LOCALS)
    return bool(first.type == "atom_expr" or (first.type == "yield_expr" and second.type == "yield_arg"))


class RemoveStatement(Operator):  # type: ignore[misc] # cosmic-ray has no types
    """Replaces a statement with ``pass``."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Where the statement begins and ends, if it is one."""
        if _is_left_out(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """The node in its place."""
        assert index == 0
        prefix = node.get_first_leaf().prefix
        return get_ast(f"{prefix}pass\n")

    @classmethod
    def examples(cls) -> Iterable[Example]:
        """See Operator."""
        return (Example("def f():\n    g()\n", "def f():\n    pass\n"),)


class Provider:
    """What cosmic-ray asks for operators by name."""

    def __iter__(self) -> Iterator[str]:
        return iter((RemoveStatement.__name__,))

    def __getitem__(self, name: str) -> type[RemoveStatement]:
        return {RemoveStatement.__name__: RemoveStatement}[name]
