"""Kernels by name: those that ship with the project, and the user's own.

A package's code runs when it is imported, so there are two ways to a kernel.  ``load`` takes the user's own word, from a command line.
``known`` takes a name out of a file, and gets only what ships with the project or what the user has named, too.
"""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import attrs

from kernel_model.variant import LinkError, Variant, link
from oom_review import ledger
from oom_review.errors import BadInput

ALIASES = {
    "legacy": "legacy_tifmemdie",
    "rfc": "patched",
    "6.1": "oom_kernels.v6_1",
    "6.12": "oom_kernels.v6_12",
    "6.18": "oom_kernels.v6_18",
    "7.2.12": "oom_kernels.v7_2_12",
    "7.3": "oom_kernels.v7_3",
    "mainline": "oom_kernels.v7_3",
}
# What readers call them.
TITLES = {
    "legacy_tifmemdie": "legacy",
    "patched": "RFC",
    "oom_kernels.v6_12": "6.12",
    "oom_kernels.v7_3": "7.3",
    "oom_kernels.v7_3_rfc": "RFC on 7.3",
    "oom_kernels.v7_3_last_out": "last out on 7.3",
    "oom_kernels.last_out": "last out",
    "oom_kernels.v6_1": "6.1",
    "oom_kernels.v6_18": "6.18",
    "oom_kernels.v7_2_12": "7.2.12",
}


def title_of(name: str) -> str:
    """What readers call a kernel: one that ships by its directory's words, somebody's own by its package's name."""
    shipped = name.removeprefix(f"{KERNELS}.")
    return TITLES.get(name) or (name if shipped == name else shipped.replace("_", " "))


DEFAULT_VARIANTS = ("legacy_tifmemdie", "patched", "oom_kernels.v6_12", "oom_kernels.v7_3")
"""Before and after: the two of 2016, and the two of today."""
# Before the RFC and after it.
PAIR = ("legacy_tifmemdie", "patched")
KERNELS = "oom_kernels"
SHIPPED = frozenset({"legacy_tifmemdie", "patched", KERNELS})
"""Packages beside ours that hold kernels."""

HOME = Path(__file__).resolve().parents[2]
INSTALLED = "installed"
FAMILY = "family.py"


class VariantError(BadInput):
    """There is no such variant, or it is none."""


class VariantBroke(BadInput):
    """A variant's own code raised."""

    def __init__(self, variant: str, where: str) -> None:
        """``where``: file, line and what, in one line."""
        super().__init__(f"variant {variant!r} broke at {where}")


@attrs.define(frozen=True)
class _Given:
    variant: Variant
    word: str


# The user's own, by their names.
_GIVEN: dict[str, _Given] = {}


def load(word: str) -> Variant:
    """What the user named: a kernel that ships with the project, the path of a package's directory, or a package that can be imported.

    The current directory is looked in last.  Raises VariantError.
    """
    package = ALIASES.get(word, word)
    if package in _GIVEN:
        return _GIVEN[package].variant
    if os.sep in word:
        package = _shipped_at(Path(word)) or ""
        module = _imported(word, package) if package else _loaded_from(word)
    elif all(part.isidentifier() for part in package.split(".")):
        with _looked_in_last(Path.cwd()):
            module = _imported(word, package)
    else:
        raise VariantError(f"variant {word!r}: not a package's name; a directory's path has a {os.sep} in it")
    variant = _variant_of(module, word)
    if not ships(variant.name):
        _GIVEN[variant.name] = _Given(variant, word)
    return variant


def known(name: str) -> Variant:
    """The kernel of a name that stands in a file.  Raises VariantError for one that neither ships with the project nor was given."""
    package = ALIASES.get(name, name)
    if package in _GIVEN:
        return _GIVEN[package].variant
    if not ships(package):
        raise VariantError(
            f"variant {name[:100]!r} does not come with the project, and nobody's code is run because a file names it: "
            "name it yourself (--variant ./DIRECTORY; pytest: --oom-variant)"
        )
    return _variant_of(_imported(name, package), name)


def load_all(words: Iterable[str]) -> list[Variant]:
    """Each once, in their order."""
    return list({(v := load(word)).name: v for word in words}.values())


def chosen(words: Iterable[str] | None, named: Iterable[str] = ()) -> list[Variant]:
    """What the user named; else what a file names; else the two of 2016.  Raises VariantError."""
    return load_all(words or ()) or [known(name) for name in (*named,) or PAIR]


def ships(package: str) -> bool:
    """The package is one of the project's kernels."""
    parts = package.split(".")
    if parts[0] not in SHIPPED or not all(part.isidentifier() for part in parts):
        return False
    return (HOME.joinpath(*parts) / "__init__.py").is_file() or _made(package) is not None


def given() -> tuple[str, ...]:
    """The user's own words for what does not ship with the project: another process needs them to know as much."""
    return tuple(g.word for g in _GIVEN.values())


