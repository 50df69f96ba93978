"""The scenarios about power management: what oom_killer_disable() waits for, what it lets through, and what it costs.

The three test_scenarios files are a table: a test is a row (S1, S2, ...), its docstring says it.  L is legacy_tifmemdie, R is patched, N
is Linux 7.3.  "Under any schedule" is what a search of some hundred schedules finds.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from builders import (
    ANY,
    GLOBAL_OOM,
    HOG,
    INIT,
    OOM,
    PARENT,
    SUSPEND,
    SYSRQ_F,
    TRACER,
    VICTIM,
    Victim,
    ask,
    do,
)
from kernels import L, N, R, every_kernel, name, of_2016
from reach import Items, Look, Until, WatchedSession, outcomes, stands_at
from seen import causes, count, doers_while, fate, happened, io_while, name_of, suspends, task

from kernel_model import core, events, oom_kill, oom_reaper
from kernel_model.locking import acquire, release
from kernel_model.oom_kill import DISABLE_CHECK, DISABLE_LOCK, DISABLE_SLEEP, oom_killer_disable
from kernel_model.page_alloc import RETRY
from kernel_model.power.process import BEGIN, try_to_freeze_tasks
from kernel_model.preempt import Steps
from kernel_model.prototypes import exit_oom_victim
from kernel_model.ptrace_stop import EVENT_EXIT
from kernel_model.sched import (
    FREEZE_TIMEOUT,
    SIGKILL,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_MEMDIE,
    Kernel,
    TaskStruct,
)
from kernel_model.signal import SEND_SIG
from kernel_model.variant import Variant, replaces
from legacy_tifmemdie.oom_kill import DEC
from oom_review.scenario.items import Op, Run
from oom_review.schedules.driver import TICK
from oom_review.schedules.gaps import Gaps

DISABLE_FAILED = "oom_killer_disable() failed"


def took(s: WatchedSession, before: str, after: str) -> int:
    """Milliseconds between two looks."""
    return s.looks[after][1] - s.looks[before][1]


@every_kernel
def test_s18_stop_at_event_exit(variant: Variant) -> None:
    """S18: a victim stopped in PTRACE_EVENT_EXIT by a tracer that the PM freezer froze costs 20 s and -EBUSY, in every kernel."""
    victim = Victim(traced="leader", attach="ptrace_seize_exit").build()
    items = victim + OOM + ANY + (Look("stopped"),) + SUSPEND + (Look("tried"),)

    def project(s: WatchedSession) -> tuple[object, ...]:
        before, _clock = s.looks["stopped"]
        tracer_froze = TRACER in {name_of(s, event.task) for _step, event in happened(s, events.Froze)}
        timed_out = took(s, "stopped", "tried") >= FREEZE_TIMEOUT
        after = s.observe()
        return (
            before.state(VICTIM),
            before.count,
            tracer_froze,
            suspends(s),
            causes(s),
            timed_out,
            after.fridge,
            after.count,
        )

    expected = ("traced", 1, True, ("EBUSY",), (DISABLE_FAILED,), True, (), 1)
    assert set(outcomes(items, variant, project)) == {expected}


@every_kernel
def test_s18_tracer_dies(variant: Variant) -> None:
    """S18, afterwards: once the tracer is dead the victim dies, untraced, and the count is 0 in R too."""
    victim = Victim(traced="leader", attach="ptrace_seize_exit").build()
    items = victim + OOM + ANY + ask(TRACER, "exit_group") + ANY
    assert set(outcomes(items, variant, lambda s: (fate(s, VICTIM), count(s)))) == {("dead", 0)}


def blocked_in_exit_aio() -> Items:
    """A victim whose address space can't go before its I/O is done, and that is itself the last user of it.

    Were the oom_reaper the last one, mmput_async() would let a worker wait for the I/O: so this run's schedule is not left open.
    """
    return (*Victim().build(), *do(VICTIM, "io_submit"), *OOM, Run(), Look("blocked"))


@pytest.mark.parametrize("variant", [L, R], ids=name)
def test_s19_exit_mm_blocks(variant: Variant) -> None:
    """S19: a victim that waits for I/O in exit_mm() holds its count: suspend gives up after 20 s, and works after the I/O."""
    items = blocked_in_exit_aio() + SUSPEND + (Look("tried"), Op("io_complete")) + ANY + SUSPEND

    def project(s: WatchedSession) -> tuple[object, ...]:
        before, _clock = s.looks["blocked"]
        timed_out = took(s, "blocked", "tried") >= FREEZE_TIMEOUT
        return before.state(VICTIM), before.count, suspends(s), timed_out, fate(s, VICTIM), count(s)

    assert set(outcomes(items, variant, project)) == {("exiting", 1, ("EBUSY", "ok"), True, "dead", 0)}


def oom_killer_disable_v4_0(k: Kernel, cur: TaskStruct, timeout: int) -> Steps[bool]:
    """v4.0 to v4.5: wait for the last victim, for ever, and let no signal disturb that."""
    del timeout
    yield DISABLE_LOCK, k.oom_lock
    acquire(cur, k.oom_lock)
    k.oom_killer_disabled = True
    release(cur, k.oom_lock)
    k.oom_victims_wait.append(cur)
    while True:
        yield DISABLE_CHECK
        cur.state = TASK_UNINTERRUPTIBLE
        if not k.oom_victims:
            break
        yield DISABLE_SLEEP
    cur.state = TASK_RUNNING
    return True


def test_s19_no_time_out_in_v4_0() -> None:
    """S19, v4.0 to v4.5: suspend waits for the blocked victim as long as its I/O takes."""
    variant = Variant("v4_0", (replaces(oom_killer_disable, oom_killer_disable_v4_0),), base=L)
    hangs = blocked_in_exit_aio() + ask(INIT, "suspend") + ANY
    items = (*hangs, Look("hangs"), Op("io_complete"), *ANY, Op("wakeup"), Run())

    def project(s: WatchedSession) -> tuple[object, ...]:
        before, _clock = s.looks["hangs"]
        return before.pm, before.phase, before.count, suspends(s)

    assert set(outcomes(items, variant, project)) == {((), "frozen", 1, ("ok",))}


def exit_oom_victim_v4_6(k: Kernel, tsk: TaskStruct) -> Steps[None]:
    """v4.6 and v4.7: for any task, once; whoever comes first, the reaper or the task itself."""
    yield DEC
    if not core.test_tsk_thread_flag(tsk, TIF_MEMDIE):
        return
    core.clear_thread_flag(tsk, TIF_MEMDIE)
    if not core.atomic_dec_return_oom_victims(k, tsk):
        core.wake_up_all(k.oom_victims_wait)


# Under another name: the one that is replaced.
without_a_drop = oom_reaper.oom_reap_task


def oom_reap_task_v4_6(k: Kernel, cur: TaskStruct, tsk: TaskStruct) -> Steps[None]:
    """v4.6 and v4.7: the memory is gone, so the victim does not count any more."""
    yield from without_a_drop(k, cur, tsk)
    yield from exit_oom_victim(k, tsk)


REAPER_DROPS = Variant(
    "v4_6",
    (
        replaces(exit_oom_victim, exit_oom_victim_v4_6),
        replaces(oom_reaper.oom_reap_task, oom_reap_task_v4_6),
    ),
    base=L,
)


def test_s19_reaper_drops_in_v4_6() -> None:
    """S19, v4.6 and v4.7: the reaper drops the count of the blocked victim, which still has I/O before it."""
    items = (*blocked_in_exit_aio(), Op("io_complete"), *ANY)

    def project(s: WatchedSession) -> tuple[object, ...]:
        before, _clock = s.looks["blocked"]
        return before.state(VICTIM), before.counts, fate(s, VICTIM), s.observe().counts

    assert set(outcomes(items, REAPER_DROPS, project)) == {("exiting", (1, 0), "dead", (1, 0))}


def marked_after_the_last_pass(victim: Victim) -> Items:
    """All are frozen, the freezer has seen it, and the OOM killer gets oom_lock before oom_killer_disable() does."""
    frozen = (Until(lambda k: k.pm_phase == "frozen"),)
    locked = (Until(lambda k: k.oom_lock.owner is k.kworker, "kworker"),)
    return victim.build() + ask(INIT, "snapshot_freeze") + frozen + GLOBAL_OOM + locked + ANY


EXIT_MM = {"mmput", "exit_mmap"}
NOBODY: frozenset[str] = frozenset()


def in_exit_mm(s: WatchedSession) -> bool:
    """Somebody tears down its address space although the OOM killer is disabled."""
    return any(what in EXIT_MM for _who, what in io_while(s, "disabled"))


def hole(s: WatchedSession) -> tuple[str, frozenset[str], bool]:
    """What disabling gave, who does I/O then, and whether that goes back to exit_mm()."""
    return suspends(s)[0], doers_while(s, "disabled"), in_exit_mm(s)


def test_s20_legacy_hole() -> None:
    """S20, L: the one thawed thread is past exit_mm() when disabling succeeds, and closes its files then; or it was quicker."""
    found = outcomes(marked_after_the_last_pass(Victim(threads=3)), L, hole, tries=300)
    assert set(found) == {("ok", NOBODY, False), ("ok", frozenset({VICTIM}), False)}


def test_s20_patched_waits() -> None:
    """S20, R: disabling waits for the whole group, and then succeeds if the leader was last, and fails if the count leaked."""
    found = outcomes(
        marked_after_the_last_pass(Victim(threads=3)), R, lambda s: (*hole(s), s.left_last[VICTIM])
    )
    assert set(found) == {("ok", NOBODY, False, True), ("EBUSY", NOBODY, False, False)}


def test_s20_todays_hole() -> None:
    """S20, N: disabling succeeds while the thawed siblings run the whole of do_exit(), each or both of them, exit_mm() included."""
    found = outcomes(marked_after_the_last_pass(Victim(threads=3)), N, hole, tries=400)
    assert {result for result, _who, _mm in found} == {"ok"}
    doers = {who for _result, who, _mm in found}
    assert {NOBODY, frozenset({VICTIM, "t1", "t2"})} <= doers
    assert any(who == {"t1", "t2"} for who in doers)
    assert any(mm for _result, _who, mm in found)


def test_s22_reaper_drops_too_early() -> None:
    """S22, v4.6 and v4.7: the reaper drops the count, disabling succeeds, and the thawed victim has all of do_exit() before it."""
    found = outcomes(marked_after_the_last_pass(Victim()), REAPER_DROPS, hole, tries=300)
    assert ("ok", frozenset({VICTIM}), True) in found
    assert {result for result, _who, _mm in found} == {"ok"}


disable_alone = oom_killer_disable


def disable_and_freeze_again(k: Kernel, cur: TaskStruct, timeout: int) -> Steps[bool]:
    """v4.8: once the OOM killer is off nobody is thawed any more; freeze whoever was thawed meanwhile."""
    if not (yield from disable_alone(k, cur, timeout)):
        return False
    return (yield from try_to_freeze_tasks(k, cur))


def test_s22_second_pass_is_a_cure() -> None:
    """S22, first fix (v4.8): a second pass after disabling waits for the victim whose count the reaper dropped."""
    cured = Variant("v4_8", (replaces(oom_killer_disable, disable_and_freeze_again),), base=REAPER_DROPS)
    found = outcomes(marked_after_the_last_pass(Victim()), cured, hole, tries=300)
    assert set(found) == {("ok", NOBODY, False)}


@pytest.mark.parametrize("variant", [L, R], ids=name)
def test_s22_reaper_does_not_drop_any_more(variant: Variant) -> None:
    """S22, second fix (the base): the reaper leaves the count alone, so that nobody is in exit_mm() once disabling succeeded."""
    found = outcomes(marked_after_the_last_pass(Victim()), variant, hole, tries=300)
    assert {mm for _result, _who, mm in found} == {False}


@pytest.mark.parametrize(
    ("variant", "left", "result", "slow"),
    [(L, 0, "ok", False), (R, 1, "EBUSY", True), (N, 0, "ok", False)],
    ids=name,
)
def test_s23_every_suspend_fails_after_a_leak(variant: Variant, left: int, result: str, slow: bool) -> None:
    """S23: one leak in R, and each suspend and hibernation from then on takes 20 s and fails, although all victims are dead."""
    hibernation = (*ask(INIT, "hibernate"), *ANY, Op("wakeup"), Run())
    tries = (Look("0"), *SUSPEND, Look("1"), *hibernation, Look("2"), *SUSPEND, Look("3"))
    items = Victim(threads=2, leader_exited=True).build() + OOM + ANY + tries

    def project(s: WatchedSession) -> tuple[object, ...]:
        timed_out = {took(s, str(i), str(i + 1)) >= FREEZE_TIMEOUT for i in range(3)}
        return fate(s, VICTIM), count(s), suspends(s), timed_out == {True}

    assert set(outcomes(items, variant, project, tries=60)) == {("dead", left, (result,) * 3, slow)}


@of_2016
def test_s27_late_work_is_not_counted(variant: Variant) -> None:
    """S27: the last user of the address space can be the reaper, whose mmput_async() no count waits for; N's reaper uses none."""

    tick = Run(Gaps(((0, TICK),), steps=1))
    killed = (stands_at(HOG, oom_kill.TICK), tick, stands_at(HOG, RETRY))
    reaper_first = (stands_at("oom_reaper", oom_reaper.UNMAP), Until(lambda k: not k.oom_victims, VICTIM))
    items = Victim().build() + OOM + killed + reaper_first + ANY

    def project(s: WatchedSession) -> tuple[bool, tuple[int, ...], int]:
        own = any(what in EXIT_MM for who, what, _phase in s.observe().io if who == VICTIM)
        gone = next(step for step, event in happened(s, events.OomVictims) if event.value == 0)
        # The reaper's last two steps: unmap and give up its use; hide the mm.
        return own, s.observe().counts, s.taken[gone:].count("oom_reaper")

    assert set(outcomes(items, variant, project)) == {(False, (1, 0), 2)}


