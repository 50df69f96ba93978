"""The explorer's two engines side by side: the same states, and what each costs."""

from __future__ import annotations

import argparse
import os
import resource
import time

from benchmarks.core import core_situation
from benchmarks.limited import Stopped, limited
from benchmarks.report import NotAvailable, Report, Row, goal
from oom_review.explore import Limits, engines, explore
from oom_review.variants.loading import TITLES, load

VARIANTS = ("legacy_tifmemdie", "patched")
ENGINES = (engines.PYTHON, engines.COMPILED)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, default=2, help="of the victim (default 2)")
    parser.add_argument(
        "--states", type=int, default=100_000, help="at which each exploration stops (default 100000)"
    )
    parser.add_argument(
        "--memory", type=int, default=6144, metavar="MB", help="at which a row is stopped (default 6144)"
    )


def run(given: argparse.Namespace) -> Report:
    """Each in a process of its own, in turns."""
    if isinstance(engines.core(), str):
        raise NotAvailable(f"there is no compiled core: {engines.core()}")
    report = Report(
        "engines",
        f"processor time of the core situation, N={given.threads}, sleeps end at any time, up to {given.states} states",
    )
    for variant in VARIANTS:
        rows = []
        for engine in ENGINES:
            print(f"{TITLES[variant]}, {engine} ...", flush=True)
            try:
                row = limited(given.memory, 3600, explored, engine, variant, given.threads, given.states)
            except Stopped as limit:
                raise NotAvailable(f"{engine} was stopped at {limit}") from None
            rows.append({"variant": TITLES[variant], "engine": engine, **row})
        python, compiled = rows
        assert (python["states"], python["transitions"]) == (compiled["states"], compiled["transitions"])
        report.rows += rows
        report.remarks.append(
            f"{TITLES[variant]}: the compiled core is {python['seconds'] / compiled['seconds']:.1f} times as fast"
        )
        report.remarks.append(
            goal(f"{TITLES[variant]}: bytes a state", compiled["bytes a state"], 300, above=False)
        )
    return report


def explored(engine: str, variant: str, threads: int, states: int) -> Row:
    os.environ[engines.ASKED] = engine
    scenario, kernel = core_situation(threads), load(variant)
    # Whatever is loaded once is no state's.
    explore(scenario, kernel, limits=Limits(states=100))
    before = resource.getrusage(resource.RUSAGE_SELF)
    begin = time.process_time()
    result = explore(scenario, kernel, limits=Limits(states=states))
    seconds = time.process_time() - begin
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before.ru_maxrss
    count = result.counts.states
    return {
        "states": count,
        "transitions": result.counts.transitions,
        "end": "all" if not result.stopped else result.stopped,
        "seconds": seconds,
        "µs a state": seconds / count * 1e6,
        "bytes a state": more * 1024 / count,
    }