def replaying(path: object, *names: str) -> str:
    """The command that replays the file on these kernels, complete."""
    options = [option for n in names for option in ("--variant", _GIVEN[n].word if n in _GIVEN else n)]
    options += [option for file in ledger.given() for option in ("--claims", file)]
    return shlex.join(["oom-review", "replay", str(path), *options])


def origin(name: str) -> str:
    """Where that kernel was loaded from: "installed", or a path from the current directory; empty if it was not loaded."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        return ""
    path = Path(file)
    path = path.parent if path.name == "__init__.py" else path
    below = path.is_relative_to(Path.cwd())
    if {"site-packages", "dist-packages"} & set(path.parts) or (ships(name) and not below):
        return INSTALLED
    return f".{os.sep}{path.relative_to(Path.cwd())}" if below else os.path.relpath(path)


def origins(names: Iterable[str]) -> list[str]:
    """A line for each that was loaded, and for each file of claims: its name, where from, and what of that name here was not looked at."""
    lines = []
    for name in names:
        where = origin(name)
        here = Path(".", *name.split("."))
        beside = where == INSTALLED and (here / "__init__.py").is_file()
        if where:
            not_this = f" (.{os.sep}{here} is another one, and was not looked at)" if beside else ""
            lines.append(f"{name}: {where if where == INSTALLED else f'loaded from {where}'}{not_this}")
    return lines + ledger.origins()


def _shipped_at(directory: Path) -> str | None:
    """The name of the project's kernel in that directory."""
    try:
        name = ".".join(directory.resolve().relative_to(HOME).parts)
    except ValueError:
        return None
    return name if ships(name) else None


def _made(package: str) -> ModuleType | None:
    """A kernel of ours that has no package: a ``family.py`` above it makes it by its name."""
    home = package.rpartition(".")[0]
    if not (HOME.joinpath(*home.split(".")) / FAMILY).is_file():
        return None
    if package in sys.modules:
        return sys.modules[package]
    family = importlib.import_module(f"{home}.{FAMILY.removesuffix('.py')}")
    module = ModuleType(package)
    try:
        vars(module).update(VARIANT=family.variant(package), __file__=family.__file__)
    except KeyError:
        return None
    sys.modules[package] = module
    return module


def _imported(word: str, package: str) -> ModuleType:
    try:
        return _made(package) or importlib.import_module(package)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's package may raise anything
        raise _not_imported(word, error) from None


def _not_imported(word: str, error: BaseException) -> VariantError:
    names = ", ".join(sorted(ALIASES))
    return VariantError(
        f"variant {word!r} can't be imported: {_said(error)} (known: {names}; or the path of a directory)"
    )


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _loaded_from(word: str) -> ModuleType:
    """The package in exactly that directory, under its own name."""
    directory = Path(os.path.normpath(Path(word).absolute()))
    name, file = directory.name, directory / "__init__.py"
    if not file.is_file():
        what = "it has no __init__.py" if directory.is_dir() else "no such directory"
        raise VariantError(f"variant {word!r}: {what}")
    if not name.isidentifier():
        raise VariantError(f"variant {word!r}: {name!r} can't name a package")
    there = sys.modules.get(name)
    if there is not None and getattr(there, "__file__", None) == str(file):
        return there
    if there is not None or name in SHIPPED or name in sys.stdlib_module_names:
        where = getattr(there, "__file__", None)
        raise VariantError(
            f"variant {word!r}: there is another package {name!r}{f', {where}' if where else ''}; give this one a name of its own"
        )
    return _executed(word, name, file)


def _executed(word: str, name: str, file: Path) -> ModuleType:
    spec = spec_from_file_location(name, file, submodule_search_locations=[str(file.parent)])
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        with _looked_in_last(file.parent.parent):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's package may raise anything
        for part in [n for n in sys.modules if n == name or n.startswith(f"{name}.")]:
            del sys.modules[part]
        raise _not_imported(word, error) from None
    return module


@contextmanager
def _looked_in_last(directory: Path) -> Iterator[None]:
    """A variant may stand on another one beside it.

    No bytecode is kept: what is checked out within a second would be taken for what stood there before.
    """
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.append(str(directory))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(directory))
        sys.dont_write_bytecode = before


def _variant_of(module: ModuleType, word: str) -> Variant:
    variant = getattr(module, "VARIANT", None)
    if not isinstance(variant, Variant):
        raise VariantError(
            f"variant {word!r}: {module.__name__} has no VARIANT of type kernel_model.variant.Variant"
        )
    if variant.name != module.__name__:
        raise VariantError(
            f"variant {word!r}: the VARIANT of {module.__name__} has the name {variant.name!r}; "
            "give it its package's: name=__name__"
        )
    try:
        link(variant)
    except LinkError as error:
        raise VariantError(f"variant {word!r}: {error}") from None
    except Exception as error:  # noqa: BLE001 - a stranger's package may hold anything
        raise VariantError(f"variant {word!r}: its VARIANT can't be linked: {_said(error)}") from None
    return variant
