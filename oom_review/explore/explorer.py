"""All interleavings of a scenario: the verdict of each claim, every distinct end with a schedule that leads there, and counts."""

from __future__ import annotations

from typing import Protocol

import attrs

from kernel_model.machine import Machine
from kernel_model.preempt import PreemptionPoint
from kernel_model.sched import Variant
from oom_review.claims import CLAIMS, HOLDS, REFUTED
from oom_review.explore.final import Final
from oom_review.explore.limits import MOVE_ON, Counts, Cycle, LimitReached, Limits
from oom_review.explore.recorded.explore import search as recorded
from oom_review.explore.recorded.steps import WALKS, take
from oom_review.explore.repeated.search import Search
from oom_review.explore.repeated.system import KernelSystem
from oom_review.run import play
from oom_review.scenario import Run, Scenario
from oom_review.schedules.choices import Choices
from oom_review.schedules.driver import TICK
from oom_review.schedules.gaps import Gaps, from_choices

BOUNDED = "bounded"
NO_LIMITS = Limits()


@attrs.define(frozen=True)
class Verdict:
    """``verdict`` is HOLDS, REFUTED or BOUNDED; ``sentence`` says what was broken or where the search stopped.

    ``witness`` is the scenario with a schedule that refutes the claim; None if the runs of several operations were explored.
    """

    verdict: str
    sentence: str = ""
    witness: Scenario | None = None


@attrs.define(frozen=True)
class Result:
    """What an exploration found.  ``bounded`` is empty, or says where it stopped: then nothing in it says "holds"."""

    scenario: Scenario
    variant: str
    verdicts: dict[str, Verdict]
    finals: dict[Final, Scenario | None]
    counts: Counts
    bounded: str
    reduced_order: bool


@attrs.define(frozen=True)
class Bounds:
    """What is explored and how: the reductions change no verdict and no end, the rest says which interleavings there are.

    ``whole_walks``: the freezer's walks over tasks are one step each, as nothing comes of looking half-way (docs/model.md).
    ``short_sleeps``: sleeps of up to 200 ms, and of tasks that look again and again, end at any time, not only at rest.
    ``early_ticks``: the clock moves so often although somebody could run.  ``every_run``: not only the last run is explored.
    """

    caching: bool = True
    por: bool = True
    symmetry: bool = True
    whole_walks: bool = True
    short_sleeps: bool = False
    early_ticks: int = 0
    every_run: bool = False

    @property
    def by_repetition(self) -> bool:
        """Only the search that repeats steps to get back to a choice has all of this."""
        return not self.caching or bool(self.early_ticks) or self.every_run


def explore(
    scenario: Scenario,
    variant: Variant,
    *,
    limits: Limits = NO_LIMITS,
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
) -> Result:
    """Try all interleavings of the scenario's last run, up to quiescence.

    The schedule of an explored run is not looked at; earlier runs follow theirs.  Raises IllegalOperation for an operation that is
    not possible before the first explored run, and ValueError for a scenario without a run.
    """
    if not any(isinstance(item, Run) for item in scenario.items):
        raise ValueError("there is no run to explore")
    search = by_repetition if bounds.by_repetition else by_recording
    try:
        return search(scenario, variant, limits, bounds)
    except Cycle:
        return search(scenario, variant, limits, attrs.evolve(bounds, por=False))


def by_recording(scenario: Scenario, variant: Variant, limits: Limits, bounds: Bounds) -> Result:
    """Each step is taken once and looked up from then on."""
    notes = Notes()
    search = recorded(
        scenario,
        variant,
        por=bounds.por,
        short_sleeps=bounds.short_sleeps,
        whole_walks=bounds.whole_walks,
        symmetry=bounds.symmetry,
        limits=limits,
        found=notes.found,
        ended=notes.ended,
    )
    return notes.result(scenario, variant, search, bounds, WALKS if bounds.whole_walks else frozenset())


def by_repetition(scenario: Scenario, variant: Variant, limits: Limits, bounds: Bounds) -> Result:
    """Steps are repeated on fresh machines; what they touch is declared at their preemption points."""
    notes = Notes()

    def found(claim: str, sentence: str) -> None:
        notes.found(claim, sentence, search.choices)

    system = KernelSystem(
        scenario,
        variant,
        every=bounds.every_run,
        early_ticks=bounds.early_ticks,
        symmetry=bounds.symmetry and bounds.caching,
        found=found,
        ended=notes.ended,
    )
    search = Search(system, caching=bounds.caching, por=bounds.por, limits=limits)
    return notes.result(scenario, variant, search, bounds)


