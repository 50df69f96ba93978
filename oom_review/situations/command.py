"""``oom-review explore`` without a file: every interleaving of many situations, on all cores, and a verdict on each claim."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import attrs
from rich.console import Console

from oom_review.claims import CLAIMS, REFUTED
from oom_review.errors import BadInput
from oom_review.explore.explorer import BOUNDED
from oom_review.files import check_directory, fresh_names
from oom_review.situations.families import FAMILIES, QUICK, SITUATIONS
from oom_review.situations.job import Broke, Job, Outcome, run
from oom_review.situations.progress import Progress, shown
from oom_review.situations.results import Results
from oom_review.situations.selection import select
from oom_review.situations.situation import Situation
from oom_review.situations.table import print_refutations, print_unexpected, save_refutations, table
from oom_review.situations.verdicts import unexpected, verdicts
from oom_review.situations.workers import Lost, run_all
from oom_review.variants import TITLES, load

DEFAULT_VARIANTS = ("legacy_tifmemdie", "patched", "mainline_v6_18")
INTERRUPTED = 130
KEPT = "oom-review-explore"


def main(args: argparse.Namespace) -> int:
    """Status 0 if everything was explored and came out as expected, 1 if not, 130 if interrupted.  Raises BadInput."""
    situations = select(args.situation or [], args.claim or [], args.threads)
    if args.list:
        for s in situations:
            small = "; a review explores it, too" if s.name in QUICK else ""
            print(f"{s.name}\n    {s.sentence}{small}\n    {', '.join(_claims(s))}")
        return 0
    variants = list(dict.fromkeys(load(name).name for name in args.variant or DEFAULT_VARIANTS))
    if args.save:
        check_directory(Path(args.save))
    results = Results(Path(args.resume), variants) if args.resume else None
    jobs = [Job(s.name, v, args.states, args.seconds) for s in situations for v in variants]
    exploration = Exploration(jobs, results)
    try:
        exploration.run(args.jobs)
    except KeyboardInterrupt:
        _interrupted(args, exploration, variants)
        return INTERRUPTED
    finally:
        if results is not None:
            results.close()
    return _report(args, situations, variants, exploration)


def _claims(situation: Situation) -> list[str]:
    """Those that it bears on, with the variants on which exploring refutes them there."""
    said = []
    for claim, family in FAMILIES.items():
        if situation.name in family.names:
            where = [title for v, title in TITLES.items() if family.expected(situation.name, v) == REFUTED]
            said.append(f"{claim} (refuted on {' and '.join(where)})" if where else claim)
    return said


@attrs.define
class Exploration:
    """Jobs, what is known of them, and which workers died over theirs; ``answer`` is what a worker does."""

    jobs: Sequence[Job]
    results: Results | None
    answer: Callable[[Job], Outcome | Broke] = run
    outcomes: dict[Job, Outcome] = attrs.Factory(dict)
    lost: list[Job] = attrs.Factory(list)

    def run(self, workers: int | None) -> None:
        """Explore what the results do not know, the longest first so that no core is left with a long job at the end."""
        for job in self.jobs:
            known = None if self.results is None else self.results.outcome(job)
            if known is not None:
                self.outcomes[job] = known
        todo = sorted((j for j in self.jobs if j not in self.outcomes), key=_size, reverse=True)
        progress = Progress(len(self.jobs), sum(map(_size, todo)), len(self.outcomes))
        answers = run_all(self.answer, todo, workers or os.cpu_count() or 1)
        with closing(answers), shown(Console(), progress) as tell:
            for answer in answers:
                if answer is not None:
                    self._take(*answer, progress)
                tell(answer is not None)

    def _take(self, job: Job, got: Outcome | Broke | Lost, progress: Progress) -> None:
        if isinstance(got, Broke):
            raise BadInput(got.reason)
        if isinstance(got, Lost):
            self.lost.append(job)
            sys.stderr.write(
                f"oom-review: the worker that explored {job} died ({got.reason}); all else is kept\n"
            )
            progress.finished(f"{job}: lost", _size(job), 0)
            return
        self.outcomes[job] = got
        if self.results is not None:
            self.results.add(got)
        progress.finished(f"{job}: {_said(got)}", _size(job), got.states)


def _size(job: Job) -> float:
    return SITUATIONS[job.situation].size


def _said(outcome: Outcome) -> str:
    words = [f"{outcome.states} states", *(f"{claim} refuted" for claim in outcome.refuted)]
    return ", ".join([*words, f"bounded: {outcome.bounded}"] if outcome.bounded else words)


def _interrupted(args: argparse.Namespace, exploration: Exploration, variants: Sequence[str]) -> None:
    """One line that says how to go on; what is finished is kept in a new file, unless it is in one already."""
    path = args.resume
    if path is None and exploration.outcomes:
        try:
            path = str(_keep(exploration, variants))
        except BadInput as error:
            sys.stderr.write(f"oom-review: interrupted, and what was finished is lost: {error}\n")
            return
    again = [*_words(args), *(["--resume", path] if path else [])]
    done = f"{len(exploration.outcomes)} of {len(exploration.jobs)} jobs are finished"
    sys.stderr.write(f"oom-review: interrupted; {done}; to go on: {shlex.join(again)}\n")


def _keep(exploration: Exploration, variants: Sequence[str]) -> Path:
    path = next(fresh_names(Path(), KEPT, ".jsonl"))
    results = Results(path, variants)
    for outcome in exploration.outcomes.values():
        results.add(outcome)
    results.close()
    return path


def _words(args: argparse.Namespace) -> list[str]:
    """The command line again, without --resume."""
    words = ["oom-review", "explore"]
    for option in ("situation", "claim", "variant"):
        words += [word for value in getattr(args, option) or [] for word in (f"--{option}", value)]
    for option in ("threads", "states", "seconds", "jobs", "save"):
        value = getattr(args, option)
        words += [] if value is None else [f"--{option}", str(value)]
    return words


def _report(
    args: argparse.Namespace, situations: list[Situation], variants: list[str], exploration: Exploration
) -> int:
    outcomes = list(exploration.outcomes.values())
    claims = [c for c in CLAIMS if not args.claim or c.id in args.claim]
    cells = verdicts([s.name for s in situations], variants, outcomes, claims)
    Console().print(table(cells, variants))
    print_refutations(cells)
    wrong = unexpected(outcomes)
    print_unexpected(wrong)
    bounded = [c for c in cells if c.verdict == BOUNDED]
    stopped = [o for o in outcomes if o.bounded]
    if stopped or exploration.lost:
        print(
            f"bounded: {len(stopped)} of {len(exploration.jobs)} jobs hit a limit, {len(exploration.lost)} were lost; "
            "what they did not explore counts as nothing"
        )
    # Last, so that a full disk costs nothing of what is said.
    if args.save:
        save_refutations(cells, Path(args.save))
    elif any(c.verdict == REFUTED for c in cells):
        print("--save DIR writes a scenario file for each refutation, and says how to replay it")
    return int(bool(wrong or bounded or stopped or exploration.lost))
