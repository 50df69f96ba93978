"""
Search one configuration of core.pml exhaustively with Spin and print every final outcome.

Usage: python -m benchmarks.peers.run --variant legacy|rfc --threads N [--frozen] [--suspend] [--kthreads]
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

MODEL = Path(__file__).with_name("core.pml")
MAX_THREADS = 5
# Several times the longest path seen; a search that gets there nevertheless is reported, not trusted.
MAX_DEPTH = 100_000

USAGE_ERROR = 2
SEARCH_ERROR = 1


class RunError(Exception):
    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Outcome(NamedTuple):
    """What is left when nothing can run any more."""

    oom_victims: int
    left_in_fridge: int
    fully_dead: bool
    suspend: str
    io_while_disabled: bool
    io_while_suspended: bool


@dataclass(frozen=True)
class Configuration:
    variant: str
    threads: int
    frozen: bool
    suspend: bool
    kthreads: bool
    parent: str
    trigger: str

    def defines(self) -> list[str]:
        switches = {
            "FROZEN": self.frozen,
            "SUSPEND": self.suspend,
            "KTHREADS": self.kthreads,
            "PARENT_IGNORES": self.parent == "ignores",
            "TRIGGER_KTHREAD": self.trigger == "kthread",
        }
        names = [self.variant.upper(), f"N={self.threads}", *(name for name, on in switches.items() if on)]
        return [f"-D{name}" for name in names]


@dataclass(frozen=True)
class Limits:
    megabytes: int
    seconds: int
    reduced: bool
    collapse: bool = False


@dataclass(frozen=True)
class Search:
    outcomes: list[Outcome]
    states: int
    transitions: int
    megabytes: float
    generate_seconds: float
    compile_seconds: float
    run_seconds: float


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise RunError(f"{name} not found; install it (on Debian: apt-get install {name})", USAGE_ERROR)
    return path


def timed(command: list[str], folder: Path, limit: int) -> tuple[str, float]:
    """Return the command's output and its wall seconds."""
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"{Path(command[0]).name} ran longer than {limit} s", SEARCH_ERROR) from None
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        first = next((line for line in done.stdout.splitlines() if line.strip()), "no output")
        raise RunError(
            f"{Path(command[0]).name} failed with status {done.returncode}: {first.strip()}", SEARCH_ERROR
        )
    return done.stdout, seconds


def number(pattern: str, text: str) -> float:
    match = re.search(rf"^\s*(\S+)\s+{pattern}", text, re.MULTILINE)
    if match is None:
        raise RunError(f"no line '{pattern}' in what the search printed", SEARCH_ERROR)
    return float(match[1])


def read_outcomes(text: str) -> list[Outcome]:
    found = set()
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["outcome"]:
            victims, fridge, dead, suspend, disabled, suspended = words[1:]
            found.add(
                Outcome(int(victims), int(fridge), dead == "1", suspend, disabled == "1", suspended == "1")
            )
    return sorted(found)


def search(configuration: Configuration, limits: Limits) -> Search:
    spin, gcc = tool("spin"), tool("gcc")
    with tempfile.TemporaryDirectory(prefix="core-pml-") as name:
        folder = Path(name)
        _, generate = timed([spin, "-a", *configuration.defines(), str(MODEL)], folder, limits.seconds)
        if not (folder / "pan.c").exists():
            raise RunError("spin generated no pan.c", SEARCH_ERROR)
        options = ["-O2", "-w", "-DSAFETY", f"-DMEMLIM={limits.megabytes}"]
        if not limits.reduced:
            options.append("-DNOREDUCE")
        if limits.collapse:
            options.append("-DCOLLAPSE")
        _, compiling = timed([gcc, *options, "-o", "pan", "pan.c"], folder, limits.seconds)
        # Every process is meant to block in the end (-E), and unreached code is of no interest (-n).
        text, run = timed([str(folder / "pan"), f"-m{MAX_DEPTH}", "-E", "-n"], folder, limits.seconds)
    if "max search depth too small" in text:
        raise RunError(f"incomplete: a path is longer than {MAX_DEPTH} steps", SEARCH_ERROR)
    if "Search not completed" in text or "out of memory" in text or "reached -DMEMLIM bound" in text:
        raise RunError(f"incomplete: more than {limits.megabytes} MB of states", SEARCH_ERROR)
    if "errors: 0" not in text:
        raise RunError("the search stopped at an error of the model", SEARCH_ERROR)
    return Search(
        outcomes=read_outcomes(text),
        states=int(number(r"states, stored", text)),
        transitions=int(number(r"transitions \(= stored\+matched\)", text)),
        megabytes=number(r"total actual memory usage", text),
        generate_seconds=generate,
        compile_seconds=compiling,
        run_seconds=run,
    )


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"error: {message}\n")


