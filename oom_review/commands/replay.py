"""``oom-review replay FILE``: a scenario in columns, on each variant, with all that there was to see."""

from __future__ import annotations

import argparse
import json

from oom_review.commands.options import add_claims, add_variants
from oom_review.ledger import find
from oom_review.scenario import file as scenario_file
from oom_review.show import replay
from oom_review.variants.loading import chosen, origins


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.description = (
        "Play a scenario file and print it in columns with all that there was to see.  "
        "Status 1 if the file's own expectations are not met."
    )
    parser.add_argument(
        "file", metavar="FILE", help="a scenario file (docs/scenario-format.md), or - for standard input"
    )
    add_claims(parser)
    add_variants(parser, "play it on", "those that the file names, else legacy and patched")
    parser.add_argument("--claim", metavar="ID", help="show the run up to where this claim is broken")
    parser.add_argument("--json", action="store_true", help="print everything, step by step, for programs")
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="say only what was loaded, and what is as expected and what is not",
    )
    parser.add_argument(
        "--bisect", action="store_true", help="for git bisect run: status 125 instead of 2, so that it skips"
    )


def run(options: argparse.Namespace) -> int:
    """Status 0 if all is as the file expects it, else 1.  Raises BadInput."""
    if options.claim is not None:
        find(options.claim)
    file = scenario_file.read(options.file)
    replays = replay.replay(file, chosen(options.variant, file.variants), options.file)
    if options.json:
        print(json.dumps(replay.as_json(file, replays), indent=1))
    elif options.quiet:
        names = [r.trace.variant for r in replays]
        print("\n".join([*origins(names), *replay.expectations(file, replays)]))
    else:
        print(replay.text(file, replays, options.claim), end="")
    return int(any(r.unmet for r in replays))
