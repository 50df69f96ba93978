"""Many workers on paper: the recorded times of a campaign's jobs, dealt out as they would be, to any number of workers.

A worker that is free takes the next job of the order in which an exploration gives them away: by the size that a situation has, which is
an estimate, so that the simulation has the same mistakes.  The scheduler, which is one process, gives away one job after the other.  What it
leaves out: that cores of one machine share its memory.
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from benchmarks.exploring import wall
from benchmarks.report import NotAvailable, Report
from oom_review.situations.families import SITUATIONS

WORKERS = [1, 2, 16, 256, 1000]


@attrs.define(frozen=True)
class Done:
    """A finished job: what it is called, its size as it was estimated, and what came of it."""

    name: str
    size: float
    seconds: float
    states: int


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="what `oom-review explore --resume FILE` wrote, without limits (default: explores all situations first, with one worker)",
    )
    parser.add_argument(
        "--workers", type=int, nargs="+", default=WORKERS, metavar="N", help="(default 1 2 16 256 1000)"
    )
    parser.add_argument(
        "--each",
        type=float,
        default=2.1,
        metavar="MS",
        help="what the scheduler takes for a job, in milliseconds (default 2.1, measured)",
    )
    parser.add_argument(
        "--times",
        type=int,
        default=1,
        metavar="N",
        help="as if there were N times as many kernels (default 1)",
    )


def run(given: argparse.Namespace) -> Report:
    done = (recorded(given.results) if given.results else explored()) * given.times
    work, longest = sum(d.seconds for d in done), max(done, key=lambda d: d.seconds)
    report = Report(
        "scale", f"{len(done)} jobs of {work:.0f} s in all, dealt out in the order of an exploration"
    )
    for workers in given.workers:
        wall = makespan([d.seconds for d in in_order(done)], workers, given.each / 1000)
        best = max(longest.seconds, work / workers)
        report.rows.append(
            {
                "workers": workers,
                "seconds": wall,
                "times as fast": work / wall,
                "efficiency": work / wall / workers,
                "at best": best,
            }
        )
    states = sum(d.states for d in done)
    median = sorted(d.seconds for d in done)[len(done) // 2]
    report.remarks += [
        f"the floor: {longest.name}, {longest.seconds:.3g} s, {longest.states:,} states",
        f"{states:,} states, {work / states * 1e6:.3g} µs for each; a job: {work / len(done):.3g} s on average, {median:.3g} s median",
    ]
    return report


def explored() -> list[Done]:
    """All situations on the four kernels, one job after the other."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "results"
        wall([sys.executable, "-m", "oom_review", "explore", "--jobs", "1", "--resume", str(path)])
        return recorded(path)


def recorded(path: Path) -> list[Done]:
    """The jobs in a results file, none of which hit a limit."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[1:]
        found = [json.loads(line) for line in lines]
        done = [_done(one) for one in found]
    except OSError as error:
        raise NotAvailable(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise NotAvailable(f"{path}: not the results of an exploration") from None
    bounded = [d.name for d, one in zip(done, found, strict=True) if one["bounded"]]
    if bounded:
        raise NotAvailable(f"{path}: {bounded[0]} hit a limit, so its time says nothing")
    if not done:
        raise NotAvailable(f"{path}: no job is finished")
    return done


def _done(one: dict[str, object]) -> Done:
    job, seconds, states = one["job"], one["elapsed"], one["states"]
    if not isinstance(job, dict) or not isinstance(seconds, (int, float)) or not isinstance(states, int):
        raise TypeError
    situation, variant = job["situation"], job["variant"]
    return Done(f"{situation} on {variant}", SITUATIONS[situation].size, seconds, states)


def in_order(done: Iterable[Done]) -> list[Done]:
    """As an exploration gives them away: the largest first."""
    return sorted(done, key=lambda d: d.size, reverse=True)


def makespan(seconds: Sequence[float], workers: int, each: float = 0.0) -> float:
    """When the last of them is done, if whoever is free takes the next, and one is given away after the other, ``each`` seconds apart."""
    free = [0.0] * workers
    for number, one in enumerate(seconds, 1):
        heapq.heapreplace(free, max(free[0], number * each) + one)
    return max(free)
