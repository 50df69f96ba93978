"""``oom-review kernels list``: which situations a real kernel can be brought into, and why not the others."""

from __future__ import annotations

import argparse

from oom_review.observed.translation import translated
from oom_review.situations.families import EVERY, select


def arguments(parser: argparse.ArgumentParser) -> None:
    """The action's options."""
    parser.description = (
        "Say of each situation whether the probe can bring a real kernel into it, and if not, why."
    )
    parser.add_argument("--situation", metavar="GLOB", action="append", help="only these; may be repeated")
    parser.add_argument("--script", action="store_true", help="print what the probe is told, too")


def run(options: argparse.Namespace) -> int:
    """Status 0.  Raises BadInput."""
    chosen = select(options.situation, [], None) if options.situation else list(EVERY.values())
    played = [(s, translated(s)) for s in chosen]
    for situation, script in played:
        print(f"{situation.name}: {script if isinstance(script, str) else situation.sentence}")
        if options.script and not isinstance(script, str):
            print(*(f"    {line}" for line in script.lines), sep="\n")
    count = sum(not isinstance(script, str) for _situation, script in played)
    print(f"{count} of {len(played)} situations can be played on a real kernel")
    return 0
