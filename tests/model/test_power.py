"""Suspend, hibernation, the snapshot device, oom_killer_disable() (sections 2 and 4)."""

from __future__ import annotations

import pytest
from boot import Box

import patched
from kernel_model import events
from kernel_model.sched import (
    MMF_OOM_SKIP,
    PF_FREEZER_SKIP,
    PF_FROZEN,
    PF_SUSPEND_TASK,
    SIGKILL,
    TASK_UNINTERRUPTIBLE,
    TIF_MEMDIE,
    TIF_SIGPENDING,
)
from kernel_model.variant import Variant
from oom_kernels import poll_until_dead


def booted(variant: Variant) -> Box:
    """A suspender s, a bystander v, and w."""
    box = Box(variant)
    box.fork("s", "v", "w")
    return box


@pytest.fixture(params=[patched.VARIANT, poll_until_dead.VARIANT], ids=lambda v: v.name)
def box(request: pytest.FixtureRequest) -> Box:
    """Where victims are counted, and where oom_killer_disable() is another."""
    return booted(request.param)


@pytest.fixture
def counting() -> Box:
    """Where victims are counted."""
    return booted(patched.VARIANT)


@pytest.fixture
def polling() -> Box:
    """Where oom_killer_disable() looks for them."""
    return booted(poll_until_dead.VARIANT)


def phases(box: Box) -> list[str]:
    return [e.phase for e in box.events(events.PmPhase)]


def results(box: Box) -> list[tuple[str, str, str]]:
    return [(e.operation, e.result, e.cause) for e in box.events(events.PmResult)]


def settled(box: Box) -> bool:
    k = box.k
    busy = k.system_freezing_cnt or k.pm_freezing or k.pm_nosig_freezing or k.oom_killer_disabled
    return not busy and k.pm_mutex.owner is None


def swept(box: Box) -> bool:
    """Settled, and nobody holds the snapshot device."""
    return settled(box) and box.k.snapshot_owner is None


def test_suspend_and_resume(box: Box) -> None:
    """Phases in order, everybody frozen, kernel threads too, then all is as before."""
    box.do("suspend", "s")
    assert phases(box) == ["frozen", "disabled", "suspended"]
    assert all(box[n].flags & PF_FROZEN for n in ("init", "v", "w", "kswapd"))
    assert not box["oom_reaper"].flags & PF_FROZEN
    assert not box["s"].flags & PF_FROZEN
    assert box["s"].flags & PF_SUSPEND_TASK
    assert (box.k.system_freezing_cnt, box.k.oom_killer_disabled) == (1, True)
    box.do("wakeup")
    assert phases(box)[3:] == ["disabled", "running"]
    assert results(box) == [("suspend", "ok", "")]
    assert settled(box)
    assert box.user_mode("init", "v", "w", "s")
    assert not box["s"].flags & PF_SUSPEND_TASK
    assert not box["kswapd"].flags & PF_FROZEN


def test_hibernation_writes_an_image(box: Box) -> None:
    """The same with an image after the devices."""
    box.do("hibernate", "s")
    assert phases(box) == ["frozen", "disabled", "suspended", "image"]
    box["s"].state = 0
    box.rest()
    assert box.k.pm_phase == "image"
    box.do("wakeup")
    assert phases(box)[4:] == ["running"]
    assert results(box) == [("hibernate", "ok", "")]
    assert settled(box)


def test_only_one_suspend_at_a_time(box: Box) -> None:
    """A second writer of mem gets -EBUSY; one of disk waits, skipped by the freezer, and has its turn."""
    box.ask("suspend", "s")
    box.until("s", "freeze_processes")
    box.ask("suspend", "v")
    box.alone("v")
    assert box["v"].result == "another suspend is under way"
    box.ask("hibernate", "w")
    box.alone("w")
    assert box["w"].flags & PF_FREEZER_SKIP
    box.rest()
    assert box.k.pm_phase == "suspended"
    box.do("wakeup")
    assert box["s"].result == ""
    box.do("wakeup")
    assert box["w"].result == ""
    assert not box["w"].flags & PF_FREEZER_SKIP
    assert settled(box)


def test_a_wakeup_before_the_devices_are_down_is_not_lost(box: Box) -> None:
    """The device phase ends at once; one from before the suspend does not count."""
    box.do("wakeup")
    box.do("suspend", "s")
    assert box.k.pm_phase == "suspended"
    box.do("wakeup")
    box.ask("suspend", "s")
    box.meet("s", "dpm_suspend")
    box.do("wakeup")
    assert box["s"].result == ""


