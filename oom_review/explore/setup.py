"""What comes before an explored run: played once, and repeated on each fresh machine; and how a machine is led on from there."""

from __future__ import annotations

from collections.abc import Iterable

from kernel_model.machine import Machine, stopped_at
from kernel_model.sched import TaskStruct
from kernel_model.variant import Variant
from oom_review import ledger
from oom_review.claims import Claim
from oom_review.errors import BadInput
from oom_review.explore.limits import MOVE_ON
from oom_review.explore.walks import Walks, on_a_walk
from oom_review.play.session import Session
from oom_review.scenario.items import Op, Run
from oom_review.schedules.choices import follow
from oom_review.schedules.driver import STEP_LIMIT, TICK, ScheduleDiverged, StepLimitReached


class SetupError(BadInput):
    """What comes before the explored run never ends, or is not possible in its order; or a walk within the run never ends."""


Setup = list[Op | int]
"""Operations, and choices by pid."""


def played(
    items: Iterable[Op | Run], variant: Variant, claims: tuple[Claim, ...] | None = None
) -> tuple[Session, Setup]:
    """Each run after its schedule.  Raises IllegalOperation for an operation that is not possible, and SetupError."""
    session = Session(Machine(variant), ledger.claims() if claims is None else claims)
    setup: Setup = []
    for item in items:
        if isinstance(item, Run):
            try:
                names = session.run(follow(item.schedule))
            except (StepLimitReached, ScheduleDiverged) as error:
                raise SetupError(f"{variant.name}: before the explored run: {error}") from None
            tasks = session.machine.names_now()
            setup += [MOVE_ON if name == TICK else tasks[name].pid for name in names]
        else:
            session.request(item)
            setup.append(item)
    return session, setup


def repeated(setup: Setup, variant: Variant) -> Machine:
    """A fresh machine after the same."""
    machine = Machine(variant)
    tasks = machine.k.tasks
    for item in setup:
        if isinstance(item, Op):
            machine.request(item.name, item.task, *item.args)
        elif item == MOVE_ON:
            machine.tick()
        else:
            take(machine, tasks[item], frozenset())
    return machine


class Led:
    """One machine that is led to where choices lead, and begins afresh only where it can't go on."""

    def __init__(self, setup: Setup, variant: Variant, walks: Walks) -> None:
        """``walks`` are taken to their end."""
        self._setup = setup
        self._variant = variant
        self._walks = walks
        self.machine = self._fresh()

    def _fresh(self) -> Machine:
        self.path: list[int] = []
        machine = repeated(self._setup, self._variant)
        machine.k.events.clear()
        return machine

    def to(self, path: list[int]) -> Machine:
        """The machine where these choices lead."""
        if path[: len(self.path)] != self.path:
            self.machine = self._fresh()
        machine = self.machine
        for choice in path[len(self.path) :]:
            if choice == MOVE_ON:
                machine.tick()
            else:
                take(machine, machine.k.tasks[choice], self._walks)
            self.path.append(choice)
        machine.k.events.clear()
        return machine


def take(machine: Machine, t: TaskStruct, walks: Walks) -> int:
    """One step, after the end of a sleep if the task sleeps; a walk to its end.  Returns the steps of the machine.  Raises SetupError."""
    if not machine.runnable(t):
        machine.expire(t)
    machine.step(t)
    count = 1
    while on_a_walk(t, walks) and machine.runnable(t):
        machine.step(t)
        count += 1
        if count > STEP_LIMIT:
            name, where = machine.k.variant.name, stopped_at(t)
            raise SetupError(
                f"variant {name!r}: {t.name} walks through {where.function if where else '?'}() for {STEP_LIMIT} steps and no end"
            )
    return count
