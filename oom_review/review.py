"""The main job: for every claim and every variant, search for a counterexample, and say what was found.

Claims that are expected to be refuted are searched for one by one.  Those that are expected to hold are watched together, in as many
seeds as the budget allows: an example that breaks none of them counts for each.  In between every interleaving of small situations is
tried: that gives the bounds within which a claim holds for certain.
"""

from __future__ import annotations

import functools
import itertools
import os
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from typing import Any, TypeVar, cast

import attrs

from kernel_model.sched import Variant
from oom_review import scenario_file
from oom_review.claims import BY_ID, CLAIMS, HOLDS, REFUTED, Claim
from oom_review.errors import BadInput
from oom_review.machines.claim_machine import ClaimRefuted, claim_machine, expected
from oom_review.machines.lockstep import lockstep_machine
from oom_review.minimize import minimize
from oom_review.review_bounds import Explorations, explore_quick
from oom_review.scenario import Scenario
from oom_review.search import NotReproducible, TimeIsUp, Verdict, confirm, run_machine, run_quietly, search
from oom_review.situations.job import Broke
from oom_review.situations.verdicts import Explored
from oom_review.variants import TITLES, load

REFUTE_EXAMPLES = 4000
RESTARTS = 4
RESTART_EXAMPLES = 300
FEW_PREEMPTIONS = 2
BATCH = 150
EXPLORING = 0.5
LOCKSTEP_EXAMPLES = 200


@attrs.define(frozen=True)
class Progress:
    """How far a review is: jobs done, jobs known by now, examples tried, and what was finished last."""

    done: int
    total: int
    examples: int
    last: str


@attrs.define(frozen=True)
class Cell:
    """One verdict of the table, next to the one that the ledger expects.

    ``bound``: how much was explored, if anything; ``surprise``: what an exploration gave that nobody expected, or where it stopped.
    """

    claim: Claim
    variant: str
    expected: str
    found: Verdict
    bound: str = ""
    surprise: str = ""

    @property
    def as_expected(self) -> bool:
        """The suite's own verdict."""
        return self.found.verdict == self.expected and not self.surprise


@attrs.define(frozen=True)
class Review:
    """All cells, and what was explored on each variant, in words."""

    cells: list[Cell]
    bounds: tuple[str, ...]


class VariantBroke(BadInput):
    """A variant's own code raised: what, and where, in one line."""


Job = TypeVar("Job", bound=Callable[..., Any])


def _told_in_one_line(job: Job) -> Job:
    @functools.wraps(job)
    def wrapper(variant: str, *args: Any) -> Any:
        try:
            return job(variant, *args)
        except NotReproducible:
            raise
        except Exception as error:  # noqa: BLE001 - a stranger's variant may raise anything
            last = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {error}"
            raise VariantBroke(
                f"variant {variant!r} broke at {last.filename}:{last.lineno}: {what}"
            ) from None

    return cast("Job", wrapper)


@_told_in_one_line
def _refute(variant: str, claim_id: str, seed: int) -> Verdict:
    """A worker's job: one claim that ought to be refuted."""
    claim = next(c for c in CLAIMS if c.id == claim_id)
    loaded = load(variant)
    first = best = search(loaded, claim, max_examples=REFUTE_EXAMPLES, first_seed=seed)
    # A counterexample that needs many preemptions reads badly: other seeds may find a plainer one.
    for again in range(1, RESTARTS):
        if best.scenario is None or best.scenario.preemptions <= FEW_PREEMPTIONS:
            break
        other = search(loaded, claim, max_examples=RESTART_EXAMPLES, first_seed=seed + 1000 * again)
        if other.scenario is not None and _size(other.scenario) < _size(best.scenario):
            best = attrs.evolve(other, examples=first.examples)
    return best


