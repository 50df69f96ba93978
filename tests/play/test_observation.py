"""What there is to see is the same however often somebody has looked."""

from __future__ import annotations

import random

import attrs
import pytest

import legacy_tifmemdie
import patched
from kernel_model import events
from kernel_model.machine import Machine
from kernel_model.sched import TaskStruct
from kernel_model.variant import Variant
from oom_review.play.observation import observe
from oom_review.play.past import Record
from oom_review.play.session import Session
from oom_review.scenario.items import Op
from oom_review.schedules.uniform import UniformScheduler

OPS = (
    Op("fork", "init", ("p1",)),
    Op("clone", "p1", ("t1",)),
    Op("fork", "init", ("p2",)),
    Op("attach", "init", ("p1", "A")),
    Op("freeze", "init", ("A",)),
    Op("read_state", "init", ("A",)),
    Op("alloc", "kworker"),
    Op("suspend", "init"),
    Op("wakeup"),
)


@pytest.mark.parametrize("variant", [legacy_tifmemdie.VARIANT, patched.VARIANT], ids=lambda v: v.name)
def test_reading_events_as_they_come_gives_what_reading_them_at_once_gives(variant: Variant) -> None:
    """After every step: the record that was kept, a fresh one, and the events themselves agree."""
    session = Session(Machine(variant), ())
    uniform = UniformScheduler(random.Random(5))

    class Looking:
        def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
            fresh = Record()
            fresh.read(machine.k, session.history)
            assert attrs.asdict(session.record()) == attrs.asdict(fresh)
            assert session.observe() == observe(machine.k, fresh)
            return uniform.choose(machine, current)

    for op in OPS:
        session.request(op)
        session.run(Looking())
    kinds = [type(event) for _step, event in session.history]
    record = session.record()
    assert record.marked == kinds.count(events.Marked) >= 1
    assert sum(record.visits.values()) == kinds.count(events.Froze) > 1
    assert (
        record.raises
        == sum(isinstance(e, events.OomVictims) and e.change > 0 for _s, e in session.history)
        >= 1
    )
    assert len(record.counts) == kinds.count(events.OomVictims)
    assert record.pm
    assert record.freezer_states
