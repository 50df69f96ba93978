"""The main job: for every claim and every variant, search for a counterexample, and say what was found.

Claims that are expected to be refuted are searched for one by one.  Those that are expected to hold are watched together, in as many
seeds as the budget allows: an example that breaks none of them counts for each.  In between every interleaving of small situations is
tried: that gives the bounds within which a claim holds for certain.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TypeVar

import attrs

from kernel_model.variant import Variant
from oom_review.claims import BY_ID, CLAIMS, HOLDS, REFUTED, Claim
from oom_review.explore.explorer import BOUNDED
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import Settings, counterexample
from oom_review.scenario.items import Scenario
from oom_review.search.claim_machine import ClaimRefuted, claim_machine, expected
from oom_review.search.lockstep import lockstep_machine
from oom_review.search.minimize import minimize
from oom_review.search.one_claim import Found, TimeIsUp, confirm, run_machine, run_quietly, search
from oom_review.situations import job as exploring
from oom_review.situations.families import FAMILIES, QUICK, SITUATIONS
from oom_review.situations.job import Outcome
from oom_review.situations.progress import Progress
from oom_review.situations.verdicts import Explored, bound_of, unexpected, verdicts
from oom_review.variants import TITLES, VariantBroke, load
from oom_review.verdicts import Cell, Review
from oom_review.workers import Broke, Lost, Pool, listed

REFUTE_EXAMPLES = 4000
RESTARTS = 4
RESTART_EXAMPLES = 300
FEW_PREEMPTIONS = 2
BATCH = 150
EXPLORING = 0.5
LOCKSTEP_EXAMPLES = 200
STATES = 100_000
"""Far more than any quick situation has on the variants that come with the project: one of your own may have no end."""


# What workers do


@attrs.define(frozen=True)
class Search:
    """Look for runs that break one of these claims; ``until``, by the monotonic clock.

    ``beside``: all that are reviewed.  Hypothesis draws constants of the modules that are loaded, which must not depend on what the
    worker did before.
    """

    variant: str
    claims: tuple[str, ...]
    seed: int
    beside: tuple[str, ...]
    until: float = float("inf")

    def load(self) -> Variant:
        """The variant."""
        return {name: load(name) for name in (*self.beside, self.variant)}[self.variant]


@attrs.define(frozen=True)
class Shrink:
    """Make a refutation that was found by exploring as small as the others; ``text`` is a scenario file's."""

    variant: str
    claim: str
    text: str


def refute(job: Search) -> Found:
    """One claim that ought to be refuted."""
    claim, loaded = BY_ID[job.claims[0]], job.load()
    first = best = search(loaded, claim, max_examples=REFUTE_EXAMPLES, first_seed=job.seed)
    # A counterexample that needs many preemptions reads badly: other seeds may find a plainer one.
    for again in range(1, RESTARTS):
        if best.scenario is None or best.scenario.preemptions <= FEW_PREEMPTIONS:
            break
        seed = job.seed + 1000 * again
        other = search(loaded, claim, max_examples=RESTART_EXAMPLES, first_seed=seed)
        if other.scenario is not None and _size(other.scenario) < _size(best.scenario):
            best = attrs.evolve(other, examples=first.examples)
    return best


def _size(scenario: Scenario) -> tuple[int, int, int]:
    return len(scenario.operations), scenario.preemptions, len(str(scenario))


def shrink(job: Shrink) -> Found:
    """The same refutation, smaller."""
    started = time.monotonic()
    loaded, claim = load(job.variant), BY_ID[job.claim]
    scenario = minimize(scenario_file.parse(job.text).scenario, loaded, claim)
    violation = confirm(scenario, loaded, claim)
    seconds = time.monotonic() - started
    return Found(job.claim, loaded.name, REFUTED, 0, 0, seconds, 0, violation, scenario)


