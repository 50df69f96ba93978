"""The scenarios about the fridge: who leaves it when the OOM killer comes, who stays, and who is born meanwhile.

The three test_scenarios files are a table: a test is a row (S1, S2, ...), its docstring says it.  L is legacy_tifmemdie, R is patched, N
is Linux 7.3.  "Under any schedule" is what a search of some hundred schedules finds.
"""

from __future__ import annotations

import pytest
from builders import ANY, INIT, OOM, SYSRQ_F, THAW, VICTIM, Victim, ask, do
from kernels import L, N, R, every_kernel, name, of_2016
from reach import AnySchedule, Items, Look, WatchedSession, outcomes
from seen import all_dead, count, fate, happened, kill_pending, task

from kernel_model import events
from kernel_model.sched import MMF_OOM_SKIP
from kernel_model.variant import Variant
from oom_review.scenario.items import Run

MARKED_FIRST, KILLED_FIRST = ("marked", "killed"), ("killed", "marked")
THAW_BELOW = ask(INIT, "thaw", "A/B")


@every_kernel
def test_s2_single_thread_in_the_fridge(variant: Variant) -> None:
    """S2: a frozen single thread is thawed by the OOM killer and dies, in every kernel; nobody has to thaw its cgroup."""
    found = outcomes(Victim(frozen=True).build() + OOM + ANY, variant, lambda s: (fate(s, VICTIM), count(s)))
    assert set(found) == {("dead", 0)}


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize(
    ("variant", "stay", "left"), [(L, True, {0}), (R, False, {0, 1}), (N, False, {0})], ids=name
)
def test_s3_threads_in_the_fridge(variant: Variant, stay: bool, left: set[int], threads: int) -> None:
    """S3: L thaws one thread and its siblings stay with SIGKILL pending although the memory is gone; R and N thaw all.

    The count is 0 again in L and N; in R it depends on who leaves last.
    """
    victim = Victim(threads=threads, frozen=True)
    siblings = victim.names[1:]

    def project(s: WatchedSession) -> tuple[tuple[str, ...], bool, bool, int]:
        fridge = s.observe().fridge
        mm = task(s, VICTIM).signal.oom_mm
        assert mm is not None
        gone = bool(mm.flags & MMF_OOM_SKIP) and not mm.pages
        return fridge, all(kill_pending(s, t) for t in fridge), gone, count(s)

    found = outcomes(victim.build() + OOM + ANY, variant, project)
    assert set(found) == {(siblings if stay else (), True, True, n) for n in left}


@pytest.mark.parametrize("threads", [2, 4])
def test_s3_until_somebody_thaws(threads: int) -> None:
    """S3: in L the group dies only when user space thaws the cgroup, and the count stays 0 all the way."""
    victim = Victim(threads=threads, frozen=True)
    items = victim.build() + OOM + ANY + (Look("frozen"),) + THAW + ANY

    def project(s: WatchedSession) -> tuple[str, tuple[int, ...], bool]:
        return s.looks["frozen"][0].state("t1"), s.observe().counts, all_dead(s, *victim.names)

    assert set(outcomes(items, L, project)) == {("in the fridge", (1, 0), True)}


def with_frozen_sharer() -> Items:
    """A victim, and a process that shares its mm, not its handlers, and sits in the fridge."""
    sharer = do(VICTIM, "clone_vm", "s") + do(INIT, "attach", "s", "A/B") + do(INIT, "freeze", "A/B")
    return Victim().build() + sharer


def sharer_in_the_fridge(s: WatchedSession) -> tuple[str, bool, bool]:
    """Where the sharer is, whether it was killed, and whether it was marked."""
    return fate(s, "s"), kill_pending(s, "s"), task(s, "s").signal.oom_mm is not None


@of_2016
def test_s15_sharer_stays_in_the_fridge(variant: Variant) -> None:
    """S15: a process that shares the mm but not the handlers is killed, not marked, not thawed; the count does not know it.

    The memory is gone, and only the fridge keeps it: once thawed it dies.  N chooses the younger of the two, which is the sharer.
    """
    items = (*with_frozen_sharer(), *SYSRQ_F, Look("before"), *THAW_BELOW, *ANY)

    def project(s: WatchedSession) -> tuple[object, ...]:
        before, _clock = s.looks["before"]
        return before.state(VICTIM), before.fridge, before.counts, s.observe().counts, fate(s, "s")

    assert set(outcomes(items, variant, project)) == {("reaped", ("s",), (1, 0), (1, 0), "dead")}
    assert set(outcomes((*with_frozen_sharer(), *SYSRQ_F), variant, sharer_in_the_fridge)) == {
        ("in the fridge", True, False)
    }


@of_2016
def test_s15_second_oom_finds_the_sharer(variant: Variant) -> None:
    """S15, its limit: an allocation that tries again after the victim left, before the reaper hid the mm, marks the sharer."""
    found = outcomes(with_frozen_sharer() + OOM + ANY, variant, sharer_in_the_fridge, tries=200)
    assert set(found) == {("in the fridge", True, False), ("dead", False, True)}


@pytest.mark.parametrize("birth", ["clone", "clone_vm"])
@every_kernel
def test_s25_fork_races_with_the_kill(variant: Variant, birth: str) -> None:
    """S25: a thread or CLONE_VM process under way is either never born or found by the kill; both happen, nobody escapes."""
    items = Victim().build() + ask(VICTIM, birth, "child") + OOM + ANY

    def project(s: WatchedSession) -> tuple[str, str, bool]:
        born_late = any(event.into_killed for _step, event in happened(s, events.Born))
        return fate(s, VICTIM), fate(s, "child"), born_late

    assert set(outcomes(items, variant, project)) == {("dead", "never born", False), ("dead", "dead", False)}


def namespace_init(*, threads: int) -> Items:
    """The init of a pid namespace, multi-threaded, in a frozen cgroup, and the OOM killer."""
    return Victim(threads=threads, born_by="clone_newpid", frozen=True).build() + OOM


def order_of_death(s: WatchedSession) -> tuple[str, ...]:
    """Marking, and the kill of the whole group, in their order."""
    kinds = (events.Marked, events.Killed)
    return tuple(event.kind for _step, event in s.history if isinstance(event, kinds))


@pytest.mark.parametrize(
    ("variant", "siblings", "order"),
    [(L, "in the fridge", MARKED_FIRST), (R, "dead", MARKED_FIRST), (N, "dead", KILLED_FIRST)],
    ids=name,
)
def test_s26a_init_of_a_pid_namespace(variant: Variant, siblings: str, order: tuple[str, ...]) -> None:
    """S26a: the SIGKILL reaches the siblings of a namespace's init only through the thread that takes it first.

    In L that thread is the marked one, and the siblings stay in the fridge; in R all leave it.  N makes no exception for an init.
    """
    items = (*namespace_init(threads=3), AnySchedule())

    def project(s: WatchedSession) -> tuple[str, str, tuple[str, ...]]:
        return fate(s, "t1"), fate(s, "t2"), order_of_death(s)

    assert set(outcomes(items, variant, project)) == {(siblings, siblings, order)}


def test_s26a_other_groups_are_killed_before_they_are_marked() -> None:
    """S26a, the contrast: any other group has its SIGKILL in every thread when it is marked."""
    found = outcomes((*Victim(threads=3).build(), *OOM, Run()), L, order_of_death, tries=1)
    assert set(found) == {KILLED_FIRST}
