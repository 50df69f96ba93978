"""Partial-order reduction on programs whose numbers of classes are known, through the same search that explores the kernel."""

from __future__ import annotations

import random

import pytest
from toys import CLASSES, ORDERS, Step, tried

R, W = "read", "write"
RMW = ((R, "x"), (W, "x"))
LOCK_WRITE = ((W, "l"), (W, "x"))


def writes(name: str, count: int = 1) -> tuple[Step, ...]:
    return ((W, name),) * count


def reads(name: str, count: int = 1) -> tuple[Step, ...]:
    return ((R, name),) * count


# Interleavings; classes of those that differ only in the order of steps that commute; and how many the search takes to the end if it
# knows no state again.  That is more than the classes where a race sends it back to a state for a task whose way from there was
# seen in another order already: it keeps no sleep sets, as a state that it knows costs nothing.
GOLDEN = {
    "RMW x2": ((RMW, RMW), 6, 4, 6),
    "RMW x3": ((RMW, RMW, RMW), 90, 36, 90),
    "3 readers and a writer": ((*(reads("x"),) * 3, writes("x")), 24, 8, 16),
    "6 readers and a writer": ((*(reads("x"),) * 6, writes("x")), 5040, 64, 1957),
    "4 writers": ((writes("x"),) * 4, 24, 24, 24),
    "3x3 disjoint": ((writes("x", 3), writes("y", 3), writes("z", 3)), 1680, 1, 1),
    "store buffering": (((*writes("x"), *reads("y")), (*writes("y"), *reads("x"))), 6, 3, 4),
    "message passing": (((*writes("x"), *writes("y")), (*reads("y"), *reads("x"))), 6, 3, 4),
    "IRIW": ((writes("x"), writes("y"), (*reads("x"), *reads("y")), (*reads("y"), *reads("x"))), 180, 15, 33),
    "2x4 writes of one variable": ((writes("x", 4), writes("x", 4)), 70, 70, 70),
    "4 local and 1 shared": (((*writes("a", 4), *writes("x")), (*writes("b", 4), *writes("x"))), 252, 2, 3),
    "2 x (lock; write)^2": ((LOCK_WRITE * 2, LOCK_WRITE * 2), 70, 26, 62),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_every_class_is_tried(name: str) -> None:
    """Without reduction all interleavings are tried; with it each class, once where states of a class are known again."""
    programs, interleavings, classes, explored = GOLDEN[name]
    everything, _search = tried(programs, por=False, apart=ORDERS)
    assert len(everything) == interleavings
    each, _search = tried(programs, por=True, apart=CLASSES)
    assert len(each) == len(set(each)) == classes
    assert set(each) == set(tried(programs, por=False, apart=CLASSES)[0])
    reduced, _search = tried(programs, por=True, apart=ORDERS)
    assert len(reduced) == explored


def test_locked_sections_are_tried_in_each_order_of_the_sections() -> None:
    """A section is one step to the others: of 70 orders of lock and write steps 6 are left."""
    section = (("lock", "l"), (W, "x"), ("unlock", "l"))
    programs = (section * 2, section * 2)
    each, _search = tried(programs, por=True, apart=CLASSES)
    assert len(each) == 6
    assert set(each) == set(tried(programs, por=False, apart=CLASSES)[0])


def test_a_race_asks_for_one_of_those_who_can_lead_there() -> None:
    """One of them is tried anyway: where the racing step's own task had to be tried, too, it would be 32."""
    programs = (
        (*writes("z"), *writes("x")),
        (*writes("y"), ("lock", "m"), *reads("z"), ("unlock", "m")),
        (("lock", "m"), *reads("x"), ("unlock", "m")),
    )
    explored, _search = tried(programs, por=True, apart=ORDERS)
    assert len(explored) == 26
    classes, _search = tried(programs, por=True, apart=CLASSES)
    assert set(classes) == set(tried(programs, por=False, apart=CLASSES)[0])


def generated(rng: random.Random) -> tuple[tuple[Step, ...], ...]:
    """Two or three programs of up to five steps, with locks that are sometimes not given back."""

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
def test_reduction_loses_no_end(seed: int) -> None:
    """With and without it the same ends are reached, and classes, deadlocks and locks that nobody gives back included."""
    programs = generated(random.Random(seed))
    assert set(tried(programs, por=True)[0]) == set(tried(programs, por=False)[0])
    each = tried(programs, por=True, apart=CLASSES)[0]
    assert set(each) == set(tried(programs, por=False, apart=CLASSES)[0])


def test_a_race_with_a_blocked_step_is_seen() -> None:
    """Two locks in two orders: the deadlock is found although nobody's blocked step is ever taken there."""
    one = (("lock", "l"), ("lock", "m"), ("unlock", "m"), ("unlock", "l"))
    two = (("lock", "m"), ("lock", "l"), ("unlock", "l"), ("unlock", "m"))
    ends, _search = tried((one, two), por=True)
    assert any(stuck for _values, stuck, _past in ends)


def test_reduction_reduces() -> None:
    """Steps that all commute make one path."""
    _ends, search = tried(tuple(writes(name, 4) for name in "xyz"), por=True)
    assert (search.counts.executions, search.counts.states) == (1, 13)
