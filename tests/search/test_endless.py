"""Runs that never come to rest: the example is over, it is counted, and what it broke on the way can be played again."""

from __future__ import annotations

import pytest
from deaf import AGAIN, DEAF

import legacy_tifmemdie
import patched
from kernel_model.machine import Machine
from oom_review.claims import BY_ID
from oom_review.play.session import Session
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import follow
from oom_review.schedules.driver import STEP_LIMIT, StepLimitReached
from oom_review.search import lockstep
from oom_review.search.claim_machine import ClaimMachine, ClaimRefuted, claim_machine
from oom_review.search.reschedule import replay_or_none, run

LEGACY = legacy_tifmemdie.VARIANT


def deaf(*claims: str) -> ClaimMachine:
    """A claim machine in which p2 can't hear SIGKILL any more."""
    machine = claim_machine(LEGACY, tuple(BY_ID[c] for c in claims))()
    for item in DEAF.items:
        if isinstance(item, Op):
            assert machine.submit(item)
        else:
            machine.items.append(tuple(machine.session.run(follow(item.schedule))))
    return machine


def test_the_example_is_over() -> None:
    """Nothing is asked of it any more, nothing runs any more, and it is counted once."""
    machine = deaf("count-returns")
    assert machine.submit(AGAIN)
    machine.settle()
    assert machine.endless
    assert machine.session.steps >= STEP_LIMIT
    before = machine.session.steps
    assert not machine.submit(Op("wakeup"))
    machine.settle()
    assert machine.session.steps == before
    assert machine.tally["without end"] == 1


def test_what_it_broke_can_be_played_again() -> None:
    """The run is kept up to there, and no longer."""
    machine = deaf("counted-once-per-group")
    assert machine.submit(AGAIN)
    with pytest.raises(ClaimRefuted) as refuted:
        machine.settle()
    scenario = refuted.value.scenario
    again = replay_or_none(scenario, LEGACY, BY_ID["counted-once-per-group"])
    assert again is not None
    assert again.steps == again.violations["counted-once-per-group"].step < 200


def test_a_scenario_without_end_is_no_counterexample() -> None:
    """Of a promise about the machine at rest."""
    endless = Scenario((*DEAF.items, AGAIN, Run()))
    assert replay_or_none(endless, LEGACY, BY_ID["count-returns"]) is None
    session = Session(Machine(LEGACY), ())
    for item in endless.items[:-1]:
        if isinstance(item, Op):
            session.request(item)
        else:
            assert run(session, follow(item.schedule))[1]
    assert run(session, follow(Run().schedule)) == ((), False)


def test_lockstep_does_not_compare_what_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither then nor later."""

    def endless(*_: object) -> int:
        raise StepLimitReached

    machine = lockstep.lockstep_machine(LEGACY, patched.VARIANT)()
    monkeypatch.setattr(lockstep, "drive", endless)
    machine.settle()
    assert machine.endless
    assert not machine.submit(Op("wakeup"))
    machine.teardown()
    assert machine.tally["without end"] == 1
