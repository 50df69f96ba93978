"""The explorer: growth with the number of threads and of concurrent operations, two workers over one, memory over many executions."""

from __future__ import annotations

import argparse
import multiprocessing
import time
from pathlib import Path

import attrs

from benchmarks.plot import plot
from benchmarks.report import NotAvailable, Report, Row, goal
from oom_review.explore import Limits, explore
from oom_review.explore.core import core_situation
from oom_review.scenario import Op, Scenario
from oom_review.variants import TITLES, load

VARIANTS = ("legacy_tifmemdie", "patched")
# In this order each takes part; the first makes the OOM kill.
RIVALS = ("charge", "suspend", "wait")


def growth_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6], metavar="N", help="(default 1 to 6)"
    )
    parser.add_argument(
        "--limit", type=float, default=120.0, help="seconds after which a row is given up (default 120)"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw states against N as SVG; no file is overwritten"
    )


def growth(given: argparse.Namespace) -> Report:
    if min(given.threads) < 1:
        raise NotAvailable(f"--threads {min(given.threads)}: a group has at least one thread")
    if given.plot is not None and given.plot.exists():
        raise NotAvailable(f"{given.plot} is there already")
    report = Report(
        "growth",
        "all interleavings of the core situation against N, and of N=2 against concurrent operations",
    )
    for name in VARIANTS:
        report.rows += [explored(core_situation(n), name, n, len(RIVALS), given.limit) for n in given.threads]
        report.rows += [
            explored(with_rivals(2, count), name, 2, count, given.limit) for count in range(1, len(RIVALS))
        ]
    if given.plot is not None:
        lines = {
            TITLES[name]: [
                (r["N"], r["states"])
                for r in report.rows
                if r["variant"] == TITLES[name] and r["operations"] == len(RIVALS) and r["end"] == "all"
            ]
            for name in VARIANTS
        }
        try:
            given.plot.write_text(plot(lines, "threads of the victim", "states"), encoding="utf-8")
        except OSError as error:
            raise NotAvailable(f"cannot write {given.plot}: {error.strerror}") from None
    return report


def with_rivals(threads: int, count: int) -> Scenario:
    """The core situation with the first so many of its concurrent operations."""
    whole = core_situation(threads)
    late = {op for op in whole.operations[-len(RIVALS) :] if op.name in RIVALS[count:]}
    return attrs.evolve(whole, items=tuple(i for i in whole.items if not (isinstance(i, Op) and i in late)))


def explored(scenario: Scenario, variant: str, threads: int, operations: int, limit: float) -> Row:
    begin = time.perf_counter()
    result = explore(scenario, load(variant), limits=Limits(None, limit))
    seconds = time.perf_counter() - begin
    return {
        "variant": TITLES[variant],
        "N": threads,
        "operations": operations,
        "states": result.counts.states,
        "transitions": result.counts.transitions,
        "executions": result.counts.executions,
        "seconds": seconds,
        "end": result.bounded or "all",
    }


def cores_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, default=2, help="of the victims (default 2)")
    parser.add_argument(
        "--tasks", type=int, default=8, help="how often the situation is explored (default 8)"
    )


def cores(given: argparse.Namespace) -> Report:
    if given.tasks < 2:
        raise NotAvailable(f"--tasks {given.tasks}: two workers need two")
    jobs = [(given.threads, VARIANTS[i % 2]) for i in range(given.tasks)]
    report = Report("cores", f"{given.tasks} explorations of the core situation with N={given.threads}")
    for workers in (1, 2):
        begin = time.perf_counter()
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            pool.starmap(states_of, jobs, chunksize=1)
        report.rows.append({"workers": workers, "seconds": time.perf_counter() - begin})
    one, two = (r["seconds"] for r in report.rows)
    report.remarks.append(goal("1 worker's time over that of 2", one / two, 1.8, above=True))
    return report


def states_of(threads: int, variant: str) -> int:
    return explore(core_situation(threads), load(variant)).counts.states


def memory_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--executions", type=int, default=20_000, help="of one worker, in all (default 20000)"
    )


def memory(given: argparse.Namespace) -> Report:
    """Explores the core situation with N=1 again and again in one process."""
    report = Report("memory", f"resident size of a worker over {given.executions} executions")
    scenario, variant = core_situation(1), load("patched")
    marks = {"start": 1, "middle": given.executions // 2, "end": given.executions}
    executions = 0
    for when, mark in marks.items():
        while executions < mark:
            executions += explore(scenario, variant).counts.executions
        report.rows.append({"when": when, "executions": executions, "resident MB": resident()})
    middle, end = report.rows[1]["resident MB"], report.rows[2]["resident MB"]
    report.remarks.append(goal("resident size at the end over the middle", end / middle, 1.05, above=False))
    return report


def resident() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        raise NotAvailable("the resident size is read from /proc/self/statm, which is not there") from None
    return pages * 4096 / 1e6
