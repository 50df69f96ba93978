"""The lock checker and the rule about sleeping: every way to break them is reported (machine.py, locking.py, preempt.py)."""

from __future__ import annotations

import itertools

import pytest
from boot import Box

from kernel_model import locking, preempt
from kernel_model.errors import LockOrder, ModelBug
from kernel_model.locking import (
    NESTINGS,
    SLEEPING,
    Lock,
    acquire,
    acquire_read,
    release,
    release_read,
    trylock,
    trylock_read,
)
from kernel_model.preempt import Kind, PreemptionPoint, Steps, lock, point
from kernel_model.sched import TASK_UNINTERRUPTIBLE, TaskStruct

CLASSES = sorted(
    getattr(locking, n) for n in vars(locking) if n.isupper() and isinstance(getattr(locking, n), str)
)


@pytest.fixture
def box() -> Box:
    box = Box()
    box.fork("v", "w")
    return box


@pytest.fixture
def v(box: Box) -> TaskStruct:
    return box["v"]


def test_the_classes_are_the_kernels() -> None:
    """Twelve classes; six of them sleep."""
    assert len(CLASSES) == 12
    assert len(SLEEPING) == 6


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product(CLASSES, CLASSES)))
def test_every_nesting(v: TaskStruct, outer: str, inner: str) -> None:
    """What NESTINGS lists is allowed, for reading and for writing; all else is reported with both names."""
    a, b = Lock(outer, "a"), Lock(inner, "b")
    acquire(v, a)
    for take, give in ((acquire, release), (acquire_read, release_read)):
        if (outer, inner) in NESTINGS:
            take(v, b)
            give(v, b)
            continue
        with pytest.raises(LockOrder, match=r"v takes .*b\).* while it holds .*a\)"):
            take(v, b)
        assert b.owner is None
        assert b.readers == ()
    assert v.held == [a]


def test_no_listed_nesting_sleeps_under_a_spinning_lock() -> None:
    """The table itself is consistent, and has no cycle."""
    assert not [(a, b) for a, b in NESTINGS if b in SLEEPING and a not in SLEEPING]
    order = set(NESTINGS)
    while True:
        more = {(a, d) for a, b in order for c, d in order if b == c} - order
        if not more:
            break
        order |= more
    assert not [a for a, b in order if a == b]


def test_self_deadlock(v: TaskStruct) -> None:
    """The same lock again, by any function."""
    a = Lock(locking.SIGLOCK, "a")
    acquire(v, a)
    for again in (acquire, acquire_read, trylock, trylock_read):
        with pytest.raises(LockOrder, match=r"v takes siglock\(a\) twice: self-deadlock"):
            again(v, a)


def test_what_is_not_free(box: Box, v: TaskStruct) -> None:
    """Held by another writer or by readers: reported by a lock, refused by a trylock."""
    a = Lock(locking.TASKLIST_LOCK)
    acquire_read(box["w"], a)
    acquire_read(v, a)
    assert a.readers == (box["w"], v)
    release_read(v, a)
    with pytest.raises(LockOrder, match="v takes tasklist_lock, which is not free"):
        acquire(v, a)
    assert not trylock(v, a)
    assert trylock_read(v, a)
    release_read(v, a)
    release_read(box["w"], a)
    acquire(box["w"], a)
    with pytest.raises(LockOrder, match="v takes tasklist_lock for reading, which is not free"):
        acquire_read(v, a)
    assert not trylock(v, a)
    assert not trylock_read(v, a)
    release(box["w"], a)
    assert trylock(v, a)
    assert v.held == [a]


def test_release_of_what_is_not_held(box: Box, v: TaskStruct) -> None:
    """Never taken, or taken by another."""
    a = Lock(locking.OOM_LOCK)
    for give in (release, release_read):
        with pytest.raises(LockOrder, match="v releases oom_lock, which it does not hold"):
            give(v, a)
    acquire(box["w"], a)
    with pytest.raises(LockOrder, match="v releases oom_lock, which it does not hold"):
        release(v, a)


def test_names(v: TaskStruct) -> None:
    """A lock says its class and whose it is."""
    assert repr(v.alloc_lock) == "alloc_lock(v)"
    assert repr(Lock(locking.OOM_LOCK)) == "oom_lock"


SLEEP = PreemptionPoint("test", "a sleep", Kind.SLEEP)
STEP = PreemptionPoint("test", "a step", Kind.RUN)


def test_sleeping_with_a_spinning_lock(box: Box, v: TaskStruct) -> None:
    """A ModelBug that names the task, the point and the lock; with a sleeping lock it is fine."""

    def body(held: Lock) -> Steps[None]:
        acquire(v, held)
        v.state = TASK_UNINTERRUPTIBLE
        yield SLEEP

    v.context = body(box.k.pm_mutex)
    box.m.step(v)
    release(v, box.k.pm_mutex)
    v.context = body(Lock(locking.SIGLOCK, "x"))
    with pytest.raises(ModelBug, match=r"v leaves the CPU at test: a sleep while it holds siglock\(x\)"):
        box.m.step(v)


def test_user_mode_with_any_lock(box: Box, v: TaskStruct) -> None:
    """Not even a mutex goes to user mode."""
    acquire(v, box.k.pm_mutex)
    v.syscall = lambda _k, _cur: iter(())  # type: ignore[assignment,return-value]
    with pytest.raises(ModelBug, match=r"v leaves the CPU at user mode: .* while it holds pm_mutex"):
        box.m.step(v)


LOCKS = (Kind.LOCK, Kind.READ, Kind.KILLABLE)


def test_a_wanted_lock_decides_who_can_run(box: Box, v: TaskStruct) -> None:
    """Writers wait for all, readers for the writer, a killable waiter for a fatal signal too."""
    k, w = box.k, box["w"]
    wants = {kind: PreemptionPoint("test", kind.name, kind) for kind in LOCKS}
    for hold, give, expected in (
        (None, None, dict.fromkeys(LOCKS, True)),
        (acquire, release, dict.fromkeys(LOCKS, False)),
        (acquire_read, release_read, {Kind.LOCK: False, Kind.READ: True, Kind.KILLABLE: False}),
    ):
        if hold:
            hold(w, k.oom_lock)
        for kind, at in wants.items():
            v.at = (at, k.oom_lock)
            assert box.m.runnable(v) is expected[kind], kind
        if give:
            give(w, k.oom_lock)
    acquire(w, k.oom_lock)
    v.at = (wants[Kind.KILLABLE], k.oom_lock)
    v.pending.add(9)
    v.thread_flags |= 4
    assert box.m.runnable(v)
    v.at = (STEP, v)
    assert box.m.runnable(v)
    v.at = STEP
    assert box.m.runnable(v)


def test_a_point_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same name is the same point; a different one under that name is a mistake."""
    monkeypatch.setattr(preempt, "POINTS", {})
    step = point("test", "a step")
    assert point("test", "a step") is step
    with pytest.raises(ValueError, match="preemption point test: a step is named twice, differently"):
        lock("test", "a step")
    assert str(step) == "test: a step"
