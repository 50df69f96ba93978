"""``oom-review replay FILE``: a scenario in columns, on each variant, with all that there was to see."""

from __future__ import annotations

import argparse
import json

from oom_review.claims import find
from oom_review.scenario import file as scenario_file
from oom_review.show import replay
from oom_review.variants import PAIR, load_all


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
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


def run(options: argparse.Namespace) -> int:
    """Status 0 if all is as the file expects it, else 1.  Raises BadInput."""
    if options.claim is not None:
        find(options.claim)
    file = scenario_file.read(options.file)
    replays = replay.replay(file, load_all(options.variant or PAIR), options.file)
    if options.json:
        print(json.dumps(replay.as_json(file, replays), indent=1))
    else:
        print(replay.text(file, replays, options.claim), end="")
    return int(any(r.unmet for r in replays))
