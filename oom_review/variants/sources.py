"""The sources that a kernel is made of: their digest, which says whether anything is as it was, and those that travel to another machine."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from kernel_model.variant import Variant
from oom_review.errors import BadInput
from oom_review.variants.loading import SHIPPED


def variant_digest(variant: Variant) -> str:
    """Of the packages that the functions of the variant, and of what it stands on, come from."""
    return digest_of(variant_roots(variant))


def variant_roots(variant: Variant) -> list[Path]:
    """These packages' directories, and modules that stand alone."""
    files = {n: getattr(sys.modules.get(n), "__file__", None) for n in _modules(variant)}
    # A module of its own stands among who knows what.
    packages = {n for n, file in files.items() if "." in n or Path(file or "").name == "__init__.py"}
    return [Path(f).parent if n in packages else Path(f) for n, f in files.items() if f is not None]


def _modules(variant: Variant) -> set[str]:
    return {v.name for v in variant.lineage()} | {f.__module__ for f in variant.functions().values()}


def digest_of(roots: Iterable[Path]) -> str:
    """Of these files, and of all sources in these directories."""
    digest = hashlib.sha256()
    for name, path in sources(roots):
        digest.update(f"{name} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def sources(roots: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Each file, in an order, by a name that is not the whole path: the same sources elsewhere are the same."""
    for root in sorted(set(roots)):
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            yield path.relative_to(root.parent).as_posix(), path


def own(variant: Variant) -> dict[str, bytes]:
    """All files of the packages, and modules, of this variant and of what it stands on that do not come with the project, by their names.

    Raises BadInput for a package that has no directory of its own.
    """
    files: dict[str, bytes] = {}
    for top in sorted({name.partition(".")[0] for name in _modules(variant)} - {*SHIPPED, "kernel_model"}):
        at = getattr(sys.modules.get(top), "__file__", None)
        if at is None:
            raise BadInput(
                f"variant {variant.name!r}: {top} has no __init__.py, so its sources can't be sent"
            )
        file = Path(at)
        root = file.parent if file.name == "__init__.py" else file
        files |= {name: path.read_bytes() for name, path in sources([root])}
    return files
