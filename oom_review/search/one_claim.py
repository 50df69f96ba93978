"""Search for a counterexample to one claim on one variant, with Hypothesis, from an empty database."""

from __future__ import annotations

import time

import attrs
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from kernel_model.variant import Variant
from oom_review.claims import HOLDS, REFUTED, Claim
from oom_review.play.session import Violation
from oom_review.scenario.items import Scenario
from oom_review.schedules.portfolio import PORTFOLIO, Mix
from oom_review.search.claim_machine import ClaimMachine, ClaimRefuted, claim_machine
from oom_review.search.minimize import minimize
from oom_review.search.reschedule import replay_or_none

STEPS = 22


@attrs.define(frozen=True)
class Found:
    """What a search found.  ``holds`` is bounded by what was tried: examples, and interleavings beyond one of each.

    ``cut``: the time was over before all was tried that was asked for; ``as_found``: the scenario is not yet made small;
    ``endless``: runs that never came to rest, and were left after ``schedules.driver.STEP_LIMIT`` steps.
    """

    claim: str
    variant: str
    verdict: str
    examples: int
    interleavings: int
    seconds: float
    seed: int = 0
    violation: Violation | None = None
    scenario: Scenario | None = None
    cut: bool = False
    as_found: bool = False
    endless: int = 0


class NotReproducible(Exception):
    """A counterexample did not come out the same way twice: the model is not deterministic."""


class TimeIsUp(BaseException):
    """Ends Hypothesis's loop when the budget is spent; nobody is to catch it as an ordinary error."""


def search(
    variant: Variant,
    claim: Claim,
    *,
    max_examples: int,
    first_seed: int = 0,
    until: float | None = None,
    shrink: bool = True,
    mix: Mix = PORTFOLIO,
) -> Found:
    """Try ``max_examples`` examples, or until the monotonic clock says ``until``; shrink what breaks the claim.

    Programs that say nothing about the claim are tried, and do not count.
    """
    started = time.monotonic()
    machine = claim_machine(variant, (claim,), mix)
    found: ClaimRefuted | None = None
    cut = False
    try:
        run_machine(machine, max_examples=max_examples, first_seed=first_seed, until=until)
    except ClaimRefuted as refuted:
        found = refuted
    except TimeIsUp:
        cut = True
    tally = machine.tally
    examples, interleavings = (tally.get(f"{what} {claim.id}", 0) for what in ("examples", "interleavings"))
    if found is None:
        seconds = time.monotonic() - started
        endless = tally.get("without end", 0)
        return Found(
            claim.id,
            variant.name,
            HOLDS,
            examples,
            interleavings,
            seconds,
            first_seed,
            cut=cut,
            endless=endless,
        )
    scenario = minimize(found.scenario, variant, claim) if shrink else found.scenario
    violation = confirm(scenario, variant, claim)
    seconds = time.monotonic() - started
    return Found(
        claim.id, variant.name, REFUTED, examples + 1, interleavings, seconds, first_seed, violation, scenario
    )


def confirm(scenario: Scenario, variant: Variant, claim: Claim) -> Violation:
    """Play a counterexample twice; raises NotReproducible unless both break the claim in the same way."""
    first, second = (replay_or_none(scenario, variant, claim) for _ in range(2))
    if first is None or second is None or first.history != second.history or first.taken != second.taken:
        raise NotReproducible(f"{claim.id} on {variant.name}: two plays of one scenario differ")
    return first.violations[claim.id]


def run_machine(
    machine: type[ClaimMachine],
    *,
    max_examples: int,
    first_seed: int,
    until: float | None = None,
    steps: int = STEPS,
) -> None:
    """Run a machine without Hypothesis's own shrinking; raises what the machine raises."""

    class Deadlined(machine):  # type: ignore[misc, valid-type]  # the base is a value
        guided = False

        def teardown(self) -> None:
            super().teardown()
            if until is not None and time.monotonic() > until:
                raise TimeIsUp

    run_quietly(Deadlined, max_examples=max_examples, first_seed=first_seed, steps=steps)


def run_quietly(
    machine: type[RuleBasedStateMachine], *, max_examples: int, first_seed: int, steps: int = STEPS
) -> None:
    """Run any machine from an empty database, without shrinking; raises what the machine raises."""
    configured = settings(
        max_examples=max_examples,
        stateful_step_count=steps,
        database=InMemoryExampleDatabase(),
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=tuple(HealthCheck),
        derandomize=False,
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
    )
    run = seed(first_seed)(machine)
    try:
        run_state_machine_as_test(run, settings=configured)
    except Flaky as flaky:
        raise NotReproducible(str(flaky)) from flaky
