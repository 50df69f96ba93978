"""No reduction of an exploration loses an end or a verdict on today's kernels, in scenarios of what is new in them."""

from __future__ import annotations

import attrs
import pytest
from builders import op, script
from todays import AFTER, BEFORE, V7_2, short

from kernel_model.variant import Variant
from oom_review.explore import Bounds, explore
from oom_review.explore.explorer import Result
from oom_review.scenario.items import Run, Scenario

NOTHING = Bounds(por=False, symmetry=False, whole_walks=False)
# What comes before, in peace; and what happens at once.
RACES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a futex and a freezer": (
        ("init: fork v", "init: attach v A", "init: fork w"),
        ("v: futex_wait", "w: futex_wake v", "init: freeze A"),
    ),
    "a stop, its end and a freezer": (
        ("init: fork v", "init: attach v A", "init: fork w"),
        ("w: kill v STOP", "init: freeze A"),
    ),
    "a frozen stop, a thaw and a kill": (
        ("init: fork v", "init: attach v A", "init: kill v STOP", "init: freeze A", "init: fork w"),
        ("w: kill v KILL", "init: thaw A"),
    ),
    "a tracer and a freezer": (
        ("init: fork v", "init: attach v A", "init: fork w"),
        ("w: ptrace_attach v", "init: freeze A"),
    ),
    "a waiter, its child and a suspend": (
        ("init: fork p", "p: fork v"),
        ("p: wait", "v: exit_group", "init: suspend"),
    ),
    "a dump and a freezer": (
        ("init: fork v", "init: attach v A", "init: fork w"),
        ("w: kill v ABRT", "init: freeze A"),
    ),
    "a dump of two and an exit": (
        ("init: fork v", "v: clone t1"),
        ("init: kill v ABRT", "t1: exit"),
    ),
    "a late close and a suspend": (
        ("init: fork v", "v: open_ttys", "init: oom_score_adj v 1000"),
        ("kworker: alloc", "init: s2idle"),
    ),
    "a nap and a suspend": (("init: fork v",), ("v: nanosleep", "init: suspend")),
    "threads that leave and a memory cgroup": (
        ("init: fork v", "v: clone t1", "init: memcg_attach v M", "init: oom_score_adj v 1000"),
        ("v: exit", "t1: charge"),
    ),
}
ASKED_FOR: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a worker of io_uring and an exit": (
        ("init: fork v", "v: io_uring_worker w"),
        ("v: exit", "init: tgkill w KILL"),
    ),
    "a birth and cgroup.kill": (
        ("init: fork v", "init: memcg_attach v M"),
        ("v: fork w", "init: cgroup_kill M"),
    ),
    "memory.oom.group and an exit": (
        ("init: fork v", "init: memcg_attach v M", "init: oom_group M", "init: oom_score_adj v 1000"),
        ("v: exit", "kworker: alloc"),
    ),
    "process_mrelease() and a kill": (
        ("init: fork v", "v: clone t1", "init: fork w"),
        ("init: kill v KILL", "w: process_mrelease v"),
    ),
    "the v2 freezer and a stop": (
        ("init: fork v", "init: memcg_attach v M", "init: kill v STOP", "init: fork w"),
        ("w: kill v CONT", "init: v2_freeze M"),
    ),
    "the v2 freezer and a suspend": (
        ("init: fork v", "init: memcg_attach v M", "init: v2_freeze M", "init: fork w", "init: fork x"),
        ("w: v2_thaw M", "x: kill v KILL", "init: suspend"),
    ),
}
"""With operations that only scripts ask for."""
LARGEST = 17_000


def raced(name: str) -> Scenario:
    """All that races is asked for at once."""
    before, meanwhile = (RACES | ASKED_FOR)[name]
    return Scenario((*script(*before).items, *map(op, meanwhile), Run()))


def outcome(result: Result) -> tuple[object, object]:
    """Ends and verdicts."""
    return set(result.finals), {claim: verdict.verdict for claim, verdict in result.verdicts.items()}


@pytest.mark.parametrize("short_sleeps", [False, True], ids=["sleep", "wake"])
@pytest.mark.parametrize("variant", [BEFORE, V7_2, AFTER], ids=short)
@pytest.mark.parametrize("name", RACES)
def test_no_reduction_loses_anything(name: str, variant: Variant, short_sleeps: bool) -> None:
    """Each alone would be told apart by the tests of the explorer; here all of them at once, against none."""
    _with_and_without(name, variant, short_sleeps=short_sleeps)


@pytest.mark.parametrize("name", ASKED_FOR)
def test_no_reduction_loses_anything_in_what_is_only_asked_for(name: str) -> None:
    _with_and_without(name, AFTER, short_sleeps=True)


def _with_and_without(name: str, variant: Variant, *, short_sleeps: bool) -> None:
    full = explore(raced(name), variant, bounds=attrs.evolve(NOTHING, short_sleeps=short_sleeps))
    reduced = explore(raced(name), variant, bounds=Bounds(short_sleeps=short_sleeps))
    assert not full.stopped
    assert full.counts.states > 20
    assert outcome(reduced) == outcome(full)
    assert reduced.counts.states <= full.counts.states < LARGEST
