"""The results file: a header, and a JSON line for each job that is finished, written as it finishes.

What was explored with other sources of the model, of the claims or of the variant says nothing about the present ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import attrs
import cattrs

import kernel_model
from oom_review import ledger
from oom_review.project import version
from oom_review.situations.job import Job, Outcome, as_data, from_data
from oom_review.situations.results_file import ResultsFile
from oom_review.variants.loading import known
from oom_review.variants.sources import digest_of, variant_digest

FORMAT = "oom-review exploration"
VERSION = 1
# Of our own package only what can change a verdict: not the tables, whose names say what is in a situation, but the scripts, whose
# names do not.
DECIDES = (
    "claims",
    "play",
    "scenario/items.py",
    "explore",
    "schedules",
    "situations/script.py",
    "situations/without_oom.py",
    "situations/of_today.py",
)


@attrs.define(frozen=True)
class Header:
    """What the results rest on."""

    format: str
    version: int
    project: str
    sources: str


def header(form: str = FORMAT, more: Iterable[str] = ()) -> Header:
    """Of a file that is made now; ``more`` of our own sources that decide what is in it."""
    ours = Path(__file__).parents[1]
    model = Path(kernel_model.__file__).parent
    decides = [*(ours / name for name in (*DECIDES, *more)), *ledger.sources()]
    return Header(form, VERSION, version(), digest_of([model, *decides]))


class Results:
    """An open results file: nobody else writes to it meanwhile.  Whatever is wrong with it raises BadInput."""

    def __init__(self, path: Path, variants: Iterable[str]) -> None:
        """Read what there is on these variants; begin a new file if there is none."""
        self.path = path
        self._variants = {name: variant_digest(known(name)) for name in variants}
        self._finished: dict[tuple[str, str], Outcome] = {}
        self._file = ResultsFile(path, attrs.asdict(header()), "the results of an exploration")
        self._file.each(self._take)

    def close(self) -> None:
        """What is written stays."""
        self._file.close()

    def outcome(self, job: Job) -> Outcome | None:
        """What is known of the job: finished under any limits, or stopped at the very same ones."""
        found = self._finished.get((job.situation, job.variant))
        return found if found is not None and (not found.bounded or found.job == job) else None

    def add(self, outcome: Outcome) -> None:
        """Remember it for ever."""
        self._file.append(as_data(outcome) | {"sources": self._variants[outcome.job.variant]})
        self._finished[outcome.job.situation, outcome.job.variant] = outcome

    def _take(self, number: int, line: bytes) -> None:
        try:
            data = json.loads(line)
            sources = data.pop("sources")
            outcome = from_data(data)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, cattrs.BaseValidationError):
            raise self._file.bad(number, "not a result of an exploration") from None
        unknown = [claim for claim in outcome.refuted if not ledger.is_known(claim)]
        if unknown:
            raise self._file.bad(number, ledger.no_such(unknown[0]))
        variant = outcome.job.variant
        if variant not in self._variants:
            return
        if sources != self._variants[variant]:
            raise self._file.bad(
                number, f"made with other sources of variant {variant!r}; explore anew, into another file"
            )
        self._finished[outcome.job.situation, variant] = outcome
