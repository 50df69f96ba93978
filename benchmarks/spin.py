"""From edit to answer, side by side: Spin generates, compiles and runs; ours starts Python and runs."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import NotAvailable, Report, Row, goal

PEER = {"legacy": "legacy", "patched": "rfc"}
ROOT = Path(__file__).parent.parent


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[2, 3, 4, 5], metavar="N", help="1 to 5 (default 2 to 5)"
    )
    parser.add_argument(
        "--limit", type=int, default=300, help="seconds after which either side is given up (default 300)"
    )


def run(given: argparse.Namespace) -> Report:
    missing = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
    if missing:
        raise NotAvailable(f"{' and '.join(missing)} not found: nothing to compare with")
    if not all(1 <= n <= 5 for n in given.threads):
        raise NotAvailable(f"--threads {given.threads}: the peer's model has 1 to 5")
    report = Report("spin", "wall seconds from edit to answer, core situation")
    for variant in PEER:
        for threads in given.threads:
            print(f"{variant}, N={threads} ...", flush=True)
            report.rows.append(side_by_side(variant, threads, given.limit))
    for r in report.rows:
        bound = 0.5 if r["N"] == 5 else 1.0
        cell = f"{r['variant']}, N={r['N']}: ours/Spin"
        if isinstance(r["ours/Spin"], str):
            report.remarks.append(f"goal {cell} < {bound}: {r['ours/Spin']}, NOT met")
        else:
            report.remarks.append(goal(cell, r["ours/Spin"], bound, above=False))
    return report


def side_by_side(variant: str, threads: int, limit: int) -> Row:
    peer_seconds, peer_states = peer(variant, threads, limit)
    seconds, states = ours(variant, threads, limit)
    row: Row = {"variant": variant, "N": threads}
    row["Spin s"] = peer_seconds if peer_seconds is not None else "no answer"
    row["Spin states"] = peer_states
    row["ours s"] = seconds if seconds is not None else "no answer"
    row["our states"] = states
    row["ours/Spin"] = "no ratio" if seconds is None or peer_seconds is None else seconds / peer_seconds
    return row


def peer(variant: str, threads: int, limit: int) -> tuple[float | None, int]:
    """Generation, compilation and search, as the peer's own script times them."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [
            sys.executable,
            "-m",
            "benchmarks.peers.run",
            "--variant",
            PEER[variant],
            "--threads",
            str(threads),
        ]
        command += ["--suspend", "--seconds", str(limit), "--json", str(result)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        if done.returncode:
            print(done.stderr.strip())
            return None, 0
        found = json.loads(result.read_text(encoding="utf-8"))
    return sum(found[f"{part}_seconds"] for part in ("generate", "compile", "run")), found["states"]


def ours(variant: str, threads: int, limit: int) -> tuple[float | None, int]:
    """The whole process, from the start of Python."""
    command = [sys.executable, "-m", "oom_review.explore.core", "--variant", variant]
    command += ["--threads", str(threads), "--seconds", str(limit)]
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    seconds = time.perf_counter() - begin
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) < 2:
        print((done.stderr or done.stdout).strip())
        return None, 0
    return seconds, int(lines[-1].split()[2])
