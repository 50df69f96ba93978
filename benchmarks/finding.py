"""Examples, interleavings and seconds until each refuted claim is refuted, per scheduler, from an empty database."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterable

from benchmarks.report import NotAvailable, Report, Row, percentile
from oom_review.claims import BY_ID, CLAIMS, REFUTED, Claim
from oom_review.schedules.portfolio import MIXES
from oom_review.search import Verdict, search
from oom_review.variants import TITLES, load

NEVER = float("inf")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=30, help="searches for each row (default 30)")
    parser.add_argument(
        "--cap", type=int, default=2000, help="examples after which a search ends (default 2000)"
    )
    parser.add_argument("--scheduler", choices=MIXES, action="append", help="only this one; may be repeated")
    parser.add_argument(
        "--claim", choices=BY_ID, action="append", help="only this one; may be repeated", metavar="ID"
    )


def run(given: argparse.Namespace) -> Report:
    cells = [(c, v) for c in CLAIMS for v, expected in c.expected.items() if expected == REFUTED]
    if given.claim:
        cells = [(c, v) for c, v in cells if c.id in given.claim]
    if not cells:
        raise NotAvailable("no variant is expected to refute what was asked for")
    report = Report(
        "finding", f"until refuted, over {given.seeds} seeds, at most {given.cap} examples a search"
    )
    for claim, variant in cells:
        for scheduler in given.scheduler or MIXES:
            print(f"{claim.id} on {TITLES[variant]}: {scheduler} ...", flush=True)
            report.rows.append(row(claim, variant, scheduler, given.seeds, given.cap))
    report.remarks = [*judge(report.rows)]
    return report


def row(claim: Claim, variant: str, scheduler: str, seeds: int, cap: int) -> Row:
    verdicts = [
        search(load(variant), claim, max_examples=cap, first_seed=seed, shrink=False, mix=MIXES[scheduler])
        for seed in range(seeds)
    ]
    found = [v for v in verdicts if v.verdict == REFUTED]
    result: Row = {
        "claim": claim.id,
        "variant": TITLES[variant],
        "scheduler": scheduler,
        "not found": len(verdicts) - len(found),
    }
    for what in ("examples", "interleavings", "seconds"):
        # A search without success counts as one that never ends, so that it can't lower a median.
        values = [float(getattr(v, what)) if v in found else NEVER for v in verdicts]
        result[what] = number(statistics.median_high(values))
        result[f"{what} p95"] = number(percentile(values, 0.95))
    return result


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


__all__ = ["Verdict", "arguments", "run"]
