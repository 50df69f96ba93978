"""The options of ``oom-review review``, apart from what it needs to run: --help is to be quick."""

from __future__ import annotations

import argparse

DAY = 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_search_arguments(parser)
    parser.add_argument("--json", metavar="FILE", help="write the verdicts for programs")
    parser.add_argument("--save", metavar="DIR", help="write each counterexample to a scenario file in DIR")


def add_search_arguments(parser: argparse.ArgumentParser) -> None:
    """What says how to search."""
    parser.add_argument(
        "--budget", type=_seconds, default=55.0, metavar="SECONDS", help="how long to search (55)"
    )
    parser.add_argument(
        "--jobs", type=_count, default=None, metavar="N", help="worker processes (one a core)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="first seed of the random searches (0)"
    )
    parser.add_argument("--variant", action="append", metavar="NAME", help="review this variant (repeatable)")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= DAY:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to {DAY:.0f}")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:  # noqa: PLR2004 - more processes help nobody
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 256")
    return int(text)
