"""``oom-review report``: verdicts in, one page out."""

from __future__ import annotations

import argparse
from pathlib import Path

from oom_review.files import check_target, write_over_ours
from oom_review.report.build import MARKER, page
from oom_review.report.verdicts import Review, from_data, read


def main(arguments: argparse.Namespace) -> int:
    """Exit status 0 when the page is written and every verdict is as expected, else 1.  Raises BadInput."""
    target = Path(arguments.out)
    # Before a review that takes minutes, not after it.
    check_target(target, MARKER)
    source = arguments.review or "this review"
    review = read(Path(source)) if arguments.review else _reviewed(arguments)
    text = page(review, source)
    write_over_ours(target, text, MARKER)
    refuted = sum(c.verdict == "refuted" for c in review.claims)
    print(f"{target}: {len(review.claims)} verdicts, {refuted} refuted; {len(text.encode())} bytes")
    return 0 if all(c.verdict == c.expected for c in review.claims) else 1


def _reviewed(arguments: argparse.Namespace) -> Review:
    # These need Hypothesis, which takes a while to load.
    from oom_review import review_command  # noqa: PLC0415
    from oom_review.review import Progress, review  # noqa: PLC0415
    from oom_review.variants import load  # noqa: PLC0415

    def tell(step: Progress) -> None:
        print(f"{step.done}/{step.total} jobs, {step.examples} examples: {step.last}", flush=True)

    names = list(dict.fromkeys(load(n).name for n in arguments.variant or review_command.DEFAULT_VARIANTS))
    found = review(names, budget=arguments.budget, jobs=arguments.jobs, first_seed=arguments.seed, tell=tell)
    return from_data(review_command.as_data(found), "this review")
