"""What the workers of a review do: what comes of a job depends on nothing but what stands in it.

Not on the load, on what the worker did before, on who else is at work or on the order in which the variants were named.  So a job has its own seed, and a batch that breaks a claim goes on without that claim itself: the batches of a variant know nothing of
each other.  Tried and dropped: telling the later batches what the earlier ones refuted, which made them depend on who was faster.

``beside``: all that are reviewed.  Hypothesis draws constants of the modules that are loaded, so every worker loads the same ones.
``until``, by the monotonic clock: only what a budget cuts short.
"""

from __future__ import annotations

import hashlib
import time
from itertools import count

import attrs

from kernel_model.variant import Variant, link
from oom_review.claims import HOLDS, REFUTED
from oom_review.ledger import find
from oom_review.review.alternatives import alternatives
from oom_review.scenario import file as scenario_file
from oom_review.scenario.items import Scenario
from oom_review.search.claim_machine import ClaimRefuted, claim_machine
from oom_review.search.lockstep import UnexplainedDifference, lockstep_machine
from oom_review.search.minimize import minimize
from oom_review.search.one_claim import Found, TimeIsUp, confirm, run_machine, run_quietly, search
from oom_review.situations import job as exploring
from oom_review.variants.loading import load
from oom_review.verdicts import Alternative

REFUTE_EXAMPLES = 4000
RESTARTS = 4
RESTART_EXAMPLES = 300
FEW_PREEMPTIONS = 2
BATCH = 150
"""Programs, each under so many interleavings as claim_machine says."""
LOCKSTEP_EXAMPLES = 200
NEVER = float("inf")


@attrs.define(frozen=True)
class Search:
    """Look for a run that breaks the claim, which ought to be refuted."""

    variant: str
    claim: str
    seed: int
    beside: tuple[str, ...]
    until: float = NEVER


@attrs.define(frozen=True)
class Batch:
    """Watch these claims, which ought to hold, over ``BATCH`` programs."""

    variant: str
    claims: tuple[str, ...]
    seed: int
    number: int
    beside: tuple[str, ...]
    until: float = NEVER


@attrs.define(frozen=True)
class Watched:
    """What a batch saw of each claim; ``whole`` if the time was enough for all of it."""

    found: tuple[Found, ...]
    whole: bool


@attrs.define(frozen=True)
class Shrink:
    """Make a refutation as small as the others; ``text`` is a scenario file's."""

    variant: str
    claim: str
    text: str


@attrs.define(frozen=True)
class Others:
    """Explore who else could have gone at the steps of a refutation; ``text`` is a scenario file's."""

    variant: str
    claim: str
    text: str


@attrs.define(frozen=True)
class Lockstep:
    """Play random programs on both, step by step, and compare."""

    variant: str
    other: str
    seed: int
    beside: tuple[str, ...]


@attrs.define(frozen=True)
class Alternatives:
    """Who else could have gone, by the number of the step."""

    by_step: dict[str, list[Alternative]]


@attrs.define(frozen=True)
class Compared:
    """How often each named difference was seen; ``unexplained`` is the account of one without a name."""

    differences: dict[str, int]
    unexplained: str = ""


Job = Search | Batch | Shrink | Others | Lockstep | exploring.Job
Answer = Found | Watched | Compared | exploring.Outcome | Alternatives


def answer(job: Job) -> Answer:
    """Do it, whatever it is."""
    if isinstance(job, Search):
        return refute(job)
    if isinstance(job, Batch):
        return watch(job)
    if isinstance(job, Shrink):
        return shrink(job)
    if isinstance(job, Others):
        return others(job)
    if isinstance(job, Lockstep):
        return lockstep(job)
    return exploring.run(job)


def others(job: Others) -> Alternatives:
    """Who else could have gone, and what would have come of it."""
    scenario = scenario_file.parse(job.text).scenario
    return Alternatives(alternatives(scenario, load(job.variant), find(job.claim)))