def test_a_device_sleeper_that_nobody_woke_sleeps_on(box: Box) -> None:
    """Only pm_wakeup ends the phase, and SIGKILL doesn't."""
    box.do("suspend", "s")
    box["s"].state = 0
    box["s"].pending.add(SIGKILL)
    box.rest()
    assert box.k.pm_phase == "suspended"
    assert box["s"].state == TASK_UNINTERRUPTIBLE


def unfreezable(box: Box) -> None:
    """v waits for I/O in do_exit: nobody can freeze it."""
    box.do("io_submit", "v")
    box.do("exit_group", "v")


@pytest.mark.parametrize("operation", ["suspend", "hibernate", "snapshot_freeze"])
def test_tasks_that_refuse_to_freeze(box: Box, operation: str) -> None:
    """20 s of passes, then -EBUSY and everybody is thawed."""
    unfreezable(box)
    start = box.k.clock
    box.do(operation, "s")
    assert results(box) == [(operation, "EBUSY", "tasks refused to freeze")]
    assert box.k.clock - start >= 20_000
    assert phases(box) == ["running"]
    assert settled(box)
    assert box.user_mode("init", "w", "s")
    assert box.k.snapshot_owner is None


def test_a_pass_that_finds_all_frozen_at_the_time_out_succeeds(box: Box) -> None:
    """todo == 0 is tested before the time."""
    unfreezable(box)
    box.ask("suspend", "s")
    while box.k.clock < 20_000:
        if box.m.runnable(box["s"]):
            box.alone("s")
        box.rest(ticks=False)
        if box.k.clock < 20_000:
            box.m.tick()
        else:
            break
    box.ask("io_complete")
    box.alone("v")
    box.do("wakeup")
    assert box["s"].result == ""


def test_sigkill_does_not_hurry_the_freezer(box: Box) -> None:
    """usleep_range() is not interruptible: the clock goes on to the time-out."""
    unfreezable(box)
    box.ask("suspend", "s")
    box.until("s", "usleep_range")
    box.ask("kill", "w", "s", "KILL")
    box.alone("w")
    box.rest()
    assert box["s"].at is None
    assert results(box) == [("suspend", "EBUSY", "tasks refused to freeze")]
    assert settled(box)


def test_kernel_threads_that_refuse_to_freeze(box: Box) -> None:
    """freeze_kernel_threads() fails after 20 s: kernel threads are thawed, then users; the killer is enabled again."""
    box.do("writeback", "kswapd")
    box.do("suspend", "s")
    assert results(box) == [("suspend", "EBUSY", "kernel threads refused to freeze")]
    assert settled(box)
    assert box.user_mode("init", "v", "w")
    assert box.k.pm_phase == "running"
    box.do("io_complete")
    assert box["kswapd"].result == ""
    box.do("hibernate", "s")
    box.do("wakeup")
    assert box["s"].result == ""


def test_hibernation_fails_with_the_kernel_threads_too(box: Box) -> None:
    """The same exit of hibernate()."""
    box.do("writeback", "kswapd")
    box.do("hibernate", "s")
    assert results(box) == [("hibernate", "EBUSY", "kernel threads refused to freeze")]
    assert settled(box)


def test_a_kernel_thread_that_may_run_through_a_suspend_holds_nothing_up(box: Box) -> None:
    """PF_NOFREEZE: the worker waits for its device, and the suspend goes on."""
    box.do("writeback", "kworker")
    box.do("suspend", "s")
    assert box.k.pm_phase == "suspended"


def test_a_user_task_that_waits_for_a_device_holds_up_the_freezer(box: Box) -> None:
    """D state: neither the freezer's request nor SIGKILL ends it; the device does, and then the signal is seen."""
    box.do("writeback", "v")
    box.do("suspend", "s")
    assert results(box) == [("suspend", "EBUSY", "tasks refused to freeze")]
    box.do("kill", "s", "v", "KILL")
    assert box.at("v") == "wait_on_page_writeback: wait for the device"
    box["v"].state = 0
    box.rest()
    assert box["v"].state == TASK_UNINTERRUPTIBLE
    box.do("io_complete")
    assert box["v"].at is None
    assert next((e.task, e.what) for e in box.events(events.Io)) == (box["v"].pid, "submit_bio")


