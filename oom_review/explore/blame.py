"""The step to blame for a broken claim: the point of no return of the run that broke it.

From the state after each of its steps all interleavings are explored (explorer.can_keep).  The point of no return is the first step
after which none keeps the claim; before it one does, so that something else could still have been done.  What cannot be kept any more
cannot be kept later either: explorations go backwards from the violation, in growing strides, as those from late states are small, and
then halve what is left.

Two runs have none: where every interleaving breaks the claim no step of the run has decided that, and where there are more states than
the limits allow it is not known.  Then the mark stands where the claim was seen to be broken: for one about the machine at rest, at the
step since which the machine has been in a state that breaks it; and it is said in words.

Tried and dropped: the last event of a kind that each claim named, which marked the death of the last thread for a count that had leaked
before; one search of the whole run that backtracks from its end, which cannot begin in the middle of a freezer's walk, and whose cycles
lead back to states that are not yet decided.
"""

from __future__ import annotations

import attrs

from kernel_model.sched import TaskStruct
from kernel_model.variant import Variant
from oom_review.claims import Claim
from oom_review.explore.explorer import BREAKS, KEEPS, UNKNOWN, Keeping, can_keep
from oom_review.explore.limits import Limits
from oom_review.explore.setup import played
from oom_review.play.session import Violation
from oom_review.play.trace import Rest, Step, Trace
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import Choices, follow
from oom_review.schedules.driver import drive

STATES, ALL_STATES = 5_000, 12_000
"""From one step, and together: about a second."""


@attrs.define(frozen=True)
class Blame:
    """``step``: the number of the step under which ``^^^^`` stands; ``lost``: of one after which the claim is lost, 0 for none.

    ``before``: what is known of the claim before that one: KEEPS, then both are the point of no return; BREAKS, as every interleaving
    of the run does; or UNKNOWN, as to know it takes more than ``limit``, in words.
    """

    step: int
    lost: int
    before: str
    limit: str


@attrs.define
class Broken:
    """The run of a trace that breaks a claim.  ``first``: the number of its first step; ``left``: states that may yet be explored."""

    trace: Trace
    variant: Variant
    claim: Claim
    violation: Violation
    per_step: int
    left: int
    before: tuple[Op | Run, ...] = ()
    steps: tuple[Step, ...] = ()

    def __attrs_post_init__(self) -> None:
        """Find the run, up to the step that breaks the claim or to its end."""
        entries = self.trace.entries
        broken = (e for e in entries if isinstance(e, (Step, Rest)) and self.claim.id in e.broken)
        entry = next(broken, None)
        if entry is None:
            return
        refused = {r.item for r in self.trace.refused}
        items = enumerate(self.trace.scenario.items[: entry.item])
        self.before = tuple(item for i, item in items if i not in refused)
        self.steps = tuple(
            s for s in self.trace.steps if s.item == entry.item and s.number <= self.violation.step
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Who took each step."""
        return tuple(s.task for s in self.steps)

    def after(self, names: tuple[str, ...]) -> Keeping:
        """What can become of the claim after these choices."""
        if self.left <= 0:
            return Keeping(UNKNOWN)
        scenario = Scenario((*self.before, Run(Choices(names)), Run()))
        limits = Limits(min(self.per_step, self.left))
        keeping = can_keep(scenario, self.variant, self.claim, limits=limits)
        self.left -= keeping.states
        return keeping

    def lost(self) -> tuple[int, str]:
        """After how many steps the claim is lost, and what can become of it one step before; (0, BREAKS) if it is lost from the start."""
        lost, outcome, stride = len(self.steps), BREAKS, 1
        kept = lost
        while outcome == BREAKS:
            if lost == 0:
                return 0, BREAKS
            kept = max(0, lost - stride)
            outcome = self.after(self.names[:kept]).outcome
            stride *= 2
            lost = kept if outcome == BREAKS else lost
        while lost - kept > 1:
            middle = (lost + kept) // 2
            found = self.after(self.names[:middle]).outcome
            if found == BREAKS:
                lost = middle
            else:
                kept, outcome = middle, found
        return lost, outcome

    def seen(self) -> int:
        """The step at which the claim was seen to be broken; if only at rest, the one since which it would have been at any rest."""
        if self.claim.id in self.steps[-1].broken:
            return self.violation.step
        session, _setup = played(self.before, self.variant, (self.claim,))
        fine = [0]

        def on_step(task: TaskStruct | None) -> None:
            session.on_step(task)
            if not self.claim.at_rest(session.machine.k, session.monitor_states()[0]):
                fine.append(session.steps)

        drive(session.machine, follow(Choices(self.names)), on_step)
        return min(fine[-1] + 1, self.violation.step)


def blame(
    trace: Trace,
    variant: Variant,
    claim: Claim,
    violation: Violation,
    *,
    per_step: int = STATES,
    in_all: int = ALL_STATES,
) -> Blame:
    """The step to blame for that violation in the trace, which was recorded on that variant."""
    broken = Broken(trace, variant, claim, violation, per_step, in_all)
    limit = f"{per_step} states from a step or {in_all} in all"
    if not broken.steps:
        return Blame(violation.step, 0, BREAKS, limit)
    lost, before = broken.lost()
    number = broken.steps[lost - 1].number if lost else 0
    return Blame(number if before == KEEPS else broken.seen(), number, before, limit)