@_told_in_one_line
def _shrink(variant: str, claim_id: str, text: str) -> Verdict:
    """A worker's job: make a refutation that was found by exploring as small as the others."""
    started = time.monotonic()
    loaded, claim = load(variant), BY_ID[claim_id]
    scenario = minimize(scenario_file.parse(text).scenario, loaded, claim)
    violation = confirm(scenario, loaded, claim)
    seconds = time.monotonic() - started
    return Verdict(claim_id, loaded.name, REFUTED, 0, 0, seconds, 0, violation, scenario)


def _size(scenario: Scenario) -> tuple[int, int, int]:
    return len(scenario.operations), scenario.preemptions, len(str(scenario))


@_told_in_one_line
def _watch(variant: str, claim_ids: tuple[str, ...], seed: int, until: float) -> list[Verdict]:
    """A worker's job: a batch of examples under the eyes of all these claims."""
    started = time.monotonic()
    loaded = load(variant)
    machine = claim_machine(loaded, tuple(c for c in CLAIMS if c.id in claim_ids))
    broken: ClaimRefuted | None = None
    try:
        run_machine(machine, max_examples=BATCH, first_seed=seed, until=until)
    except ClaimRefuted as refuted:
        broken = refuted
    except TimeIsUp:
        pass
    seconds = time.monotonic() - started
    examples, interleavings = machine.tally.get("examples", 0), machine.tally.get("interleavings", 0)
    verdicts = []
    for claim in machine.claims:
        if broken is not None and broken.violation.claim == claim.id:
            scenario = minimize(broken.scenario, loaded, claim)
            violation = confirm(scenario, loaded, claim)
            verdicts.append(
                Verdict(
                    claim.id,
                    loaded.name,
                    REFUTED,
                    examples + 1,
                    interleavings,
                    seconds,
                    seed,
                    violation,
                    scenario,
                )
            )
        else:
            verdicts.append(Verdict(claim.id, loaded.name, HOLDS, examples, interleavings, seconds, seed))
    return verdicts


@attrs.define
class _Board:
    """The verdicts so far; a refutation is final, holds add up."""

    verdicts: dict[tuple[str, str], Verdict] = attrs.Factory(dict)

    def add(self, new: Verdict) -> None:
        key = (new.variant, new.claim)
        old = self.verdicts.get(key)
        if old is None or (new.verdict == REFUTED and old.verdict != REFUTED):
            tried = 0 if old is None else old.examples
            self.verdicts[key] = attrs.evolve(new, examples=new.examples + tried)
        elif old.verdict == HOLDS:
            self.verdicts[key] = attrs.evolve(
                old,
                examples=old.examples + new.examples,
                interleavings=old.interleavings + new.interleavings,
                seconds=old.seconds + new.seconds,
            )


def review(
    names: list[str],
    *,
    budget: float,
    jobs: int | None = None,
    first_seed: int = 0,
    tell: Callable[[Progress], None] = lambda _progress: None,
) -> Review:
    """Review these variants for about ``budget`` seconds on ``jobs`` cores (all, by default)."""
    variants = [load(name) for name in names]
    board = _Board()
    workers = jobs or os.cpu_count() or 1
    until = time.monotonic() + budget
    with ProcessPoolExecutor(workers) as pool:
        _first_the_refutations(pool, list(zip(names, variants, strict=True)), board, first_seed, tell)
        explored = _then_the_bounds(pool, workers, names, board, until, tell)
        _then_the_rest(pool, workers, list(zip(names, variants, strict=True)), board, until, first_seed, tell)
    bounds, surprises = explored.cells(names), explored.surprises()
    cells = []
    for claim in CLAIMS:
        for v in variants:
            key = (claim.id, v.name)
            found = board.verdicts[v.name, claim.id]
            bound = _bound(found, bounds.get(key))
            expected = claim.expected.get(v.name, HOLDS)
            cells.append(Cell(claim, v.name, expected, found, bound, surprises.get(key, "")))
    said = [f"{TITLES.get(name, name)}: {bound}" for name in names if (bound := explored.bound(name))]
    return Review(cells, tuple(said))


