"""Two promises that today's kernels have ways to break, played on the finding and on random programs.

The first names the end of the last I/O and not TASK_DEAD: a pass sees hashed threads only, and whoever was reaped may still be on its
way to TASK_DEAD, on 6.12 as well.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pytest
import test_today_walks as walks
from test_today_finding import slow_close
from todays import AFTER, BEFORE, V6_18, V7_2, short

from kernel_model.events import Io, PmPhase
from kernel_model.sched import (
    PF_EXITING,
    PF_SUSPEND_TASK,
    TASK_DEAD,
    TASK_TRACED,
    TIF_MEMDIE,
    Kernel,
)
from kernel_model.variant import Variant
from oom_kernels import v7_3_last_out, v7_3_rfc
from oom_kernels.today.coredump import EXIT_SLEEP
from oom_review.claims import Claim
from oom_review.play.session import play


def _no_tail(k: Kernel, state: Hashable, event: Any) -> tuple[Hashable, str]:
    """``state``: the pids of those that have run their last task work."""
    assert isinstance(state, frozenset)
    if isinstance(event, Io):
        return (state | {event.task} if event.what == "exit_task_work" else state), ""
    if event.phase != "suspended":
        return state, ""
    tail = [
        p.name
        for p in k.tasks.values()
        if p.signal.oom_mm is not None
        and p.flags & PF_EXITING
        and p.mm is None
        and not p.flags & PF_SUSPEND_TASK
        and p.pid not in state
    ]
    return state, f"suspend succeeds, and {', '.join(tail)} of a marked group is not through" if tail else ""


def _reaches_exit_mm(k: Kernel, _state: Hashable) -> str:
    """A tracer, a dump and I/O in flight are help from outside."""
    stuck = [
        p.name
        for p in k.tasks.values()
        if p.thread_flags & TIF_MEMDIE
        and p.state not in (TASK_DEAD, TASK_TRACED)
        and p.mm is not None
        and p.at is not EXIT_SLEEP
        and not p.mm.aio_in_flight
        and k.pm_phase == "running"
    ]
    return f"{', '.join(stuck)} was marked, and can't reach exit_mm()" if stuck else ""


NO_TAIL = Claim(
    "no-tail-when-suspended",
    "suspend does not succeed while a thread of a marked group is between exit_mm() and the end of its last I/O",
    "kernel/power/process.c: the passes wait for whoever is not frozen",
    {},
    frozenset({Io, PmPhase}),
    _no_tail,
    lambda _k, _state: "",
    frozenset(),
)
REACHES_EXIT_MM = Claim(
    "marked-reaches-exit-mm",
    "a marked thread reaches exit_mm() without help",
    "mm/oom_kill.c: who is marked is thawed, and has SIGKILL",
    {},
    frozenset(),
    lambda _k, state, _event: (state, ""),
    _reaches_exit_mm,
)
BOTH = (NO_TAIL, REACHES_EXIT_MM)
KEPT = (BEFORE, v7_3_rfc.VARIANT, v7_3_last_out.VARIANT)
BROKEN = (V6_18, V7_2, AFTER)


@pytest.mark.parametrize("variant", KEPT, ids=short)
def test_who_waits_for_the_tail_keeps_both(variant: Variant) -> None:
    assert play(slow_close(), variant, BOTH).violations == {}


@pytest.mark.parametrize("variant", BROKEN, ids=short)
def test_who_does_not_breaks_the_first(variant: Variant) -> None:
    violations = play(slow_close(), variant, BOTH).violations
    assert {v.sentence for v in violations.values()} == {
        "suspend succeeds, and v of a marked group is not through"
    }


@pytest.mark.parametrize("variant", [*KEPT, *BROKEN], ids=short)
def test_on_random_programs(variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is broken there, and nothing by those that wait."""
    monkeypatch.setattr(walks, "BY_ID", {c.id: c for c in BOTH})
    monkeypatch.setattr(walks, "EVERYWHERE", tuple(c.id for c in BOTH))
    broken = set()
    for seed in range(120):
        *_, session = walks.walk(variant, seed)
        broken |= set(session.violations)
    assert broken <= ({NO_TAIL.id} if variant in BROKEN else set())