def positive(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def thread_count(text: str) -> int:
    value = positive(text)
    if value > MAX_THREADS:
        raise argparse.ArgumentTypeError(f"{text} is not within 1..{MAX_THREADS}")
    return value


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.peers.run", description="Search core.pml exhaustively.")
    result.add_argument("--variant", choices=["legacy", "rfc"], required=True)
    result.add_argument("--threads", type=thread_count, required=True, metavar="N", help=f"1..{MAX_THREADS}")
    result.add_argument("--frozen", action="store_true", help="the victim is in a cgroup fridge beforehand")
    result.add_argument("--suspend", action="store_true", help="a system suspend races with the kill")
    result.add_argument(
        "--kthreads", action="store_true", help="the suspend freezes kernel threads as well (needs --suspend)"
    )
    result.add_argument("--parent", choices=["waits", "ignores"], default="waits")
    result.add_argument("--trigger", choices=["task", "kthread"], default="task", help="who hits the OOM")
    result.add_argument("--json", type=Path, metavar="FILE", help="write the result there as well")
    result.add_argument("--unreduced", action="store_true", help="search without partial order reduction")
    result.add_argument("--collapse", action="store_true", help="compress states: less memory, more time")
    result.add_argument("--memory", type=positive, default=4096, metavar="MB", help="default 4096")
    result.add_argument(
        "--seconds", type=positive, default=300, metavar="S", help="limit per tool, default 300"
    )
    return result


def show(found: Search) -> None:
    print("victims  in fridge  dead  suspend    IO disabled  IO suspended")
    for one in found.outcomes:
        dead, disabled, suspended = (
            "yes" if bit else "no" for bit in (one.fully_dead, one.io_while_disabled, one.io_while_suspended)
        )
        print(
            f"{one.oom_victims:7}  {one.left_in_fridge:9}  {dead:4}  {one.suspend:9}  {disabled:11}  {suspended}"
        )
    print(f"outcomes {len(found.outcomes)}, states {found.states}, transitions {found.transitions}")
    print(
        f"seconds: generate {found.generate_seconds:.2f}, compile {found.compile_seconds:.2f}, "
        f"run {found.run_seconds:.2f}; memory {found.megabytes:.0f} MB"
    )


def write_json(path: Path, configuration: Configuration, limits: Limits, found: Search) -> None:
    record = {
        "configuration": asdict(configuration),
        "reduced": limits.reduced,
        **asdict(found),
        "outcomes": [one._asdict() for one in found.outcomes],
    }
    try:
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}", USAGE_ERROR) from None


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser()
    given = options.parse_args(arguments)
    if given.kthreads and not given.suspend:
        options.error("--kthreads needs --suspend")
    if given.json is not None and not given.json.absolute().parent.is_dir():
        options.error(f"no directory for {given.json}")
    configuration = Configuration(
        given.variant,
        given.threads,
        given.frozen,
        given.suspend,
        given.kthreads,
        given.parent,
        given.trigger,
    )
    limits = Limits(given.memory, given.seconds, not given.unreduced, given.collapse)
    try:
        found = search(configuration, limits)
        show(found)
        if given.json is not None:
            write_json(given.json, configuration, limits, found)
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
