"""Which holds the model finds for the counterexamples that are kept, and which it refuses."""

from __future__ import annotations

import pytest
from kept import HELD, ROOT, V6_12, V7_3, found

from oom_review.gates.entries import ENTRIES, WHY_NOT, entry_of
from oom_review.gates.holds import Found, Hold, as_asked, find, gated, opposite
from oom_review.gates.translate import plan
from oom_review.scenario import file as scenario_file
from oom_review.scenario.items import Scenario, in_peace, operation
from oom_review.variants.loading import known

KEPT_AT = {
    "suspended-means-quiet": "p1 at exit_oom_victim()",
    "fridge-empties": "init at freeze_processes()",
    "counted-once-per-group": "p2 at exit_files()",
    "machine-wakes": "p2 at freeze_processes()",
    "sharers-leave": "without init: freeze A",
}


@pytest.mark.parametrize(("claim", "variant"), HELD)
def test_what_is_held(claim: str, variant: str) -> None:
    """And with it the model breaks the promise, with nothing else left to chance: the same run, step by step."""
    run = found(claim, variant).gated
    assert run is not None
    assert [str(hold) for hold in run.holds] == HELD[claim, variant]
    assert claim in run.broken
    again = gated(run.scenario, known(variant), run.holds)
    assert (again.played, again.stages, again.lifts) == (run.played, run.stages, run.lifts)


@pytest.mark.parametrize(("claim", "variant"), [pair for pair in HELD if pair[0] in KEPT_AT])
def test_the_opposite(claim: str, variant: str) -> None:
    """The nearest run that keeps the promise on the same kernel."""
    run = found(claim, variant).gated
    assert run is not None
    other = opposite(run, known(variant), claim)
    assert other is not None
    assert other[0] == KEPT_AT[claim]
    assert claim not in other[1].broken


def test_the_other_kernel_keeps_it() -> None:
    """The same holds, the same operations."""
    run = found("suspended-means-quiet", V7_3).gated
    assert run is not None
    control = gated(run.scenario, known(V6_12), run.holds)
    assert not control.broken
    assert control.stages[-1].states["init"] == "user mode"


def test_what_can_not_be_held() -> None:
    """The nearest places, each with its reason, before the one that would do."""
    refused = found("frozen-does-not-run", V7_3).refused
    assert ((Hold("p", "exit_mm"),), "exit_mm() is inlined into its caller") in refused


FOUR = (
    Hold("p1", "exit_oom_victim"),
    Hold("init", "oom_killer_disable"),
    Hold("p1", "exit_files"),
    Hold("init", "freeze_kernel_threads"),
)


def test_as_asked() -> None:
    """One hold for each of two tasks is all that is tried; here each has to be held twice, and the opposite is one hold less."""
    assert found("disabled-means-quiet", V6_12).gated is None
    file = scenario_file.read(ROOT / "tests" / "corpus" / f"disabled-means-quiet--{V6_12}.scenario")
    run = as_asked(file.scenario, known(V6_12), "disabled-means-quiet", FOUR).gated
    assert run is not None
    other = opposite(run, known(V6_12), "disabled-means-quiet")
    assert other is not None
    assert other[1].holds == FOUR[:2] + FOUR[3:]
    acts = [str(act) for part in plan(run, "x").rounds for act in part.then]
    assert acts.count("oom_killer_disabled is 1") == 2
    assert acts.index("lift exit_files() on CPU 1") > acts.index("oom_killer_disabled is 1")


def test_what_is_asked_and_can_not_be() -> None:
    """Is refused with the reason; what breaks nothing is not found."""
    file = scenario_file.read(ROOT / "tests" / "corpus" / f"disabled-means-quiet--{V6_12}.scenario")
    refused = as_asked(file.scenario, known(V6_12), "disabled-means-quiet", (Hold("p1", "exit_mm"),))
    assert refused.gated is None
    assert "inlined" in refused.refused[0][1]
    assert as_asked(file.scenario, known(V6_12), "disabled-means-quiet", FOUR[:1]) == Found(None, ())


def test_a_close_that_waits() -> None:
    """On a stock kernel is one that is held before it begins."""
    file = scenario_file.read(ROOT / "docs" / "victim-past-exit_mm.scenario")
    run = find(file.scenario, known(V7_3), "suspended-means-quiet").gated
    assert run is not None
    assert run.holds == (Hold("v", "exit_files"),)


def test_time_passes_for_the_others() -> None:
    """But not two seconds before what comes next is asked for: the reaper would be through."""
    ops = ("init: fork p1", "p1: clone p2", "p1: alloc", "sysrq_f")
    run = gated(Scenario(in_peace(map(operation, ops))), known(V7_3), [Hold("p2", "get_signal")])
    assert run.stages[2].oom_victims == 0
    assert run.stages[3].oom_victims == 1


def test_an_entry_has_a_reason_or_none() -> None:
    """Not both; of a function that nobody has looked at that is said."""
    assert not ENTRIES & set(WHY_NOT)
    assert not entry_of("exit_files").why_not
    assert "tasklist_lock" in entry_of("freeze_task").why_not
    assert "nobody has looked" in entry_of("schedule").why_not
