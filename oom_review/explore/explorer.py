"""All interleavings of a scenario: the verdict of each claim, every distinct end with a schedule that leads there, and counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TypeVar

import attrs

from kernel_model.machine import Machine
from kernel_model.variant import Variant
from oom_review import ledger
from oom_review.claims import HOLDS, REFUTED, Claim
from oom_review.explore import engines
from oom_review.explore.compiled import CompiledSearch, Unfit
from oom_review.explore.final import Final, final
from oom_review.explore.lasso import MOST, lassos
from oom_review.explore.limits import MOVE_ON, Counts, Cycle, LimitReached, Limits
from oom_review.explore.model import RecordedKernel
from oom_review.explore.observer import Observer
from oom_review.explore.orbits import Orbits
from oom_review.explore.search import Search
from oom_review.explore.setup import played, take
from oom_review.explore.sleepers import Sleepers
from oom_review.explore.steps import Around, Steps
from oom_review.explore.symmetry import interchangeable
from oom_review.explore.walks import Walks, walks
from oom_review.play.past import History
from oom_review.play.session import play
from oom_review.scenario.items import Run, Scenario
from oom_review.schedules.choices import Choices
from oom_review.schedules.driver import TICK
from oom_review.schedules.gaps import Gaps, from_choices

BOUNDED = "bounded"
BREAKS, KEEPS, UNKNOWN = "breaks", "keeps", "unknown"
QUICK_LOOK = "a quick look, sleeps ended only at rest"
SLEEPS = "sleeps of up to 200 ms ended at any time, longer ones at rest"
NO_LIMITS = Limits()
Answer = TypeVar("Answer")


@attrs.define(frozen=True)
class Verdict:
    """``verdict`` is HOLDS, REFUTED or BOUNDED; ``sentence`` says what was broken.

    ``witness`` is the scenario with a schedule that refutes the claim; None for one that is not refuted.
    """

    verdict: str
    sentence: str = ""
    witness: Scenario | None = None


NO_END = "no interleaving comes to rest, and nobody asked what is promised of the machine at rest"
MAY_GO_ON = f"states come back, and whether a run has to come to rest was not found out within {MOST} states"


@attrs.define(frozen=True)
class Result:
    """What an exploration found.  ``finals``: also runs that never come to rest, the last.  ``engine``: which one explored, in words.

    ``stopped``: at which limit, or NO_END, or empty.  ``unseen``: why there may be ends that are not among ``finals``, or empty.
    """

    scenario: Scenario
    variant: str
    verdicts: dict[str, Verdict]
    finals: dict[Final, Scenario]
    counts: Counts
    stopped: str
    unseen: str
    bounds: Bounds
    engine: str

    @property
    def bounded(self) -> str:
        """Why nothing in it says "holds": it stopped at a limit, or was a quick look; empty if neither."""
        return "; ".join(filter(None, (self.stopped, "" if self.bounds.short_sleeps else QUICK_LOOK)))


@attrs.define(frozen=True)
class Bounds:
    """What is explored and how: the reductions change no verdict and no end, the rest says which interleavings there are.

    ``whole_walks``: the freezer's walks over tasks are one step each, as nothing comes of looking half-way (docs/model.md).
    ``short_sleeps``: sleeps of up to 200 ms, and of tasks that look again and again, end at any time.  Without it they end only when
    nobody can run: a quick look, which may refute and never says "holds".  Longer time-outs end only then in any case.
    """

    por: bool = True
    symmetry: bool = True
    whole_walks: bool = True
    short_sleeps: bool = True


def explore(
    scenario: Scenario,
    variant: Variant,
    *,
    limits: Limits = NO_LIMITS,
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    around: Around = nullcontext,
) -> Result:
    """Try all interleavings of the scenario's last run, up to quiescence; steps are recorded within what ``around`` makes.

    The schedule of the explored run is not looked at; earlier runs follow theirs.  Raises IllegalOperation for an operation that is
    not possible before the explored run, and ValueError for a scenario without a run.
    """
    return _whole(lambda explored: explored.result(limits), scenario, variant, bounds, around=around)


@attrs.define(frozen=True)
class Keeping:
    """Can a claim be kept?  ``outcome``: KEEPS, with an ``end`` that it is kept in, BREAKS, or UNKNOWN: a limit was hit."""

    outcome: str
    end: Final | None = None
    states: int = 0


def can_keep(
    scenario: Scenario,
    variant: Variant,
    claim: Claim,
    *,
    limits: Limits = NO_LIMITS,
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
) -> Keeping:
    """Is there an interleaving of the scenario's last run that does not break the claim?  Raises as explore() does."""
    return _whole(lambda explored: explored.keeping(limits), scenario, variant, bounds, (claim,))


def _whole(
    answer: Callable[[Exploration], Answer],
    scenario: Scenario,
    variant: Variant,
    bounds: Bounds,
    claims: tuple[Claim, ...] | None = None,
    around: Around = nullcontext,
) -> Answer:
    """Without what turns out not to do for this scenario: partial-order reduction, or the compiled core."""
    unfit = ""
    while True:
        try:
            return answer(Exploration(scenario, variant, bounds, claims, around, unfit))
        except Cycle:
            bounds = attrs.evolve(bounds, por=False)
        except Unfit as reason:
            unfit = str(reason)


