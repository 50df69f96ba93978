"""Loading a variant by name: the packages that come with the project, or anybody's own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path

from kernel_model.variant import Variant
from oom_review.errors import BadInput

ALIASES = {
    "legacy": "legacy_tifmemdie",
    "rfc": "patched",
    "mainline": "mainline_v6_18",
}
# What readers call them.
TITLES = {"legacy_tifmemdie": "legacy", "patched": "RFC", "mainline_v6_18": "mainline v6.18"}


DEFAULT_VARIANTS = tuple(TITLES)
# Before the RFC and after it.
PAIR = ("legacy_tifmemdie", "patched")


class VariantError(BadInput):
    """There is no such variant, or it is none."""


class VariantBroke(BadInput):
    """A variant's own code raised."""

    def __init__(self, variant: str, where: str) -> None:
        """``where``: file, line and what, in one line."""
        super().__init__(f"variant {variant!r} broke at {where}")


def load(name: str) -> Variant:
    """The VARIANT of the package with that name or alias; the current directory is looked in last."""
    package = ALIASES.get(name, name)
    if not all(part.isidentifier() for part in package.split(".")):
        raise VariantError(f"variant {name!r}: not a package's name")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        module = importlib.import_module(package)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's package may raise anything
        known = ", ".join(sorted(ALIASES))
        raise VariantError(
            f"variant {name!r} can't be imported: {_one_line(error)} (known: {known})"
        ) from None
    variant = getattr(module, "VARIANT", None)
    if not isinstance(variant, Variant):
        raise VariantError(f"variant {name!r}: {package} has no VARIANT of type kernel_model.sched.Variant")
    return variant


def load_all(names: Iterable[str]) -> list[Variant]:
    """Each once, in their order."""
    return list({(v := load(name)).name: v for name in names}.values())


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
