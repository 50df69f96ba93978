"""Priorities by name: what lockstep runs are scheduled by."""

from __future__ import annotations

from itertools import pairwise

import pytest
from toy import SITUATIONS, booted

import legacy_tifmemdie
import patched
from kernel_model.machine import Machine
from kernel_model.sched import TaskStruct
from oom_review.play.session import Session
from oom_review.scenario.items import Op
from oom_review.schedules.named_priorities import NamedPriorities

every_situation = pytest.mark.parametrize("situation", SITUATIONS)
SEEDS = range(8)


class Preferring:
    """Notes who was chosen while who else could run."""

    def __init__(self, inner: NamedPriorities) -> None:
        self._inner = inner
        self.preferred: list[tuple[str, frozenset[str]]] = []

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        chosen = self._inner.choose(machine, current)
        if chosen is not None:
            others = {t.name for t in machine.runnable_tasks()} - {chosen.name}
            self.preferred.append((chosen.name, frozenset(others)))
        return chosen

    def turned(self) -> set[tuple[str, str]]:
        """Pairs of which now the one and now the other went first."""
        pairs = {(name, other) for name, others in self.preferred for other in others}
        return {(a, b) for a, b in pairs if (b, a) in pairs}


def watched(situation: str, seed: int, changes: int, only: frozenset[str] = frozenset()) -> Preferring:
    scheduler = Preferring(NamedPriorities(seed, changes, only))
    booted(situation).run(scheduler)
    return scheduler


@every_situation
def test_priorities_stay_without_change_points(situation: str) -> None:
    """Whoever went before another that could run, a newborn too, never has to let it go first."""
    for seed in SEEDS:
        assert watched(situation, seed, 0).turned() == set()


def test_change_points_turn_priorities() -> None:
    """With them some pair takes turns."""
    assert any(watched(s, seed, 3).turned() for s in SITUATIONS for seed in SEEDS)


@every_situation
def test_only_those_run_who_may(situation: str) -> None:
    """Nobody else takes a step, and the run ends when they can't go on."""
    only = frozenset({"kworker", "t1", "late"})
    for seed in SEEDS:
        assert {name for name, _others in watched(situation, seed, 2, only).preferred} <= only


def test_somebody_who_is_born_meanwhile_may_run() -> None:
    """A task that did not exist when the run began takes its place among the others."""
    session = Session(Machine(patched.VARIANT))
    session.request(Op("fork", "init", ("p1",)))
    session.run(NamedPriorities(0, 0))
    session.request(Op("execve", "p1"))
    session.request(Op("fork", "init", ("p2",)))
    run = NamedPriorities(1, 0)
    session.run(run)
    session.request(Op("exit", "p2"))
    assert "p2" in session.run(run)


def test_a_task_falls_back_after_the_same_steps_in_both_kernels() -> None:
    """Where the kernels do the same, bystanders or not, the same priorities give the same turns."""
    taken = []
    for variant in (legacy_tifmemdie.VARIANT, patched.VARIANT):
        session = Session(Machine(variant), ())
        for seed in range(20):
            for op in (Op("fork", "init", (f"p{seed}",)), Op("read_state", "init", ("A",))):
                session.request(op)
                session.run(NamedPriorities(seed, 3))
        taken.append(session.taken)
    assert taken[0] == taken[1]
    assert any(a != b for a, b in pairwise(taken[0]))