def watch(job: Search) -> list[Found]:
    """A batch of examples under the eyes of all these claims."""
    started = time.monotonic()
    loaded = job.load()
    machine = claim_machine(loaded, tuple(c for c in CLAIMS if c.id in job.claims))
    broken: ClaimRefuted | None = None
    try:
        run_machine(machine, max_examples=BATCH, first_seed=job.seed, until=job.until)
    except ClaimRefuted as refuted:
        broken = refuted
    except TimeIsUp:
        pass
    seconds = time.monotonic() - started
    examples, interleavings = machine.tally.get("examples", 0), machine.tally.get("interleavings", 0)
    held = Found("", loaded.name, HOLDS, examples, interleavings, seconds, job.seed)
    found = []
    for claim in machine.claims:
        one = attrs.evolve(held, claim=claim.id)
        if broken is not None and broken.violation.claim == claim.id:
            scenario = minimize(broken.scenario, loaded, claim)
            violation = confirm(scenario, loaded, claim)
            one = attrs.evolve(
                one, verdict=REFUTED, examples=examples + 1, violation=violation, scenario=scenario
            )
        found.append(one)
    return found


# What becomes of it


@attrs.define
class Board:
    """What was found so far; a refutation is final, holds add up.  ``lost``: whose worker died, by variant and claim."""

    found: dict[tuple[str, str], Found] = attrs.Factory(dict)
    lost: dict[tuple[str, str], str] = attrs.Factory(dict)

    def add(self, new: Found) -> None:
        """One more answer."""
        key = (new.variant, new.claim)
        old = self.found.get(key)
        if old is None or (new.verdict == REFUTED and old.verdict != REFUTED):
            tried = 0 if old is None else old.examples
            self.found[key] = attrs.evolve(new, examples=new.examples + tried)
        elif old.verdict == HOLDS:
            self.found[key] = attrs.evolve(
                old,
                examples=old.examples + new.examples,
                interleavings=old.interleavings + new.interleavings,
                seconds=old.seconds + new.seconds,
            )

    def refuted(self, variant: str, claim: str) -> bool:
        """The claim is."""
        known = self.found.get((variant, claim))
        return known is not None and known.verdict == REFUTED


@attrs.define(frozen=True)
class Explorations:
    """What was explored to the end, or to a limit; what there was no time for is not in it.  ``lost``: whose worker died."""

    outcomes: tuple[Outcome, ...] = ()
    lost: tuple[tuple[exploring.Job, Lost], ...] = ()

    def cells(self, variants: Sequence[str]) -> dict[tuple[str, str], Explored]:
        """By claim and variant, where anything was explored that bears on the claim."""
        found = {}
        for variant in variants:
            mine = [o for o in self.outcomes if o.job.variant == variant]
            for cell in verdicts([o.job.situation for o in mine], [variant], mine):
                found[cell.claim.id, variant] = cell
        return found

    def bound(self, variant: str) -> str:
        """Of all that was explored to the end on the variant; empty for nothing."""
        whole = [o for o in self.outcomes if o.job.variant == variant and not o.bounded]
        return bound_of(whole) if whole else ""

    def surprises(self) -> dict[tuple[str, str], str]:
        """By claim and variant: what nobody expected of an exploration, or where it stopped."""
        stopped = [(o.job, o.bounded) for o in self.outcomes if o.bounded]
        stopped += [(job, f"a worker died ({lost.reason})") for job, lost in self.lost]
        # The limit is one for all claims: each of them may be broken beyond it.
        found = {
            (claim, job.variant): f"bounded: {why} in {job.situation}"
            for job, why in stopped
            for claim in BY_ID
        }
        for claim, outcome, wanted in unexpected(self.outcomes):
            verdict = outcome.verdict(claim.id)
            found[claim.id, outcome.job.variant] = (
                f"exploring {outcome.job.situation} says {verdict}, expected {wanted}"
            )
        return found


J = TypeVar("J", Search, Shrink, exploring.Job)
A = TypeVar("A")


