"""A variant of the kernel: the functions that a patch replaces, by the kernel's names; everything else is its base's.

A kernel is linked before it boots, as object files are: each module of the base, and of the variant, gets a private copy of its
namespace, in which a replaced function stands wherever the base's stood.  Functions share their code, structures and preemption
points are the same objects for all kernels.  So two kernels run side by side in one process, a call inside a C file reaches the
replacement, kernel_model reads like C, and a step costs what it cost.

Tried and dropped: a decorator that looks the function up in the machine's own table (a call more for each call, and predicates
have no machine at hand); methods of a kernel class (``self.`` everywhere, and no file per C file); overlays of source files (points
and classes would be there twice).
"""

from __future__ import annotations

import difflib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from functools import lru_cache, partial, update_wrapper
from importlib import import_module
from types import CellType, FunctionType, ModuleType
from typing import Any, ParamSpec, TypeVar, cast

import attrs

P = ParamSpec("P")
R = TypeVar("R")

BASE = "kernel_model"
PROTOTYPES = f"{BASE}.prototypes"
NO_FILES_OF_THE_KERNEL = frozenset(
    f"{BASE}.{name}" for name in ("variant", "machine", "events", "errors", "preempt", "fields")
)
"""What drives a kernel, and what observers are told: not for a patch."""

ASKED_BY_THE_MACHINE = frozenset({"frozen", "signal_pending_state", "fatal_signal_pending"})
"""The scheduler and the observers ask these, too: a patch can't give them another meaning."""


class LinkError(Exception):
    """A replacement that does not fit: which, and why, in one line."""


Replacement = tuple[str, FunctionType]
"""The name of a function of the base, and what stands for it."""


def replaces(old: Callable[P, R], new: Callable[P, R]) -> Replacement:
    """A replacement whose signature the type checker compares with that of the old function."""
    return cast("FunctionType", old).__name__, cast("FunctionType", new)


@attrs.define(frozen=True, eq=False)
class Variant:
    """One kernel: what it replaces of its base, which is another variant or (None) kernel_model itself.

    ``operations``: what user space can ask of it beyond its base (kernel_model.operations.Operation).  ``added``: functions
    that its base has not, by whose names a variant on top of it can replace them.
    """

    name: str
    replaced: tuple[Replacement, ...] = ()
    base: Variant | None = None
    operations: tuple[Any, ...] = ()
    added: tuple[Callable[..., Any], ...] = ()

    def lineage(self) -> tuple[Variant, ...]:
        """From the variant that stands on kernel_model up to this one."""
        return (*(self.base.lineage() if self.base is not None else ()), self)

    def additions(self) -> dict[str, FunctionType]:
        """What the kernels down to kernel_model added to it, by name."""
        return {f.__name__: cast("FunctionType", f) for v in self.lineage() for f in v.added}

    def functions(self) -> dict[str, FunctionType]:
        """All replacements down to kernel_model, by name; the nearest wins."""
        return dict(replacement for v in self.lineage() for replacement in v.replaced)


@attrs.define(frozen=True, eq=False)
class Image:
    """A linked kernel: its functions, and the operations that user space may ask for, by name."""

    functions: Mapping[str, FunctionType]
    operations: Mapping[str, Any]


def base_functions() -> dict[str, FunctionType]:
    """Every function of the C source that a variant may replace, by name, in the order of files and lines."""
    return {name: f for name, f in all_functions().items() if not name.startswith("_")}


def all_functions() -> dict[str, FunctionType]:
    """Those that only the model has, too: they have an underscore, and a base of its own may replace them."""
    return {f.__name__: f for module in _modules() for f in _defined_in(module)}


def _defined_in(module: ModuleType) -> list[FunctionType]:
    """What it imports stands in its namespace, too."""
    return [f for f in vars(module).values() if type(f) is FunctionType and f.__module__ == module.__name__]


def _modules() -> list[ModuleType]:
    package = import_module(BASE)
    names = [
        m.name
        for m in pkgutil.walk_packages(package.__path__, f"{BASE}.")
        if m.name not in NO_FILES_OF_THE_KERNEL
    ]
    return [import_module(name) for name in names]


@lru_cache(maxsize=64)
def link(variant: Variant) -> Image:
    """The kernel of this variant, ready to boot.  Raises LinkError for a replacement that does not fit."""
    for layer in variant.lineage():
        names = [name for name, _new in layer.replaced]
        if twice := [name for name in names if names.count(name) > 1]:
            raise LinkError(f"{layer.name} replaces {twice[0]}() twice")
    base, final = all_functions() | variant.additions(), variant.functions()
    for name, new in final.items():
        _check(name, new, base)
    missing = [n for n, f in base.items() if f.__module__ == PROTOTYPES and n not in final]
    if missing:
        raise LinkError(f"{variant.name} does not define {missing[0]}()")
    linker = _Linker(variant, base)
    functions = {name: linker.function(f) for name, f in (base | final).items()}
    operations = dict(vars(import_module(f"{BASE}.operations"))["OPERATIONS"])
    operations |= {o.name: o for v in variant.lineage() for o in v.operations}
    return Image(functions, {name: linker.value(o) for name, o in operations.items()})