def test_the_oom_killer_passes_over_a_victim_in_d_state_once_it_is_reaped(box: Box) -> None:
    """The reaper takes its memory; disabling waits for it to the time-out."""
    box.do("writeback", "v")
    box.do("oom_score_adj", "init", "v", 1000)
    box.do("alloc", "kworker")
    assert box["kworker"].result
    assert box["v"].at is not None
    assert box["v"].mm is not None
    assert box["v"].mm.flags & MMF_OOM_SKIP
    box.do("suspend", "s")
    assert results(box) == [("suspend", "EBUSY", "oom_killer_disable() failed")]


def test_a_skipper_that_stops_skipping_between_the_tests_is_not_counted(box: Box) -> None:
    """The pass tests FREEZER_SKIP before and after the request."""
    box.ask("suspend", "s")
    box.until("s", "try_to_freeze_tasks: freezer_should_skip")
    waiting = [p for p in box.k.tasks.values() if p.thread_flags]
    assert waiting
    waiting[0].flags |= PF_FREEZER_SKIP
    box.until("s", "usleep_range")
    waiting[0].flags &= ~PF_FREEZER_SKIP
    box.rest()
    assert box.k.pm_phase == "suspended"


def test_snapshot_freezes_users_only(box: Box) -> None:
    """SNAPSHOT_FREEZE: kernel threads go on; a second one is void; UNFREEZE thaws; only the owner's counts."""
    box.do("snapshot_freeze", "s")
    assert box["s"].result == ""
    assert box["v"].flags & PF_FROZEN
    assert not box["kswapd"].flags & PF_FROZEN
    assert box.k.snapshot_owner is box["s"].signal
    box.do("snapshot_freeze", "s")
    assert box.k.oom_killer_disabled
    assert box.k.system_freezing_cnt == 1
    box.do("snapshot_unfreeze", "s")
    assert swept(box)
    assert box.user_mode("v")
    box.do("snapshot_unfreeze", "s")
    assert settled(box)


def test_closing_the_snapshot_device_thaws(box: Box) -> None:
    """At the latest the owner's death does; also after somebody else thawed everybody."""
    box.do("snapshot_freeze", "s")
    box.do("exit_group", "s")
    assert settled(box)
    assert box.user_mode("v")
    box.do("snapshot_freeze", "w")
    box.do("suspend", "w")
    box.do("wakeup")
    assert settled(box)
    assert box.k.snapshot_owner is box["w"].signal
    box.do("exit_group", "w")
    assert swept(box)


def test_the_count_is_not_taken_twice(box: Box) -> None:
    """freeze_processes() after SNAPSHOT_FREEZE finds pm_freezing set."""
    box.do("snapshot_freeze", "s")
    box.do("suspend", "s")
    assert box.k.system_freezing_cnt == 1
    box.do("wakeup")
    assert box.k.system_freezing_cnt == 0


# oom_killer_disable()


def test_disable_waits_for_the_victims_until_the_time_out(counting: Box) -> None:
    """d4: 20 s, then failure: enabled again, thawed, the event tells count and survivors."""
    counting.k.oom_victims = 1
    counting.do("suspend", "s")
    assert results(counting) == [("suspend", "EBUSY", "oom_killer_disable() failed")]
    assert counting.k.clock >= 20_000
    assert counting.events(events.DisableFailed) == [events.DisableFailed(counting["s"].pid, 1, alive=False)]
    assert settled(counting)
    assert phases(counting) == ["frozen", "running"]
    assert counting.k.oom_victims_wait == []


def test_a_negative_count_does_not_pass(counting: Box) -> None:
    """The condition is oom_victims == 0, literally."""
    counting.k.oom_victims = -1
    counting.do("suspend", "s")
    assert results(counting)[-1][1] == "EBUSY"


def test_the_last_victim_wakes_the_waiter(counting: Box) -> None:
    """exit_oom_victim() at 0, not at 1."""
    counting.k.oom_victims = 2
    counting.ask("suspend", "s")
    counting.meet("s", "wait for oom_victims == 0")
    assert counting.at("s") == "oom_killer_disable: wait for oom_victims == 0"
    for left in (1, 0):
        steps = counting.call("exit_oom_victim", counting["w"])
        for _ in steps:
            pass
        assert counting.m.runnable(counting["s"]) is (left == 0)
    counting.rest()
    assert counting.k.pm_phase == "suspended"