@attrs.define
class Reviewer:
    """A review under way: who is reviewed, until when, and what is known by now."""

    pool: Pool
    variants: list[Variant]
    until: float
    first_seed: int = 0
    claims: tuple[Claim, ...] = CLAIMS
    board: Board = attrs.Factory(Board)
    progress: Progress = attrs.Factory(lambda: Progress(0, "examples"))
    tell: Callable[[bool], None] = lambda _news: None

    @property
    def names(self) -> tuple[str, ...]:
        """Of all variants."""
        return tuple(v.name for v in self.variants)

    def refute(self) -> None:
        """Search for every refutation that is expected."""
        jobs = [
            Search(v.name, (claim.id,), self.first_seed, self.names)
            for v in self.variants
            for claim in expected(v, REFUTED)
            if claim in self.claims
        ]
        self.progress.total += len(jobs)
        for job, found in self._answers(refute, listed(jobs)):
            if isinstance(found, Lost):
                self._lose(job, found)
                continue
            self.board.add(found)
            self._done(f"{found.variant}: {found.claim} {found.verdict}", found.examples)

    def bound(self) -> Explorations:
        """Explore in a part of the time that is left; what that refutes and the search did not is refuted."""
        now = time.monotonic()
        explored = self.explore(now + EXPLORING * (self.until - now))
        news = [
            Shrink(variant, claim, cell.smallest.refuted[claim].scenario)
            for (claim, variant), cell in explored.cells(self.names).items()
            if BY_ID[claim] in self.claims
            and cell.smallest is not None
            and not self.board.refuted(variant, claim)
        ]
        for job, found in self._answers(shrink, listed(news)):
            if isinstance(found, Lost):
                self.board.lost[job.variant, job.claim] = found.reason
            else:
                self.board.add(found)
        return explored

    def explore(self, until: float) -> Explorations:
        """Begin with the smallest, begin none when the time is up, and let every one that was begun come to its end."""
        jobs = [
            exploring.Job(name, v.name, STATES)
            for name in sorted(QUICK, key=lambda name: SITUATIONS[name].size)
            if any(name in FAMILIES[claim.id].names for claim in self.claims)
            for v in self.variants
        ]
        self.progress.total += len(jobs)
        outcomes: list[Outcome] = []
        lost: list[tuple[exploring.Job, Lost]] = []
        for job, outcome in self._answers(exploring.run, listed(jobs, until)):
            if isinstance(outcome, Lost):
                lost.append((job, outcome))
            else:
                outcomes.append(outcome)
            self._done(f"explored {job}", 0)
        self.progress.total -= len(jobs) - len(outcomes) - len(lost)
        return Explorations(tuple(outcomes), tuple(lost))

    def watch(self) -> None:
        """Batch after batch, the variants in turn, until the time is up; at least one batch for each, whatever the time."""
        waiting = self._batches()
        # Whole batches that are due whatever the time: one for each variant, and one for each refutation found here.
        owed = len(self.variants)

        def more() -> Search | None:
            nonlocal owed
            batch = next(waiting, None) if owed > 0 or time.monotonic() < self.until else None
            if batch is None:
                return None
            batch = batch if owed > 0 else attrs.evolve(batch, until=self.until)
            owed -= 1
            self.progress.total += 1
            return batch

        for job, found in self._answers(watch, more):
            if isinstance(found, Lost):
                self._lose(job, found)
                continue
            for one in found:
                self.board.add(one)
                owed = max(owed, 0) + (one.verdict == REFUTED)
            self._done("watching what ought to hold", sum(one.examples for one in found))

    def _batches(self) -> Iterator[Search]:
        for seed in itertools.count(self.first_seed):
            idle = True
            for v in self.variants:
                ids = tuple(
                    c.id
                    for c in expected(v, HOLDS)
                    if c in self.claims and not self.board.refuted(v.name, c.id)
                )
                if ids:
                    idle = False
                    yield Search(v.name, ids, seed, self.names)
            if idle:
                return

    def _answers(
        self, answer: Callable[[J], A], more: Callable[[], J | None]
    ) -> Iterator[tuple[J, A | Lost]]:
        with closing(self.pool.run(answer, more)) as answers:
            for one in answers:
                if one is None:
                    self.tell(False)
                    continue
                job, got = one
                if isinstance(got, Broke):
                    raise VariantBroke(job.variant, got.reason)
                yield job, got

    def _done(self, last: str, examples: int) -> None:
        self.progress.finished(last, examples)
        self.tell(True)

    def _lose(self, job: Search, lost: Lost) -> None:
        for claim in job.claims:
            self.board.lost[job.variant, claim] = lost.reason
        self._done(f"{job.variant}: a worker died ({lost.reason})", 0)

    def cell(self, claim: Claim, variant: str, explored: Explored | None, surprise: str) -> Cell:
        """The verdict on that claim on that variant."""
        wanted = claim.expected.get(variant, HOLDS)
        died = self.board.lost.get((variant, claim.id))
        said = surprise or (f"a worker died ({died}) over it" if died else "")
        found = self.board.found.get((variant, claim.id))
        if found is None:
            return Cell(claim.id, variant, BOUNDED, wanted, 0, 0, None, surprise=said)
        text = None
        if found.scenario is not None:
            made_by = Settings(claim=claim.id, variant=variant, strategy="portfolio", seed=found.seed)
            text = scenario_file.dumps(counterexample(found.scenario, made_by))
        return Cell(
            claim.id,
            variant,
            found.verdict,
            wanted,
            found.examples,
            found.interleavings,
            text,
            found.seed,
            bound_beside(found, explored) or None,
            round(found.seconds, 3),
            found.violation.sentence if found.violation else claim.sentence,
            said or None,
        )