def _bound(found: Verdict, explored: Explored | None) -> str:
    """What holds in all that was explored is no bound of a claim that is refuted elsewhere."""
    if explored is None or (found.verdict == REFUTED and explored.verdict != REFUTED):
        return ""
    return explored.bound


Named = list[tuple[str, Variant]]


def _first_the_refutations(
    pool: ProcessPoolExecutor, variants: Named, board: _Board, seed: int, tell: Callable[[Progress], None]
) -> None:
    futures = [
        pool.submit(_refute, name, claim.id, seed)
        for name, variant in variants
        for claim in expected(variant, REFUTED)
    ]
    for done, future in enumerate(futures, 1):
        verdict = future.result()
        board.add(verdict)
        last = f"{verdict.variant}: {verdict.claim} {verdict.verdict}"
        tell(Progress(done, len(futures), _tried(board), last))


def _then_the_bounds(
    pool: Executor,
    workers: int,
    names: list[str],
    board: _Board,
    until: float,
    tell: Callable[[Progress], None],
) -> Explorations:
    """In a part of the time that is left; whatever it refutes that the search did not is refuted."""

    def told(done: int, total: int, last: str) -> None:
        tell(Progress(done, total, _tried(board), f"explored {last}"))

    now = time.monotonic()
    explored = explore_quick(pool, workers, names, now + EXPLORING * (until - now), told)
    if isinstance(explored, Broke):
        raise VariantBroke(explored.reason)
    news = [
        pool.submit(_shrink, variant, claim, cell.smallest.refuted[claim].scenario)
        for (claim, variant), cell in explored.cells(names).items()
        if cell.smallest is not None and not _refuted(board, variant, claim)
    ]
    for future in news:
        board.add(future.result())
    return explored


def _then_the_rest(
    pool: ProcessPoolExecutor,
    workers: int,
    variants: Named,
    board: _Board,
    until: float,
    first_seed: int,
    tell: Callable[[Progress], None],
) -> None:
    """Batch after batch, the variants in turn, until the time is up; at least one batch for each, whatever the time."""
    waiting = _batches(variants, board, first_seed)
    running: set[Future[list[Verdict]]] = set()
    # Whole batches that are due whatever the time: one for each variant, and one for each refutation found here.
    owed = len(variants)
    started = done = 0
    while True:
        while len(running) < workers and (owed > 0 or time.monotonic() < until):
            job = next(waiting, None)
            if job is None:
                break
            name, ids, seed = job
            running.add(pool.submit(_watch, name, ids, seed, float("inf") if owed > 0 else until))
            owed -= 1
            started += 1
        if not running:
            return
        finished, running = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            done += 1
            for verdict in future.result():
                board.add(verdict)
                owed = max(owed, 0) + (verdict.verdict == REFUTED)
        tell(Progress(done, started, _tried(board), "watching what ought to hold"))


def _batches(variants: Named, board: _Board, first_seed: int) -> Iterator[tuple[str, tuple[str, ...], int]]:
    for seed in itertools.count(first_seed):
        idle = True
        for name, variant in variants:
            ids = tuple(c.id for c in expected(variant, HOLDS) if not _refuted(board, variant.name, c.id))
            if ids:
                idle = False
                yield name, ids, seed
        if idle:
            return


def _refuted(board: _Board, variant: str, claim: str) -> bool:
    known = board.verdicts.get((variant, claim))
    return known is not None and known.verdict == REFUTED


def _tried(board: _Board) -> int:
    return sum(v.examples for v in board.verdicts.values())


def lockstep(
    left: str, right: str, *, examples: int = LOCKSTEP_EXAMPLES, first_seed: int = 0
) -> dict[str, int]:
    """How often each named difference was seen in lockstep.  Raises UnexplainedDifference for one without a name."""
    machine = lockstep_machine(load(left), load(right))
    run_quietly(machine, max_examples=examples, first_seed=first_seed)
    prefix = "difference "
    return {k.removeprefix(prefix): n for k, n in sorted(machine.tally.items()) if k.startswith(prefix)}