@pytest.mark.parametrize("variant", [L, R], ids=name)
def test_s28_reaper_runs_while_disabled(variant: Variant) -> None:
    """S28: the reaper does not freeze and nobody waits for it: it can still unmap after oom_killer_disable() succeeded."""

    def project(s: WatchedSession) -> bool:
        disabled = next(step for step, event in happened(s, events.PmPhase) if event.phase == "disabled")
        return "oom_reaper" in s.taken[disabled:]

    assert set(outcomes(marked_after_the_last_pass(Victim()), variant, project, tries=300)) == {False, True}


@every_kernel
def test_s29_tail_of_an_unhashed_thread(variant: Variant) -> None:
    """S29: a sub-thread is off the lists in its own exit_notify(): the freezer can be done before it is TASK_DEAD, not earlier."""
    exits = (*ask("t1", "exit"), stands_at("t1", EVENT_EXIT))
    items = Victim(threads=2).build() + exits + ask(INIT, "snapshot_freeze") + ANY

    def project(s: WatchedSession) -> tuple[str, ...]:
        words = []
        for _step, event in s.history:
            if isinstance(event, events.PmPhase) and event.phase == "frozen":
                words.append("all frozen")
            elif isinstance(event, (events.Reaped, events.Dead)) and name_of(s, event.task) == "t1":
                words.append(event.kind)
        return tuple(words)

    found = outcomes(items, variant, project, tries=400)
    assert set(found) == {("reaped", "dead", "all frozen"), ("reaped", "all frozen", "dead")}


