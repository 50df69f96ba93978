"""TASK_FROZEN: who is frozen where it sleeps, what ends that, and what a thaw gives back."""

from __future__ import annotations

import pytest
from boot import Box
from todays import AFTER, BEFORE, V7_2, each, in_fridge, short, victim

from kernel_model.events import PmResult
from kernel_model.sched import PF_NOFREEZE, SIGKILL, TASK_RUNNING, TASK_STOPPED, TASK_TRACED, TIF_SIGPENDING
from kernel_model.variant import Variant

SLEEPS = {
    "futex": (("v", "futex_wait"),),
    "nanosleep": (("v", "nanosleep"),),
    "wait": (("v", "fork", "child"), ("v", "wait")),
    "vfork parent": (("v", "vfork", "child"),),
    "stopped": (("init", "kill", "v", "STOP"),),
    "traced": (("init", "fork", "tracer"), ("tracer", "ptrace_attach", "v")),
}


def asleep(variant: Variant, sleep: str) -> Box:
    """``v``, in cgroup A, sleeps in this way."""
    box = Box(variant)
    box.fork("v")
    box.do("attach", "init", "v", "A")
    for who, what, *args in SLEEPS[sleep]:
        box.ask(what, who, *args)
        box.rest(ticks=False)
    return box


@pytest.mark.parametrize("sleep", SLEEPS)
@each
def test_a_sleeper_is_frozen_where_it_sleeps_and_thawed_into_its_sleep(variant: Variant, sleep: str) -> None:
    """But for wait4() in 7.2.12, which the fake signal ends."""
    box = asleep(variant, sleep)
    state, place = box["v"].state, box.at("v")
    box.ask("freeze", "init", "A")
    box.alone("init")
    if (variant, sleep) == (V7_2, "wait"):
        assert not in_fridge(box, "v")
        assert box["v"].thread_flags & TIF_SIGPENDING
        return
    assert in_fridge(box, "v")
    assert (box["v"].saved_state, box.at("v")) == (state, place)
    assert not box["v"].thread_flags & TIF_SIGPENDING
    box.ask("thaw", "init", "A")
    box.alone("init")
    assert not in_fridge(box, "v")
    assert (box["v"].state, box["v"].saved_state, box.at("v")) == (state, TASK_RUNNING, place)


@each
def test_a_frozen_sleeper_does_not_lose_its_event(variant: Variant) -> None:
    """The waker only sets what the thaw gives back."""
    box = asleep(variant, "futex")
    box.do("freeze", "init", "A")
    box.do("futex_wake", "init", "v")
    assert in_fridge(box, "v")
    assert box["v"].saved_state == TASK_RUNNING
    box.ask("thaw", "init", "A")
    box.alone("init")
    # Out of the fridge with the wake-up, not when it looks.
    assert not in_fridge(box, "v")
    assert box["v"].state == TASK_RUNNING
    box.rest()
    assert box.user_mode("v")


def test_a_waker_whose_mask_does_not_fit_changes_nothing() -> None:
    box = asleep(AFTER, "vfork parent")
    box.do("freeze", "init", "A")
    box.do("kill", "init", "v", "TERM")
    assert box["v"].saved_state == TASK_RUNNING  # fatal, as it has no handler
    box = asleep(AFTER, "stopped")
    box.do("freeze", "init", "A")
    box.do("futex_wake", "init", "v")
    assert box["v"].saved_state == TASK_STOPPED
    box.do("kill", "init", "v", "CONT")
    assert box["v"].saved_state == TASK_RUNNING


def test_a_tracer_reaches_a_frozen_tracee() -> None:
    """A request is accepted, and acts with the thaw."""
    box = asleep(AFTER, "traced")
    box.do("freeze", "init", "A")
    assert box["v"].saved_state == TASK_TRACED
    assert box.do("ptrace_cont", "tracer", "v") == ""
    assert box["v"].saved_state == TASK_RUNNING
    assert in_fridge(box, "v")
    box.do("thaw", "init", "A")
    assert box.user_mode("v")


@pytest.mark.parametrize("ends", ["ptrace_detach", "exit_group"])
def test_a_frozen_tracee_is_let_go(ends: str) -> None:
    """By its tracer, or by its death, which lets the signal through that it stopped for; it leaves with the thaw."""
    box = asleep(AFTER, "traced")
    box.do("freeze", "init", "A")
    box.do(ends, "tracer", *(["v"] if ends == "ptrace_detach" else []))
    assert (box["v"].ptrace, box["v"].saved_state) == (0, TASK_RUNNING)
    assert in_fridge(box, "v")
    box.do("thaw", "init", "A")
    assert box["v"].state == (TASK_RUNNING if ends == "ptrace_detach" else TASK_STOPPED)


