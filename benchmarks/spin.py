"""From edit to answer, side by side: Spin generates, compiles and runs; ours starts Python and runs."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import attrs

from benchmarks.report import NotAvailable, Report, Row, goal, text

PEER = {"legacy": "legacy", "patched": "rfc"}
ROOT = Path(__file__).parent.parent
# Whoever is that fast is asked again: the start of a process, or a compiler, varies.
SHORT = 20.0

LINES = {
    "rest": "core situation, sleeps end at rest",
    "any": "core situation, sleeps end at any time",
    "twin": "the twin's situation, sleeps end at any time",
}


@attrs.define(frozen=True)
class Answer:
    """Wall seconds and stored states; ``stopped`` is empty, or says why there is no answer."""

    seconds: float
    states: int
    stopped: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[2, 3, 4, 5], metavar="N", help="1 to 5 (default 2 to 5)"
    )
    parser.add_argument(
        "--lines",
        nargs="+",
        choices=list(LINES),
        default=list(LINES),
        metavar="LINE",
        help="of ours: "
        + "; ".join(f"{name}: {what}" for name, what in LINES.items())
        + ". Spin's sleeps end at any time (default: all)",
    )
    parser.add_argument(
        "--limit", type=int, default=180, help="seconds after which either side is stopped (default 180)"
    )
    parser.add_argument(
        "--memory",
        type=int,
        default=3072,
        metavar="MB",
        help="at which either side is stopped (default 3072)",
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help=f"in turns, median, if shorter than {SHORT:.0f} s (default 3)"
    )


def run(given: argparse.Namespace) -> Report:
    missing = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
    if missing:
        raise NotAvailable(f"{' and '.join(missing)} not found: nothing to compare with")
    if not all(1 <= n <= 5 for n in given.threads):
        raise NotAvailable(f"--threads {given.threads}: the peer's model has 1 to 5")
    report = Report(
        "spin",
        f"wall seconds from edit to answer; stopped after {given.limit} s or at {given.memory} MB is no answer",
    )
    for variant in PEER:
        stopped: dict[str, int] = {}
        for threads in sorted(given.threads):
            report.rows += side_by_side(variant, threads, given, stopped)
    report.remarks = [remark(row) for row in report.rows]
    report.remarks.append(
        "Spin's sleeps end at any time, so that 'any time' is the like for like; the core situation has an OOM reaper"
        " and a charge that is tried again and again besides, the twin's has not, on either side."
    )
    return report


def side_by_side(variant: str, threads: int, given: argparse.Namespace, stopped: dict[str, int]) -> list[Row]:
    """In turns.  A line of ours that was stopped with fewer threads is not tried with more."""
    lines = [line for line in given.lines if line not in stopped]
    runs: dict[str, list[Answer]] = {name: [] for name in ("spin", *lines)}
    for _ in range(given.repeats):
        for name, answers in runs.items():
            if answers and (answers[-1].stopped or answers[-1].seconds > SHORT):
                continue
            print(f"{variant}, N={threads}: {name} ...", flush=True)
            answers.append(
                peer(variant, threads, given) if name == "spin" else ours(name, variant, threads, given)
            )
    medians = {name: median(answers) for name, answers in runs.items()}
    for line in given.lines:
        if line in stopped:
            medians[line] = Answer(0, 0, f"not run: N={stopped[line]} was stopped")
        elif medians[line].stopped:
            stopped[line] = threads
    return [row(variant, threads, line, medians["spin"], medians[line]) for line in given.lines]


def median(answers: list[Answer]) -> Answer:
    return attrs.evolve(answers[-1], seconds=statistics.median(a.seconds for a in answers))


def row(variant: str, threads: int, line: str, spin: Answer, mine: Answer) -> Row:
    both = not spin.stopped and not mine.stopped
    ratio = mine.seconds / spin.seconds if both else "only ours" if not mine.stopped else "no answer"
    return {
        "variant": variant,
        "N": str(threads),
        "Spin s": cell(spin),
        "Spin states": states(spin),
        "ours": LINES[line],
        "ours s": cell(mine),
        "our states": states(mine),
        "ours/Spin": ratio,
    }


def cell(answer: Answer) -> str:
    return answer.stopped or text(answer.seconds)


def states(answer: Answer) -> str:
    if not answer.states:
        return ""
    return f"{'over ' if answer.stopped else ''}{answer.states:,}"


def remark(r: Row) -> str:
    bound = 0.5 if r["N"] == "5" else 1.0
    what = f"{r['variant']}, N={r['N']}, {r['ours']}: ours/Spin"
    if isinstance(r["ours/Spin"], float):
        return goal(what, r["ours/Spin"], bound, above=False)
    if r["ours/Spin"] == "only ours":
        return f"goal {what} < {bound}: met, Spin {r['Spin s']}"
    return f"goal {what} < {bound}: no answer, NOT met"


def peer(variant: str, threads: int, given: argparse.Namespace) -> Answer:
    """Its own best: with compressed states if memory is too small for an answer without."""
    first = spin(variant, threads, given, [])
    return spin(variant, threads, given, ["--collapse"]) if " MB " in first.stopped else first


def spin(variant: str, threads: int, given: argparse.Namespace, more: list[str]) -> Answer:
    """Generation, compilation and search, as the peer's own script times them."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.peers.run", "--variant", PEER[variant]]
        command += ["--threads", str(threads), "--suspend", "--kthreads", "--seconds", str(given.limit)]
        command += ["--memory", str(given.memory), "--json", str(result), *more]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        if done.returncode:
            reason = done.stderr.strip().removeprefix("error: ") or f"status {done.returncode}"
            return Answer(0, 0, f"stopped: {reason}{' (-DCOLLAPSE)' if more else ''}")
        found = json.loads(result.read_text(encoding="utf-8"))
    return Answer(sum(found[f"{part}_seconds"] for part in ("generate", "compile", "run")), found["states"])


def ours(line: str, variant: str, threads: int, given: argparse.Namespace) -> Answer:
    """The whole process, from the start of Python, in so much memory."""
    if line == "twin":
        command = ["-m", "benchmarks.peers.answer", PEER[variant], str(threads), str(given.limit)]
    else:
        command = ["-m", "benchmarks.core", "--variant", variant]
        command += ["--threads", str(threads), "--seconds", str(given.limit)]
        command += ["--short-sleeps"] if line == "any" else []
    # The shell's ulimit holds for what it becomes.
    limit = ["sh", "-c", 'ulimit -v "$0" && exec "$@"', str(given.memory * 1024), sys.executable]
    begin = time.perf_counter()
    try:
        done = subprocess.run(
            [*limit, *command],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            timeout=2 * given.limit + 60,
        )
    except subprocess.TimeoutExpired:
        return Answer(0, 0, f"stopped at {given.limit} s")
    seconds = time.perf_counter() - begin
    lines = done.stdout.splitlines()
    if "MemoryError" in done.stderr or done.returncode < 0:
        return Answer(0, 0, f"stopped at {given.memory} MB")
    if not lines:
        raise NotAvailable(f"{' '.join(command)}: {(done.stderr.strip() or 'no output').splitlines()[-1]}")
    words = lines[-1].split()
    count = int(words[0 if line == "twin" else 2])
    bounded = re.search(r"stopped at [^)]*", lines[-1])
    if bounded is not None:
        return Answer(seconds, count, bounded[0])
    return Answer(seconds, count)
