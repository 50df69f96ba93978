"""Options that several commands have, and what they may be given."""

from __future__ import annotations

import argparse
from collections.abc import Callable

DAY = 86_400
MOST_JOBS = 256
MOST_STATES = 10**12
MOST_PROGRAMS = 10**9


def number(kind: type[int | float], most: int) -> Callable[[str], float]:
    """A parser of numbers above 0."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and up to {most}")
        return value

    return parse


def add_jobs(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """``--jobs`` or ``--cluster``: who works, as ``workers.cluster.Workers``."""
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--jobs", type=number(int, MOST_JOBS), metavar="N", help="worker processes (one a core)")
    who.add_argument(
        "--cluster",
        dest="jobs",
        metavar="ADDRESS",
        help="give the jobs to the workers of that scheduler of dask.distributed, such as tcp://10.0.0.1:8786 (docs/cluster.md; an extra)",
    )


def again(options: argparse.Namespace) -> list[str]:
    """The words that ``add_jobs`` took, for a command line that goes on."""
    if options.jobs is None:
        return []
    return ["--cluster" if isinstance(options.jobs, str) else "--jobs", str(options.jobs)]


def add_variants(parser: argparse.ArgumentParser, what: str, default: str) -> None:
    """``--variant``, as often as one likes."""
    parser.add_argument(
        "--variant",
        metavar="NAME",
        action="append",
        help=f"{what} this kernel; may be repeated (default: {default}): legacy, patched or rfc, 6.12, 7.3, the directory of "
        "a package that has a VARIANT, such as ./my_v2, or its name if it can be imported",
    )


def add_claims(parser: argparse.ArgumentParser) -> None:
    """``--claims``, as often as one likes; the file is loaded before the command runs."""
    parser.add_argument(
        "--claims",
        metavar="FILE.py",
        action="append",
        help="a Python file with claims of your own, which join the ledger (docs/your-own-claims.md); may be repeated",
    )


def add_quiet(parser: argparse.ArgumentParser, what: str) -> None:
    """``--quiet``."""
    parser.add_argument("--quiet", action="store_true", help=what)


def add_base(parser: argparse.ArgumentParser) -> None:
    """``--base``."""
    parser.add_argument(
        "--base",
        metavar="NAME",
        help="expect of kernels that the ledger does not know what this one does (default: the one that each stands on)",
    )


def add_search(parser: argparse.ArgumentParser) -> None:
    """What says how to search."""
    parser.add_argument(
        "--budget",
        type=number(float, DAY),
        metavar="SECONDS",
        help="begin nothing more after so long; what was not tried by then is bounded, not holds (no limit)",
    )
    parser.add_argument(
        "--programs",
        type=number(int, MOST_PROGRAMS),
        metavar="N",
        help="random programs for each variant, in whole batches; no claim holds after fewer than the default",
    )
    add_jobs(parser)
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="first seed of the random searches (0)"
    )
    add_variants(parser, "review", "all four")
    add_claims(parser)
    add_base(parser)
    parser.add_argument(
        "--claim", metavar="ID", action="append", help="review only this claim; may be repeated"
    )
