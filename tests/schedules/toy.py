"""Toy programs for schedulers: what they ask of a machine, over tasks of a few steps each, and real scenarios beside them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any, cast

import attrs

import patched
from kernel_model.machine import Machine
from kernel_model.preempt import Kind, PreemptionPoint, Yield
from kernel_model.sched import TASK_RUNNING
from oom_review.play.session import Session
from oom_review.scenario.items import Op
from oom_review.schedules.driver import Scheduler, drive
from oom_review.schedules.pct import PctScheduler
from oom_review.schedules.portfolio import MIXES

LOCAL = PreemptionPoint("toy", "local", Kind.RUN)
LOCK = PreemptionPoint("toy", "lock", Kind.LOCK)
READ = PreemptionPoint("toy", "read lock", Kind.READ)


def locked(name: str) -> Yield:
    """A section under a lock, in one step."""
    return LOCK, name


@attrs.define(eq=False)
class ToyTask:
    pid: int
    name: str
    program: Sequence[Yield]
    done: int = 0
    state: int = TASK_RUNNING

    @property
    def at(self) -> Yield | None:
        return self.program[self.done] if self.done < len(self.program) else None


class ToyMachine:
    """Tasks a, b, c ..., each a list of steps; nobody sleeps.  ``order`` is who took which of its steps, from 1: a1, b1, a2."""

    def __init__(self, *programs: Sequence[Yield]) -> None:
        self.tasks = {
            pid: ToyTask(pid, chr(ord("a") + pid - 1), program) for pid, program in enumerate(programs, 1)
        }
        self.k = self
        self.order: list[str] = []

    def runnable(self, t: ToyTask) -> bool:
        return t.at is not None

    def runnable_tasks(self) -> list[ToyTask]:
        return [t for t in self.tasks.values() if t.at is not None]

    def sleepers_due(self) -> None:
        return None

    def tick(self) -> bool:
        return False

    def step(self, t: ToyTask) -> None:
        t.done += 1
        self.order.append(f"{t.name}{t.done}")


def toy_run(scheduler: Scheduler, *lengths: int) -> list[str]:
    """The order in which tasks of so many local steps take them."""
    return toy_order(scheduler, *([LOCAL] * n for n in lengths))


def toy_order(scheduler: Scheduler, *programs: Sequence[Yield]) -> list[str]:
    toy = ToyMachine(*programs)
    drive(cast(Machine, toy), scheduler)
    return toy.order


def found(
    runs: int, make: Callable[[random.Random], Scheduler], bug: Callable[[list[str]], bool], *lengths: int
) -> int:
    """In how many of so many runs the bug was met."""
    rng = random.Random(2010)
    return sum(bug(toy_run(make(rng), *lengths)) for _ in range(runs))


def before(order: list[str], *steps: str) -> bool:
    """These steps came in this order."""
    places = [order.index(s) for s in steps]
    return places == sorted(places)


def least(runs: int, probability: float, false_alarm: float) -> int:
    """The number that so many runs stay below with at most the probability ``false_alarm`` if each succeeds with ``probability``."""
    below = 0.0
    for successes in range(runs):
        ways = math.lgamma(runs + 1) - math.lgamma(successes + 1) - math.lgamma(runs - successes + 1)
        below += math.exp(
            ways + successes * math.log(probability) + (runs - successes) * math.log1p(-probability)
        )
        if below > false_alarm:
            return successes
    return runs


def pct(depth: int, steps: int) -> Callable[[random.Random], Scheduler]:
    return lambda rng: PctScheduler(rng, depth, steps)


# Every kind of scheduler, each made from a source of randomness.
KINDS: dict[str, Callable[[random.Random], Scheduler]] = {
    **{name: mix.one for name, mix in MIXES.items()},
    **{f"pct of depth {d}": pct(d, 100) for d in (1, 2, 3, 4)},
}

SITUATIONS: dict[str, tuple[Op, ...]] = {
    "a frozen victim": (
        Op("attach", "init", ("p1", "A")),
        Op("freeze", "init", ("A",)),
        Op("alloc", "kworker"),
    ),
    "an OOM kill and a suspend": (Op("alloc", "kworker"), Op("suspend", "init"), Op("fork", "p1", ("late",))),
    "threads run out of memory together": (
        Op("alloc", "p1"),
        Op("alloc", "t1"),
        Op("exit_group", "t2"),
        Op("sysrq_f"),
    ),
}


def settle(session: Session) -> None:
    """To quiescence, undisturbed."""
    session.run(MIXES["preemption-bounded"].one(random.Random(0)))


def booted(situation: str) -> Session:
    """The situation, about to run: a process of three threads, and operations asked for by whoever is free."""
    session = Session(Machine(patched.VARIANT))
    for op in (Op("fork", "init", ("p1",)), Op("clone", "p1", ("t1",)), Op("clone", "p1", ("t2",))):
        session.request(op)
        settle(session)
    asked: set[Any] = set()
    for op in SITUATIONS[situation]:
        if op.task in asked:
            settle(session)
        asked.add(op.task)
        session.request(op)
    return session
