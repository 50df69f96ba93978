"""The scenarios about the count of victims: when it is dropped, when twice, when never.

The three test_scenarios files are a table: a test is a row (S1, S2, ...), its docstring says it.  L is legacy_tifmemdie, R is patched, N
is Linux 7.3.  "Under any schedule" is what a search of some hundred schedules finds.
"""

from __future__ import annotations

import pytest
from builders import ANY, INIT, OOM, PARENT, SUSPEND, TRACER, VICTIM, Victim, ask, do
from kernels import L, N, R, every_kernel, name
from reach import Items, Look, Until, WatchedSession, outcomes, stands_at
from seen import all_dead, count, fate, happened, highest_count, memdie, name_of, suspends

import patched
from kernel_model import events
from kernel_model.oom import tsk_is_oom_victim
from kernel_model.page_alloc import OOM_TRYLOCK, RETRY
from kernel_model.preempt import Steps
from kernel_model.prototypes import exit_oom_victim
from kernel_model.sched import Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_review.scenario.items import Op, Run


def leader_left_last(s: WatchedSession) -> bool:
    return s.left_last[VICTIM]


def way_out(s: WatchedSession) -> tuple[str, ...]:
    """The single-threaded victim's exit as others see it."""
    words = []
    for _step, event in s.history:
        if isinstance(event, events.OomVictims) and event.change < 0:
            words.append("count dropped")
        elif not isinstance(event, events.OfTask) or name_of(s, event.task) != VICTIM:
            continue
        elif isinstance(event, events.Io) and event.what in ("exit_files", "exit_task_work"):
            words.append(event.what)
        elif isinstance(event, events.IoContextGone):
            words.append("io_context gone")
        elif isinstance(event, events.Reaped):
            words.append("unhashed")
    return tuple(words)


BEFORE_FILES = ("count dropped", "exit_files", "exit_task_work", "unhashed", "io_context gone")
AFTER_NOTIFY = ("exit_files", "exit_task_work", "io_context gone", "unhashed", "count dropped")


@pytest.mark.parametrize(
    ("variant", "order"), [(L, BEFORE_FILES), (R, AFTER_NOTIFY), (N, BEFORE_FILES)], ids=name
)
def test_s1_single_thread(variant: Variant, order: tuple[str, ...]) -> None:
    """S1: an untraced single thread drops its count in exit_mm(), before its files are closed; in R after exit_notify()."""
    assert set(outcomes(Victim(parent="ignores SIGCHLD").build() + OOM + ANY, variant, way_out)) == {order}


@pytest.mark.parametrize("threads", [2, 3, 5])
@pytest.mark.parametrize(
    ("variant", "reachable"),
    [(L, {(True, 0), (False, 0)}), (R, {(True, 0), (False, 1)}), (N, {(True, 0), (False, 0)})],
    ids=name,
)
@pytest.mark.parametrize("parent", ["waits", "does not wait"])
def test_s4_leader_not_last_and_s5_leader_last(
    variant: Variant, reachable: set[tuple[bool, int]], threads: int, parent: str
) -> None:
    """S4: a leader that reaches exit_notify() while a sibling is hashed leaks R's count.  S5: a last leader does not."""
    items = Victim(threads=threads, parent=parent).build() + OOM + ANY
    assert set(outcomes(items, variant, lambda s: (leader_left_last(s), count(s)))) == reachable


@pytest.mark.parametrize("parent", ["ignores SIGCHLD", "SA_NOCLDWAIT"])
@every_kernel
def test_s7_nobody_wants_the_zombie(variant: Variant, parent: str) -> None:
    """S7: where the group reaps itself R's count is dropped exactly once too, by whoever is last."""
    items = Victim(threads=3, parent=parent).build() + OOM + ANY

    def project(s: WatchedSession) -> tuple[bool, tuple[int, ...]]:
        return leader_left_last(s), s.observe().counts

    assert set(outcomes(items, variant, project)) == {(True, (1, 0)), (False, (1, 0))}


def tracers() -> list[Items]:
    """A victim whose only thread is traced: by a tracer that waits, one that does not, one that dies, and by its own parent."""
    waits = Victim(traced="leader", tracer_waits=True).build() + OOM + ANY
    sleeps = Victim(traced="leader").build() + OOM + ANY
    dies = sleeps + ask(TRACER, "exit_group") + ANY
    parent = Victim(parent="does not wait").build()
    parent += do(PARENT, "ptrace_seize", VICTIM) + do(PARENT, "wait") + OOM + ANY
    return [waits, sleeps, dies, parent]