@every_kernel
def test_s30_no_victim_while_disabled(variant: Variant) -> None:
    """S30: SysRq-f and a failing allocation mark nobody while the OOM killer is off; once it is on again SysRq-f kills."""
    disabled = Victim().build() + ask(INIT, "snapshot_freeze") + ANY
    attempts = (Op("sysrq_f"), *ANY, *GLOBAL_OOM, *ANY, Look("disabled"))
    items = disabled + attempts + ask(INIT, "snapshot_unfreeze") + ANY + SYSRQ_F

    def project(s: WatchedSession) -> tuple[object, ...]:
        before, _clock = s.looks["disabled"]
        return (
            before.counts,
            before.state(VICTIM),
            before.phase,
            before.warnings,
            fate(s, VICTIM),
            s.observe().counts,
        )

    expected = ((), "in the fridge", "disabled", (), "dead", (1, 0))
    assert set(outcomes(items, variant, project)) == {expected}
    failed = outcomes(disabled + GLOBAL_OOM + ANY, variant, lambda s: bool(task(s, "kworker").result))
    assert set(failed) == {False}


def signalled_while_it_freezes(signal: str) -> Items:
    """Both calls have begun: the sender freezes after its own, so the signal is there before oom_killer_disable() waits."""
    sends = (*ask(INIT, "kill", "disabler", signal), stands_at(INIT, SEND_SIG))
    return (*sends, *ask("disabler", "suspend"), stands_at("disabler", BEGIN), *ANY)


