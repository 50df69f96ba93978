"""One variant, its claims as invariants: at every event, and whenever the machine is at rest.

Hypothesis draws the program; when the program is complete it is played again under further schedules of the portfolio, seeded by a
draw, because an interleaving costs far less than an example.
"""

from __future__ import annotations

import random
import sys
from typing import ClassVar

from hypothesis import event, reject, target
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from kernel_model import events
from kernel_model.errors import IllegalOperation
from kernel_model.machine import Machine
from kernel_model.sched import PF_KTHREAD, TaskStruct
from kernel_model.variant import Variant
from oom_review import ledger
from oom_review.claims import Claim
from oom_review.play.session import Session, Violation
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.driver import Scheduler, first_runnable
from oom_review.schedules.gaps import Gaps, GapScheduler
from oom_review.schedules.portfolio import PORTFOLIO, Limited, Mix
from oom_review.search import own_operations
from oom_review.search.alphabet import AlphabetMachine
from oom_review.search.reschedule import Recorded, record, run, shuffle

INTERLEAVINGS = 20


class ClaimRefuted(AssertionError):
    """A claim was broken: carries the variant's name, the violation and a scenario that replays it."""

    def __init__(self, variant: Variant, violation: Violation, scenario: Scenario) -> None:
        """Say what and where; the scenario is not yet minimal."""
        super().__init__(f"{variant.name} breaks {violation.claim}: {violation.sentence}")
        self.variant = variant
        self.violation = violation
        self.scenario = scenario


class TurnScheduler:
    """Only these tasks run, the first ones first."""

    def __init__(self, names: list[str]) -> None:
        """Remember who."""
        self._names = names

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        """See Scheduler; when none of them can run, everybody may."""
        if current is not None and current.name in self._names and machine.runnable(current):
            return current
        tasks = machine.names_now()
        for name in self._names:
            if name in tasks and machine.runnable(tasks[name]):
                return tasks[name]
        return first_runnable(machine, current)


class ClaimMachine(AlphabetMachine):
    """Subclassed by claim_machine() with a variant and claims."""

    variant: ClassVar[Variant]
    claims: ClassVar[tuple[Claim, ...]]
    interleavings: ClassVar[int] = INTERLEAVINGS
    # A guided search climbs towards marked and frozen tasks; it costs a third more and finds no sooner.
    guided: ClassVar[bool] = True
    mix: ClassVar[Mix] = PORTFOLIO
    tally: ClassVar[dict[str, int]] = {}

    def __init__(self) -> None:
        """Boot."""
        super().__init__()
        self.session = Session(Machine(self.variant), self.claims)
        self.items: list[Op | tuple[str, ...]] = []
        self.seed = 0
        self.endless = False

    @initialize(seed=st.integers(0, 2**32 - 1))
    def further_schedules(self, seed: int) -> None:
        """The seed of the interleavings that are tried at the end."""
        self.seed = seed

    def people(self) -> list[str]:
        """See AlphabetMachine."""
        return [
            p.name
            for p in self.session.machine.k.tasks.values()
            if not p.flags & PF_KTHREAD and p.at is not None
        ]

    def submit(self, op: Op) -> bool:
        """See AlphabetMachine."""
        if self.endless:
            return False
        try:
            self.session.request(op)
        except IllegalOperation:
            return False
        self.items.append(op)
        return True

    def advance(self, seed: int, kind: str, who: list[str]) -> None:
        """See AlphabetMachine; nothing follows on a run that has no end."""
        scheduler: Scheduler | None
        if kind == "rest":
            scheduler = GapScheduler(Gaps())
        elif kind == "turn":
            scheduler = Limited(TurnScheduler(who), 40)
        else:
            scheduler = self.mix.draw_limited(random.Random(seed))
        if scheduler is None or self.endless:
            return
        choices, ended = run(self.session, scheduler)
        self.items.append(choices)
        self._check(self.session, tuple(self.items))
        if not ended:
            self.endless = True
            self.count("without end")

    def teardown(self) -> None:
        """To quiescence, and then again under other schedules.

        A program that says nothing about any of the claims is rejected, so that Hypothesis draws another one instead, and soon
        gives up beginning with small ones.
        """
        self.settle()
        self._describe()
        script = Scenario(tuple(i if isinstance(i, Op) else Run() for i in self.items))
        spoken_of = self._spoken_of(script)
        if not spoken_of:
            # When an example is over for another reason, an exception is under way, and Hypothesis may not be told this.
            if sys.exc_info()[0] is None:
                reject()
            return
        rng = random.Random(self.seed)
        for draws, _ in zip(self.mix.plays(rng), range(self.interleavings), strict=False):
            session, recorded = shuffle(script, self.variant, self.claims, rng, strict=False, draws=draws)
            for claim in spoken_of:
                self.count(f"interleavings {claim.id}")
            self._check(session, recorded)
        for claim in spoken_of:
            self.count(f"examples {claim.id}")

    def _spoken_of(self, script: Scenario) -> list[Claim]:
        """The claims of which the program has an operation that the promise is about."""
        asked = {op.name for op in script.operations}
        return [c for c in self.claims if asked & (c.premise or KILLERS)]

    def _check(self, session: Session, recorded: Recorded) -> None:
        for violation in session.violations.values():
            raise ClaimRefuted(self.variant, violation, record(recorded, self.variant))

    def _describe(self) -> None:
        k = self.session.machine.k
        kinds = [type(e) for _step, e in self.session.history]
        event(f"threads that froze: {min(kinds.count(events.Froze), 5)}")
        event(f"groups marked: {kinds.count(events.Marked)}")
        if k.oom_victims:
            event("the count leaked")
        if events.PmResult in kinds:
            event("a suspend came back")
        if any(i.name in RACERS for i in self.items if isinstance(i, Op)):
            event("a race was possible")
        if self.guided:
            target(float(kinds.count(events.Marked) + kinds.count(events.Froze)), label="marked and frozen")

    @classmethod
    def count(cls, what: str) -> None:
        """Keep a tally over all examples, for those who print it."""
        cls.tally[what] = cls.tally.get(what, 0) + 1


KILLERS = frozenset(
    {"alloc", "fault", "charge", "charge_fault", "sysrq_f", "kill", "tgkill", "exit_group", "execve"}
)
RACERS = frozenset(
    {"clone", "fork", "vfork", "execve", "exit_group", "suspend", "hibernate", "snapshot_freeze"}
)


def claim_machine(
    variant: Variant, claims: tuple[Claim, ...] | None = None, mix: Mix = PORTFOLIO
) -> type[ClaimMachine]:
    """A state machine class for these claims of this variant, with a tally of its own."""
    members = {
        "variant": variant,
        "claims": ledger.claims() if claims is None else claims,
        "mix": mix,
        "tally": {},
        **own_operations.rules(variant),
    }
    return type(f"ClaimMachine_{variant.name}", (ClaimMachine,), members)
