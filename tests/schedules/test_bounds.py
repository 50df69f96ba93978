"""What each scheduler guarantees, on programs small enough to know the probabilities.

A statistical test fails by chance, over the choice of its seed, with a probability of at most FALSE_ALARM; as the seed is fixed it
gives the same answer each time.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise, permutations

import pytest
from toy import LOCAL, LOCK, READ, before, found, least, locked, pct, toy_order, toy_run

from kernel_model.preempt import Yield
from oom_review.schedules.pct import PctScheduler
from oom_review.schedules.pos import PosScheduler, conflict
from oom_review.schedules.preemption_bounded import PreemptionBounded
from oom_review.schedules.uniform import UniformScheduler

FALSE_ALARM = 1e-9


def in_the_window(order: list[str]) -> bool:
    """B's step falls between two steps of A: depth 2, as A has to be preempted there."""
    return before(order, "a7", "b1", "a8")


def in_the_window_and_late(order: list[str]) -> bool:
    """The same, and B is preempted in turn: depth 3."""
    return before(order, "a2", "b1", "a3", "a6", "b2")


def last_first(order: list[str]) -> bool:
    """The last of three tasks begins: depth 1."""
    return order[0] == "c1"


@pytest.mark.parametrize(
    ("bug", "depth", "lengths", "runs"),
    [
        (last_first, 1, (5, 5, 5), 2000),
        (in_the_window, 2, (15, 5), 6000),
        (in_the_window_and_late, 3, (6, 4), 20000),
    ],
)
def test_pct_finds_a_bug_of_depth_d_with_probability_1_over_n_k_to_the_d_minus_1(
    bug: Callable[[list[str]], bool],
    depth: int,
    lengths: tuple[int, ...],
    runs: int,
) -> None:
    """The paper's bound, for n tasks and k steps in all; a false alarm has probability FALSE_ALARM."""
    n, k = len(lengths), sum(lengths)
    bound = 1 / (n * k ** (depth - 1))
    assert found(runs, pct(depth, k), bug, *lengths) >= least(runs, bound, FALSE_ALARM) > 0


def test_pct_does_not_find_what_is_deeper_than_it_looks() -> None:
    """The negative case: without a change point nobody is preempted, so that the window is never hit."""
    assert found(2000, pct(1, 20), in_the_window, 15, 5) == 0
    assert found(2000, pct(2, 10), in_the_window_and_late, 6, 4) == 0


def test_pct_has_at_most_d_minus_1_preemptions() -> None:
    """Priorities change at the change points alone."""
    rng = random.Random(4)
    for _ in range(200):
        for depth in (1, 2, 3, 4):
            assert preemptions(toy_run(PctScheduler(rng, depth, 15), 5, 5, 5)) < depth


def preemptions(order: list[str], last: int = 5) -> int:
    """How often the CPU was taken from a task that had steps left."""
    pairs = pairwise(order)
    return sum(a[0] != b[0] and int(a[1:]) < last for a, b in pairs)


def test_the_threshold_is_that_of_the_binomial_distribution() -> None:
    """4 fair coins: fewer than 1 head in 1 of 16 cases, fewer than 2 in 5 of 16."""
    assert [least(4, 0.5, alarm) for alarm in (0.06, 0.07, 0.31, 0.32)] == [0, 1, 1, 2]


def test_pos_draws_the_order_of_two_conflicting_steps_whatever_else_there_is_to_do() -> None:
    """B's only step conflicts with A's last of 10: B comes last with probability 1/11, and in a uniform walk with 1/1024."""
    write = locked("x")
    runs = 3000
    rng = random.Random(2018)
    programs = ([*[locked("of a")] * 9, write], [write])
    pos = sum(toy_order(PosScheduler(rng), *programs)[-1] == "b1" for _ in range(runs))
    uniform = sum(toy_order(UniformScheduler(rng), *programs)[-1] == "b1" for _ in range(runs))
    assert pos >= least(runs, 1 / 11, FALSE_ALARM)
    # 0.01 is met by a uniform walk of probability 1/1024 in 3000 runs with less than FALSE_ALARM.
    assert uniform < 0.01 * runs < pos


def test_pos_draws_afresh_after_a_conflict() -> None:
    """B loses once against each of A's writes: alternating orders come up as often as in a uniform walk."""
    write = locked("x")
    runs = 3000
    rng = random.Random(5)
    orders = ["".join(toy_order(PosScheduler(rng), [write] * 3, [write] * 3)) for _ in range(runs)]
    # In a uniform walk each of the five first choices is free.
    assert orders.count("a1b1a2b2a3b3") >= least(runs, 1 / 32, FALSE_ALARM)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ((LOCK, "x"), (LOCK, "x"), True),
        ((LOCK, "x"), (READ, "x"), True),
        ((READ, "x"), (READ, "x"), False),
        ((LOCK, "x"), (LOCK, "y"), False),
        ((LOCK, "x"), LOCAL, False),
        (LOCAL, LOCAL, True),
        (LOCAL, (LOCAL, "task"), True),
    ],
)
def test_conflicts_go_by_locks(left: Yield, right: Yield, expected: bool) -> None:
    """Both ways round; readers do not conflict, and what takes no lock conflicts with its like."""
    assert (conflict(left, right), conflict(right, left)) == (expected, expected)


@pytest.mark.parametrize("bound", [0, 1, 2, 3, 9])
def test_a_bounded_search_tries_every_schedule_with_so_many_preemptions_once(bound: int) -> None:
    """Compared with all interleavings of three tasks of 3, 2 and 1 steps, whose preemptions are counted."""
    lengths = {"a": 3, "b": 2, "c": 1}
    search = PreemptionBounded(random.Random(bound), bound)
    tried = []
    while (play := search.play()) is not None:
        tried.append("".join(toy_run(play, 3, 2, 1)))
    assert sorted(tried) == sorted(o for o in interleavings(lengths) if cost(o, lengths) <= bound)


def interleavings(lengths: dict[str, int]) -> set[str]:
    every = set()
    for word in set(permutations("".join(name * n for name, n in lengths.items()))):
        every.add("".join(f"{name}{word[: i + 1].count(name)}" for i, name in enumerate(word)))
    return every


def cost(order: str, lengths: dict[str, int]) -> int:
    steps = [(order[i], int(order[i + 1])) for i in range(0, len(order), 2)]
    return sum(a[0] != b[0] and a[1] < lengths[a[0]] for a, b in pairwise(steps))
