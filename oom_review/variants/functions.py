"""The functions that a patch can replace: name, signature, where it stands, and its source with what that needs to be imported."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable
from pathlib import PurePath
from types import FunctionType

import attrs

from kernel_model.preempt import POINTS
from kernel_model.variant import ASKED_BY_THE_MACHINE, Variant, base_functions


@attrs.define(frozen=True)
class Replaceable:
    """``signature``: as it is written, ``name(k: Kernel, ...) -> ...``; ``where``: FILE:LINE, the file as its package names it."""

    name: str
    signature: str
    where: str


def replaceable(base: Variant | None = None) -> list[Replaceable]:
    """All of them as ``base`` has them (None: kernel_model alone), in the order of kernel_model's files and lines."""
    standing = standing_functions(base)
    return [
        Replaceable(name, f"{name}{_signature(f)}", where(f))
        for name, f in standing.items()
        if name not in ASKED_BY_THE_MACHINE
    ]


def standing_functions(base: Variant | None) -> dict[str, FunctionType]:
    """The function that stands under each name in this kernel."""
    functions = base_functions()
    return functions if base is None else functions | base.functions()


def where(f: FunctionType) -> str:
    """FILE:LINE of a function, the file as its package names it."""
    path = PurePath(f.__code__.co_filename)
    module = inspect.getmodule(f)
    depth = f.__module__.count(".") + 1 + (path.name == "__init__.py")
    lines, first = inspect.getsourcelines(f)
    line = first + next(i for i, text in enumerate(lines) if text.lstrip().startswith("def "))
    return f"{'/'.join(path.parts[-depth:]) if module else path.name}:{line}"


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean ...?)``, or empty if nothing comes near."""
    near = difflib.get_close_matches(name, known, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _signature(f: FunctionType) -> str:
    """Annotations are text already, and stand as they were written."""
    return str(inspect.signature(f)).replace("'", "")


def mentioned(function: str) -> str:
    """FILE:LINE where the model speaks of a C function that no patch can replace here; "" if nowhere."""
    known = base_functions()
    point = next((p for p in POINTS.values() if p.function == function), None)
    word = re.compile(rf"\b{re.escape(function)}\b")
    for f in known.values():
        if word.search(f.__doc__ or ""):
            return where(f)
    modules = {f.__module__: inspect.getmodule(f) for f in known.values()}
    for name, module in modules.items():
        if module is None:
            continue
        lines = inspect.getsource(module).splitlines()
        for number, line in enumerate(lines, 1):
            if word.search(line) and (point is not None or "def " in line or '"""' in line):
                return f"{name.replace('.', '/')}.py:{number}"
    return ""
