"""Play a scenario on one variant: drive the machine, watch the claims, remember what there was to see."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import attrs

from kernel_model.events import Event
from kernel_model.machine import Machine
from kernel_model.sched import TaskStruct
from kernel_model.variant import Variant
from oom_review import ledger
from oom_review.claims import Claim
from oom_review.play.observation import Observation, observe
from oom_review.play.past import Record
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import follow
from oom_review.schedules.driver import TICK, Scheduler, drive


@attrs.define(frozen=True)
class Violation:
    """A broken claim: the sentence, and after how many steps of the whole scenario it was seen."""

    claim: str
    sentence: str
    step: int


@attrs.define(eq=False, slots=True)
class Session:
    """A machine under observation: requests and steps go through here so that no event is missed."""

    machine: Machine
    claims: tuple[Claim, ...] = attrs.Factory(ledger.claims)
    steps: int = 0
    taken: list[str] = attrs.Factory(list)
    history: list[tuple[int, Event]] = attrs.Factory(list)
    violations: dict[str, Violation] = attrs.Factory(dict)
    _states: dict[str, Hashable] = attrs.Factory(dict)
    _listeners: dict[type[Event], list[Claim]] = attrs.Factory(dict)
    _record: Record = attrs.Factory(Record)

    def __attrs_post_init__(self) -> None:
        """Every claim starts afresh."""
        for claim in self.claims:
            self._states[claim.id] = claim.start
            for kind in claim.kinds:
                self._listeners.setdefault(kind, []).append(claim)
        self.machine.k.events.clear()

    def request(self, op: Op) -> None:
        """Ask for an operation; raises IllegalOperation and changes nothing if it is not possible."""
        self.machine.request(op.name, op.task, *op.args)
        self.take_events()

    def on_step(self, task: TaskStruct | None) -> None:
        """A step was taken."""
        self.steps += 1
        self.taken.append(TICK if task is None else task.name)
        if self.machine.k.events:
            self.take_events()

    def take_events(self) -> None:
        """Show the claims what is new."""
        k = self.machine.k
        for event in k.events:
            self.history.append((self.steps, event))
            for claim in self._listeners.get(type(event), ()):
                state, broken = claim.on_event(k, self._states[claim.id], event)
                self._states[claim.id] = state
                if broken:
                    self._violated(claim, broken)
        k.events.clear()

    def _violated(self, claim: Claim, sentence: str) -> None:
        self.violations.setdefault(claim.id, Violation(claim.id, sentence, self.steps))

    def run(self, scheduler: Scheduler) -> list[str]:
        """Drive the machine; returns the choices of this run, task names and @tick."""
        first = len(self.taken)
        drive(self.machine, scheduler, self.on_step)
        self.check_rest()
        return self.taken[first:]

    def check_rest(self) -> None:
        """If nothing can run any more, time-outs included, ask the claims about the machine at rest."""
        machine = self.machine
        if machine.k.panicked or machine.runnable_tasks() or machine.sleepers_due() is not None:
            return
        for claim in self.claims:
            broken = claim.at_rest(machine.k, self._states[claim.id])
            if broken:
                self._violated(claim, broken)

    def monitor_states(self) -> tuple[Hashable, ...]:
        """What the claims remember, for the identity of a state."""
        return tuple(self._states.values())

    def observe(self) -> Observation:
        """What there is to see now, and what there was."""
        return observe(self.machine.k, self.record())

    def record(self) -> Record:
        """What the events so far come to."""
        self._record.read(self.machine.k, self.history)
        return self._record


def play(scenario: Scenario, variant: Variant, claims: Iterable[Claim] | None = None) -> Session:
    """Play a whole scenario.  Raises IllegalOperation for an operation that is not possible where it stands."""
    session = Session(Machine(variant), tuple(ledger.claims() if claims is None else claims))
    for item in scenario.items:
        if isinstance(item, Run):
            session.run(follow(item.schedule))
        else:
            session.request(item)
    return session
