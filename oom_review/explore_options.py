"""The options of ``oom-review explore``, apart from what it needs to run: --help is to be quick."""

from __future__ import annotations

import argparse

from oom_review.errors import BadInput

ONLY_WITHOUT_FILE = ("situation", "claim", "threads", "list", "resume", "jobs", "save")
MOST_JOBS = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.description = (
        "Try every interleaving of many situations (docs/situations.md), on all cores: a verdict on each claim, with the bound "
        "within which it holds.  With FILE: of that scenario's last run; for each claim how many distinct ends come from a run "
        "that breaks it (POS), and how many do not (NEG).  Status 1 if a limit was hit or a verdict is not the expected one, 130 if interrupted."
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="a scenario file; its last schedule is not looked at"
    )
    parser.add_argument(
        "--variant",
        metavar="NAME",
        action="append",
        help="explore this variant; may be repeated (all three; with FILE: legacy and patched)",
    )
    parser.add_argument(
        "--states", type=_positive, metavar="N", help="stop each exploration after so many states"
    )
    parser.add_argument(
        "--seconds", type=_positive, metavar="S", help="stop each exploration after so many seconds"
    )
    some = parser.add_argument_group("without FILE")
    some.add_argument(
        "--situation",
        metavar="GLOB",
        action="append",
        help="only these, such as 'memcg-oom/*/suspend'; may be repeated",
    )
    some.add_argument(
        "--claim", metavar="ID", action="append", help="only this claim's family; may be repeated"
    )
    some.add_argument(
        "--threads", type=_positive, metavar="N", help="only victims of at most so many threads"
    )
    some.add_argument(
        "--list", action="store_true", help="say which situations these are, and explore nothing"
    )
    some.add_argument(
        "--resume", metavar="FILE", help="keep what is finished in FILE, and go on from what is there already"
    )
    some.add_argument("--save", metavar="DIR", help="write a scenario file for each refutation to DIR")
    some.add_argument("--jobs", type=_processes, metavar="N", help="worker processes (one a core)")


def check(arguments: argparse.Namespace) -> None:
    """Raise BadInput for options that don't go together."""
    if arguments.file is None:
        return
    for option in ONLY_WITHOUT_FILE:
        if getattr(arguments, option):
            raise BadInput(f"--{option} chooses among situations: not together with a file, {arguments.file}")


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def _processes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_JOBS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_JOBS}")
    return int(text)
