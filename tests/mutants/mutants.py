"""Every mutant of a file, once, in an order drawn with a seed: however far a run came, what it did is a plain sample of them.

Each operator of the source gets the replacement that is nearest to it, no others: most of cosmic-ray's (``flags / PF_EXITING``) end in an
exception at once, and would only make the rate look better.  Left out is what the interpreter can't tell from the source (an
annotation, the same change by two operators), and what is no Python.
"""

from __future__ import annotations

import ast
import importlib
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.work_item import MutationSpec, WorkItem
from removal import Provider

mutating = importlib.import_module("cosmic_ray.mutating")
plugins.OPERATOR_PROVIDERS["kernel"] = Provider()

SEED = 20_161_107
OPERATORS = (
    "kernel/RemoveStatement",
    *(
        f"core/{name}"
        for name in (
            *(
                "AddNot",
                "ReplaceTrueWithFalse",
                "ReplaceFalseWithTrue",
                "ReplaceAndWithOr",
                "ReplaceOrWithAnd",
            ),
            *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop"),
            *("NumberReplacer", "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_Invert"),
            *(f"ReplaceBinaryOperator_{change}" for change in ("Add_Sub", "Sub_Add")),
            *(f"ReplaceBinaryOperator_{change}" for change in ("BitAnd_BitOr", "BitOr_BitAnd")),
            *(
                f"ReplaceComparisonOperator_{change}"
                for change in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")
            ),
            *(f"ReplaceComparisonOperator_{change}" for change in ("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt")),
            *(f"ReplaceComparisonOperator_{change}" for change in ("Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt")),
        )
    ),
)


class _Plain(ast.NodeTransformer):
    """Without what is never run, annotations, and without ``not not``."""

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        inner = node.operand
        twice = (
            isinstance(node.op, ast.Not) and isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Not)
        )
        return inner.operand if isinstance(inner, ast.UnaryOp) and twice else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        node.annotation = ast.Constant(value=None)
        return node


def run_as(source: str) -> str:
    """What the interpreter runs of it, "" if it is no Python."""
    try:
        return ast.dump(_Plain().visit(ast.parse(source)))
    except SyntaxError:
        return ""


@attrs.define(frozen=True)
class Mutant:
    """One change: its file, operator and place as cosmic-ray counts them."""

    path: str
    operator: str
    occurrence: int
    function: str
    start: tuple[int, int]
    end: tuple[int, int]

    def item(self, rank: int, part: str) -> WorkItem:
        """For a session: the rank is its place in the order of its part."""
        spec = MutationSpec(
            module_path=self.path,
            operator_name=self.operator,
            occurrence=self.occurrence,
            start_pos=self.start,
            end_pos=self.end,
            definition_name=self.function,
        )
        return WorkItem.single(f"{rank:06} {part}", spec)


def of_source(path: str, source: str) -> list[Mutant]:
    """All that differ in what is run, in the order of the operators and of their places."""
    seen, found = {"", run_as(source)}, []
    for name in OPERATORS:
        operator = plugins.get_operator(name)()
        tree = get_ast(source)
        places = [(node, *place) for node in ast_nodes(tree) for place in operator.mutation_positions(node)]
        for occurrence, (node, start, end) in enumerate(places):
            run = run_as(mutating.mutate_code(source, operator, occurrence))
            if run not in seen:
                seen.add(run)
                function: Any = ASTQuery(node).get_definition_name()
                found.append(Mutant(path, name, occurrence, function or "", start, end))
    return found


def drawn(root: Path, paths: Iterable[str], seed: int = SEED) -> list[Mutant]:
    """All mutants of these files in the order in which they are tried."""
    every = [m for path in sorted(paths) for m in of_source(path, (root / path).read_text(encoding="utf-8"))]
    random.Random(seed).shuffle(every)
    return every