def bound_beside(found: Found, explored: Explored | None) -> str:
    """What holds in all that was explored is no bound of a claim that is refuted elsewhere."""
    if explored is None or (found.verdict == REFUTED and explored.verdict != REFUTED):
        return ""
    return explored.bound


def review(
    names: list[str],
    *,
    claims: Sequence[Claim] = CLAIMS,
    budget: float,
    jobs: int | None = None,
    first_seed: int = 0,
    progress: Progress | None = None,
    tell: Callable[[bool], None] = lambda _news: None,
) -> Review:
    """Review these variants for about ``budget`` seconds on ``jobs`` cores (all, by default).

    ``tell`` is called after each job (True) and now and then in between.  Raises VariantBroke.
    """
    variants = [load(name) for name in names]
    until = time.monotonic() + budget
    with Pool(jobs or os.cpu_count() or 1) as pool:
        reviewer = Reviewer(pool, variants, until, first_seed, tuple(claims), tell=tell)
        reviewer.progress = progress or reviewer.progress
        reviewer.refute()
        explored = reviewer.bound()
        reviewer.watch()
    bounds, surprises = explored.cells(names), explored.surprises()
    keys = [(claim, v.name) for claim in claims for v in variants]
    return Review(
        tuple(
            reviewer.cell(claim, name, bounds.get((claim.id, name)), surprises.get((claim.id, name), ""))
            for claim, name in keys
        ),
        bounds=tuple(
            f"{TITLES.get(name, name)}: {bound}" for name in names if (bound := explored.bound(name))
        ),
    )


def lockstep(
    left: str, right: str, *, examples: int = LOCKSTEP_EXAMPLES, first_seed: int = 0
) -> dict[str, int]:
    """How often each named difference was seen in lockstep.  Raises UnexplainedDifference for one without a name."""
    machine = lockstep_machine(load(left), load(right))
    run_quietly(machine, max_examples=examples, first_seed=first_seed)
    prefix = "difference "
    return {k.removeprefix(prefix): n for k, n in sorted(machine.tally.items()) if k.startswith(prefix)}
