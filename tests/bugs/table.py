"""Does comparing find each of these bugs with default settings?  python tests/bugs/table.py [--markdown] [NAME ...] prints a row for each.

The scripts are those of a default ``oom-review compare BASE NAME``, the small ones first, up to the first end that the bug alone has.
``--markdown`` writes docs/bugs.md, which has all of them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import attrs
import jinja2

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "bugs.md"
NO_BUGS = ("scripts", "table")
BUGS = tuple(
    sorted(p.stem for p in HERE.glob("*.py") if p.stem not in NO_BUGS and not p.stem.startswith("test_"))
)
PATCH = 1
SCRIPT_STATES = 50_000


@attrs.define(frozen=True)
class Row:
    """``differs``: what only the bug ends in, "" if nothing was found in ``scripts`` scripts; ``where``: the script that shows it;
    ``seconds``: of one core.

    ``promises``: claims that break on the bug and hold on its base, in the scripts up to there or in its own; ``quiet``: its base
    breaks none in its own.
    """

    bug: str
    title: str
    base: str
    differs: str
    where: str
    scripts: int
    of: int
    seconds: float
    promises: tuple[str, ...]
    quiet: bool

    def __str__(self) -> str:
        """One line of text."""
        found = f"{self.differs}; {self.where}" if self.differs else "not found"
        promises = ", ".join(self.promises) or "no promise"
        return f"{self.bug}: {found}, {self.scripts} of {self.of} scripts, {self.seconds:.0f} s; {promises}"


def base_of(bug: str) -> str:
    """The fixed kernel's name."""
    return str(vars(import_module(bug))["VARIANT"].base.name)


def row(bug: str) -> Row:
    """Compare until it is found, and ask the claims."""
    began = time.process_time()
    differs, where, tried, of, promises = compared(bug)
    seconds = time.process_time() - began
    broken, quiet = in_its_script(bug)
    title = str(import_module(bug).__doc__).splitlines()[0].rstrip(".")
    found = tuple(sorted(promises | broken))
    return Row(bug, title, base_of(bug), differs, where, tried, of, seconds, found, quiet)


def compared(bug: str) -> tuple[str, str, int, int, set[str]]:
    """What the bug alone ends in and where, after how many scripts of how many, and the claims that broke on the way."""
    from oom_review.commands.compare import PROGRAM_STATES, PROGRAMS, STATES  # noqa: PLC0415 - after sys.path
    from oom_review.compare.comparison import Bounds, jobs  # noqa: PLC0415
    from oom_review.compare.job import run  # noqa: PLC0415
    from oom_review.situations.families import QUICK, SITUATIONS  # noqa: PLC0415

    todo = jobs(
        (base_of(bug), bug),
        sorted((SITUATIONS[n] for n in QUICK), key=lambda s: s.size),
        (),
        Bounds(PROGRAMS, 0, PROGRAM_STATES),
        states=STATES,
    )
    promises: set[str] = set()
    for number, job in enumerate(todo, 1):
        outcome = run(job)
        if outcome.passed_over:
            continue
        promises |= {claim for claim, one, two in outcome.promises if (one, two) == ("holds", "refuted")}
        differs = next(
            ("; ".join(f.difference.only) for f in outcome.found if f.sure and f.side == PATCH), ""
        )
        if differs:
            return differs, job.name, number, len(todo), promises
    return "", "", len(todo), len(todo), promises


def in_its_script(bug: str) -> tuple[set[str], bool]:
    """The claims that only the bug breaks there, and whether its base breaks none."""
    from scripts import CASES, QUIET  # noqa: PLC0415 - after sys.path

    from oom_review.explore import explore  # noqa: PLC0415
    from oom_review.explore.limits import Limits  # noqa: PLC0415
    from oom_review.variants.loading import load  # noqa: PLC0415

    mine = [what for name, what, _said in CASES if name == bug] + list(QUIET.get(bug, ()))
    broken: list[set[str]] = []
    for kernel in (base_of(bug), bug):
        found = [explore(what, load(kernel), limits=Limits(SCRIPT_STATES)).verdicts for what in mine]
        broken.append({claim for v in found for claim in v if v[claim].verdict == "refuted"})
    return broken[1] - broken[0], not broken[0]


def write(rows: Iterator[Row]) -> None:
    """The page."""
    # Markdown, made of our own words: nothing to escape.
    environment = jinja2.Environment(  # noqa: S701
        loader=jinja2.FileSystemLoader(HERE), undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("bugs.md.j2").render(rows=list(rows))
    PAGE.write_text(page + "\n", encoding="utf-8")


def told(names: tuple[str, ...]) -> Iterator[Row]:
    """Each row as soon as it is there."""
    for name in names:
        found = row(name)
        print(found, flush=True)
        yield found


if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    arguments = sys.argv[1:]
    if arguments == ["--markdown"]:
        write(told(BUGS))
    else:
        list(told(tuple(arguments) or BUGS))
