"""Does comparing find each of these bugs with default settings?  python tests/bugs/table.py [NAME ...] prints a row for each.

The scripts are those of a default ``oom-review compare oom_kernels.last_out NAME``, the small ones first, up to the first difference.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
BUGS = tuple(
    sorted(p.stem for p in HERE.glob("*.py") if p.stem != "table" and not p.stem.startswith("test_"))
)


def base_of(bug: str) -> str:
    """The fixed kernel's name."""
    return str(vars(import_module(bug))["VARIANT"].base.name)


def row(bug: str) -> str:
    """Name, what differs, where it was seen, after how many scripts and seconds."""
    from oom_review.commands.compare import PROGRAM_STATES, PROGRAMS, STATES  # noqa: PLC0415 - after sys.path
    from oom_review.compare.comparison import Bounds, jobs  # noqa: PLC0415
    from oom_review.compare.job import run  # noqa: PLC0415
    from oom_review.situations.families import QUICK, SITUATIONS  # noqa: PLC0415

    todo = jobs(
        (base_of(bug), bug),
        sorted((SITUATIONS[n] for n in QUICK), key=lambda s: s.size),
        (),
        Bounds(PROGRAMS, 0, PROGRAM_STATES),
        states=STATES,
    )
    began = time.monotonic()
    for number, job in enumerate(todo, 1):
        outcome = run(job)
        if outcome.passed_over:
            continue
        for found in outcome.found:
            if found.sure:
                only, instead = "; ".join(found.difference.only), "; ".join(found.difference.instead)
                side = ("base", "bug")[found.side]
                where = f"{job.name}, script {number} of {len(todo)}, {time.monotonic() - began:.0f} s"
                return f"| {bug} | only on the {side}: {only} (instead of: {instead}) | {where} |"
    return f"| {bug} | not found | {len(todo)} scripts, {time.monotonic() - began:.0f} s |"


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    for name in sys.argv[1:] or BUGS:
        print(row(name), flush=True)
