"""The explorer on the kernel: no reduction loses anything, witnesses replay, limits are told."""

from __future__ import annotations

import os

import attrs
import pytest
from builders import in_peace, op
from generated import KILLINGS, SMALL, TRIED, killing, scenario

import legacy_tifmemdie
import patched
from benchmarks.core import VARIANTS as CORE_VARIANTS
from benchmarks.core import core_situation, main
from kernel_model.errors import IllegalOperation
from kernel_model.variant import Variant
from oom_kernels import v7_3
from oom_review.claims import HOLDS, REFUTED
from oom_review.claims.victims import OF_VICTIMS
from oom_review.explore import Bounds, Limits, Result, engines, explore
from oom_review.explore.explorer import BOUNDED, Exploration
from oom_review.play.session import play
from oom_review.scenario.items import Op, Run, Scenario

VARIANTS = (legacy_tifmemdie.VARIANT, patched.VARIANT, v7_3.VARIANT)
# OOM_REVIEW_SEEDS=400 tries larger scenarios, too.
SEEDS = range(int(os.environ.get("OOM_REVIEW_SEEDS", "0"))) or TRIED
LARGE = Limits(states=20_000)
NOTHING = Bounds(por=False, symmetry=False, whole_walks=False)


def outcome(result: Result) -> tuple[object, object]:
    return set(result.finals), {claim: verdict.verdict for claim, verdict in result.verdicts.items()}


def everything(seed: int, bounds: Bounds = NOTHING) -> Result | None:
    """All interleavings, with nothing reduced but that states are remembered; None for what is too large or not possible."""
    try:
        result = explore(scenario(seed), VARIANTS[seed % 3], limits=LARGE, bounds=bounds)
    except IllegalOperation:
        result = None
    assert seed not in SMALL or (result is not None and not result.stopped)
    return None if result is None or result.stopped else result


@pytest.mark.parametrize("short_sleeps", [False, True], ids=["sleep", "wake"])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_reduction_loses_an_end_or_a_verdict(seed: int, short_sleeps: bool) -> None:
    """Ends and verdicts are the same with and without each reduction, and no reduction adds states."""
    nothing = attrs.evolve(NOTHING, short_sleeps=short_sleeps)
    full = everything(seed, nothing)
    if full is None:
        return
    for bounds in (
        attrs.evolve(nothing, por=True),
        attrs.evolve(nothing, symmetry=True),
        attrs.evolve(nothing, whole_walks=True),
        Bounds(short_sleeps=short_sleeps),
    ):
        reduced = explore(full.scenario, VARIANTS[seed % 3], bounds=bounds)
        assert outcome(reduced) == outcome(full)
        assert reduced.counts.states <= full.counts.states


@pytest.mark.parametrize("seed", KILLINGS)
def test_like_threads_and_walks_lose_nothing_when_a_group_is_killed(seed: int) -> None:
    """As above, for larger scenarios: what partial-order reduction leaves is the measure for the others."""
    ordered = attrs.evolve(NOTHING, por=True)
    full = explore(killing(seed), VARIANTS[seed % 3], bounds=ordered)
    for bounds in (attrs.evolve(ordered, symmetry=True), attrs.evolve(ordered, whole_walks=True), Bounds()):
        reduced = explore(full.scenario, VARIANTS[seed % 3], bounds=bounds)
        assert outcome(reduced) == outcome(full)
        assert reduced.counts.states <= full.counts.states


def test_generated_scenarios_are_not_all_alike() -> None:
    """Many end in more than one way, some break a claim, and in some like threads stand in for each other."""
    results = [explore(scenario(seed), VARIANTS[seed % 3]) for seed in SMALL]
    results += [explore(killing(seed), VARIANTS[seed % 3]) for seed in KILLINGS]
    assert sum(len(result.finals) > 1 for result in results) >= 25
    assert sum(any(v.verdict == REFUTED for v in result.verdicts.values()) for result in results) >= 6
    assert sum(result.counts.pruned_by_symmetry > 0 for result in results) >= 5


@pytest.mark.parametrize("variant", [legacy_tifmemdie.VARIANT, patched.VARIANT], ids=lambda v: v.name)
def test_witnesses_replay(variant: Variant) -> None:
    """A witness of a refuted claim refutes it when it is played, and that of an end leads to that end."""
    victim = (
        Op("fork", "init", ("p",)),
        Run(),
        Op("fork", "p", ("v",)),
        Run(),
        Op("clone", "v", ("t",)),
        Run(),
    )
    frozen = (Op("attach", "init", ("v", "A")), Run(), Op("freeze", "init", ("A",)), Run())
    result = explore(Scenario((*victim, *frozen, Op("sysrq_f"), Op("wait", "p"), Run())), variant)
    refuted = {claim: v.witness for claim, v in result.verdicts.items() if v.verdict == REFUTED}
    assert refuted
    for claim, witness in refuted.items():
        assert witness is not None
        assert claim in play(witness, variant).violations
    for final, witness in result.finals.items():
        assert witness is not None
        observation = play(witness, variant).observe()
        assert (observation.counts, observation.pm, observation.phase) == (
            final.counts,
            final.pm,
            final.phase,
        )


