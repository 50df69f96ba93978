"""What comes before an explored run: played once, and repeated on each fresh machine."""

from __future__ import annotations

from collections.abc import Iterable

from kernel_model.machine import Machine
from kernel_model.variant import Variant
from oom_review.explore.limits import MOVE_ON
from oom_review.play.session import Session
from oom_review.scenario.items import Op, Run
from oom_review.schedules.choices import follow
from oom_review.schedules.driver import TICK

Setup = list[Op | int]
"""Operations, and choices by pid."""


def played(items: Iterable[Op | Run], variant: Variant) -> tuple[Session, Setup]:
    """Each run after its schedule.  Raises IllegalOperation for an operation that is not possible."""
    session = Session(Machine(variant))
    setup: Setup = []
    for item in items:
        if isinstance(item, Run):
            names = session.run(follow(item.schedule))
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
    step = machine.step
    for item in setup:
        if isinstance(item, Op):
            machine.request(item.name, item.task, *item.args)
        elif item == MOVE_ON:
            machine.tick()
        else:
            t = tasks[item]
            if t.state and not machine.runnable(t):
                machine.expire(t)
            step(t)
    return machine
