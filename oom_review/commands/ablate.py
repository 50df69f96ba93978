"""``oom-review ablate``: what each hunk of the RFC is worth, promise by promise."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from rich.console import Console

from oom_review.ablate import ablation
from oom_review.ablate.text import FORMAT, as_data, lines
from oom_review.commands import BAD_INPUT, INTERRUPTED
from oom_review.commands.options import add_jobs, add_quiet, again
from oom_review.errors import BadInput
from oom_review.explore import engines
from oom_review.files import check_target, write_over_ours
from oom_review.report.ablated import page
from oom_review.report.page import MARKER as PAGE
from oom_review.situations.exploration import Exploration
from oom_review.situations.results import Results
from oom_review.workers.cluster import ClusterGone

MARKER = f'"format": "{FORMAT}"'


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.description = (
        "Explore every mixture of the RFC's hunks that differs in what it does (160 kernels, docs/hunks.md) in six small situations, and say "
        "which hunks a promise needs, which mixtures are worse than either side, and which hunk alone would have been worth merging.  "
        "Status 1 if a limit was hit or a worker died."
    )
    parser.add_argument(
        "--resume", metavar="FILE", help="keep what is finished in FILE, and go on from what is there already"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write it as data, too")
    parser.add_argument("--out", metavar="PAGE.html", type=Path, help="write a page with a heat map, too")
    add_quiet(parser, "print no progress")
    add_jobs(parser)


def run(options: argparse.Namespace) -> int:
    """Status 0 if all was explored to the end, else 1; 130 if interrupted.  Raises BadInput."""
    engines.chosen()
    for path, marker in ((options.json, MARKER), (options.out, PAGE)):
        if path is not None:
            check_target(path, marker)
    jobs = ablation.jobs()
    results = Results(Path(options.resume), {job.variant for job in jobs}) if options.resume else None
    exploration = Exploration(jobs, results)
    try:
        exploration.run(options.jobs, Console(quiet=options.quiet))
    except KeyboardInterrupt:
        _stopped(exploration, options, "interrupted")
        return INTERRUPTED
    except ClusterGone as error:
        _stopped(exploration, options, str(error))
        return BAD_INPUT
    finally:
        if results is not None:
            results.close()
    found = ablation.of(exploration.outcomes.values(), exploration.lost)
    print(*lines(found), sep="\n")
    print(engines.said())
    if options.json:
        write_over_ours(options.json, json.dumps(as_data(found), indent=1) + "\n", MARKER)
    if options.out:
        write_over_ours(options.out, page(found), PAGE)
    return int(bool(found.bounded))


def _stopped(exploration: Exploration, options: argparse.Namespace, why: str) -> None:
    """What is finished is kept, and how to go on is said."""
    try:
        kept = options.resume or str(exploration.keep())
    except BadInput as error:
        sys.stderr.write(f"oom-review: {why}, and what was finished is lost: {error}\n")
        return
    done = f"{len(exploration.outcomes)} of {len(exploration.jobs)} explorations are finished"
    words = shlex.join(["oom-review", "ablate", "--resume", kept, *again(options)])
    sys.stderr.write(f"oom-review: {why}; {done}; to go on: {words}\n")
