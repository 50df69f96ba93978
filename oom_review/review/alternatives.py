"""What would have come of it if somebody else had taken a step of a counterexample: for the page, which offers each of them.

Nearest to the point of no return first, until the states that may be explored are used up; steps that are left are not mentioned.
After the point of no return nothing has to be explored.
"""

from __future__ import annotations

from kernel_model.variant import Variant
from oom_review.claims import Claim
from oom_review.explore.blame import Broken
from oom_review.explore.explorer import BREAKS, Keeping
from oom_review.explore.final import final
from oom_review.play.past import History
from oom_review.play.session import play
from oom_review.play.trace import record
from oom_review.scenario.items import Run, Scenario
from oom_review.schedules.choices import Choices
from oom_review.show.ends import describe
from oom_review.verdicts import Alternative

STATES, ALL_STATES = 5_000, 30_000
"""From one step, and for one counterexample: some seconds."""


def alternatives(
    scenario: Scenario, variant: Variant, claim: Claim, *, per_step: int = STATES, in_all: int = ALL_STATES
) -> dict[str, list[Alternative]]:
    """By the number of a step of the run that breaks the claim: each other context that could have taken it.  None broken: empty."""
    trace = record(scenario, variant, (claim,))
    if not trace.violations:
        return {}
    broken = Broken(trace, variant, claim, trace.violations[0], per_step, in_all)
    lost, _before = broken.lost()
    order = sorted(enumerate(broken.steps), key=lambda numbered: abs(numbered[0] - lost))
    found = {}
    for done, step in order:
        others = [task for task in (*step.ready, *step.may_wake) if task != step.task]
        if others and (done >= lost or broken.left > 0):
            found[step.number] = [_other(broken, done, task, lost=done >= lost) for task in others]
    return {str(number): found[number] for number in sorted(found)}


def _other(broken: Broken, done: int, task: str, *, lost: bool) -> Alternative:
    """What comes of that task's step after so many of the run."""
    names = (*broken.names[:done], task)
    keeping = Keeping(BREAKS) if lost else broken.after(names)
    if keeping.end is not None:
        return Alternative(task, keeping.outcome, describe(keeping.end))
    return Alternative(task, keeping.outcome, _end(broken, names) if keeping.outcome == BREAKS else "")


def _end(broken: Broken, names: tuple[str, ...]) -> str:
    """Where the default schedule leads after these choices."""
    session = play(Scenario((*broken.before, Run(Choices(names)), Run())), broken.variant, (broken.claim,))
    return describe(final(session.machine.k, History.of(session.history), {}))
