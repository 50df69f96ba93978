"""Examples, interleavings and seconds until each refuted claim is refuted, per scheduler, from an empty database."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

from benchmarks.report import NotAvailable, Report, Row, percentile
from oom_review.claims import BY_ID, CLAIMS, REFUTED
from oom_review.schedules.portfolio import MIXES
from oom_review.search.one_claim import search
from oom_review.variants.loading import TITLES, load

NEVER = float("inf")
# Seconds on the wall depend on what else the computer does; the goal is judged by processor time.
MEASURED = ("examples", "interleavings", "seconds", "wall")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=30, help="searches for each row (default 30)")
    parser.add_argument(
        "--cap", type=int, default=2000, help="examples after which a search ends (default 2000)"
    )
    parser.add_argument(
        "--limit", type=float, default=60.0, help="seconds after which a search ends (default 60)"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="rows at a time (default: the cores)"
    )
    parser.add_argument("--scheduler", choices=MIXES, action="append", help="only this one; may be repeated")
    parser.add_argument(
        "--claim", choices=BY_ID, action="append", help="only this one; may be repeated", metavar="ID"
    )


def run(given: argparse.Namespace) -> Report:
    cells = [(c.id, v) for c in CLAIMS for v, expected in c.expected.items() if expected == REFUTED]
    if given.claim:
        cells = [(claim, v) for claim, v in cells if claim in given.claim]
    if not cells:
        raise NotAvailable("no variant is expected to refute what was asked for")
    report = Report(
        "finding",
        f"until refuted, over {given.seeds} seeds, at most {given.cap} examples and {given.limit:g} s a search, "
        f"{given.workers} rows at a time",
    )
    wanted = [(*cell, scheduler) for cell in cells for scheduler in given.scheduler or MIXES]
    with ProcessPoolExecutor(given.workers) as pool:
        for result in pool.map(row, wanted, repeat(given.seeds), repeat(given.cap), repeat(given.limit)):
            print(f"{result['claim']} on {result['variant']}: {result['scheduler']}", flush=True)
            report.rows.append(result)
    report.remarks = [*judge(report.rows)]
    return report


def row(wanted: tuple[str, str, str], seeds: int, cap: int, limit: float) -> Row:
    """``wanted``: claim, variant, scheduler."""
    claim, variant, scheduler = wanted
    # Once for what is computed once: rules, strategies, code that is specialised.
    search(load(variant), BY_ID["count-never-negative"], max_examples=20, mix=MIXES[scheduler])
    searches = [one(claim, variant, scheduler, seed, cap, limit) for seed in range(seeds)]
    result: Row = {
        "claim": claim,
        "variant": TITLES[variant],
        "scheduler": scheduler,
        "not found": searches.count(None),
    }
    for what in MEASURED:
        # A search without success counts as one that never ends, so that it can't lower a median.
        values = [NEVER if found is None else found[what] for found in searches]
        result[what] = number(statistics.median_high(values))
        result[f"{what} p95"] = number(percentile(values, 0.95))
    return result


def one(
    claim: str, variant: str, scheduler: str, seed: int, cap: int, limit: float
) -> dict[str, float] | None:
    """What a search cost; None if it found nothing."""
    begin = time.process_time()
    verdict = search(
        load(variant),
        BY_ID[claim],
        max_examples=cap,
        first_seed=seed,
        until=time.monotonic() + limit,
        shrink=False,
        mix=MIXES[scheduler],
    )
    if verdict.verdict != REFUTED:
        return None
    costs = (verdict.examples, verdict.interleavings, time.process_time() - begin, verdict.seconds)
    return dict(zip(MEASURED, costs, strict=True))


def number(value: float) -> float | str:
    return "not found" if value == NEVER else value


def judge(rows: list[Row]) -> Iterable[str]:
    """The goals: fewer than 50 examples and a second for the portfolio, and fewer than uniform where that finds it hard."""
    examples = {(r["claim"], r["variant"], r["scheduler"]): r["examples"] for r in rows}
    for r in rows:
        if r["scheduler"] != "portfolio":
            continue
        cell = f"{r['claim']} on {r['variant']}"
        met = r["examples"] != "not found" and r["examples"] < 50 and r["seconds"] < 1
        yield f"goal {cell}: portfolio's median below 50 examples and 1 s: {'met' if met else 'NOT met'}"
        uniform = examples.get((r["claim"], r["variant"], "uniform"))
        if uniform == "not found" or (uniform is not None and uniform >= 50):
            better = r["examples"] != "not found" and (uniform == "not found" or r["examples"] < uniform)
            yield f"goal {cell}: portfolio below uniform, which finds it hard: {'met' if better else 'NOT met'}"
