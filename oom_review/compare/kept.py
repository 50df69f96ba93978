"""What was explored for a comparison, kept in a file: after an edit only scripts on which an edited function runs are explored again.

An outcome holds as long as nothing of either kernel is edited but functions that did not run on the script.  Which of a kernel's own
functions ran is recorded; all else in their files (imports, helpers, which functions are replaced) may matter to every script, and so
do the model, the claims and our own sources.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType
from typing import Any

import attrs
import cattrs

from kernel_model.variant import Variant
from oom_review.compare.job import BASE, PATCH, Job, Outcome
from oom_review.errors import BadInput
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import ScenarioFile
from oom_review.scenario.items import Scenario
from oom_review.situations.results import header
from oom_review.situations.results_file import ResultsFile
from oom_review.variants.loading import known
from oom_review.variants.sources import sources, variant_roots

FORMAT = "oom-review compared scripts"
WHAT = "what a comparison explored"
DECIDES = ("compare/job.py", "compare/statements.py", "compare/reached.py", "compare/effects.py")


@attrs.define(frozen=True)
class Sources:
    """Of one kernel: digests of its own functions, and of all else in their files."""

    functions: dict[str, str]
    rest: str

    @classmethod
    def of(cls, variant: Variant) -> Sources:
        """As they are now."""
        functions = variant.functions()
        text = {name: inspect.getsource(f) for name, f in functions.items()}
        return cls({n: _digest([t]) for n, t in text.items()}, _digest(_rest(variant, functions.values())))

    def only(self, ran: Iterable[str]) -> Sources:
        """Without functions that did not run."""
        return Sources({n: self.functions[n] for n in sorted(ran) if n in self.functions}, self.rest)

    def still(self, before: Sources) -> bool:
        """All that mattered is as it was before."""
        return self.rest == before.rest and before.functions.items() <= self.functions.items()


def _rest(variant: Variant, functions: Iterable[FunctionType]) -> Iterable[str]:
    cut: dict[Path, set[int]] = {}
    for f in functions:
        lines, first = inspect.getsourcelines(f)
        cut.setdefault(Path(f.__code__.co_filename).resolve(), set()).update(range(first, first + len(lines)))
    for name, path in sources(variant_roots(variant)):
        gone = cut.get(path.resolve(), set())
        lines = path.read_text().splitlines(keepends=True)
        yield f"{name}\n"
        yield from (line for number, line in enumerate(lines, 1) if number not in gone)


def _digest(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode())
    return digest.hexdigest()


class Kept:
    """An open file of outcomes."""

    def __init__(self, path: Path, variants: tuple[str, str]) -> None:
        """Read what still holds of these two; begin a new file if there is none.  Raises BadInput."""
        base, patch = variants
        self._now = Sources.of(known(base)), Sources.of(known(patch))
        self._variants = variants
        self._outcomes: dict[str, Outcome] = {}
        self.used = 0
        self._file = ResultsFile(path, attrs.asdict(header(FORMAT, DECIDES)), WHAT)
        self.path = path
        self._file.each(self._take)

    def _take(self, number: int, line: bytes) -> None:
        try:
            data = json.loads(line)
            outcome = _CONVERTER.structure(data["outcome"], Outcome)
            before = _CONVERTER.structure(data["sources"], tuple[Sources, Sources])
        except (ValueError, TypeError, KeyError, RecursionError, BadInput, cattrs.BaseValidationError):
            raise self._file.bad(number, "not an outcome of a comparison") from None
        same = self._now[BASE].still(before[BASE]) and self._now[PATCH].still(before[PATCH])
        if outcome.job.variants == self._variants and same:
            self._outcomes[_text(outcome.job.scenario)] = outcome

    def outcome(self, job: Job) -> Outcome | None:
        """What is known of the script: explored to the end, or stopped at the very same limits."""
        found = self._outcomes.get(_text(job.scenario))
        if found is None:
            return None
        if any(found.bounded):
            the_same = (found.job.states, found.job.has_to_fit) == (job.states, job.has_to_fit)
        else:
            the_same = all(now <= most for now, most in zip(found.states, job.states, strict=True))
        if not the_same:
            return None
        self.used += 1
        return attrs.evolve(found, job=job)

    def add(self, outcome: Outcome) -> None:
        """Remember it; what is not possible is found out at once, anyway."""
        if outcome.impossible:
            return
        ran = [attrs.asdict(now.only(ran)) for now, ran in zip(self._now, outcome.ran, strict=True)]
        data: dict[str, Any] = {"sources": ran, "outcome": _CONVERTER.unstructure(outcome)}
        self._file.append(data)
        self._outcomes[_text(outcome.job.scenario)] = outcome

    def close(self) -> None:
        """What is written stays."""
        self._file.close()


def _text(scenario: Scenario) -> str:
    return scenario_file.dumps(ScenarioFile(scenario))


_CONVERTER = cattrs.Converter(forbid_extra_keys=True, unstruct_collection_overrides={frozenset: sorted})
_CONVERTER.register_unstructure_hook(Scenario, _text)
_CONVERTER.register_structure_hook(Scenario, lambda text, _type: scenario_file.parse(text).scenario)
