"""All interleavings of a scenario: the verdict of each claim, every distinct end with a schedule that leads there, and counts."""

from __future__ import annotations

import attrs

from kernel_model.machine import Machine
from kernel_model.sched import Variant
from oom_review.claims import CLAIMS, HOLDS, REFUTED
from oom_review.explore.final import Final
from oom_review.explore.search import MOVE_ON, Counts, Cycle, LimitReached, Limits, Search
from oom_review.explore.system import KernelSystem
from oom_review.run import play
from oom_review.scenario import Run, Scenario
from oom_review.schedules.driver import TICK
from oom_review.schedules.gaps import from_choices

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


def explore(
    scenario: Scenario,
    variant: Variant,
    *,
    caching: bool = True,
    por: bool = True,
    symmetry: bool = True,
    limits: Limits = NO_LIMITS,
    early_ticks: int = 0,
    every_run: bool = False,
) -> Result:
    """Try all interleavings of the scenario's last run (of every run: ``every_run``), up to quiescence.

    The schedule of an explored run is not looked at; earlier runs follow theirs.  The clock moves when nothing can run, and up to
    ``early_ticks`` times before.  In every run, an operation that is not possible after some interleaving is passed over.
    Raises IllegalOperation for an operation that is not possible before the first explored run.
    """
    try:
        return _explore(scenario, variant, caching, por, symmetry, limits, early_ticks, every_run)
    except Cycle:
        return _explore(scenario, variant, caching, False, symmetry, limits, early_ticks, every_run)


def _explore(
    scenario: Scenario,
    variant: Variant,
    caching: bool,
    por: bool,
    symmetry: bool,
    limits: Limits,
    early_ticks: int,
    every_run: bool,
) -> Result:
    broken: dict[str, tuple[str, list[int]]] = {}
    ends: dict[Final, list[int]] = {}

    def found(claim: str, sentence: str) -> None:
        if claim not in broken:
            broken[claim] = sentence, search.choices

    def ended(final: Final, choices: list[int]) -> None:
        ends.setdefault(final, choices)

    system = KernelSystem(
        scenario,
        variant,
        every=every_run,
        early_ticks=early_ticks,
        symmetry=symmetry and caching,
        found=found,
        ended=ended,
    )
    search = Search(system, caching=caching, por=por, limits=limits)
    bounded = ""
    try:
        search.run()
    except LimitReached as limit:
        bounded = f"stopped at {limit}"

    def witness(choices: list[int]) -> Scenario | None:
        return None if every_run else _witness(scenario, variant, choices)

    verdicts = {}
    for claim in CLAIMS:
        if claim.id in broken:
            sentence, choices = broken[claim.id]
            verdicts[claim.id] = Verdict(REFUTED, sentence, witness(choices))
        else:
            verdicts[claim.id] = Verdict(BOUNDED, f"bounded: {bounded}") if bounded else Verdict(HOLDS)
    finals = {final: witness(choices) for final, choices in ends.items()}
    return Result(scenario, variant.name, verdicts, finals, search.counts, bounded, por)


def _witness(scenario: Scenario, variant: Variant, choices: list[int]) -> Scenario:
    """The scenario with these choices as the schedule of its last run, which goes on to quiescence."""
    last = max((i for i, item in enumerate(scenario.items) if isinstance(item, Run)), default=None)
    if last is None:
        return scenario
    before = Scenario(scenario.items[:last])
    names = _names(play(before, variant, ()).machine, choices)
    schedule = from_choices(play(before, variant, ()).machine, names, whole=True)
    return attrs.evolve(scenario, items=(*before.items, Run(schedule), *scenario.items[last + 1 :]))


def _names(machine: Machine, choices: list[int]) -> list[str]:
    """The choices by the names of the tasks, some of which are born on the way."""
    names = []
    for choice in choices:
        if choice == MOVE_ON:
            machine.tick()
            names.append(TICK)
        else:
            task = machine.k.tasks[choice]
            names.append(task.name)
            machine.step(task)
    return names


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


def compare(scenario: Scenario, first: Variant, second: Variant, *, limits: Limits = NO_LIMITS) -> Comparison:
    """Explore both and set their ends side by side."""
    return Comparison(explore(scenario, first, limits=limits), explore(scenario, second, limits=limits))