def signalled_while_it_waits(signal: str) -> Items:
    """The signal is sent when oom_killer_disable() sleeps, by the one task that does not freeze: it inherited PF_SUSPEND_TASK."""
    waits = (*ask("disabler", "suspend"), Until(lambda k: asleep(k) == ["disabler"]))
    sent = Until(lambda k: any(SIGKILL in p.pending for p in k.oom_victims_wait), "exempt")
    return (*waits, *ask("exempt", "kill", "disabler", signal), sent, *ANY)


def asleep(k: Kernel) -> list[str]:
    """Who waits for the last victim."""
    return [p.name for p in k.oom_victims_wait if p.at is DISABLE_SLEEP]


@pytest.mark.parametrize("signal", ["KILL", "TERM"])
@pytest.mark.parametrize("signalled", [signalled_while_it_freezes, signalled_while_it_waits])
@every_kernel
def test_s30_disabler_is_signalled(variant: Variant, signalled: Callable[[str], Items], signal: str) -> None:
    """S30: a signal for whoever waits in oom_killer_disable() ends the wait: -EBUSY at once, and the OOM killer is on again."""
    exempt = do(INIT, "snapshot_freeze") + do(INIT, "fork", "exempt") + do(INIT, "snapshot_unfreeze")
    victim = Victim(traced="leader", attach="ptrace_seize_exit").build()
    held = exempt + victim + do(INIT, "fork", "disabler") + OOM + ANY
    items = (*held, Look("stopped"), *signalled(signal), Look("tried"))

    def project(s: WatchedSession) -> tuple[object, ...]:
        quick = took(s, "stopped", "tried") < FREEZE_TIMEOUT
        return suspends(s), causes(s), quick, s.machine.k.oom_killer_disabled, fate(s, "disabler"), count(s)

    ended = (("ok", "EBUSY"), (DISABLE_FAILED,), True, False, "dead", 1)
    assert set(outcomes(items, variant, project)) == {ended}