class Running(Protocol):
    """A search."""

    counts: Counts

    def run(self) -> None:
        """Explore everything; raises LimitReached or Cycle."""


class Notes:
    """What a search meets: broken claims and ends, each with the choices that led there first."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.broken: dict[str, tuple[str, list[int]]] = {}
        self.ends: dict[Final, list[int]] = {}

    def found(self, claim: str, sentence: str, choices: list[int]) -> None:
        """A claim is broken."""
        self.broken.setdefault(claim, (sentence, choices))

    def ended(self, final: Final, choices: list[int]) -> None:
        """Nothing moves any more."""
        self.ends.setdefault(final, choices)

    def result(
        self,
        scenario: Scenario,
        variant: Variant,
        search: Running,
        bounds: Bounds,
        walks: frozenset[PreemptionPoint] = frozenset(),
    ) -> Result:
        """Run the search to its end, or to a limit; each of its choices goes through the walks."""
        bounded = ""
        try:
            search.run()
        except LimitReached as limit:
            bounded = f"stopped at {limit}"

        def witness(choices: list[int]) -> Scenario | None:
            return None if bounds.every_run else _witness(scenario, variant, choices, walks)

        verdicts = {}
        for claim in CLAIMS:
            if claim.id in self.broken:
                sentence, choices = self.broken[claim.id]
                verdicts[claim.id] = Verdict(REFUTED, sentence, witness(choices))
            else:
                verdicts[claim.id] = Verdict(BOUNDED, f"bounded: {bounded}") if bounded else Verdict(HOLDS)
        finals = {final: witness(choices) for final, choices in self.ends.items()}
        return Result(scenario, variant.name, verdicts, finals, search.counts, bounded, bounds.por)


def _witness(
    scenario: Scenario, variant: Variant, choices: list[int], walks: frozenset[PreemptionPoint]
) -> Scenario:
    """The scenario with these choices as the schedule of its last run: as gaps, which read well, if nobody's sleep ends early."""
    last = max(i for i, item in enumerate(scenario.items) if isinstance(item, Run))
    before = Scenario(scenario.items[:last])
    names, early = _names(play(before, variant, ()).machine, choices, walks)
    schedule: Choices | Gaps = Choices(tuple(names))
    if not early:
        schedule = from_choices(play(before, variant, ()).machine, names, whole=True)
    return attrs.evolve(scenario, items=(*before.items, Run(schedule), *scenario.items[last + 1 :]))


def _names(machine: Machine, choices: list[int], walks: frozenset[PreemptionPoint]) -> tuple[list[str], bool]:
    """The choices as a schedule names them, walks step by step; and whether somebody's sleep ends early."""
    names = []
    early = False
    for choice in choices:
        if choice == MOVE_ON:
            if machine.tick():
                names.append(TICK)
            continue
        task = machine.k.tasks[choice]
        early = early or not machine.runnable(task)
        names += [task.name] * take(machine, task, walks)
    return names, early


@attrs.define(frozen=True)
class Comparison:
    """Two variants on all interleavings of one scenario: the ends that only one of them has."""

    first: Result
    second: Result

    @property
    def only_first(self) -> list[Final]:
        """Ends of the first that the second has not."""
        return [final for final in self.first.finals if final not in self.second.finals]

    @property
    def only_second(self) -> list[Final]:
        """Ends of the second that the first has not."""
        return [final for final in self.second.finals if final not in self.first.finals]

    @property
    def bounded(self) -> str:
        """Empty, or where one of the two stopped."""
        return self.first.bounded or self.second.bounded


def compare(
    scenario: Scenario,
    first: Variant,
    second: Variant,
    *,
    limits: Limits = NO_LIMITS,
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
) -> Comparison:
    """Explore both and set their ends side by side."""
    return Comparison(
        explore(scenario, first, limits=limits, bounds=bounds),
        explore(scenario, second, limits=limits, bounds=bounds),
    )