@pytest.mark.parametrize(
    "items", tracers(), ids=["tracer waits", "tracer sleeps", "tracer dies", "parent traces"]
)
@pytest.mark.parametrize(("variant", "left"), [(L, 0), (R, 1), (N, 0)], ids=name)
def test_s9_traced_single_thread(variant: Variant, left: int, items: Items) -> None:
    """S9: the count of a traced single thread leaks in R under any schedule, whoever traces and whatever the tracer does."""
    found = outcomes(items, variant, lambda s: (all_dead(s, VICTIM), count(s)))
    assert set(found) == {(True, left)}


def unreaped() -> list[tuple[Victim, Items]]:
    """Leaked groups, and how each is reaped afterwards."""
    parent_waits = ask(PARENT, "wait") + ANY
    return [
        (Victim(threads=2, leader_exited=True, parent="does not wait"), parent_waits),
        (Victim(traced="leader", parent="does not wait"), ask(TRACER, "wait_all") + ANY + parent_waits),
        (Victim(traced="leader", parent="does not wait"), ask(TRACER, "exit_group") + ANY + parent_waits),
        (
            Victim(threads=2, traced="all threads", parent="does not wait"),
            ask(TRACER, "exit_group") + ANY + parent_waits,
        ),
    ]


@pytest.mark.parametrize(
    ("victim", "reap"), unreaped(), ids=["parent", "tracer", "tracer exits", "tracer of all exits"]
)
@pytest.mark.parametrize(("variant", "left"), [(L, 0), (R, 1), (N, 0)], ids=name)
def test_s12_reaping_repairs_nothing(variant: Variant, left: int, victim: Victim, reap: Items) -> None:
    """S12: what release_task() tells wait4(), a tracer or its death is ignored: reaping does not repair R's leak."""
    items = victim.build() + OOM + ANY + (Look("dead"),) + reap

    def project(s: WatchedSession) -> tuple[str, int, str, int]:
        before, _clock = s.looks["dead"]
        return before.state(VICTIM), before.count, s.observe().state(VICTIM), count(s)

    assert set(outcomes(items, variant, project)) == {("zombie", left, "reaped", left)}


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize(
    ("variant", "parent", "outcome"),
    [
        (L, "waits", (("t1",), 0)),
        (R, "waits", ((), 1)),
        (N, "waits", (("t1",), 0)),
        (L, "ignores SIGCHLD", (("t1",), 0)),
        (R, "ignores SIGCHLD", ((), 0)),
        (N, "ignores SIGCHLD", (("t1",), 0)),
    ],
    ids=name,
)
def test_s13_leader_gone(
    variant: Variant, parent: str, outcome: tuple[tuple[str, ...], int], threads: int
) -> None:
    """S13: the main thread left long ago: the first worker is marked, and R leaks for certain unless the group reaps itself."""
    items = Victim(threads=threads, leader_exited=True, parent=parent).build() + OOM + ANY
    assert set(outcomes(items, variant, lambda s: (memdie(s), count(s)))) == {outcome}


def killed_under_pressure(threads: int) -> Items:
    """A plain SIGKILL while there is no memory: dying threads allocate, and nobody has marked the group yet."""
    pressure = (Op("memory_pressure"), Run())
    return Victim(threads=threads).build() + pressure + ask(INIT, "kill", VICTIM, "KILL")


@pytest.mark.parametrize(
    ("variant", "rises", "left"), [(L, {1, 2}, {0}), (R, {1}, {0, 1}), (N, {1, 2}, {0})], ids=name
)
def test_s24_dying_threads_mark_themselves(variant: Variant, rises: set[int], left: set[int]) -> None:
    """S24: killed threads that run out of memory can each mark and count themselves in L and N, balanced; R counts once."""
    found = outcomes(
        killed_under_pressure(2) + ANY, variant, lambda s: (highest_count(s), count(s)), tries=400
    )
    assert {highest for highest, _left in found} <= rises
    assert {rest for _highest, rest in found} == left