INVARIANTS = {"count-never-negative", "count-returns", "disabled-means-quiet", "fridge-empties"}


def broken(*scenarios: Items) -> Callable[[Variant], set[str]]:
    """Which of the table's invariants some schedule of these scenarios breaks."""

    def by(variant: Variant) -> set[str]:
        found: set[str] = set()
        for items in scenarios:
            for claims in outcomes(items, variant, lambda s: frozenset(s.violations), tries=200):
                found |= claims
        return found & INVARIANTS

    return by


@pytest.mark.parametrize(
    ("variant", "violated"),
    [(L, {"disabled-means-quiet", "fridge-empties"}), (R, {"count-returns"}), (N, {"disabled-means-quiet"})],
    ids=name,
)
def test_invariants_below_the_table(variant: Variant, violated: set[str]) -> None:
    """The four invariants: the count is never negative, R alone leaks, L and N let I/O through, L alone leaves threads frozen."""
    frozen = Victim(threads=3, frozen=True).build() + OOM + ANY
    stopped = (
        Victim(threads=3, stopped=True, parent="ignores SIGCHLD").build()
        + do(PARENT, "nocldwait")
        + OOM
        + ANY
    )
    assert broken(frozen, stopped, marked_after_the_last_pass(Victim(threads=3)))(variant) == violated
