"""Other interleavings of the same operations: what random search and shrinking have in common."""

from __future__ import annotations

import random
from collections.abc import Iterable

from kernel_model.errors import IllegalOperation
from kernel_model.machine import Machine
from kernel_model.variant import Variant
from oom_review.claims import Claim
from oom_review.play.session import Session
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import follow
from oom_review.schedules.driver import ScheduleDiverged, Scheduler, StepLimitReached
from oom_review.schedules.gaps import Gaps, from_choices
from oom_review.schedules.portfolio import PORTFOLIO, Draws

Recorded = tuple[Op | tuple[str, ...], ...]


def record(items: Iterable[Op | tuple[str, ...]], variant: Variant) -> Scenario:
    """The scenario with gap lists that takes exactly these choices (a tuple of task names for each run)."""
    machine = Machine(variant)
    out: list[Op | Run] = []
    for item in items:
        if isinstance(item, Op):
            machine.request(item.name, item.task, *item.args)
            out.append(item)
        else:
            gaps = from_choices(machine, list(item), whole=False)
            at_rest = not machine.runnable_tasks() and machine.sleepers_due() is None
            out.append(Run(Gaps(gaps.preemptions, None if at_rest else gaps.steps)))
    return Scenario(tuple(out))


def run(session: Session, scheduler: Scheduler) -> tuple[tuple[str, ...], bool]:
    """One more run: its choices, and whether it has an end; of a run that has none, the choices up to the first broken claim."""
    before = session.steps
    try:
        return tuple(session.run(scheduler)), True
    except StepLimitReached:
        broken = min((v.step for v in session.violations.values()), default=before)
        return tuple(session.taken[before:broken]), False


def replay_or_none(scenario: Scenario, variant: Variant, claim: Claim) -> Session | None:
    """Play the scenario as it is; None if an operation or an exact choice is not possible, or the claim is not broken."""
    session = Session(Machine(variant), (claim,))
    ended = True
    try:
        for item in scenario.items:
            if isinstance(item, Op):
                session.request(item)
            else:
                _, ended = run(session, follow(item.schedule))
            if session.violations:
                return session
            if not ended:
                return None
    except (IllegalOperation, ScheduleDiverged):
        return None
    return None


def shuffle(
    scenario: Scenario,
    variant: Variant,
    claims: tuple[Claim, ...],
    rng: random.Random,
    *,
    strict: bool,
    draws: Draws = PORTFOLIO,
) -> tuple[Session, Recorded]:
    """Play the operations under schedules drawn from the portfolio or another source, to quiescence, or until a claim is broken.

    An operation that is not possible where it now stands is left out; with ``strict`` it ends the attempt, as a run without end does.
    """
    session = Session(Machine(variant), claims)
    recorded: list[Op | tuple[str, ...]] = []
    for item in (*scenario.items, None):
        if isinstance(item, Op):
            try:
                session.request(item)
            except IllegalOperation:
                if strict:
                    break
                continue
            recorded.append(item)
        else:
            scheduler = draws.draw(rng) if item is None else draws.draw_limited(rng)
            if scheduler is not None:
                choices, ended = run(session, scheduler)
                recorded.append(choices)
                if not ended:
                    break
        if session.violations:
            break
    return session, tuple(recorded)
