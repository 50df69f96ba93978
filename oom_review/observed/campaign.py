"""Situations on one kernel: predictions first, in the file before anything is booted; then boots, and a row for each situation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import attrs
from rich.console import Console

from kernel_model.variant import Variant
from oom_review.boot.compile import probe
from oom_review.boot.console import DONE, Outcome
from oom_review.boot.kernel import BootKernel, release
from oom_review.boot.qemu import Machine, boot_once
from oom_review.errors import BadInput
from oom_review.explore.limits import Limits
from oom_review.observed.boots import Boot, Case, ran
from oom_review.observed.outcome import Seen, of_records
from oom_review.observed.prediction import Prediction, predict
from oom_review.observed.predictions import Predictions
from oom_review.observed.rows import Observed, append, read
from oom_review.observed.translation import SERVE, Played
from oom_review.observed.verdict import Verdict
from oom_review.situations.progress import Progress, shown

Predict = Callable[[Played, Variant, Limits], Prediction]


@attrs.define
class Campaign:
    """``rows``: the file that grows; ``predictions``: the other one; ``boots``: how each ended: DONE, or why not."""

    kernel: BootKernel
    variant: Variant
    rows: Path
    predictions: Predictions
    limits: Limits
    boots: list[str] = attrs.Factory(list)
    predict: Predict = predict

    @property
    def version(self) -> str:
        """Of the kernel, as rows have it."""
        return release(self.kernel)

    def predicted(self, scripts: Sequence[Played], console: Console) -> dict[str, Prediction]:
        """Of each situation; what the file has is not made again."""
        progress = Progress(len(scripts), "states")
        found: dict[str, Prediction] = {}
        with shown(console, progress) as tell:
            for script in scripts:
                one = self.predictions.of(script.name, self.variant.name)
                if one is None:
                    one = self.predict(script, self.variant, self.limits)
                    self.predictions.add(one)
                found[script.name] = one
                progress.finished(f"{script.name}: outcomes: {len(one.outcomes)}", one.states)
                tell(True)
        return found

    def run(self, scripts: Sequence[Played], runs: int, console: Console) -> list[Verdict]:
        """So many runs of each situation; those that the file of rows has already count."""
        predicted = self.predicted(scripts, console)
        counts: dict[str, Counter[Seen]] = {script.name: Counter() for script in scripts}
        for one in read(self.rows):
            if (one.version, one.kernel) == (self.version, self.variant.name) and one.situation in counts:
                counts[one.situation].update(one.outcomes)
        lost: dict[str, list[str]] = {script.name: [] for script in scripts}
        cases = [Case(s, seed) for s in scripts for seed in range(counts[s.name].total() + 1, runs + 1)]
        left = Counter(case.played.name for case in cases)
        new = {name: Counter[Seen]() for name in left}
        for name, seen in self._played(cases, predicted, console):
            if isinstance(seen, Seen):
                new[name][seen] += 1
            else:
                lost[name].append(seen)
            left[name] -= 1
            if not left[name] and new[name]:
                append(self.rows, self._observed(name, new[name]))
                counts[name].update(new[name])
        return [Verdict(predicted[n], self._observed(n, c), tuple(lost[n])) for n, c in counts.items()]

    def _observed(self, name: str, counts: Counter[Seen]) -> Observed:
        return Observed(name, self.variant.name, self.version, counts)

    def _played(
        self, cases: Sequence[Case], predicted: dict[str, Prediction], console: Console
    ) -> Iterator[tuple[str, Seen | str]]:
        """Each run: the situation's name, and what came out, or why it does not count."""
        progress = Progress(len(cases), "runs")
        with shown(console, progress) as tell:
            for one in ran(cases, self._boot()):
                name = one.case.played.name
                seen = one.lost or of_records(one.records, predicted[name].names)
                progress.finished(f"{name}: {seen}", 1)
                tell(True)
                yield name, seen

    def _boot(self) -> Boot:
        return partial(_kept, self.kernel, self.boots, self.rows.with_name(f"{self.rows.name}.log"))


def _kept(kernel: BootKernel, boots: list[str], log: Path, text: str) -> Outcome:
    """A boot that is counted, and whose console is kept."""
    modules = (SERVE,) if SERVE in text.splitlines() else ()
    outcome = boot_once(kernel, probe(), Machine(situation=text, modules=modules))
    boots.append(DONE if outcome.status == DONE else f"{outcome.status}: {outcome.why}")
    try:
        with log.open("a", encoding="utf-8") as stream:
            stream.write(outcome.log)
    except OSError as error:
        raise BadInput(f"{log}: {error.strerror}") from None
    return outcome