def _loaded(job: Search | Batch | Lockstep) -> Variant:
    """The job's variant; all modules that any of them needs are there afterwards."""
    all_of_them = {name: load(name) for name in sorted({*job.beside, job.variant})}
    for variant in all_of_them.values():
        link(variant)
    return all_of_them[job.variant]


def refute(job: Search) -> Found:
    """One claim that ought to be refuted."""
    claim, loaded = find(job.claim), _loaded(job)
    first = best = search(loaded, claim, max_examples=REFUTE_EXAMPLES, first_seed=job.seed, until=job.until)
    # A counterexample that needs many preemptions reads badly: other seeds may find a plainer one.
    for again in range(1, RESTARTS):
        if best.scenario is None or best.scenario.preemptions <= FEW_PREEMPTIONS:
            break
        seed = job.seed + 1000 * again
        other = search(loaded, claim, max_examples=RESTART_EXAMPLES, first_seed=seed, until=job.until)
        if other.scenario is not None and _size(other.scenario) < _size(best.scenario):
            best = attrs.evolve(other, examples=first.examples)
    return best


def _size(scenario: Scenario) -> tuple[int, int, int]:
    return len(scenario.operations), scenario.preemptions, len(str(scenario))


def shrink(job: Shrink) -> Found:
    """The same refutation, smaller."""
    started = time.monotonic()
    loaded, claim = load(job.variant), find(job.claim)
    scenario = minimize(scenario_file.parse(job.text).scenario, loaded, claim)
    violation = confirm(scenario, loaded, claim)
    seconds = time.monotonic() - started
    return Found(job.claim, loaded.name, REFUTED, 0, 0, seconds, 0, violation, scenario)


def watch(job: Batch) -> Watched:
    """The batch again without a claim that it breaks, until it breaks none; what breaks one is not yet small."""
    loaded = _loaded(job)
    known = {claim: Found(claim, loaded.name, HOLDS, 0, 0, 0.0, job.seed) for claim in job.claims}
    left = job.claims
    for again in count():
        started = time.monotonic()
        machine = claim_machine(loaded, tuple(find(c) for c in left))
        broken, whole = None, True
        seed = derived(job.seed, job.variant, job.number, again)
        try:
            run_machine(machine, max_examples=BATCH, first_seed=seed, until=job.until)
        except ClaimRefuted as refuted:
            broken = refuted
        except TimeIsUp:
            whole = False
        seconds = time.monotonic() - started
        for claim in left:
            known[claim] = _more(known[claim], machine.tally, seconds)
        if broken is None:
            return Watched(tuple(known.values()), whole)
        claim = broken.violation.claim
        known[claim] = attrs.evolve(
            known[claim],
            verdict=REFUTED,
            examples=known[claim].examples + 1,
            violation=broken.violation,
            scenario=broken.scenario,
            as_found=True,
        )
        left = tuple(c for c in left if c != claim)
        if not left:
            return Watched(tuple(known.values()), whole=True)
    raise AssertionError


def _more(found: Found, tally: dict[str, int], seconds: float) -> Found:
    return attrs.evolve(
        found,
        examples=found.examples + tally.get(f"examples {found.claim}", 0),
        interleavings=found.interleavings + tally.get(f"interleavings {found.claim}", 0),
        endless=found.endless + tally.get("without end", 0),
        seconds=found.seconds + seconds,
    )


def derived(seed: int, variant: str, number: int, again: int) -> int:
    """Another seed for each batch of each variant, whoever else is reviewed."""
    return int.from_bytes(hashlib.sha256(f"{seed} {variant} {number} {again}".encode()).digest()[:4])


def lockstep(job: Lockstep) -> Compared:
    """Both variants in lockstep."""
    machine = lockstep_machine(_loaded(job), load(job.other))
    try:
        run_quietly(machine, max_examples=LOCKSTEP_EXAMPLES, first_seed=job.seed)
    except UnexplainedDifference as difference:
        return Compared({}, difference.account())
    prefix = "difference "
    return Compared(
        {k.removeprefix(prefix): n for k, n in sorted(machine.tally.items()) if k.startswith(prefix)}
    )
