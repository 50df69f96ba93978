"""The command line: one table of subcommands.  Status 0: as it should be; 1: it is not; 2: bad input, said in one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import attrs

from oom_review.errors import BadInput

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


@attrs.define(frozen=True)
class Command:
    """A subcommand: its line in --help, its arguments, and what it does; ``run`` gives the exit status."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Play a scenario file and print it in columns with all that there was to see.  "
        "Status 1 if the file's own expectations are not met."
    )
    parser.add_argument("file", metavar="FILE", help="a scenario file (docs/scenario-format.md)")
    parser.add_argument(
        "--variant",
        metavar="NAME",
        action="append",
        help="play it on this variant; may be repeated (default: legacy and patched): legacy, patched or rfc, "
        "mainline, or a package in the current directory that has a VARIANT",
    )
    parser.add_argument("--claim", metavar="ID", help="show the run up to where this claim is broken")
    parser.add_argument("--json", action="store_true", help="print everything, step by step, for programs")


def _replay(arguments: argparse.Namespace) -> int:
    import json  # noqa: PLC0415 - each command imports what it needs

    from oom_review import replay, scenario_file, variants  # noqa: PLC0415
    from oom_review.claims import BY_ID  # noqa: PLC0415

    if arguments.claim is not None and arguments.claim not in BY_ID:
        raise BadInput(f"no such claim: {arguments.claim!r}; there are: {', '.join(BY_ID)}")
    file = scenario_file.read(arguments.file)
    chosen = [variants.load(name) for name in arguments.variant or ("legacy", "patched")]
    replays = replay.replay(file, chosen, arguments.file)
    if arguments.json:
        print(json.dumps(replay.as_json(file, replays), indent=1))
    else:
        print(replay.text(file, replays, arguments.claim), end="")
    return FAILED if any(r.unmet for r in replays) else OK


def _review_arguments(parser: argparse.ArgumentParser) -> None:
    from oom_review.review_options import add_arguments  # noqa: PLC0415

    add_arguments(parser)


def _review(arguments: argparse.Namespace) -> int:
    from oom_review import review_command  # noqa: PLC0415

    return review_command.main(arguments)


def _keep_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Make a scenario file a regression of the test suite, with what it gives today."
    parser.add_argument("file", metavar="FILE", help="a scenario file")
    parser.add_argument("--name", required=True, metavar="NAME", help="the regression's name")
    parser.add_argument("--corpus", default="tests/corpus", metavar="DIR", help="where regressions are kept")
    parser.add_argument(
        "--variant", metavar="NAME", action="append", help="expect this variant's result (all three)"
    )


def _keep(arguments: argparse.Namespace) -> int:
    from pathlib import Path  # noqa: PLC0415

    from oom_review import keep, variants  # noqa: PLC0415

    chosen = [variants.load(name) for name in arguments.variant or variants.TITLES]
    target = keep.keep(arguments.file, arguments.name, chosen, Path(arguments.corpus))
    print(f"kept as {target}")
    return OK


def _report_arguments(parser: argparse.ArgumentParser) -> None:
    from oom_review.review_options import add_search_arguments  # noqa: PLC0415

    parser.description = (
        "Write one page with all verdicts and a player for every counterexample.  Without --review, a review is made first.  "
        "Status 1 if a verdict is not the expected one."
    )
    parser.add_argument(
        "--out", metavar="FILE", required=True, help="the page; only an older report is overwritten"
    )
    parser.add_argument("--review", metavar="FILE", help="what `oom-review review --json FILE` wrote")
    add_search_arguments(parser)


def _report(arguments: argparse.Namespace) -> int:
    from oom_review.report import command  # noqa: PLC0415

    return command.main(arguments)


def _draw_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Draw a scenario file as lanes of its threads over time, an SVG picture."
    parser.add_argument("file", metavar="FILE", help="a scenario file (docs/scenario-format.md)")
    parser.add_argument(
        "--out", metavar="FILE", required=True, help="the picture; only an older one is overwritten"
    )
    parser.add_argument(
        "--variant", metavar="NAME", help="on this variant (default: the file's own, or legacy)"
    )
    parser.add_argument("--claim", metavar="ID", help="show where this claim is broken")


def _draw(arguments: argparse.Namespace) -> int:
    from pathlib import Path  # noqa: PLC0415

    from oom_review import draw, scenario_file, variants  # noqa: PLC0415
    from oom_review.claims import BY_ID  # noqa: PLC0415

    if arguments.claim is not None and arguments.claim not in BY_ID:
        raise BadInput(f"no such claim: {arguments.claim!r}; there are: {', '.join(BY_ID)}")
    file = scenario_file.read(arguments.file)
    variant = variants.load(arguments.variant or file.settings.variant or "legacy")
    draw.write(Path(arguments.out), draw.still(file, variant, arguments.claim or "", arguments.file))
    return OK


def _explore_arguments(parser: argparse.ArgumentParser) -> None:
    from oom_review.explore_options import add_arguments  # noqa: PLC0415

    add_arguments(parser)


def _explore(arguments: argparse.Namespace) -> int:
    from oom_review.explore_options import check  # noqa: PLC0415

    check(arguments)
    if arguments.file is None:
        from oom_review.situations import command as situations  # noqa: PLC0415

        return situations.main(arguments)
    from oom_review.explore import command  # noqa: PLC0415

    return command.main(arguments)


COMMANDS: tuple[Command, ...] = (
    Command(
        "review", "search for counterexamples to every claim on every variant", _review_arguments, _review
    ),
    Command(
        "explore", "try every interleaving of many situations, or of a scenario", _explore_arguments, _explore
    ),
    Command("keep", "make a scenario file a regression of the test suite", _keep_arguments, _keep),
    Command("replay", "play a scenario file and show what happens", _replay_arguments, _replay),
    Command("report", "write one page with all verdicts and counterexamples", _report_arguments, _report),
    Command("draw", "draw a scenario file as a picture", _draw_arguments, _draw),
)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say it and leave with status 2."""
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    top = Parser(
        prog="oom-review",
        description="Compare two semantics of Linux OOM victims, claim by claim and interleaving by interleaving.",
        epilog="Exit status: 0 all is as it should be, 1 it is not, 2 bad input, 130 interrupted.",
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.arguments(commands.add_parser(command.name, help=command.help))
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` names; returns the exit status."""
    arguments = parser().parse_args(argv)
    command = next(c for c in COMMANDS if c.name == arguments.command)
    try:
        status = command.run(arguments)
        sys.stdout.flush()
    except BadInput as error:
        print(f"oom-review: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("oom-review: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away: nothing more to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status
