"""``oom-review new DIR``: a variant of your own, which works at once and is ready to edit."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from oom_review.errors import BadInput
from oom_review.variants import c_diff, skeleton
from oom_review.variants.c_diff import MEANS, MODELLED, Touched
from oom_review.variants.loading import ALIASES, load


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.description = (
        "Write a package DIR with a VARIANT that replaces these functions by copies of what its base has: it works at once, and "
        "what you edit is what changes.  With --from-diff: the functions that a C patch touches, as far as they are modelled."
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="the package; it must not exist")
    parser.add_argument("functions", metavar="FUNCTION", nargs="*", help="see oom-review functions")
    parser.add_argument(
        "--from", metavar="NAME", dest="base", default="legacy", help="the kernel that it changes (legacy)"
    )
    parser.add_argument(
        "--from-diff", metavar="FILE.patch", type=Path, help="a unified diff of the kernel's source"
    )


def run(options: argparse.Namespace) -> int:
    """Status 0 when it is written.  Raises BadInput."""
    name = options.directory.name
    _check_name(name)
    touched = c_diff.read(options.from_diff) if options.from_diff else []
    modelled = [t.function for t in touched if t.kind == MODELLED]
    base = load(options.base)
    if touched and not modelled and not options.functions:
        sys.stdout.write(_listed(touched))
        raise BadInput(f"{options.from_diff}: none of its functions is modelled; nothing is written")
    files = skeleton.write(
        options.directory, base, [*modelled, *options.functions], ALIASES.get(options.base, options.base)
    )
    sys.stdout.write(_listed(touched))
    print(f"written: {' '.join(map(str, files))}")
    print("edit them; then:")
    print(f"  oom-review compare {options.base} {name}")
    print(f"  oom-review review --variant {name}")
    return 0


def _check_name(name: str) -> None:
    """A package that is there already would be found instead of the new one, or hidden by it."""
    if name.isidentifier() and importlib.util.find_spec(name) is not None:
        raise BadInput(f"{name}: there is a package of that name already; take another")


def _listed(touched: list[Touched]) -> str:
    """Each function of the patch, what it is here, and what each kind means."""
    lines = []
    for t in touched:
        function = f"{t.function}()" if t.function else "outside all functions"
        lines.append(f"{t.file}: {function}: {t.kind}{f' ({t.where})' if t.where else ''}")
    kinds = dict.fromkeys(t.kind for t in touched)
    return "".join(f"{line}\n" for line in [*lines, *(f"{kind}: {MEANS[kind]}" for kind in kinds)])