def _check(name: str, new: FunctionType, base: Mapping[str, FunctionType]) -> None:
    if type(new) is not FunctionType:
        raise LinkError(f"what replaces {name}() is no function: {new!r}")
    old = base.get(name)
    where = f"{new.__code__.co_filename}:{new.__code__.co_firstlineno}"
    if old is None:
        near = difflib.get_close_matches(name, base, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise LinkError(f"{where}: the base has no function {name}(){hint}")
    if name in ASKED_BY_THE_MACHINE:
        raise LinkError(f"{where}: {name}() can't be replaced: the scheduler asks it, too")
    if _shape(old) != _shape(new):
        raise LinkError(f"{where}: {name}() takes {_arguments(old)}, not {_arguments(new)}")
    steps = _yields(old)
    if steps != _yields(new):
        what = (
            "has to yield: its callers go through its steps"
            if steps
            else "must not yield: it is one step's part"
        )
        raise LinkError(f"{where}: {name}() {what}")


def _shape(function: FunctionType) -> list[str]:
    """What a caller has to know: how many arguments, and the names of those that go by name."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name if p.kind is p.KEYWORD_ONLY else str(p.kind) for p in parameters]


def _arguments(function: FunctionType) -> str:
    names = [
        f"{p.name}=" if p.kind is p.KEYWORD_ONLY else p.name
        for p in inspect.signature(function).parameters.values()
    ]
    return f"({', '.join(names)})"


def _yields(function: FunctionType) -> bool:
    """A generator; a prototype says so in its annotation only."""
    if function.__module__ == PROTOTYPES:
        return str(function.__annotations__["return"]).startswith("Steps")
    return inspect.isgeneratorfunction(function)


def _does(operation: Any) -> FunctionType:
    start: Any = operation.start
    return cast("FunctionType", start.func if isinstance(start, partial) else start)


class _Linker:
    """Copies functions and the namespaces that they live in, each once."""

    def __init__(self, variant: Variant, base: Mapping[str, FunctionType]) -> None:
        final = self._final = variant.functions()
        # Whoever stood under that name anywhere down to kernel_model is replaced by who stands there now.
        self._standing = {id(base[name]): new for name, new in final.items()}
        mine = [f for v in variant.lineage() for f in (*dict(v.replaced).values(), *map(_does, v.operations))]
        mine += variant.additions().values()
        self._packages = {BASE, *(f.__module__.partition(".")[0] for f in mine)}
        for v in variant.lineage():
            self._standing |= {id(new): final[name] for name, new in v.replaced}
        self._copies: dict[int, FunctionType] = {}
        self._namespaces: dict[int, dict[str, Any]] = {}
        self._modules: dict[int, ModuleType] = {}

    def function(self, f: FunctionType) -> FunctionType:
        """The function in its namespace of this kernel."""
        copy = self._copies.get(id(f))
        if copy is None:
            cells = tuple(CellType(self.value(c.cell_contents)) for c in f.__closure__ or ())
            copy = FunctionType(f.__code__, self.namespace(f.__globals__), f.__name__, f.__defaults__, cells)
            update_wrapper(copy, f)
            self._copies[id(f)] = copy
            copy.__kwdefaults__ = f.__kwdefaults__
        return copy

    def namespace(self, original: dict[str, Any]) -> dict[str, Any]:
        """The globals of a module; what is met on the way may come back to it before it is filled."""
        copy = self._namespaces.get(id(original))
        if copy is None:
            copy = self._namespaces[id(original)] = {}
            copy |= {name: self.value(value, name) for name, value in list(original.items())}
        return copy

    def value(self, value: Any, name: str = "") -> Any:
        """What stands for a global: functions and what holds some are copied, all else is shared."""
        if isinstance(value, FunctionType) and self._is_ours(value.__module__):
            # Under another name it is the one that was imported: a replacement may call what it replaces.  Under the kernel's name it is the
            # kernel's, also in a function that was taken from somebody else's file.
            renamed = name not in ("", value.__name__)
            stands = self._standing.get(id(value)) or self._final.get(name, value)
            return self.function(value if renamed else stands)
        if isinstance(value, partial):
            return partial(self.value(value.func), *value.args, **value.keywords)
        if isinstance(value, ModuleType) and self._is_ours(value.__name__):
            return self._module(value)
        if isinstance(value, dict) and name != "__builtins__":
            copied = {key: self.value(v) for key, v in value.items()}
            return copied if any(copied[key] is not value[key] for key in value) else value
        if attrs.has(type(value)) and (held := self._functions_of(value)):
            return attrs.evolve(value, **held)
        return value

    def _functions_of(self, value: Any) -> dict[str, FunctionType]:
        """An operation holds the function that does it."""
        fields = {f.name: getattr(value, f.name) for f in attrs.fields(type(value))}
        return {n: self.value(v) for n, v in fields.items() if isinstance(v, FunctionType | partial)}

    def _module(self, module: ModuleType) -> ModuleType:
        """For ``module.function()``."""
        copy = self._modules.get(id(module))
        if copy is None:
            copy = self._modules[id(module)] = ModuleType(module.__name__, module.__doc__)
            vars(copy).update(self.namespace(vars(module)))
        return copy

    def _is_ours(self, module: str) -> bool:
        return module.partition(".")[0] in self._packages
