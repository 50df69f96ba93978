"""Every interleaving of many situations, on all cores: what is known already, what is found, and whose workers died over it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import attrs
from rich.console import Console

from oom_review.files import fresh_names
from oom_review.situations.families import EVERY
from oom_review.situations.job import Job, Outcome, run
from oom_review.situations.progress import Progress, shown
from oom_review.situations.results import Results
from oom_review.workers.cluster import Workers, opened
from oom_review.workers.pool import Broke, Lost, listed

KEPT = "oom-review-explore"


@attrs.define
class Exploration:
    """Jobs, what is known of them, and which workers died over theirs; ``answer`` is what a worker does."""

    jobs: Sequence[Job]
    results: Results | None
    answer: Callable[[Job], Outcome] = run
    outcomes: dict[Job, Outcome] = attrs.Factory(dict)
    lost: list[Job] = attrs.Factory(list)

    def run(self, workers: Workers, console: Console | None = None) -> None:
        """Explore what the results do not know, the longest first so that no core is left with a long job at the end."""
        for job in self.jobs:
            known = None if self.results is None else self.results.outcome(job)
            if known is not None:
                self.outcomes[job] = known
        todo = sorted((j for j in self.jobs if j not in self.outcomes), key=size, reverse=True)
        progress = Progress(len(self.jobs), "states", len(self.outcomes), ahead=sum(map(size, todo)))
        with (
            opened(workers) as pool,
            shown(console or Console(), progress) as tell,
            closing(pool.run(self.answer, listed(todo))) as answers,
        ):
            for answer in answers:
                if answer is not None:
                    self._take(*answer, progress)
                tell(answer is not None)

    def _take(self, job: Job, got: Outcome | Broke | Lost, progress: Progress) -> None:
        if isinstance(got, Broke):
            raise got.error(job)
        if isinstance(got, Lost):
            self.lost.append(job)
            sys.stderr.write(
                f"oom-review: the worker that explored {job} died ({got.reason}); all else is kept\n"
            )
            progress.finished(f"{job}: lost", 0, size(job))
            return
        self.outcomes[job] = got
        if self.results is not None:
            self.results.add(got)
        progress.finished(f"{job}: {_said(got)}", got.states, size(job))

    def keep(self) -> Path:
        """Write what is finished to a new results file.  Raises BadInput."""
        path = next(fresh_names(Path(), KEPT, ".jsonl"))
        results = Results(path, {job.variant for job in self.jobs})
        for outcome in self.outcomes.values():
            results.add(outcome)
        results.close()
        return path


def size(job: Job) -> float:
    """How long it takes, compared with others."""
    return EVERY[job.situation].size


def _said(outcome: Outcome) -> str:
    words = [f"{outcome.states} states", *(f"{claim} refuted" for claim in outcome.refuted)]
    words += ["may go on for ever"] if outcome.endless else []
    return ", ".join([*words, f"bounded: {outcome.bounded}"] if outcome.bounded else words)
