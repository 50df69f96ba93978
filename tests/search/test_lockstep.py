"""Two kernels in lockstep: everything that differs has a name, and what has none is noticed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from settings_of_tests import again, profile

import legacy_tifmemdie
import patched
from kernel_model.operations import OPERATIONS
from kernel_model.preempt import POINTS
from kernel_model.sched import Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_review.differences import DIFFERENCES, Difference
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.gaps import Gaps
from oom_review.search.lockstep import UnexplainedDifference, lockstep_machine, lockstep_play
from oom_review.search.one_claim import run_quietly
from oom_review.show import failure

LEFT, RIGHT = legacy_tifmemdie.VARIANT, patched.VARIANT
THOROUGH = 10_000
MORE_ROUNDS = 8
MORE_EXAMPLES = 5_000


def test_every_difference_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """No example of the profile shows a divergence that the catalogue does not have; a thorough run reaches everything."""
    machine = lockstep_machine(LEFT, RIGHT)
    try:
        run_state_machine_as_test(machine, settings=profile())
        # Two points are met about once in ten thousand programs: a thorough run goes on until it has met all.
        more = MORE_ROUNDS if machine.tally["examples"] >= THOROUGH else 0
        for first_seed in range(1, more + 1):
            if set(POINTS.values()) - machine.points:
                run_quietly(machine, max_examples=MORE_EXAMPLES, first_seed=first_seed)
    except UnexplainedDifference as difference:
        pytest.fail(f"{difference.account()}\n{again(difference)}", pytrace=False)
    if machine.tally["examples"] < THOROUGH:
        return
    counts = [f"{times:9} {what}" for what, times in sorted(machine.tally.items())]
    with capsys.disabled():
        sys.stdout.write(
            "\n".join(["", *counts, f"{len(machine.points):9} of {len(POINTS)} preemption points", ""])
        )
    assert {f"operation {name}" for name in OPERATIONS} <= set(machine.tally)
    assert set(POINTS.values()) - machine.points == set()


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda d: d.id)
def test_each_difference_has_an_example(difference: Difference) -> None:
    """The catalogue's example of each difference shows it, and nothing that has no name."""
    pair, remaining = lockstep_play(difference.example, LEFT, RIGHT)
    assert remaining == []
    assert difference.id in pair.parted


def test_kernel_threads_that_only_the_left_freezes() -> None:
    """A hibernation fails on both sides: on the right for the count, on the left later, when it has frozen kswapd already."""
    scenario = Scenario(
        (
            Op("clone_newpid", "init", ("p1",)),
            Run(),
            Op("clone_vm", "p1", ("p2",)),
            Run(),
            Op("hibernate", "init"),
            Run(
                Gaps(
                    (
                        (13, "p1"),
                        (7, "@tick"),
                        (14, "p2"),
                        (1, "@tick"),
                        (1, "init"),
                        (13, "p2"),
                        (1, "@tick"),
                        (1, "init"),
                    ),
                    65,
                )
            ),
            Op("alloc", "kworker"),
            Run(Gaps(((4, "@tick"), (17, "init")))),
        )
    )
    pair, remaining = lockstep_play(scenario, LEFT, RIGHT)
    assert (remaining, pair.parted) == ([], {"suspend-fails-on-the-count": 1})
    assert pair.left.observe().pm == pair.right.observe().pm == (("init", "hibernate", "EBUSY"),)
    assert (pair.left.record().visits["kswapd"], pair.right.record().visits.get("kswapd")) == (1, None)


def test_a_kernel_does_not_differ_from_itself() -> None:
    """In lockstep with itself no variant ever parts."""
    for variant in (LEFT, RIGHT):
        for difference in DIFFERENCES:
            pair, remaining = lockstep_play(difference.example, variant, variant)
            assert (pair.parted, remaining) == ({}, [])


def test_two_kernels_at_rest_are_left_alone_until_somebody_asks_for_something() -> None:
    """No run of any kind would take a step; after a request, even one that waits for others, there are runs again."""
    machine = lockstep_machine(LEFT, RIGHT)()
    machine.settle()
    assert machine.submit(Op("fork", "init", ("p1",)))
    machine.advance(0, "turn", ["kworker"])
    assert not machine.sessions[0].machine.names_now().get("p1")
    machine.settle()
    so_far = [list(recorded) for recorded in machine.recorded]
    machine.settle()
    machine.advance(7, "portfolio", [])
    machine.advance(0, "turn", ["init", "p1"])
    assert not machine.submit(Op("fork", "nobody", ("p2",)))
    machine.settle()
    assert [list(recorded) for recorded in machine.recorded] == so_far
    for session in machine.sessions:
        assert not session.machine.runnable_tasks()
        assert session.machine.sleepers_due() is None
    assert machine.submit(Op("exit", "p1"))
    machine.settle()
    assert [session.observe().state("p1") for session in machine.sessions] == ["zombie", "zombie"]


def never_freezing(k: Kernel, p: TaskStruct) -> bool:
    """freezing_slow_path() that exempts everybody: a mistake that has nothing to do with the RFC."""
    del k, p
    return False


def test_an_unexplained_difference_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A right-hand kernel with another mistake fails the machine, and leaves scenario files for both sides behind."""
    monkeypatch.setenv(failure.PLACE, str(tmp_path))
    broken = Variant(RIGHT.name, (replaces(patched.freezer.freezing_slow_path, never_freezing),), base=RIGHT)
    # The same examples each time, and none kept: the mistake is planted, and is no failure to try again.
    planted = settings(profile(400), derandomize=True, database=None)
    with pytest.raises(UnexplainedDifference, match="unexplained difference:\n  ") as caught:
        run_state_machine_as_test(lockstep_machine(LEFT, broken), settings=planted)
    account = caught.value.account()
    written = sorted(failure.directory().glob("unexplained*.scenario"))
    assert len(written) == 2
    assert all(f"oom-review replay {path} --variant" in account for path in written)
