"""``oom-review draw FILE --out PICTURE``: a scenario as lanes of its threads over time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from oom_review.commands.options import add_claims
from oom_review.files import STDOUT, check_target, write_over_ours
from oom_review.ledger import find
from oom_review.report import drawing as draw
from oom_review.scenario import file as scenario_file
from oom_review.variants.loading import DEFAULT_VARIANTS, known, load, origins


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.description = "Draw a scenario file as lanes of its threads over time, an SVG picture."
    parser.add_argument(
        "file", metavar="FILE", help="a scenario file (docs/scenario-format.md), or - for standard input"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        required=True,
        help="the picture; only an older one is overwritten; - for standard output",
    )
    parser.add_argument(
        "--variant", metavar="NAME", help="on this variant (default: the file's own, or legacy)"
    )
    add_claims(parser)
    parser.add_argument("--claim", metavar="ID", help="show where this claim is broken")


def run(options: argparse.Namespace) -> int:
    """Status 0 when it is drawn.  Raises BadInput."""
    if options.claim is not None:
        find(options.claim)
    if options.out != STDOUT:
        check_target(Path(options.out), draw.MARKER)
    file = scenario_file.read(options.file)
    own = file.settings.variant or DEFAULT_VARIANTS[0]
    variant = load(options.variant) if options.variant else known(own)
    text = draw.still(file, variant, options.claim or "", options.file)
    if options.out == STDOUT:
        sys.stdout.write(text)
    else:
        write_over_ours(Path(options.out), text, draw.MARKER)
        print("\n".join([options.out, *origins([variant.name])]))
    return 0