class Exploration:
    """What a search met: broken claims and ends, each with the choices that led there first."""

    def __init__(
        self,
        scenario: Scenario,
        variant: Variant,
        bounds: Bounds,
        claims: tuple[Claim, ...] | None = None,
        around: Around = nullcontext,
        unfit: str = "",
    ) -> None:
        """Play what comes before the last run.  ``unfit``: why the compiled core can't explore it."""
        runs = [i for i, item in enumerate(scenario.items) if isinstance(item, Run)]
        if not runs:
            raise ValueError("there is no run to explore")
        self._scenario = scenario
        self._variant = variant
        self._claims = claims = ledger.claims() if claims is None else claims
        self._bounds = bounds
        self._last = runs[-1]
        self._unfit = unfit
        self._walks = walks(variant) if bounds.whole_walks else Walks()
        self._broken: dict[str, tuple[str, list[int]]] = {}
        self._ends: dict[Final, list[int]] = {}
        session, setup = played(scenario.items[: self._last], variant, claims)
        for violation in session.violations.values():
            self._found(violation.claim, violation.sentence, [])
        like = interchangeable(session.machine.k, scenario)
        self._steps = Steps(variant, setup, Observer(session, like), walks=self._walks, around=around)
        names = {t.pid: t.name for t in session.machine.k.tasks.values()}
        self._orbits = Orbits(self._steps, like if bounds.symmetry else {}, names)

    def _found(self, claim: str, sentence: str, choices: list[int]) -> None:
        self._broken.setdefault(claim, (sentence, choices))

    def _ended(self, final: Final, choices: list[int]) -> None:
        self._ends.setdefault(final, choices)

    def _search(self, limits: Limits, keep: str = "") -> Search | CompiledSearch:
        return engines.search(
            self._steps,
            Sleepers(self._steps, short_sleeps=self._bounds.short_sleeps),
            self._orbits,
            self._unfit,
            por=self._bounds.por,
            limits=limits,
            found=self._found,
            ended=self._ended,
            keep=keep,
        )

    def keeping(self, limits: Limits) -> Keeping:
        """Run the search to the first end in which the one claim holds."""
        claim = self._claims[0].id
        if claim in self._broken:
            return Keeping(BREAKS)
        search = self._search(limits, claim)
        try:
            search.run()
        except LimitReached:
            return Keeping(UNKNOWN, states=search.counts.states)
        if search.kept is None:
            return Keeping(BREAKS, states=search.counts.states)
        return Keeping(KEEPS, search.kept, search.counts.states)

    def result(self, limits: Limits) -> Result:
        """Run the search to its end, or to a limit."""
        bounds = self._bounds
        search = self._search(limits)
        stopped = ""
        try:
            search.run()
        except LimitReached as limit:
            stopped = f"stopped at {limit}"
        unseen = stopped
        if not stopped and not self._ends:
            stopped = NO_END
        finals = {final: self._witness(choices) for final, choices in self._ends.items()}
        if search.counts.cycles:
            endless, all_known = self._endless()
            finals |= endless
            unseen = unseen or ("" if all_known else MAY_GO_ON)
        unseen = unseen or ("" if finals else NO_END)
        whole = Verdict(HOLDS) if not stopped and bounds.short_sleeps else Verdict(BOUNDED)
        verdicts = {claim.id: whole for claim in self._claims} | {
            claim: Verdict(REFUTED, sentence, self._witness(choices))
            for claim, (sentence, choices) in self._broken.items()
        }
        engine = engines.said(self._unfit)
        return Result(
            self._scenario,
            self._variant.name,
            verdicts,
            finals,
            search.counts,
            stopped,
            unseen,
            bounds,
            engine,
        )

    def _endless(self) -> tuple[dict[Final, Scenario], bool]:
        """The runs that never come to rest, as ends; and if these are all."""
        sleepers = Sleepers(self._steps, short_sleeps=self._bounds.short_sleeps)
        found, all_known = lassos(RecordedKernel(self._steps, sleepers))
        ends: dict[Final, Scenario] = {}
        for lasso in found:
            before = Scenario(self._scenario.items[: self._last])
            machine = play(before, self._variant, ()).machine
            stem, cycle = (_names(machine, c, self._walks)[0] for c in (lasso.stem, lasso.cycle))
            stem_run, cycle_run = Run(Choices(tuple(stem))), Run(Choices(tuple(cycle), again=True))
            session = play(Scenario((*before.items, stem_run)), self._variant, ())
            history, like = History.of(session.history), self._steps.observer.common_names
            end = final(session.machine.k, history, like, lasso.restless)
            ends.setdefault(end, Scenario((*before.items, stem_run, cycle_run)))
        return ends, all_known

    def _witness(self, choices: list[int]) -> Scenario:
        """The scenario with these choices as its last run's schedule: as gaps, which read well, if nobody's sleep ends early."""
        items = self._scenario.items
        before = Scenario(items[: self._last])
        names, early = _names(play(before, self._variant, ()).machine, choices, self._walks)
        schedule: Choices | Gaps = Choices(tuple(names))
        if not early:
            schedule = from_choices(play(before, self._variant, ()).machine, names, whole=True)
        return Scenario((*before.items, Run(schedule), *items[self._last + 1 :]))


def _names(machine: Machine, choices: Sequence[int], walks: Walks) -> tuple[list[str], bool]:
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
