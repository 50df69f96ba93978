"""Partial-order reduction on programs whose numbers of classes are known."""

from __future__ import annotations

import random

import pytest
from toys import Step, tried

R, W = "read", "write"
RMW = ((R, "x"), (W, "x"))


def writes(name: str, count: int = 1) -> tuple[Step, ...]:
    return ((W, name),) * count


def reads(name: str, count: int = 1) -> tuple[Step, ...]:
    return ((R, name),) * count


# interleavings, classes of interleavings that differ only in the order of steps that commute
GOLDEN = {
    "RMW x2": ((RMW, RMW), 6, 4),
    "RMW x3": ((RMW, RMW, RMW), 90, 36),
    "3 readers and a writer": ((*(reads("x"),) * 3, writes("x")), 24, 8),
    "6 readers and a writer": ((*(reads("x"),) * 6, writes("x")), 5040, 64),
    "4 writers": ((writes("x"),) * 4, 24, 24),
    "3x3 disjoint": ((writes("x", 3), writes("y", 3), writes("z", 3)), 1680, 1),
    "store buffering": (((*writes("x"), *reads("y")), (*writes("y"), *reads("x"))), 6, 3),
    "message passing": (((*writes("x"), *writes("y")), (*reads("y"), *reads("x"))), 6, 3),
    "IRIW": ((writes("x"), writes("y"), (*reads("x"), *reads("y")), (*reads("y"), *reads("x"))), 180, 15),
    "2x4 writes of one variable": ((writes("x", 4), writes("x", 4)), 70, 70),
    "4 local and 1 shared": (((*writes("a", 4), *writes("x")), (*writes("b", 4), *writes("x"))), 252, 2),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_each_class_is_tried_once(name: str) -> None:
    """Without caching, sleep sets try exactly one interleaving of each class, and without reduction all are tried."""
    programs, interleavings, classes = GOLDEN[name]
    everything, _ = tried(programs)
    reduced, _ = tried(programs, por=True)
    assert len(everything.ends) == interleavings
    assert len(reduced.ends) == classes
    assert set(reduced.ends) == set(everything.ends)


def test_locked_sections_are_tried_in_each_order_of_the_sections() -> None:
    """2 x (lock; write)^2: 70 orders of lock and write steps; a section is one step to the others, so that 6 are left.

    The 26 that others count keep the write beside the lock; here the lock covers it.
    """
    section = (("lock", "l"), (W, "x"), ("unlock", "l"))
    programs = (section * 2, section * 2)
    everything, _ = tried(programs)
    reduced, _ = tried(programs, por=True)
    assert len(reduced.ends) == 6
    assert set(reduced.ends) == set(everything.ends)


def test_lock_then_write_outside() -> None:
    """2 x ((lock, unlock); write)^2, the lock step and the write on different objects: 70 interleavings, 26 classes."""
    programs = (((W, "l"), (W, "x")) * 2, ((W, "l"), (W, "x")) * 2)
    everything, _ = tried(programs)
    reduced, _ = tried(programs, por=True)
    assert (len(everything.ends), len(reduced.ends)) == (70, 26)


def generated(rng: random.Random) -> tuple[tuple[Step, ...], ...]:
    def one() -> tuple[Step, ...]:
        steps: list[Step] = []
        for _ in range(rng.randint(1, 3)):
            access = (rng.choice([R, W]), rng.choice("xyz"))
            if rng.random() < 0.4:
                lock = rng.choice("lm")
                inner = [access]
                if rng.random() < 0.3:
                    other = "m" if lock == "l" else "l"
                    inner = [("lock", other), access, ("unlock", other)]
                steps += [("lock", lock), *inner, ("unlock", lock)]
            else:
                steps.append(access)
        return tuple(steps[:5])

    return tuple(one() for _ in range(rng.randint(2, 3)))


@pytest.mark.parametrize("seed", range(150))
def test_reductions_lose_no_end(seed: int) -> None:
    """With and without each reduction the same ends are reached, deadlocks and locks that nobody gives back included."""
    programs = generated(random.Random(seed))
    expected = set(tried(programs, caching=True)[0].ends)
    for caching in (False, True):
        toy, search = tried(programs, caching=caching, por=True)
        assert set(toy.ends) == expected
        assert search.counts.states > 0


def test_a_race_with_a_blocked_step_is_seen() -> None:
    """Two locks in two orders: the deadlock is found although nobody's blocked step is ever taken there."""
    one = (("lock", "l"), ("lock", "m"), ("unlock", "m"), ("unlock", "l"))
    two = (("lock", "m"), ("lock", "l"), ("unlock", "l"), ("unlock", "m"))
    for caching in (False, True):
        toy, _ = tried((one, two), caching=caching, por=True)
        assert any(stuck for _memory, stuck in toy.ends)


def test_reduction_reduces() -> None:
    """Steps that all commute make one path, whatever is cached."""
    programs = tuple(writes(name, 4) for name in "xyz")
    _, search = tried(programs, caching=True, por=True)
    assert search.counts.executions == 1
    assert search.counts.states == 13
