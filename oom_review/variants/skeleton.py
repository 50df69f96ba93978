"""A new variant as a package: functions of a base, copied with what they import, and a table that replaces them by these copies.

The copy does what the base does until somebody edits it.  Tried and dropped: a copy of whole files, in which nobody sees what a
patch is about.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import inspect
import keyword
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import cast

import attrs

from kernel_model.variant import ASKED_BY_THE_MACHINE, BASE, PROTOTYPES, Variant
from oom_review.errors import BadInput
from oom_review.files import check_directory, write_new
from oom_review.variants.functions import nearest, standing_functions

WIDTH = 110
RESERVED = frozenset({"__init__"})
Import = tuple[str, str, str]
"""Module, name in it ("" for the module itself), and the name here."""


@attrs.define(frozen=True)
class Source:
    """A function's text and all names that it uses from its module; ``name``: what the base calls what it stands for."""

    name: str
    function: FunctionType
    text: str
    imports: tuple[Import, ...]


def write(directory: Path, base: Variant, names: Iterable[str], home: str) -> list[Path]:
    """Write the package; ``home`` is the importable package of ``base``.  Returns the files.  Raises BadInput."""
    name = directory.name
    if not name.isidentifier() or keyword.iskeyword(name):
        raise BadInput(f"{directory}: {name!r} can't be a package's name (letters, digits and _)")
    standing = standing_functions(base)
    chosen = {n: _function(base, standing, n) for n in names}
    if directory.exists() or directory.is_symlink():
        raise BadInput(f"{directory}: exists already; it is left as it is")
    files: dict[str, list[Source]] = {}
    for n, f in chosen.items():
        files.setdefault(_file(f), []).append(source(n, f))
    check_directory(directory)
    made = {"__init__": _table(base, home, files)} | {stem: _text(s) for stem, s in files.items()}
    for stem, text in made.items():
        write_new(directory / f"{stem}.py", text)
    return [directory / f"{stem}.py" for stem in made]


def _function(base: Variant, standing: dict[str, FunctionType], name: str) -> FunctionType:
    known = standing.keys() - ASKED_BY_THE_MACHINE
    if name not in known:
        raise BadInput(
            f"there is no function {name}() to replace{nearest(name, known)} (oom-review functions lists all)"
        )
    f = standing[name]
    if f.__module__ == PROTOTYPES:
        raise BadInput(f"{base.name} does not define {name}()")
    return f


def _file(f: FunctionType) -> str:
    """The C file's name, as far as a flat package can have it."""
    return "_".join(f.__module__.split(".")[1:]) or "functions"


def source(name: str, f: FunctionType) -> Source:
    """The function as it is written, but for its name, and where each name that it uses comes from."""
    text = textwrap.dedent(inspect.getsource(f))
    # What a decorator says of the base's function need not be true of an edited one.
    text = text[text.index("def ") :]
    module = cast("ModuleType", inspect.getmodule(f))
    known = _imports(module)
    tree = ast.parse(text)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    wanted = [n for n in sorted(used) if n in vars(module) and (n not in vars(builtins) or n in known)]
    found = tuple(known.get(n, (module.__name__, n, n)) for n in wanted if n != f.__name__)
    return Source(name, f, text.replace(f"def {f.__name__}(", f"def {name}(", 1), found)


def _imports(module: ModuleType) -> dict[str, Import]:
    """What the module imports, by the name that it has there."""
    found: dict[str, Import] = {}
    package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ImportFrom):
            where = "." * node.level + (node.module or "")
            absolute = importlib.util.resolve_name(where, package) if node.level else where
            found |= {a.asname or a.name: (absolute, a.name, a.asname or a.name) for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.asname or a.name: (a.name, "", a.asname or a.name) for a in node.names}
    return found


def _text(sources: list[Source]) -> str:
    """One file: its imports, then the functions, as the base has them."""
    here = {s.name for s in sources}
    wanted = {i for s in sources for i in s.imports if i[2] not in here}
    listed = ", ".join(f"{s.name}()" for s in sources)
    head = textwrap.wrap(f'"""{listed}: to begin with as the base has it."""', WIDTH)
    lines = [*head, "", "from __future__ import annotations", "", *_import_lines(wanted)]
    return "\n".join(lines).rstrip() + "\n" + "".join(f"\n\n{s.text.rstrip()}\n" for s in sources)


def _import_lines(imports: Iterable[Import]) -> Iterator[str]:
    wanted = sorted(imports)
    for module, name, here in wanted:
        if not name:
            yield f"import {module}" + (f" as {here}" if here != module else "")
    for module in dict.fromkeys(m for m, name, _here in wanted if name):
        of_it = sorted(((n, here) for m, n, here in wanted if m == module and n), key=_rank)
        names = [n + (f" as {here}" if here != n else "") for n, here in of_it]
        line = f"from {module} import {', '.join(names)}"
        yield line if len(line) <= WIDTH else f"from {module} import (\n    " + ",\n    ".join(names) + ",\n)"


def _rank(name: tuple[str, str]) -> tuple[int, str]:
    """As isort has them: constants, classes, the rest."""
    return 0 if name[0].isupper() else 1 if name[0][0].isupper() else 2, name[0]


def _table(base: Variant, home: str, files: dict[str, list[Source]]) -> str:
    """The package's __init__.py."""
    sources = [s for of_file in files.values() for s in of_file]
    modules = sorted({s.function.__module__ for s in sources if not _renamed(s)})
    lines = [
        f'"""{base.name} with functions of our own: edit them."""',
        "",
        "from __future__ import annotations",
        "",
    ]
    lines += [f"import {m}" for m in modules]
    lines += ["from kernel_model.variant import Variant" + (", replaces" if modules else "")]
    if home != BASE:
        lines.append(f"from {home} import VARIANT as BASE")
    if files:
        lines += ["", f"from . import {', '.join(sorted(files))}{_builtin(files)}"]
    rows = [f"        {_row(s, stem)}," for stem, of_file in files.items() for s in of_file]
    replaced = ["    (", *rows, "    ),"] if rows else []
    return "\n".join(
        [*lines, "", "VARIANT = Variant(", "    __name__,", *replaced, "    base=BASE,", ")", ""]
    )


def _renamed(s: Source) -> bool:
    """The base has it under the name that the kernel below has for it."""
    return s.name != s.function.__name__


def _row(s: Source, stem: str) -> str:
    old = f"{s.function.__module__}.{s.name}"
    return f'("{s.name}", {stem}.{s.name})' if _renamed(s) else f"replaces({old}, {stem}.{s.name})"


def _builtin(files: Iterable[str]) -> str:
    shadowing = any(stem in vars(builtins) for stem in files)
    return "  # noqa: A004 - the kernel's file name" if shadowing else ""
