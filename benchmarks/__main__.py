"""python -m benchmarks [NAME ...]: status 0 when it was measured, 2 when it can't be."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from benchmarks import engines, exploring, finding, floor, scale, spin, steps
from benchmarks.report import NotAvailable, Report

OK, NOT_AVAILABLE = 0, 2
RESULTS = Path(__file__).parent / "results"


class Benchmark(NamedTuple):
    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Report]


BENCHMARKS = (
    Benchmark("steps", "micro-steps per second against a bare loop", steps.arguments, steps.run),
    Benchmark("floor", "the lockstep machine's cost over an empty machine", floor.arguments, floor.run),
    Benchmark(
        "growth", "states and time of exploration against N", exploring.growth_arguments, exploring.growth
    ),
    Benchmark("engines", "the explorer's compiled core against Python", engines.arguments, engines.run),
    Benchmark("cores", "exploration with two workers over one", exploring.cores_arguments, exploring.cores),
    Benchmark("scale", "many workers, simulated from recorded jobs", scale.arguments, scale.run),
    Benchmark("memory", "resident size over many executions", exploring.memory_arguments, exploring.memory),
    Benchmark("spin", "from edit to answer, side by side with Spin", spin.arguments, spin.run),
    Benchmark("finding", "examples until refuted, per scheduler", finding.arguments, finding.run),
)


class Parser(argparse.ArgumentParser):
    """Errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(NOT_AVAILABLE, f"error: {message}\n")


def parser() -> Parser:
    result = Parser(
        prog="python -m benchmarks", description="Without a name: all of them, with their defaults."
    )
    result.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where JSON goes (default: a new directory in benchmarks/results)",
    )
    names = result.add_subparsers(dest="name", metavar="NAME")
    for benchmark in BENCHMARKS:
        one = names.add_parser(benchmark.name, help=benchmark.help, description=benchmark.help)
        one.add_argument("--out", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="where JSON goes")
        benchmark.arguments(one)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    folder = given.out or RESULTS / time.strftime("%Y-%m-%d-%H%M%S")
    status = OK
    for benchmark in BENCHMARKS:
        if given.name not in (None, benchmark.name):
            continue
        own = given if given.name else parser().parse_args([benchmark.name])
        try:
            refuse_nonsense(own)
            refuse_to_overwrite(folder / f"{benchmark.name}.json")
            report = benchmark.run(own)
            report.show()
            report.write(folder)
        except NotAvailable as reason:
            print(f"error: {benchmark.name}: {reason}", file=sys.stderr)
            status = NOT_AVAILABLE
    return status


def refuse_to_overwrite(path: Path) -> None:
    """Before anything is measured, that is."""
    if path.exists():
        raise NotAvailable(f"{path} is there already")


def refuse_nonsense(given: argparse.Namespace) -> None:
    """Every number that can be given is a size, a count or a duration."""
    for name, value in vars(given).items():
        numbers = value if isinstance(value, list) else [value]
        for number in numbers:
            if isinstance(number, int | float) and not isinstance(number, bool) and number <= 0:
                raise NotAvailable(f"--{name} {number}: has to be above 0")


if __name__ == "__main__":
    sys.exit(main())
