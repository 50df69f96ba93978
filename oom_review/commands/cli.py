"""The command line: one table of subcommands.  Status 0: as it should be; 1: it is not; 2: bad input, said in one line."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from oom_review import ledger
from oom_review.commands import BAD_INPUT, INTERRUPTED, READER_GONE, UNTESTABLE
from oom_review.errors import BadInput
from oom_review.project import version
from oom_review.workers.broken import bad_input as users
from oom_review.workers.endless import StepNeverEnds, watched

# Each is a module here, which is imported when it is asked for: some take a second to load.
COMMANDS = {
    "review": "search for counterexamples to every claim on every variant",
    "explore": "try every interleaving of many situations, or of a scenario",
    "keep": "make a scenario file a regression of the test suite",
    "replay": "play a scenario file and show what happens",
    "report": "write one page with all verdicts and counterexamples",
    "draw": "draw a scenario file as a picture",
    "functions": "list the functions of the kernel that a patch can replace",
    "find": "find the smallest run that ends in a certain way",
    "compare": "compare two kernels: all that only one of them can do",
    "ablate": "say what each hunk of the RFC is worth",
    "kernels": "boot real kernels, and ask them what the models say",
    "new": "begin a variant: a package with these functions, ready to edit",
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line; a command's options may stand anywhere among its words."""

    _mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See ArgumentParser; parse_known_intermixed_args() calls it, too."""
        if self._mixing or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._mixing = True
        try:
            return super().parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def error(self, message: str) -> NoReturn:
        """Say it and leave with status 2."""
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser(command: str | None) -> argparse.ArgumentParser:
    """All commands, and the arguments of this one."""
    top = Parser(
        prog="oom-review",
        description="Compare two semantics of Linux OOM victims, claim by claim and interleaving by interleaving.",
        allow_abbrev=False,
        epilog="Exit status: 0 all is as it should be, 1 it is not, 2 bad input, 130 interrupted.",
    )
    top.add_argument("--version", action="version", version=f"oom-review {version()}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, line in COMMANDS.items():
        one = commands.add_parser(name, help=line, allow_abbrev=False)
        if name == command:
            module = import_module(f"oom_review.commands.{name}")
            module.arguments(one)
            one.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` names; returns the exit status."""
    words = sys.argv[1:] if argv is None else argv
    # Also for an argument that is wrong, of which the parser leaves with a status of its own.
    bad_input = UNTESTABLE if "--bisect" in words else BAD_INPUT
    try:
        return _run(words, bad_input)
    except SystemExit as left:
        raise SystemExit(bad_input if left.code == BAD_INPUT else left.code) from None


def _run(words: Sequence[str], bad_input: int) -> int:
    named = next((word for word in words if not word.startswith("-")), None)
    options = parser(named).parse_args(words, argparse.Namespace(words=tuple(words)))
    if sys.stdout is None:
        print("oom-review: standard output is closed", file=sys.stderr)
        return bad_input
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A title may have letters that the terminal has not.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with watched():
            ledger.load_all(getattr(options, "claims", None) or ())
            status = int(options.run(options))
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("oom-review: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away: nothing more to say.
        _say_nothing_at_exit()
        return READER_GONE
    except (Exception, SystemExit, StepNeverEnds) as error:
        bad = _bad_input(error)
        if bad is None:
            raise
        print(f"oom-review: {bad}", file=sys.stderr)
        return bad_input
    return status


def _bad_input(error: BaseException) -> BadInput | None:
    """What the user can do something about; None for a mistake of ours."""
    broke = users(error)
    if broke is None and isinstance(error, OSError):
        _say_nothing_at_exit()
        return BadInput(f"{error.filename or 'standard output'}: {error.strerror}")
    return broke


def _say_nothing_at_exit() -> None:
    """What could not be written would be tried again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
