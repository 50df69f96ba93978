"""What are the tests worth?  python tests/mutants/mutate.py changes the models, one mutant after the other, and says which no test noticed.

Everything happens on a copy of the checkout in .mutants/: there cosmic-ray writes the changed file, there the tests run, and there the
session is kept.  Stopped at any time, the next run goes on behind the last mutant that had come to its end.

Tried and dropped: mutmut 3, which puts a dispatcher around each function; a kernel is linked from copies of functions, and so comes
past every dispatcher to functions in which nothing is replaced.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkItem, WorkResult
from interval import wilson
from mutants import SEED, drawn
from selected import TEXT, Stages, files, stages_of

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".mutants"
TREE, SESSION, SOURCES = HOME / "tree", HOME / "session.sqlite", HOME / "sources"
CPU_SECONDS, LONGEST = 30, 3600.0
TIMED_OUT = "timed out"
# Nobody reads why a mutant dies: without rewritten assertions most do in half the time.
PYTEST = (
    *(sys.executable, "-m", "pytest", "-q", "-x", "--assert=plain", "--tb=line"),
    *("-p", "no:xdist", "-p", "no:cacheprovider"),
)


def command(stages: Stages) -> str:
    """These tests.  The limit is of CPU time: a busy machine gives the same verdict."""
    deselected = [f"--deselect={test}" for test in TEXT]
    tests = " && ".join(shlex.join((*PYTEST, *stage, *deselected)) for stage in stages)
    script = f"ulimit -t {CPU_SECONDS}; {tests}; s=$?; test $s -lt 128 || echo {TIMED_OUT}; exit $s"
    return shlex.join(("sh", "-c", script))


def copied() -> None:
    """The checkout, without what git ignores; a mutant that a killed run left is overwritten."""
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, copy = ROOT / name, TREE / name
        if source.is_file() and not (copy.exists() and copy.stat().st_mtime_ns == source.stat().st_mtime_ns):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)


def hashed(parts: dict[str, list[str]], seed: int) -> str:
    """What a session is about: the mutated files, and their order."""
    sources = [(ROOT / p).read_bytes() for paths in parts.values() for p in paths]
    return hashlib.sha256(b"".join((*sources, str(seed).encode()))).hexdigest()


def started(parts: dict[str, list[str]], seed: int, db: WorkDB) -> None:
    """All mutants of each part, in the order drawn for it."""
    for part, paths in parts.items():
        db.add_work_items(m.item(rank, part) for rank, m in enumerate(drawn(ROOT, paths, seed)))
    SOURCES.write_text(hashed(parts, seed), encoding="utf-8")


def unbroken(paths: Iterable[str]) -> None:
    """Every test is green as it is, or all would count as killed."""
    for stage in dict.fromkeys(stage for path in paths for stage in stages_of(path)):
        done = subprocess.run(
            shlex.split(command((stage,))), cwd=TREE, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"error: {' '.join(stage)} fails without any mutant:\n{done.stdout}")


def part_of(item: WorkItem) -> str:
    """Which part a mutant is of."""
    return str(item.job_id).partition(" ")[2]


def rank_of(item: WorkItem) -> int:
    """Its place in the order of its part."""
    return int(item.job_id.partition(" ")[0])


def untried(db: WorkDB, sample: int) -> list[WorkItem]:
    """The mutants without a result, up to that place in the order of each part."""
    return sorted((i for i in db.pending_work_items if rank_of(i) < sample), key=lambda i: i.job_id)


def surviving(db: WorkDB) -> list[WorkItem]:
    """Those that no test has noticed so far."""
    return [item for item, result in db.completed_work_items if verdict(result) == "survived"]


def tried(db: WorkDB, left: list[WorkItem]) -> None:
    """One after the other; a result is kept as soon as it is there."""
    began = time.monotonic()
    for number, item in enumerate(left, 1):
        stages = stages_of(str(item.mutations[0].module_path))
        result = mutate_and_test(item.mutations, command(stages), LONGEST)
        db.set_result(item.job_id, result)
        print(
            f"{number}/{len(left)} {time.monotonic() - began:.0f} s: {verdict(result)} {told(item)}",
            flush=True,
        )


def verdict(result: WorkResult) -> str:
    """In a word."""
    if result.test_outcome == TestOutcome.SURVIVED:
        return "survived"
    if result.test_outcome == TestOutcome.INCOMPETENT:
        return "broken"
    return TIMED_OUT if TIMED_OUT in result.output or result.output == "timeout" else "killed"


def told(item: WorkItem) -> str:
    """Where a mutant is and what was changed."""
    m = item.mutations[0]
    return f"{m.module_path}:{m.start_pos[0]} {m.definition_name} {m.operator_name.partition('/')[2]}"


def changed(result: WorkResult) -> Iterable[str]:
    """The lines of its diff that begin with a sign."""
    lines = (result.diff or "").splitlines()
    return (f"    {line}" for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def reported(db: WorkDB, parts: Iterable[str]) -> None:
    """The rates, and each survivor."""
    done = sorted(db.completed_work_items, key=lambda pair: pair[0].job_id)
    for part in parts:
        words = [verdict(result) for item, result in done if part_of(item) == part]
        dead = len(words) - words.count("survived") - words.count("broken")
        low, high = wilson(dead, len(words))
        print(
            f"{part}: {len(words)} mutants of {sum(part_of(i) == part for i in db.work_items)} tried, {dead} killed"
            f" ({words.count(TIMED_OUT)} by the time limit), {words.count('survived')} survived, {words.count('broken')} broken:"
            f" {dead / max(1, len(words)):.1%}, 95 % interval {low:.1%} to {high:.1%}"
        )
    for item, result in done:
        if verdict(result) in ("survived", "broken"):
            print("\n".join((f"{verdict(result)}: {told(item)}", *changed(result))))


def main() -> None:
    """Go on with the session that is here, or begin one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--sample", type=int, default=300, metavar="N", help="mutants of each part (default: 300)"
    )
    parser.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"of their order ({SEED})")
    parser.add_argument("--all", dest="sample", action="store_const", const=sys.maxsize, help="every mutant")
    parser.add_argument("--survivors", action="store_true", help="try those again that survived")
    parser.add_argument("--report", action="store_true", help="only say what was found")
    parser.add_argument("--anew", action="store_true", help="forget the session that is here")
    given = parser.parse_args()
    parts = files(ROOT)
    HOME.mkdir(exist_ok=True)
    # Bytecode is known by a file's second and size: that of the mutant before could pass for this one's.
    os.environ |= {"CI": "1", "PYTHONPATH": str(TREE), "PYTHONDONTWRITEBYTECODE": "1"}
    if given.anew or not SOURCES.exists():
        SESSION.unlink(missing_ok=True)
        SOURCES.unlink(missing_ok=True)
    elif SOURCES.read_text(encoding="utf-8") != hashed(parts, given.seed):
        parser.error(f"{SESSION} is about other sources or another seed; --anew forgets it")
    with use_db(SESSION) as db:
        if not given.report:
            copied()
            unbroken(path for paths in parts.values() for path in paths)
            if not SOURCES.exists():
                started(parts, given.seed, db)
            os.chdir(TREE)
            tried(db, surviving(db) if given.survivors else untried(db, given.sample))
        reported(db, parts)


if __name__ == "__main__":
    main()
