"""The finding, with one thread and without a race: a victim past exit_mm() is neither counted nor frozen, and suspend succeeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import script
from todays import AFTER, BEFORE, V6_18, V7_2, each, io_in, short, victim

from kernel_model.events import PmResult
from kernel_model.sched import TIF_MEMDIE
from kernel_model.variant import Variant
from oom_kernels import v7_3_last_out, v7_3_rfc
from oom_review.claims import BY_ID, HOLDS, REFUTED
from oom_review.explore import Bounds, explore
from oom_review.play.observation import DEAD
from oom_review.play.session import Session, play
from oom_review.scenario import file as scenario_file
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.show.columns import columns
from oom_review.show.replay import replay

FILE = Path(__file__).parents[2] / "docs" / "victim-past-exit_mm.scenario"
QUIET = "suspended-means-quiet"
CLAIMS = tuple(
    BY_ID[c] for c in (QUIET, "disabled-means-quiet", "count-returns", "no-spurious-ebusy", "victim-dies")
)
without_59d4d36158ba = pytest.mark.parametrize("variant", [BEFORE], ids=short)
with_59d4d36158ba = pytest.mark.parametrize("variant", [V6_18, V7_2, AFTER], ids=short)


def slow_close(sleep: str = "suspend", kill: str = "sysrq_f") -> Scenario:
    """The victim dies, and its last close waits for a server; somebody suspends; the server answers."""
    before = script("init: fork v", "v: open_fuse", "init: oom_score_adj v 1000", kill, f"init: {sleep}")
    return Scenario((*before.items, Op("fuse_answer"), Run()))


def played(scenario: Scenario, variant: Variant) -> Session:
    """With the claims about suspend."""
    return play(scenario, variant, CLAIMS)


def test_nothing_of_it_is_a_race() -> None:
    assert slow_close().preemptions == 0


def test_it_is_a_file_that_anybody_can_replay() -> None:
    """What the README shows, on four kernels."""
    file = scenario_file.read(FILE)
    assert file.scenario == slow_close()
    kernels = (BEFORE, AFTER, v7_3_rfc.VARIANT, v7_3_last_out.VARIANT)
    assert [(r.variant, r.unmet) for r in replay(file, kernels)] == [(kernel, ()) for kernel in kernels]
    assert [name for name, _expected in file.expect] == [kernel.name for kernel in kernels]


@pytest.mark.parametrize("sleep", ["suspend", "s2idle"])
@with_59d4d36158ba
def test_suspend_succeeds_over_a_victim_in_its_last_close(variant: Variant, sleep: str) -> None:
    session = played(slow_close(sleep), variant)
    assert session.observe().phase == "suspended"
    done = {(who, what) for who, what, phase in session.observe().io if phase == "suspended"}
    assert done >= {("v", "fuse_flush"), ("v", "exit_task_work")}
    assert set(session.violations) == {QUIET, "disabled-means-quiet"}


@pytest.mark.parametrize("sleep", ["suspend", "s2idle"])
@without_59d4d36158ba
def test_6_12_waits_for_it(variant: Variant, sleep: str) -> None:
    """For 20 s; then the suspend fails, and nothing is broken."""
    session = played(slow_close(sleep), variant)
    seen = session.observe()
    assert (seen.phase, seen.pm) == ("running", (("init", sleep, "EBUSY"),))
    assert [e.cause for _step, e in session.history if type(e) is PmResult] == ["tasks refused to freeze"]
    assert session.violations == {}


def test_the_scenario_of_the_docs_is_this_one_with_three_threads() -> None:
    """Its interleavings, 579 795 states on 7.3, are for who asks for them (docs/today.md)."""
    file = scenario_file.read(FILE.with_name("oom-and-suspend.scenario"))
    assert file.scenario == racing("v: clone t1", "v: clone t2", meanwhile="suspend")


@pytest.mark.parametrize("variant", [v7_3_rfc.VARIANT, v7_3_last_out.VARIANT], ids=short)
def test_who_counts_to_the_end_of_the_io_waits(variant: Variant) -> None:
    """The victim is exempt, and counted until it is out."""
    session = played(slow_close(), variant)
    seen = session.observe()
    assert (seen.phase, seen.pm) == ("running", (("init", "suspend", "EBUSY"),))
    assert [e.cause for _step, e in session.history if type(e) is PmResult] == ["oom_killer_disable() failed"]
    assert session.violations == {}
    assert seen.counts == (1, 0)


@each
def test_a_sigkill_instead_of_the_oom_killer_is_waited_for(variant: Variant) -> None:
    session = played(slow_close(kill="init: kill v KILL"), variant)
    assert session.observe().pm == (("init", "suspend", "EBUSY"),)
    assert session.violations == {}


@each
def test_why_step_by_step(variant: Variant) -> None:
    """Its count is gone with its mm, and only 6.12's exemption with it."""
    box = victim(variant)
    box.do("open_fuse", "v")
    box.ask("alloc", "kworker")
    box.until("kworker", "schedule_timeout_uninterruptible(1)")
    assert (box.k.oom_victims, bool(box["v"].thread_flags & TIF_MEMDIE)) == (1, True)
    box.alone("v")
    assert box.at("v").startswith("request_wait_answer")
    assert (box.k.oom_victims, bool(box["v"].thread_flags & TIF_MEMDIE)) == (0, False)
    assert (box["v"].mm, box["v"].signal.oom_mm is not None) == (None, True)
    box.k.pm_freezing = True
    box.k.system_freezing_cnt = 1
    assert box.call("freezing", box["v"]) == (variant is BEFORE)
    ask = box.call("freeze_task", box["init"], box["v"])
    waited_for = None
    try:
        while True:
            next(ask)
    except StopIteration as done:
        waited_for = done.value
    assert waited_for == (variant is BEFORE)


