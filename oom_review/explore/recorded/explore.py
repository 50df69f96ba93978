"""All interleavings of a scenario's last run, on recorded steps."""

from __future__ import annotations

from kernel_model.machine import Machine
from kernel_model.sched import Variant
from oom_review.explore.limits import MOVE_ON, Limits
from oom_review.explore.recorded.observer import Observer
from oom_review.explore.recorded.orbits import Orbits
from oom_review.explore.recorded.search import Ended, Found, Search
from oom_review.explore.recorded.sleepers import Sleepers
from oom_review.explore.recorded.steps import Steps
from oom_review.explore.symmetry import interchangeable
from oom_review.run import Session
from oom_review.scenario import Op, Run, Scenario
from oom_review.schedules.choices import follow
from oom_review.schedules.driver import TICK


def search(
    scenario: Scenario,
    variant: Variant,
    *,
    por: bool,
    short_sleeps: bool,
    whole_walks: bool,
    symmetry: bool,
    limits: Limits,
    found: Found,
    ended: Ended,
) -> Search:
    """A search that is ready to run.  Raises IllegalOperation for an operation that is not possible before the run."""
    session, setup = played(scenario, variant)
    like = interchangeable(session.machine.k, scenario)
    observer = Observer(session, like)
    steps = Steps(variant, setup, observer, whole_walks=whole_walks)
    names = {t.pid: t.name for t in session.machine.k.tasks.values()}
    orbits = Orbits(steps, like if symmetry else {}, names)
    sleepers = Sleepers(steps, short_sleeps=short_sleeps)
    for violation in session.violations.values():
        found(violation.claim, violation.sentence, [])
    return Search(steps, sleepers, orbits, por=por, limits=limits, found=found, ended=ended)


def played(scenario: Scenario, variant: Variant) -> tuple[Session, list[Op | int]]:
    """What comes before the last run, played, and as choices by pid."""
    last = max(i for i, item in enumerate(scenario.items) if isinstance(item, Run))
    session = Session(Machine(variant))
    setup: list[Op | int] = []
    for item in scenario.items[:last]:
        if isinstance(item, Run):
            names = session.run(follow(item.schedule))
            tasks = session.machine.names_now()
            setup += [MOVE_ON if name == TICK else tasks[name].pid for name in names]
        else:
            session.request(item)
            setup.append(item)
    return session, setup
