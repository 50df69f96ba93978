"""Random programs of the whole alphabet under random schedules: what holds on every kernel, and states that no task may be in.

Every lock nesting is checked on the way (kernel_model.locking), and nobody may leave the CPU with a spin lock.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from todays import AFTER, BEFORE, V6_18, V7_2, short

from kernel_model.core import frozen
from kernel_model.errors import IllegalOperation
from kernel_model.machine import Machine
from kernel_model.operations import SIGNALS, Arg
from kernel_model.sched import (
    PF_FREEZER_SKIP,
    PF_KTHREAD,
    SIGNAL_GROUP_COREDUMP,
    TASK_DEAD,
    TASK_RUNNING,
    TaskStruct,
)
from kernel_model.variant import Variant
from oom_kernels import last_out, v7_3_last_out, v7_3_rfc
from oom_kernels.today.sched import TASK_FROZEN
from oom_review.claims import BY_ID
from oom_review.play.session import Session
from oom_review.scenario.items import Op
from oom_review.schedules.gaps import Gaps, GapScheduler

KERNELS = (BEFORE, V6_18, V7_2, AFTER, v7_3_rfc.VARIANT, v7_3_last_out.VARIANT)
EVERYWHERE = (
    "count-never-negative",
    "never-marked-while-disabled",
    "fork-cannot-escape",
    "no-io-after-io-context",
    "bystanders-stay",
    "mm-pin-balanced",
)
# The last one out keeps all but these: nobody thaws sharers, and the others are its base's.
NOT_KEPT = ("sharers-leave", "machine-wakes", "killed-dies", "frozen-does-not-run")
SEEDS = range(40)
OPERATIONS, STEPS = 60, 40
WORLD = (
    ("init", "fork", "a"),
    ("a", "clone", "a1"),
    ("a", "clone_newpid", "b"),
    ("b", "clone", "b1"),
    ("init", "fork", "c"),
    ("c", "clone", "c1"),
    ("init", "memcg_attach", "a", "M"),
    ("init", "attach", "c", "A"),
)
# A run at random ends soon if everybody sleeps for 20 s.
AT_REST = 4000


def argument(kind: Arg, rng: random.Random, machine: Machine, number: int) -> str | int:
    """Something of that kind, with luck something that exists."""
    if kind is Arg.TASK:
        return rng.choice([n for n, p in machine.names_now().items() if not p.flags & PF_KTHREAD])
    if kind is Arg.CGROUP:
        return rng.choice(("A", "A/B", "/"))
    if kind is Arg.SIGNAL:
        return rng.choice(tuple(SIGNALS))
    if kind is Arg.NUMBER:
        return rng.choice((-1000, 0, 500, 1000))
    return "M" if kind is Arg.MEMCG else f"n{number}"


def asked(rng: random.Random, session: Session, number: int) -> None:
    """Some operation of somebody, if it is possible."""
    machine = session.machine
    tasks = [n for n, p in machine.names_now().items() if p.state != TASK_DEAD and n != "init"]
    operation = rng.choice(list(machine.image.operations.values()))
    who = None if operation.by == "event" else rng.choice(tasks)
    args = tuple(argument(kind, rng, machine, number) for kind in operation.args)
    try:
        session.request(Op(operation.name, who, args))
    except IllegalOperation:
        return


def check(p: TaskStruct) -> None:
    """TASK_FROZEN and its name for observers go together; who is not frozen has nothing saved."""
    assert frozen(p) == (p.state == TASK_FROZEN)
    assert frozen(p) or p.saved_state == TASK_RUNNING
    assert not p.flags & PF_FREEZER_SKIP
    assert not p.signal.flags & SIGNAL_GROUP_COREDUMP
    assert p.signal.quick_threads >= 0 <= p.signal.live


def walk(variant: Variant, seed: int) -> Iterator[Session]:
    """A program, a few steps after each operation, and all to rest in the end."""
    rng = random.Random(seed)
    keeps_all = variant in (last_out.VARIANT, v7_3_last_out.VARIANT)
    kept = [c for c in BY_ID if c not in NOT_KEPT] if keeps_all else EVERYWHERE
    session = Session(Machine(variant), tuple(BY_ID[c] for c in kept))
    machine = session.machine
    for who, what, *args in WORLD:
        session.request(Op(what, who, tuple(args)))
        session.run(GapScheduler(Gaps()))
    for number in range(OPERATIONS + 1):
        asked(rng, session, number)
        for _ in range(rng.randrange(STEPS) if number < OPERATIONS else AT_REST):
            runnable = machine.runnable_tasks()
            if not runnable or (number < OPERATIONS and rng.random() < 0.02):
                if not machine.tick():
                    break
                session.on_step(None)
                continue
            task = rng.choice(runnable)
            machine.step(task)
            session.on_step(task)
            yield session
    session.check_rest()


@pytest.mark.parametrize("variant", KERNELS, ids=short)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_holds_everywhere(variant: Variant, seed: int) -> None:
    """No claim that all kernels keep is broken, and no task is in a state that has no name."""
    session = None
    for session in walk(variant, seed):
        for p in session.machine.k.tasks.values():
            check(p)
    assert session is not None
    assert session.violations == {}


def test_walks_meet_what_is_rare() -> None:
    """Otherwise they say nothing."""
    met: set[str] = set()
    for seed in SEEDS:
        for session in walk(AFTER, seed):
            met |= {event.kind for _step, event in session.history}
            met |= {f"at {p.at}" for p in session.machine.k.tasks.values() if p.at is not None}
    assert met >= {"marked", "froze", "left_fridge", "pm_phase", "dead", "reaped", "oom_victims"}
    places = {m for m in met if m.startswith("at ")}
    for place in (
        "futex_do_wait",
        "request_wait_answer",
        "coredump_task_exit",
        "ptrace_stop",
        "do_signal_stop",
    ):
        assert any(place in p for p in places), place


def test_last_out_of_2016() -> None:
    """The same walks on the base of 2016."""
    for seed in SEEDS:
        session = None
        for session in walk(last_out.VARIANT, seed):
            assert all(p.signal.io_live >= 0 for p in session.machine.k.tasks.values())
        assert session is not None
        assert session.violations == {}