@each
def test_a_busy_close_goes_on(variant: Variant) -> None:
    """Terminals instead of a server: the victim is busy when the suspend begins, and never asleep."""
    box = victim(variant)
    box.do("open_ttys", "v")
    box.ask("alloc", "kworker")
    box.alone("kworker")
    box.until("v", "tty_release")
    box.ask("suspend", "init")
    for _pass in range(3):
        for name in ("init", "kswapd"):
            box.alone(name)
        if box.m.may_expire(box["init"]):
            box.m.expire(box["init"])
    box.alone("init")
    closed = [e for e in io_in(box, "suspended") if e == "v tty_release"]
    assert closed == []
    assert box.k.pm_phase == ("running" if variant is BEFORE else "suspended")
    box.alone("v")
    closed = [e for e in io_in(box, "suspended") if e == "v tty_release"]
    assert bool(closed) == (variant is not BEFORE)
    box.rest()
    assert box.k.pm_phase == "suspended"


def racing(*before: str, meanwhile: str) -> Scenario:
    """The OOM killer and a suspend at the same time."""
    return Scenario(
        (
            *script("init: fork v", *before, "init: oom_score_adj v 1000").items,
            Op("alloc", "kworker"),
            Op(meanwhile, "init"),
            Run(),
        )
    )


@pytest.mark.parametrize("variant", [BEFORE, AFTER], ids=short)
@pytest.mark.parametrize("before", [("v: open_ttys",), ("v: clone t1",)], ids=["busy close", "two threads"])
def test_all_interleavings_with_the_oom_killer(variant: Variant, before: tuple[str, ...]) -> None:
    """With sleeps that end at any time."""
    result = explore(racing(*before, meanwhile="suspend"), variant, bounds=Bounds(short_sleeps=True))
    assert not result.bounded
    assert result.verdicts[QUIET].verdict == (HOLDS if variant is BEFORE else REFUTED)
    assert result.verdicts["disabled-means-quiet"].verdict == REFUTED


@pytest.mark.parametrize("variant", [v7_3_rfc.VARIANT, v7_3_last_out.VARIANT], ids=short)
@pytest.mark.parametrize("before", [("v: open_ttys",), ("v: clone t1",)], ids=["busy close", "two threads"])
def test_all_interleavings_of_the_repairs(variant: Variant, before: tuple[str, ...]) -> None:
    """Nothing happens in a quiet phase; only the RFC's count stays up, if there are two threads."""
    result = explore(racing(*before, meanwhile="suspend"), variant, bounds=Bounds(short_sleeps=True))
    assert not result.bounded
    leaks = variant is v7_3_rfc.VARIANT and before == ("v: clone t1",)
    broken = {claim for claim, verdict in result.verdicts.items() if verdict.verdict != HOLDS}
    assert broken == ({"count-returns", "no-spurious-ebusy"} if leaks else set())


FINDING = """\
# init: fork v
# v: open_fuse
# init: oom_score_adj v 1000
# sysrq_f

step CPU0 (kworker)                  CPU1 (v)                        CPU2 (init)
==== ==============                  ========                        ===========
     out_of_memory()
       oom_kill_process()
  24     do_send_sig_info() // v: SIGNAL_GROUP_EXIT
  26     mark_oom_victim() // v: TIF_MEMDIE
  27       // v: oom_mm set
           [...]
  29       // oom_victims 0 -> 1
                                     get_signal()
                                       do_group_exit()
                                         do_exit()
                                           exit_mm()
  50                                         exit_oom_victim() // oom_victims 1 -> 0
# 2 s later
# init: suspend
                                                                     pm_suspend()
                                                                       freeze_processes()
                                                                         try_to_freeze_tasks()
  66                                                                       freeze_task() // phase: frozen
  68                                                                     oom_killer_disable() // phase: disabled
                                                                       [...]
  85                                                                   dpm_suspend() // phase: suspended
# fuse_answer
                                           exit_files()
                                             close_files()
  86                                           request_wait_answer() // device access, suspended
                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
"""


def test_the_columns_of_7_3() -> None:
    """What a maintainer checks line by line."""
    assert columns(slow_close(), AFTER, QUIET).startswith(FINDING)


@each
def test_a_server_holds_the_victim(variant: Variant) -> None:
    """A group whose server does not answer can't die, and victim-dies knows who keeps it."""
    before = script("init: fork v", "v: open_fuse", "init: oom_score_adj v 1000", "sysrq_f")
    session = play(before, variant, (BY_ID["victim-dies"],))
    assert session.observe().state("v") not in DEAD
    assert session.violations == {}
