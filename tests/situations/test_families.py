"""The written situations: complete, possible, and what their names say; and what exploring the small ones gives."""

from __future__ import annotations

import pytest

from kernel_model.core import frozen
from kernel_model.sched import TASK_DEAD, TaskStruct
from oom_review.claims import BY_ID, REFUTED
from oom_review.play.session import Session, play
from oom_review.scenario.items import Run, Scenario
from oom_review.situations.families import FAMILIES, QUICK, SITUATIONS
from oom_review.situations.family import LETTERS
from oom_review.situations.job import Job, Outcome, run
from oom_review.situations.script import scenario
from oom_review.situations.situation import DIMENSIONS, MAX_THREADS, Situation
from oom_review.situations.verdicts import unexpected
from oom_review.situations.without_oom import SCRIPTS, Script
from oom_review.variants.loading import load

# The first of each letter; tests/today has what is between 6.12 and 7.3.
VARIANTS = tuple(kernels[0] for kernels in LETTERS.values())
# Whoever allocates for himself, or SysRq-F, marks a dying group once more there, and no situation has either.
ONLY_BY_PROGRAMS = {("counted-once-per-group", "oom_kernels.v6_12")}
SMALL = 600
WITH_OOM = [s for s in SITUATIONS.values() if isinstance(s, Situation)]
EACH = pytest.mark.parametrize("situation", WITH_OOM, ids=lambda s: s.name)


def test_every_value_of_every_dimension_occurs() -> None:
    """The dimensions are no wish list."""
    for dimension, values in DIMENSIONS.items():
        assert {getattr(s, dimension) for s in WITH_OOM} == set(values), dimension
    assert {s.threads for s in WITH_OOM} == set(range(1, MAX_THREADS + 1))
    freezers = {(s.freezer != "none", s.pm != "none") for s in WITH_OOM}
    assert len(freezers) == 4, "the cgroup freezer, the PM freezer, both, none"


def test_every_claim_has_a_family_that_agrees_with_the_ledger() -> None:
    """Where the ledger says refuted, some situation refutes the claim; where it says holds, none does."""
    assert list(FAMILIES) == list(BY_ID)
    for claim, family in FAMILIES.items():
        marked = {variant for row in family.rows for variant in row.refuted}
        found = {v for other, v in ONLY_BY_PROGRAMS if other == claim}
        refuted = {v for v, verdict in BY_ID[claim].expected.items() if verdict == REFUTED}
        assert (marked | found, marked & found) == (refuted, set()), claim
        assert len(set(family.names)) == len(family.names), f"{claim}: a situation twice"
        assert set(family.names) & set(QUICK), f"{claim}: a review explores nothing of it"


def test_a_name_is_of_one_situation() -> None:
    """And it can be typed without quotes."""
    rows = [row for family in FAMILIES.values() for row in family.rows]
    assert len({row.situation for row in rows}) == len(SITUATIONS)
    assert all(SITUATIONS[row.situation.name] == row.situation for row in rows)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_=/") for name in SITUATIONS)


def _threads(session: Session) -> list[TaskStruct]:
    tasks = session.machine.k.tasks.values()
    return [p for p in tasks if p.group_leader.name == "v" and p.state != TASK_DEAD]


@EACH
def test_it_can_be_played_and_is_what_its_name_says(situation: Situation) -> None:
    """No operation of it is refused on any variant; before the OOM the victim stands as the dimensions say, in peace."""
    whole = scenario(situation)
    first = max(i for i, item in enumerate(whole.items[:-1]) if isinstance(item, Run))
    for name in VARIANTS:
        variant = load(name)
        play(whole, variant)
        before = play(Scenario(whole.items[: first + 1]), variant)
        assert not before.violations
        threads, tasks = _threads(before), before.machine.names_now()
        assert len(threads) == situation.threads - (situation.leader == "long-gone")
        assert all(frozen(p) for p in threads) == (situation.freezer == "frozen")
        assert any(frozen(p) for p in threads) == (situation.freezer == "frozen")
        traced = {"none": 0, "leader": 1, "one-thread": 1, "all": situation.threads}[situation.traced]
        assert sum(bool(p.ptrace) for p in threads) == traced
        assert bool(tasks["v"].ptrace) == (situation.traced in ("leader", "all"))
        if situation.parent == "frozen":
            assert frozen(tasks["parent"])
        assert ("sharer" in tasks and tasks["sharer"].mm is threads[0].mm) == (situation.sharer != "none")


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=lambda s: s.name)
def test_a_script_can_be_played_and_is_explored_for_some_claim(script: Script) -> None:
    """No operation of it is refused on any variant, nothing is broken before all begins at once, and some family has it."""
    first = max(i for i, item in enumerate(script.scenario.items[:-1]) if isinstance(item, Run))
    for name in VARIANTS:
        play(script.scenario, load(name))
        assert not play(Scenario(script.scenario.items[: first + 1]), load(name)).violations
    assert script.name in SITUATIONS


def _explored(situation: str, variant: str) -> Outcome:
    outcome = run(Job(situation, variant))
    assert isinstance(outcome, Outcome), outcome
    return outcome


def _small_rows() -> list[tuple[str, str]]:
    """Whatever is small; and for each refutation of the ledger the smallest situation that has it."""
    chosen = {(name, variant) for name, s in SITUATIONS.items() if s.size < SMALL for variant in VARIANTS}
    for family in FAMILIES.values():
        for variant in VARIANTS:
            refuting = [row.situation for row in family.rows if variant in row.refuted]
            if refuting:
                chosen.add((min(refuting, key=lambda s: s.size).name, variant))
    return sorted(chosen)


@pytest.mark.parametrize(("situation", "variant"), _small_rows())
def test_exploring_gives_what_the_families_say(situation: str, variant: str) -> None:
    """Every interleaving: refuted where it is marked so, and nowhere else."""
    outcome = _explored(situation, variant)
    assert not outcome.bounded
    assert [(claim.id, expected) for claim, _outcome, expected in unexpected([outcome])] == []
