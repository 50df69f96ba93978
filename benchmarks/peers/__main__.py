"""python -m benchmarks.peers record|compare: keep what Spin finds of core.pml, and set our exploration beside it."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.limited import Stopped, limited
from benchmarks.peers import twin
from benchmarks.peers.ours import Explored
from benchmarks.peers.run import USAGE_ERROR, Configuration, Limits, Parser, RunError, positive, thread_count
from benchmarks.peers.worker import timed

AGREED, DIFFERENT = 0, 1
SAME, PART, STOPPED, DIFFERS = "same", "part of it", "part of it so far", "DIFFERENT"


def parser() -> argparse.ArgumentParser:
    result = Parser(prog="python -m benchmarks.peers", description=__doc__)
    commands = result.add_subparsers(dest="command", required=True, metavar="record|compare")
    one = commands.add_parser("record", help="search core.pml in all configurations, write what was found")
    one.add_argument("file", type=Path, metavar="FILE", help="a new file: none is overwritten")
    one.add_argument("--threads", type=thread_count, nargs="+", default=[1, 2, 3, 4], metavar="N")
    one.add_argument("--memory", type=positive, default=2048, metavar="MB", help="(default 2048)")
    one.add_argument("--seconds", type=positive, default=400, metavar="S", help="per tool (default 400)")
    two = commands.add_parser("compare", help="explore the same with ours; 1 unless all agree")
    two.add_argument(
        "--threads", type=thread_count, nargs="+", default=[1, 2], metavar="N", help="(default 1 2)"
    )
    two.add_argument(
        "--only", nargs="+", default=[], metavar="WORD", help="of the name that is printed, all of these"
    )
    two.add_argument(
        "--stored", type=Path, default=twin.STORED, metavar="FILE", help="what record has written"
    )
    two.add_argument("--seconds", type=positive, default=120, metavar="S", help="per scenario (default 120)")
    two.add_argument(
        "--memory", type=positive, default=2048, metavar="MB", help="per configuration (default 2048)"
    )
    two.add_argument(
        "--at-rest",
        action="store_true",
        help="sleeps end only when nothing else can run: far less to explore, and a part of the twin's outcomes",
    )
    two.add_argument(
        "--whole", action="store_true", help="with the OOM reaper, and a charge that is tried again and again"
    )
    return result


def record(given: argparse.Namespace) -> int:
    if given.file.exists():
        raise RunError(f"{given.file} is there already", USAGE_ERROR)
    if not given.file.absolute().parent.is_dir():
        raise RunError(f"no directory for {given.file}", USAGE_ERROR)
    text = twin.as_text(twin.record(given.threads, Limits(given.memory, given.seconds, reduced=True)))
    try:
        with given.file.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise RunError(f"cannot write {given.file}: {error.strerror}", USAGE_ERROR) from None
    return AGREED


def compare(given: argparse.Namespace) -> int:
    digest, found = twin.load(given.stored)
    if digest != twin.digest():
        raise RunError(f"{given.stored} is of another core.pml: record it again", USAGE_ERROR)
    asked = [
        c
        for n in given.threads
        for c in twin.configurations(n)
        if set(given.only) <= set(twin.name(c).split())
    ]
    missing = [twin.name(c) for c in asked if c not in found]
    if missing or not asked:
        raise RunError(f"{given.stored} lacks {missing[0] if missing else 'what was asked for'}", USAGE_ERROR)
    tally: Counter[str] = Counter()
    begin = time.perf_counter()
    for c in asked:
        ours, seconds = in_limits(c, given)
        verdict = judged(ours, found[c], c.threads, at_rest=given.at_rest)
        tally[verdict] += 1
        show(c, ours, found[c], verdict, seconds)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in tally.items())
    print(f"{len(asked)} configurations: {counts}; {time.perf_counter() - begin:.0f} s")
    return AGREED if set(tally) <= {SAME, PART} else DIFFERENT


def in_limits(c: Configuration, given: argparse.Namespace) -> tuple[Explored, float]:
    """In a process of its own; it has up to two scenarios, and looks at the clock itself."""
    patience = 4 * given.seconds + 60
    try:
        return limited(given.memory, patience, timed, c, given.seconds, not given.at_rest, given.whole)
    except Stopped as limit:
        return Explored(frozenset(), frozenset(), 0, 0, f"stopped at {limit}"), 0.0


def judged(ours: Explored, found: twin.Found, threads: int, *, at_rest: bool) -> str:
    """Outcomes and verdicts at once.  Nothing that stopped early, or lets sleeps end at rest only, can be the same."""
    refuted = twin.refuted(found.outcomes, threads)
    if not (ours.outcomes <= set(found.outcomes) and ours.refuted <= refuted):
        return DIFFERS
    if ours.bounded:
        return STOPPED
    if ours.outcomes == set(found.outcomes) and ours.refuted == refuted:
        return SAME
    return PART if at_rest else DIFFERS


def show(c: Configuration, ours: Explored, found: twin.Found, verdict: str, seconds: float) -> None:
    counts = f"{len(ours.outcomes)} of {len(found.outcomes)} outcomes"
    states = f"{ours.states} states, Spin {found.states}"
    print(
        f"{twin.name(c)}: {verdict}, {counts}, {states}, {seconds:.1f} s {ours.bounded}".rstrip(), flush=True
    )
    if verdict == DIFFERS:
        for title, only in (
            ("only twin", set(found.outcomes) - ours.outcomes),
            ("only ours", ours.outcomes - set(found.outcomes)),
        ):
            for outcome in sorted(only):
                print(f"    {title}: {outcome}")
        print(
            f"    refuted: twin {sorted(twin.refuted(found.outcomes, c.threads))}, ours {sorted(ours.refuted)}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    try:
        return record(given) if given.command == "record" else compare(given)
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status


if __name__ == "__main__":
    sys.exit(main())
