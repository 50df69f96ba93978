"""``oom-review report``: verdicts in, one page out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from oom_review.commands.options import add_quiet, add_search
from oom_review.errors import BadInput
from oom_review.files import STDOUT, check_target, write_over_ours
from oom_review.report.page import MARKER, page
from oom_review.variants.loading import DEFAULT_VARIANTS, load_all, origins
from oom_review.verdicts import only, read


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.description = (
        "Write one page with all verdicts and a player for every counterexample.  Without --review, a review is made first.  "
        "Status 1 if a verdict is not the expected one."
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        required=True,
        help="the page; only an older report is overwritten; - for standard output",
    )
    parser.add_argument("--review", metavar="FILE", help="what `oom-review review --json FILE` wrote")
    add_search(parser)
    add_quiet(parser, "print where the page is, and no progress of a review")


def run(options: argparse.Namespace) -> int:
    """Exit status 0 when the page is written and every verdict is as expected, else 1.  Raises BadInput."""
    to_file = options.out != STDOUT
    if to_file:
        # Before a review that takes minutes, not after it.
        check_target(Path(options.out), MARKER)
    given = load_all(options.variant or ())
    if options.review:
        review = read(Path(options.review))
        review = only(review, options.claim) if options.claim else review
    else:
        # It needs Hypothesis, which takes a while to load.
        from oom_review.commands.review import compared, expected_of, reviewed  # noqa: PLC0415
        from oom_review.review.review import BY_THE_USER  # noqa: PLC0415

        # What is said of its progress must not stand in the page.
        console = Console(stderr=not to_file)
        expected = expected_of(options)
        names = expected.with_bases(v.name for v in given or load_all(DEFAULT_VARIANTS))
        done = compared(console, options, reviewed(console, names, options, expected, whole=True))
        if done.interrupted:
            raise KeyboardInterrupt if done.interrupted == BY_THE_USER else BadInput(done.interrupted)
        review = done.review
    text = page(review, options.review or "this review")
    if to_file:
        write_over_ours(Path(options.out), text, MARKER)
        refuted = sum(c.verdict == "refuted" for c in review.claims)
        print(f"{options.out}: {len(review.claims)} verdicts, {refuted} refuted; {len(text.encode())} bytes")
        print(*origins(review.variants), sep="\n")
    else:
        sys.stdout.write(text)
    return 0 if review.as_expected else 1