def test_the_reviewed_leak_is_found_in_all_its_orders() -> None:
    """Leader first or last: the RFC's count leaks in some orders and not in others, legacy's in none."""
    ops = (
        Op("fork", "init", ("p",)),
        Run(),
        Op("fork", "p", ("v",)),
        Run(),
        Op("clone", "v", ("t",)),
        Run(),
        Op("sysrq_f"),
        Run(),
    )
    legacy, rfc = (explore(Scenario(ops), v) for v in (legacy_tifmemdie.VARIANT, patched.VARIANT))
    assert legacy.verdicts["count-returns"].verdict == HOLDS
    assert rfc.verdicts["count-returns"].verdict == REFUTED
    assert {final.counts[-1] for final in rfc.finals} == {0, 1}
    assert {final.counts[-1] for final in legacy.finals} == {0}
    assert rfc.finals.keys() - legacy.finals.keys()
    assert not legacy.bounded
    assert not rfc.bounded


# By variant and threads of the victim: states, transitions, ends, where sleeps end at rest.
CORE = {
    ("legacy", 1): (2204, 2724, 3),
    ("legacy", 2): (19389, 24779, 4),
    ("patched", 1): (2058, 2497, 3),
    ("patched", 2): (20153, 25522, 4),
}


@pytest.mark.parametrize(("variant", "threads"), CORE)
def test_the_core_situation_has_so_many_states(variant: str, threads: int) -> None:
    """A change that adds a state or loses one is seen here first; what promises about every task remember would add to them."""
    bounds = Bounds(short_sleeps=False)
    explored = Exploration(core_situation(threads), CORE_VARIANTS[variant], bounds, OF_VICTIMS)
    result = explored.result(Limits())
    found = result.counts.states, result.counts.transitions, len(result.finals)
    assert found == CORE[variant, threads]


def test_a_limit_never_counts_as_holds() -> None:
    """Where the search stopped early nothing holds, and what was refuted before stays refuted."""
    result = explore(core_situation(2), patched.VARIANT, limits=Limits(states=50))
    assert result.stopped == "stopped at 50 states"
    assert {v.verdict for v in result.verdicts.values()} <= {BOUNDED, REFUTED}
    assert result.bounded == result.stopped
    assert (
        explore(core_situation(1), patched.VARIANT, limits=Limits(seconds=0.0)).stopped
        == "stopped at 0.0 seconds"
    )


def test_a_kernel_that_panicked_is_not_at_rest() -> None:
    """Nobody left to kill is a panic while the victim is on its way: that does not mean that it can't die."""
    setup = (Op("fork", "init", ("v",)), Run(), Op("oom_score_adj", "init", ("v", 1000)), Run())
    items = (*setup, Op("alloc", "kworker"), Op("suspend", "init"), Run())
    result = explore(Scenario(items), patched.VARIANT, bounds=Bounds(short_sleeps=True))
    assert result.verdicts["victim-dies"].verdict == HOLDS
    assert any(final.panicked for final in result.finals)


@pytest.mark.parametrize("engine", ["compiled", "python"])
def test_nobody_waits_where_the_kernel_has_panicked(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who would look again and again does not: in the explored run, and where init was gone before it."""
    monkeypatch.setenv(engines.ASKED, engine)
    before = ("init: fork p1", "init: memcg_attach p1 M")
    both = Scenario((*in_peace(*before), op("p1: charge_fault"), op("init: exit_group"), Run()))
    result = explore(both, legacy_tifmemdie.VARIANT)
    assert any(final.panicked for final in result.finals)
    plain = explore(both, legacy_tifmemdie.VARIANT, bounds=Bounds(por=False, symmetry=False))
    assert set(result.finals) == set(plain.finals)
    gone = explore(Scenario((*both.items, Run())), legacy_tifmemdie.VARIANT)
    assert [bool(final.panicked) for final in gone.finals] == [True]


def test_the_same_exploration_twice() -> None:
    """Counts, ends in their order and witnesses are the same each time."""
    one, other = (explore(scenario(4), legacy_tifmemdie.VARIANT) for _ in range(2))
    assert one == other


def test_an_impossible_operation_is_refused() -> None:
    """Before the explored run an operation that nobody could ask for is the caller's mistake."""
    with pytest.raises(IllegalOperation):
        explore(Scenario((Op("exit", "nobody"), Run())), patched.VARIANT)


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """One line per variant and number of threads; a limit that was hit is said and is the exit status."""
    assert main(["--threads", "1", "--variant", "patched", "--states", "40"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["variant", "N", "states"]
    assert "bounded: stopped at 40 states" in lines[1]


def test_a_bad_number_of_threads(capsys: pytest.CaptureFixture[str]) -> None:
    """One clear line and exit status 2."""
    with pytest.raises(SystemExit) as failure:
        main(["--threads", "0"])
    assert failure.value.code == 2
    assert "--threads 0: a group has at least one thread" in capsys.readouterr().err


def test_a_trylock_sees_who_holds_the_lock() -> None:
    """Two suspends at once: one, the other or both one after the other get through, in every order, reduced or not."""
    items = (Op("fork", "init", ("s",)), Run(), Op("snapshot_freeze", "s"), Op("suspend", "init"), Run())
    full, reduced = (
        explore(Scenario(items), patched.VARIANT, limits=Limits(states=6000), bounds=Bounds(por=por))
        for por in (False, True)
    )
    assert not full.stopped
    assert outcome(reduced) == outcome(full)
    assert len(full.finals) > 1