def test_a_signal_fails_disable_only_while_there_are_victims(counting: Box) -> None:
    """The condition is tested first, then time, then signals."""
    counting.ask("suspend", "s")
    counting.meet("s", "oom_victims == 0?")
    counting["s"].pending.add(SIGKILL)
    counting["s"].thread_flags |= 4
    counting.until("s", "freeze_kernel_threads")
    assert counting.k.oom_killer_disabled
    other = Box()
    other.fork("s", "w")
    other.k.oom_victims = 1
    other.ask("suspend", "s")
    other.meet("s", "wait for oom_victims == 0")
    other["s"].pending.add(SIGKILL)
    other["s"].thread_flags |= 4
    other.rest()
    assert results(other) == [("suspend", "EBUSY", "oom_killer_disable() failed")]
    assert other.k.clock < 20_000


def poll(box: Box) -> None:
    """v is marked and lives; s suspends, and looks again in vain."""
    box["v"].thread_flags |= TIF_MEMDIE
    box.ask("suspend", "s")
    box.meet("s", "oom_killer_disable: wait for")
    assert box["s"].polling
    assert box.k.oom_killer_disabled


def test_a_poller_gives_up_in_the_end(polling: Box) -> None:
    """20 s, then all is as before."""
    poll(polling)
    polling.rest()
    assert results(polling) == [("suspend", "EBUSY", "oom_killer_disable() failed")]
    assert polling.k.clock >= 20_000
    assert len(polling.events(events.DisableFailed)) == 1
    assert settled(polling)
    assert not polling["s"].polling


def test_a_poller_sees_that_the_marked_are_dead(polling: Box) -> None:
    """Or in the fridge, or of no interest to the freezer."""
    poll(polling)
    polling.do("exit_group", "v")
    assert polling.k.pm_phase == "suspended"
    assert polling.k.clock < 20_000
    assert not polling["s"].polling
    assert not polling.events(events.DisableFailed)


def test_a_signal_ends_the_polling(polling: Box) -> None:
    """Before the time-out."""
    poll(polling)
    polling["s"].pending.add(SIGKILL)
    polling["s"].thread_flags |= TIF_SIGPENDING
    polling.rest()
    assert results(polling) == [("suspend", "EBUSY", "oom_killer_disable() failed")]
    assert polling.k.clock < 20_000


def test_disable_is_killable_only_when_it_has_to_wait_for_oom_lock(box: Box) -> None:
    """mutex_lock_killable(): contended and killed fails; contended waits; free succeeds even with SIGKILL pending."""
    box.ask("alloc", "kworker")
    box.until("kworker", "out_of_memory")
    box.ask("suspend", "s")
    for _ in range(50):
        for n in ("s", "init", "v", "w"):
            box.alone(n)
        if box["s"].timer is not None:
            box.m.tick()
    assert box.at("s") == "oom_killer_disable: oom_lock: oom_killer_disabled = true"
    box["s"].pending.add(SIGKILL)
    box["s"].thread_flags |= 4
    box.step("s")
    box.alone("s")
    assert results(box) == [("suspend", "EBUSY", "oom_killer_disable() failed")]
    assert not box.k.oom_killer_disabled


def test_no_kill_while_disabled(box: Box) -> None:
    """o1: allocations and SysRq-f fail, nobody is marked; enabling helps."""
    box.do("snapshot_freeze", "s")
    box.do("alloc", "kworker")
    assert not box["kworker"].result
    box.do("sysrq_f")
    assert not box.events(events.Marked)
    assert not box.events(events.Warned)
    box.do("snapshot_unfreeze", "s")
    box.do("alloc", "kworker")
    assert box["kworker"].result
    assert box.events(events.Marked)


def test_who_gives_up_on_the_victims_enables_the_oom_killer(box: Box) -> None:
    """At once, not only with the thaw."""
    box.k.oom_victims, box["v"].thread_flags = 1, TIF_MEMDIE
    steps = box.call("oom_killer_disable", box["s"], 0)
    next(steps)
    next(steps)
    disabled = [box.k.oom_killer_disabled]
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value is False
    assert [*disabled, box.k.oom_killer_disabled] == [True, False]
    assert len(box.events(events.DisableFailed)) == 1
