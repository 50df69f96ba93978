"""All interleavings of a scenario's last run, on recorded steps."""

from __future__ import annotations

from kernel_model.sched import Variant
from oom_review.explore.limits import Limits
from oom_review.explore.recorded.observer import Observer
from oom_review.explore.recorded.orbits import Orbits
from oom_review.explore.recorded.search import Ended, Found, Search
from oom_review.explore.recorded.sleepers import Sleepers
from oom_review.explore.recorded.steps import Steps
from oom_review.explore.setup import played
from oom_review.explore.symmetry import interchangeable
from oom_review.scenario import Run, Scenario


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
    last = max(i for i, item in enumerate(scenario.items) if isinstance(item, Run))
    session, setup = played(scenario.items[:last], variant)
    like = interchangeable(session.machine.k, scenario)
    observer = Observer(session, like)
    steps = Steps(variant, setup, observer, whole_walks=whole_walks)
    names = {t.pid: t.name for t in session.machine.k.tasks.values()}
    orbits = Orbits(steps, like if symmetry else {}, names)
    sleepers = Sleepers(steps, short_sleeps=short_sleeps)
    for violation in session.violations.values():
        found(violation.claim, violation.sentence, [])
    return Search(steps, sleepers, orbits, por=por, limits=limits, found=found, ended=ended)