@pytest.mark.parametrize(("variant", "rises"), [(L, 3), (R, 1), (N, 3)], ids=name)
def test_s24_all_of_them(variant: Variant, rises: int) -> None:
    """S24, the order that it takes: all threads find no memory before the first marks itself; then L and N count every one."""
    everybody = (VICTIM, "t1", "t2")
    sent = (Until(lambda k: all(p.pending for p in k.tasks.values() if p.name in everybody), INIT),)
    empty_handed = tuple(stands_at(who, OOM_TRYLOCK) for who in everybody)
    in_turn = tuple(stands_at(who, RETRY) for who in everybody)
    found = outcomes(killed_under_pressure(3) + sent + empty_handed + in_turn + ANY, variant, highest_count)
    assert set(found) == {rises}


# Under other names: those that are replaced.
exit_notify_of_the_rfc = patched.exit.exit_notify
release_task_of_the_rfc = patched.exit.release_task


def exit_notify_group_dead(k: Kernel, tsk: TaskStruct, group_dead: bool) -> Steps[bool]:
    """The last thread to enter do_exit(), not the last to leave it, reports the group gone."""
    yield from exit_notify_of_the_rfc(k, tsk, group_dead)
    return group_dead


GROUP_DEAD = Variant("group_dead", (replaces(patched.exit.exit_notify, exit_notify_group_dead),), base=R)


def io_after_the_drop(s: WatchedSession) -> frozenset[str]:
    """Who still accesses devices when the count is 0 again."""
    gone = [step for step, event in happened(s, events.OomVictims) if event.value == 0]
    return frozenset(
        name_of(s, event.task) for step, event in happened(s, events.Io) if gone and step > gone[0]
    )


def test_s31_group_dead_is_premature() -> None:
    """S31: dropping the count where signal->live became 0 drops it while a sibling still closes files; R never does.

    It leaks, too, which the row does not say: the last to enter can be through exit_notify() before the first is marked.
    """
    items = Victim(threads=2).build() + OOM + ANY
    found = outcomes(items, GROUP_DEAD, lambda s: (io_after_the_drop(s), count(s)), tries=300)
    nobody: frozenset[str] = frozenset()
    assert set(found) == {(nobody, 0), (frozenset({VICTIM}), 0), (frozenset({"t1"}), 0), (nobody, 1)}
    assert set(outcomes(items, R, io_after_the_drop, tries=300)) == {nobody}


def release_task_nr_threads(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[bool]:
    """Whoever unhashes the last thread drops the count."""
    last = yield from release_task_of_the_rfc(k, cur, p)
    if not p.signal.nr_threads and tsk_is_oom_victim(p):
        yield from exit_oom_victim(k, cur)
    return bool(last)


def exit_notify_without_result(k: Kernel, tsk: TaskStruct, group_dead: bool) -> Steps[bool]:
    """The count is none of exit_notify()'s business."""
    yield from exit_notify_of_the_rfc(k, tsk, group_dead)
    return False


NR_THREADS = Variant(
    "nr_threads",
    (
        replaces(patched.exit.release_task, release_task_nr_threads),
        replaces(patched.exit.exit_notify, exit_notify_without_result),
    ),
    base=R,
)


def reapers() -> dict[str, tuple[Victim, str]]:
    """A victim, and the process that has to reap it."""
    return {
        "parent": (Victim(threads=2), PARENT),
        "tracer": (Victim(traced="leader", tracer_waits=True), TRACER),
    }


@pytest.mark.parametrize("reaper", ["parent", "tracer"])
@pytest.mark.parametrize(
    ("frozen", "outcome"), [(False, (0, "ok")), (True, (1, "EBUSY"))], ids=["awake", "frozen"]
)
def test_s32_nr_threads_waits_for_the_parent(reaper: str, frozen: bool, outcome: tuple[int, str]) -> None:
    """S32: with the count dropped where nr_threads becomes 0, a frozen parent or tracer keeps it up, and suspend fails."""
    victim, who = reapers()[reaper]
    freezer = do(INIT, "attach", who, "A/B") + do(INIT, "freeze", "A/B") if frozen else ()
    items = victim.build() + freezer + OOM + ANY + (Look("dead"),) + SUSPEND

    def project(s: WatchedSession) -> tuple[str, int, str]:
        before, _clock = s.looks["dead"]
        return fate(s, VICTIM), before.count, suspends(s)[0]

    assert set(outcomes(items, NR_THREADS, project)) == {("dead", *outcome)}
    assert {found[1:] for found in outcomes(items, L, project)} == {(0, "ok")}