def test_a_tracer_attaches_to_a_stop_that_is_frozen() -> None:
    """After the thaw it is a trap."""
    box = asleep(AFTER, "stopped")
    box.fork("tracer")
    box.do("freeze", "init", "A")
    box.do("ptrace_attach", "tracer", "v")
    assert box["v"].saved_state == TASK_RUNNING
    box.do("thaw", "init", "A")
    assert box["v"].state == TASK_TRACED


def test_who_is_detached_from_a_stopped_group_stops_with_it() -> None:
    box = victim(AFTER, "t1")
    box.fork("tracer")
    box.do("ptrace_seize", "tracer", "t1")
    box.do("kill", "init", "v", "STOP")
    assert [box[n].state for n in ("v", "t1")] == [TASK_STOPPED, TASK_TRACED]
    box.do("ptrace_detach", "tracer", "t1")
    assert [box[n].state for n in ("v", "t1")] == [TASK_STOPPED] * 2
    box.do("kill", "init", "v", "CONT")
    assert box.user_mode("v", "t1")


@pytest.mark.parametrize("sleep", ["stopped", "traced"])
@each
def test_who_is_killed_in_a_frozen_stop_dies_past_the_freeze_point(variant: Variant, sleep: str) -> None:
    """A thaw of any kind lets it go, here that of a suspend, though the cgroup is frozen still."""
    box = asleep(variant, sleep)
    box.do("freeze", "init", "A")
    box.do("kill", "init", "v", "KILL")
    assert in_fridge(box, "v")
    box.do("suspend", "init")
    box.do("wakeup")
    assert box.at("v") == "TASK_DEAD"
    assert box.do("read_state", "init", "A") == "FROZEN"


@each
def test_who_is_killed_in_another_frozen_sleep_is_frozen_again(variant: Variant) -> None:
    """It passes the freeze point of get_signal() with SIGKILL pending."""
    box = asleep(variant, "futex")
    box.do("freeze", "init", "A")
    box.do("kill", "init", "v", "KILL")
    box.do("suspend", "init")
    box.do("wakeup")
    assert in_fridge(box, "v")
    assert box.at("v") == "refrigerator: schedule()"
    assert SIGKILL in box["v"].pending
    box.do("thaw", "init", "A")
    assert box.at("v") == "TASK_DEAD"


@each
def test_a_suspend_thaws_sleepers_of_a_frozen_cgroup(variant: Variant) -> None:
    """Nobody asks them again; who sits in the refrigerator looks itself, and stays."""
    box = asleep(variant, "futex")
    box.fork("w")
    box.do("attach", "init", "w", "A")
    box.do("freeze", "init", "A")
    assert in_fridge(box, "v", "w")
    assert box.do("read_state", "init", "A") == "FROZEN"
    box.do("suspend", "init")
    box.do("wakeup")
    assert not in_fridge(box, "v")
    assert in_fridge(box, "w")
    assert box.do("read_state", "init", "A") == "FROZEN"
    box.do("futex_wake", "init", "v")
    assert box.user_mode("v")


def test_who_is_asked_on_its_way_into_a_stop_sleeps_unfrozen_until_the_next_write() -> None:
    """The cgroup's freezer asks once per write."""
    box = victim(AFTER, "t1")
    box.do("attach", "init", "v", "A")
    box.ask("kill", "init", "v", "STOP")
    box.alone("init")
    box.until("v", "in TASK_STOPPED, and on a CPU")
    box.ask("freeze", "init", "A")
    box.alone("init")
    assert box["v"].state == TASK_STOPPED
    assert not in_fridge(box, "v")
    box.rest()
    assert box["v"].state == TASK_STOPPED
    assert box.do("read_state", "init", "A") == "FREEZING"
    box.do("freeze", "init", "A")
    assert box["v"].saved_state == TASK_STOPPED
    assert box.do("read_state", "init", "A") == "FROZEN"


@each
def test_a_sleep_that_ends_at_once_is_none(variant: Variant) -> None:
    """Who is asked on its way into an interruptible sleep does not sleep: it goes to the refrigerator."""
    box = asleep(variant, "futex")
    box.do("futex_wake", "init", "v")
    box.ask("futex_wait", "v")
    box.until("v", "futex_wait_setup")
    for _write in range(2):
        box.ask("freeze", "init", "A")
        box.alone("init")
        assert not in_fridge(box, "v")
        if box.at("v").startswith("futex_wait_setup"):
            box.step("v")
    assert box.at("v") == "futex_do_wait: schedule()"
    box.rest()
    assert in_fridge(box, "v")
    assert box.at("v") == "refrigerator: schedule()"


