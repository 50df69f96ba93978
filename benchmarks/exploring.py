"""The explorer: growth with the number of threads and of concurrent operations, two workers over one, memory over many executions."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from benchmarks.core import core_situation
from benchmarks.limited import Stopped, limited
from benchmarks.plot import plot
from benchmarks.report import NotAvailable, Report, Row, goal
from oom_review.explore import Bounds, Limits, explore
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.variants.loading import TITLES, load

ROOT = Path(__file__).parent.parent
VARIANTS = ("legacy_tifmemdie", "patched")
# In this order each takes part; the first makes the OOM kill.  The core situation has the first three.
RIVALS = (
    Op("charge", "c"),
    Op("suspend", "init"),
    Op("wait", "p"),
    Op("alloc", "kworker"),
    Op("exit_group", "v"),
)
CORE = 3
SLEEPS = {"rest": "at rest", "any": "at any time"}


def growth_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6], metavar="N", help="(default 1 to 6)"
    )
    parser.add_argument(
        "--sleeps",
        nargs="+",
        choices=list(SLEEPS),
        default=list(SLEEPS),
        metavar="WHEN",
        help="when sleeps end: rest, any (default: both)",
    )
    parser.add_argument(
        "--limit", type=float, default=180.0, help="seconds after which a row is stopped (default 180)"
    )
    parser.add_argument(
        "--memory", type=int, default=3072, metavar="MB", help="at which a row is stopped (default 3072)"
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
    for sleeps in dict.fromkeys(given.sleeps):
        for name in VARIANTS:
            against_threads = [(n, CORE) for n in sorted(set(given.threads))]
            against_rivals = [(2, count) for count in range(1, len(RIVALS) + 1)]
            for sizes in (against_threads, against_rivals):
                report.rows += until_stopped(name, sleeps, sizes, given)
    if given.plot is not None:
        draw(report.rows, given.plot)
    return report


def until_stopped(
    name: str, sleeps: str, sizes: list[tuple[int, int]], given: argparse.Namespace
) -> list[Row]:
    """Whatever is larger than what was stopped is not tried."""
    rows: list[Row] = []
    for threads, count in sizes:
        print(f"{TITLES[name]}, sleeps end {SLEEPS[sleeps]}, N={threads}, {count} operations ...", flush=True)
        row: Row = {
            "variant": TITLES[name],
            "sleeps end": SLEEPS[sleeps],
            "N": threads,
            "operations": count,
        }
        begin = time.perf_counter()
        try:
            # The child stops by itself at its limit; it gets as long again for what comes after.
            patience = 2 * given.limit + 60
            counts = limited(given.memory, patience, explored, threads, count, name, sleeps, given.limit)
        except Stopped as limit:
            counts = {"states": "", "transitions": "", "executions": "", "end": f"stopped at {limit}"}
        rows.append({**row, "seconds": time.perf_counter() - begin, **counts})
        if counts["end"] != "all":
            break
    return rows


def draw(rows: list[Row], path: Path) -> None:
    lines: dict[str, list[tuple[int, int]]] = {}
    for r in rows:
        if r["operations"] == CORE and r["end"] == "all":
            line = lines.setdefault(f"{r['variant']}, {r['sleeps end']}", [])
            if (r["N"], r["states"]) not in line:
                line.append((r["N"], r["states"]))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(plot(lines, "threads of the victim", "states"))
    except OSError as error:
        raise NotAvailable(f"cannot write {path}: {error.strerror}") from None


def with_rivals(threads: int, count: int) -> Scenario:
    """The core situation with so many concurrent operations."""
    whole = core_situation(threads)
    before = whole.items[: -CORE - 1]
    assert whole.items[len(before) :] == (*RIVALS[:CORE], Run())
    return attrs.evolve(whole, items=(*before, *RIVALS[:count], Run()))


def explored(threads: int, operations: int, variant: str, sleeps: str, limit: float) -> Row:
    result = explore(
        with_rivals(threads, operations),
        load(variant),
        limits=Limits(None, limit),
        bounds=Bounds(short_sleeps=sleeps == "any"),
    )
    return {
        "states": result.counts.states,
        "transitions": result.counts.transitions,
        "executions": result.counts.executions,
        "end": result.stopped or "all",
    }


def cores_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=int, default=2, help="the situations with victims of so many or fewer (default 2)"
    )
    parser.add_argument("--situation", metavar="GLOB", help="only these (default: all)")
    parser.add_argument(
        "--states", type=int, default=10_000, help="at which each exploration stops (default 10000)"
    )
    parser.add_argument("--repeats", type=int, default=5, help="in turns, median (default 5)")
    parser.add_argument(
        "--cluster", action="store_true", help="with workers of a cluster, started on this machine for it"
    )


def cores(given: argparse.Namespace) -> Report:
    command = [sys.executable, "-m", "oom_review", "explore", "--threads", str(given.threads)]
    command += ["--states", str(given.states)]
    if given.situation is not None:
        command += ["--situation", given.situation]
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for i in range(given.repeats):
        # Neither is always the first: the computer may be slower at one time than at another.
        for workers in ((1, 2), (2, 1))[i % 2]:
            print(f"{i + 1} of {given.repeats}, {workers} workers ...", flush=True)
            with workers_of(workers, cluster=given.cluster) as words:
                seconds[workers].append(wall([*command, *words]))
    report = Report(
        "cores", f"wall seconds of {' '.join(['oom-review', *command[3:]])}, median of {given.repeats}"
    )
    report.rows += [
        {"workers": n, "seconds": statistics.median(all_of), "least": min(all_of), "most": max(all_of)}
        for n, all_of in seconds.items()
    ]
    one, two = (r["seconds"] for r in report.rows)
    least = 1.85 if given.cluster else 1.8
    report.remarks.append(goal("1 worker's time over that of 2", one / two, least, above=True))
    return report


@contextmanager
def workers_of(count: int, *, cluster: bool) -> Iterator[list[str]]:
    """The words that ask for so many workers, which are there meanwhile."""
    if not cluster:
        yield ["--jobs", str(count)]
        return
    from distributed import LocalCluster  # noqa: PLC0415 - takes a second

    with LocalCluster(
        n_workers=count, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as there:
        yield ["--cluster", there.scheduler_address]


def wall(command: list[str]) -> float:
    """Of the whole process.  Verdicts and limits are of no interest here, bad arguments are."""
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode not in (0, 1):
        raise NotAvailable((done.stderr.strip() or "oom-review explore failed").splitlines()[-1])
    return time.perf_counter() - begin


def memory_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--executions", type=int, default=1_000_000, help="of one worker, in all (default 1000000)"
    )
    parser.add_argument("--threads", type=int, default=2, help="of the victim (default 2)")


def memory(given: argparse.Namespace) -> Report:
    """One process explores the core situation again and again, on both variants in turns, as a worker does with its jobs."""
    report = Report(
        "memory",
        f"resident size of a worker over {given.executions} executions, explorations of the core situation, N={given.threads}",
    )
    scenario, variants = core_situation(given.threads), [load(name) for name in VARIANTS]
    marks = {"start": 1, "middle": given.executions // 2, "end": given.executions}
    executions = explorations = 0
    begin = time.perf_counter()
    for when, mark in marks.items():
        while executions < mark:
            variant = variants[explorations % len(variants)]
            executions += explore(scenario, variant).counts.executions
            explorations += 1
        report.rows.append(
            {
                "when": when,
                "executions": executions,
                "explorations": explorations,
                "seconds": time.perf_counter() - begin,
                "resident MB": resident(),
            }
        )
    middle, end = report.rows[1]["resident MB"], report.rows[2]["resident MB"]
    report.remarks.append(goal("resident size at the end over the middle", end / middle, 1.05, above=False))
    return report


def resident() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        raise NotAvailable("the resident size is read from /proc/self/statm, which is not there") from None
    return pages * 4096 / 1e6
