"""Can a claim be kept?  The explorer's answer is held to the plain oracle's, for claims that depend on who comes first."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any

import faults
import pytest
from generated import killing
from plainly import Plainly, TooLarge

import legacy_tifmemdie
import patched
from kernel_model.events import Dead, Event, Froze, Io, IoContextGone, Killed, Marked, OomVictims
from kernel_model.sched import Kernel
from kernel_model.variant import Variant
from oom_review.claims import Claim
from oom_review.explore import Bounds, Limits, engines
from oom_review.explore.explorer import BREAKS, KEEPS, UNKNOWN, can_keep
from oom_review.scenario.items import Op, Run, Scenario

LEGACY, RFC = legacy_tifmemdie.VARIANT, patched.VARIANT
NOTHING = Bounds(por=False, symmetry=False, whole_walks=False)
TWO_EXITS = Scenario(
    (
        Op("fork", "init", ("p",)),
        Run(),
        Op("fork", "init", ("s",)),
        Run(),
        Op("exit", "p"),
        Op("exit_group", "s"),
        Run(),
    )
)
Case = tuple[Scenario, Variant, Claim]


def never(first: type[Event], then: type[Event], *tasks: str, reverse: bool = False) -> Claim:
    """No event ``then`` once there was one ``first``; in reverse, none before.  With two tasks: of the second one, of the first one."""

    def on_event(k: Kernel, state: Hashable, event: Any) -> tuple[Hashable, str]:
        whose = k.tasks[event.task].name if tasks else ""
        if isinstance(event, then) and whose in tasks[1:] + ("",) * (not tasks) and bool(state) != reverse:
            return state, "too late"
        return bool(state) or (isinstance(event, first) and whose in tasks[:1] + ("",) * (not tasks)), ""

    return Claim("order", "in order", "", {}, frozenset({first, then}), on_event, lambda _k, _s: "", False)


ORDERS: list[Case] = [
    (TWO_EXITS, RFC, never(first, then, *tasks))
    for first, then in ((Io, Io), (Dead, Dead), (Dead, IoContextGone), (IoContextGone, Io))
    for tasks in (("p", "s"), ("s", "p"))
]
ORDERS += [
    (killing(seed), variant, never(first, then, reverse=True))
    for seed, variant in ((5, LEGACY), (10, RFC), (43, RFC))
    for first, then in ((Killed, Dead), (Marked, Io), (OomVictims, Dead), (Froze, Marked))
]
# Nobody dies before he has closed his files, or does not.
ORDERS += [(TWO_EXITS, RFC, never(Io, Dead, task, task)) for task in ("p", "s")]
ORDERS += [(killing(5), LEGACY, never(Io, Dead)), (killing(10), RFC, never(IoContextGone, Dead))]


@cache
def oracle(case: Case) -> str:
    """The plain answer; UNKNOWN for more states than it has time for."""
    scenario, variant, claim = case
    try:
        plain = Plainly(scenario, variant, short_sleeps=True, limit=700, keep=claim).explore()
    except TooLarge:
        return UNKNOWN
    return KEEPS if plain.kept else BREAKS


@pytest.mark.parametrize("case", ORDERS, ids=range(len(ORDERS)))
def test_orders(case: Case) -> None:
    """The same answer with and without reductions."""
    wanted = oracle(case)
    if wanted != UNKNOWN:
        assert can_keep(*case, bounds=NOTHING).outcome == wanted
        assert can_keep(*case).outcome == wanted


def test_the_orders_ask_for_something() -> None:
    """Some can be kept, some can't, few are too large."""
    answers = [oracle(case) for case in ORDERS]
    assert answers.count(KEEPS) >= 15
    assert answers.count(BREAKS) >= 2
    assert answers.count(UNKNOWN) <= 4


def test_a_limit_is_said() -> None:
    """Neither yes nor no."""
    assert can_keep(*ORDERS[0], limits=Limits(5)).outcome == UNKNOWN


# Which cases are enough to notice a fault.
PLANTED: dict[Callable[[pytest.MonkeyPatch], None], list[Case]] = {
    faults.a_broken_claim_is_gone_on_from: ORDERS[20:],
    faults.nobody_else_is_tried_where_a_claim_breaks: ORDERS[8:20],
    faults.what_a_breaking_step_touches_is_no_race: ORDERS[:8],
}


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_fault_is_noticed(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another answer for some of the orders."""
    monkeypatch.setenv(engines.ASKED, engines.PYTHON)
    plant(monkeypatch)
    wrong = [case for case in PLANTED[plant] if oracle(case) not in (UNKNOWN, can_keep(*case).outcome)]
    assert wrong
