"""``oom-review functions``: what a patch can replace, with signature and place."""

from __future__ import annotations

import argparse
import re

from oom_review.errors import BadInput
from oom_review.variants.functions import replaceable
from oom_review.variants.loading import load


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.description = "List the functions of the kernel that a patch can replace, each with its signature and FILE:LINE of the model."
    parser.add_argument(
        "--grep", metavar="RE", default="", help="only those whose line matches this regular expression"
    )
    parser.add_argument(
        "--from", metavar="NAME", dest="base", help="as this variant has them (default: the shared kernel)"
    )


def run(options: argparse.Namespace) -> int:
    """Status 0 if there is one, 1 if none matches.  Raises BadInput."""
    try:
        wanted = re.compile(options.grep)
    except re.error as error:
        raise BadInput(f"--grep {options.grep!r}: {error}") from None
    base = load(options.base) if options.base else None
    lines = [f"{f.where}: {f.signature}" for f in replaceable(base)]
    found = [line for line in lines if wanted.search(line)]
    print("\n".join(found) or "none")
    return int(not found)