@each
def test_one_pass_freezes_sleepers_without_a_step_of_theirs(variant: Variant) -> None:
    box = asleep(variant, "futex")
    box.ask("suspend", "init")
    box.until("init", "oom_lock: oom_killer_disabled")
    assert in_fridge(box, "v")
    assert box.k.clock == 0


def test_a_kthread_that_sleeps_freezably_is_frozen_in_place_by_the_second_pass() -> None:
    """The reaper; the 2016 one ran through any suspend."""
    box = Box(AFTER)
    box.ask("suspend", "init")
    box.until("init", "pm_nosig_freezing = true")
    assert not in_fridge(box, "oom_reaper")
    box.rest()
    assert in_fridge(box, "oom_reaper")
    assert not in_fridge(box, "kworker")


@each
def test_who_waits_to_hibernate_does_not_hold_up_a_suspend(variant: Variant) -> None:
    """PF_NOFREEZE, where the skip flag was; it is off again in the end."""
    box = Box(variant)
    box.fork("w")
    box.ask("suspend", "init")
    box.until("init", "tasklist_lock: one pass")
    box.ask("hibernate", "w")
    box.alone("w")
    assert box.at("w") == "lock_system_sleep: pm_mutex"
    box.rest()
    assert box.k.pm_phase == "suspended"
    box.do("wakeup")
    assert box.k.pm_phase == "image"
    box.do("wakeup")
    assert not box["w"].flags & PF_NOFREEZE


@pytest.mark.parametrize("variant", [BEFORE, AFTER], ids=short)
def test_an_exempt_sleeper_is_not_frozen_in_place(variant: Variant) -> None:
    """6.12: the marked thread; 7.3: every thread of its group."""
    box = asleep(variant, "futex")
    box.clone("init", "i2")
    box.fork("w")
    box.clone("w", "w1")
    box.do("oom_score_adj", "init", "w", 1000)
    box.ask("alloc", "kworker")
    box.until("kworker", "atomic_inc(oom_victims)")
    box.ask("suspend", "init")
    box.until("init", "tasklist_lock: one pass")
    asked = {p.name for p in box.k.tasks.values() if box.call("freezing", p)}
    assert asked >= {"v"}
    assert ("w1" in asked, "w" in asked) == (variant is BEFORE, False)


@each
def test_a_suspend_gives_up_beside_a_kernel_thread_that_waits_for_a_device(variant: Variant) -> None:
    """However often it is woken."""
    box = Box(variant)
    box.rest()
    box.do("writeback", "kswapd")
    box.do("suspend", "init")
    assert [e.result for e in box.events(PmResult)] == ["EBUSY"]


@each
def test_a_busy_kernel_thread_keeps_the_machine_from_s2idle(variant: Variant) -> None:
    """It refuses the second pass, which wakes it for nothing; everybody is thawed."""
    box = Box(variant)
    box.fork("v")
    box.do("writeback", "kswapd")
    assert box.do("s2idle", "init") == "kernel threads refused to freeze"
    assert box.k.pm_phase == "running"
    assert not in_fridge(box, "v")


@each
def test_a_nap_ends_by_its_timer_or_by_a_signal(variant: Variant) -> None:
    """100 ms of the clock; EINTR and no timer left, also if the signal was there before the sleep."""
    box = victim(variant)
    box.do("nanosleep", "v")
    assert (box["v"].result, box.k.clock) == ("", 100)
    for where in ("a timer of 100 ms", "do_nanosleep: schedule()"):
        box.ask("nanosleep", "v")
        box.until("v", where)
        box.ask("kill", "init", "v", "STOP")
        box.alone("init")
        box.until("v", "do_nanosleep: schedule()")
        box.step("v")
        assert (box["v"].state, box["v"].timer) == (TASK_RUNNING, None)
        box.alone("v")
        box.do("kill", "init", "v", "CONT")
        assert (box["v"].result, box.k.clock) == ("EINTR", 100)


@each
def test_who_is_about_to_stop_is_asked(variant: Variant) -> None:
    """TASK_STOPPED is set before the CPU is left: nobody freezes it in place yet."""
    box = victim(variant)
    box.do("attach", "init", "v", "A")
    box.ask("kill", "init", "v", "STOP")
    box.alone("init")
    while not box["v"].state & TASK_STOPPED:
        box.step("v")
    assert box["v"].on_cpu
    box.ask("freeze", "init", "A")
    box.alone("init")
    assert box["v"].thread_flags & TIF_SIGPENDING
    assert not in_fridge(box, "v")
