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
from oom_review.boot.console import Outcome
from oom_review.boot.kernel import BootKernel, release
from oom_review.boot.qemu import Machine, boot_once
from oom_review.explore.limits import Limits
from oom_review.observed.boots import Boot, Case, ran
from oom_review.observed.outcome import Seen, of_records
from oom_review.observed.prediction import Prediction, predict
from oom_review.observed.predictions import Predictions
from oom_review.observed.rows import Observed, append, read
from oom_review.observed.translation import Played
from oom_review.observed.verdict import Verdict
from oom_review.situations.progress import Progress, shown

BOOTING, CASE = 120, 20
"""Seconds until a boot counts as hung: for itself and for each case; on a loaded host twice what they take."""
Predict = Callable[[Played, Variant, Limits], Prediction]


@attrs.define
class Campaign:
    """``rows``: the file that grows; ``predictions``: the other one; ``boots`` and ``ended``: how many there were, and that came to an end."""

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
                progress.finished(f"{script.name}: {len(one.outcomes)} outcomes", one.states)
                tell(True)
        return found

    def run(self, scripts: Sequence[Played], runs: int, console: Console) -> list[Verdict]:
        """So many runs of each situation; those that the file of rows has already count."""
        predicted = self.predicted(scripts, console)
        known = {one.situation: one for one in read(self.rows) if self._ours(one)}
        todo = [script for script in scripts if script.name not in known or known[script.name].runs < runs]
        verdicts = {name: Verdict(predicted[name], one) for name, one in known.items() if name in predicted}
        for verdict in self._played(todo, runs, predicted, console):
            verdicts[verdict.observed.situation] = verdict
        return [verdicts[script.name] for script in scripts]

    def _ours(self, one: Observed) -> bool:
        return (one.version, one.kernel) == (self.version, self.variant.name)

    def _played(
        self, todo: Sequence[Played], runs: int, predicted: dict[str, Prediction], console: Console
    ) -> Iterator[Verdict]:
        cases = [Case(script, seed) for script in todo for seed in range(1, runs + 1)]
        progress = Progress(len(cases), "runs")
        counts: dict[str, Counter[Seen]] = {script.name: Counter() for script in todo}
        lost: dict[str, list[str]] = {script.name: [] for script in todo}
        with shown(console, progress) as tell:
            for one in ran(cases, self._boot()):
                name = one.case.played.name
                seen = one.lost or of_records(one.records, predicted[name].names)
                if isinstance(seen, Seen):
                    counts[name][seen] += 1
                else:
                    lost[name].append(seen)
                progress.finished(f"{name}: {seen}", 1)
                tell(True)
                if counts[name].total() + len(lost[name]) == runs:
                    yield self._kept(name, counts[name], lost[name], predicted[name])

    def _kept(self, name: str, counts: Counter[Seen], lost: list[str], prediction: Prediction) -> Verdict:
        observed = Observed(name, self.variant.name, self.version, counts)
        if counts:
            append(self.rows, observed)
        return Verdict(prediction, observed, tuple(lost))

    def _boot(self) -> Boot:
        return partial(_counted, self.kernel, self.boots)


def _counted(kernel: BootKernel, boots: list[str], text: str) -> Outcome:
    patience = BOOTING + CASE * text.count("case ")
    outcome = boot_once(kernel, probe(), Machine(situation=text, patience=patience))
    boots.append(outcome.status)
    return outcome
