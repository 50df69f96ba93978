"""What is promised of every scheduler, on real scenarios."""

from __future__ import annotations

import random

import pytest
from toy import KINDS, SITUATIONS, booted

from kernel_model.machine import Machine
from kernel_model.sched import TaskStruct
from oom_review.schedules.choices import Choices, ChoiceScheduler
from oom_review.schedules.driver import Exhausted, ScheduleDiverged, Scheduler, StepLimitReached, drive
from oom_review.schedules.gaps import Gaps, GapScheduler, from_choices
from oom_review.schedules.portfolio import MIXES, Limited
from oom_review.schedules.preemption_bounded import PreemptionBounded

every_kind = pytest.mark.parametrize("kind", KINDS)
every_situation = pytest.mark.parametrize("situation", SITUATIONS)
SEEDS = range(5)


def taken(kind: str, situation: str, seed: int) -> list[str]:
    return booted(situation).run(KINDS[kind](random.Random(seed)))


class Watched:
    """Lets nothing impossible pass."""

    def __init__(self, inner: Scheduler) -> None:
        self._inner = inner

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        chosen = self._inner.choose(machine, current)
        if chosen is None:
            assert machine.sleepers_due() is not None or not machine.runnable_tasks()
        else:
            assert chosen in machine.runnable_tasks()
        return chosen


@every_situation
@every_kind
def test_the_same_seed_gives_the_same_run(kind: str, situation: str) -> None:
    """Nothing but the source of randomness decides."""
    assert [taken(kind, situation, s) for s in SEEDS] == [taken(kind, situation, s) for s in SEEDS]


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "preemption-bounded"])
def test_seeds_differ(kind: str) -> None:
    """A scheduler that always did the same would pass every other test here."""
    assert len({tuple(taken(kind, "an OOM kill and a suspend", s)) for s in range(10)}) > 3


@every_situation
@every_kind
def test_only_what_is_possible_is_chosen_and_the_run_ends_at_rest(kind: str, situation: str) -> None:
    """Runnable tasks; the clock only if a sleep has an end, or to say that all is over."""
    for seed in SEEDS:
        session = booted(situation)
        session.run(Watched(KINDS[kind](random.Random(seed))))
        assert not session.machine.runnable_tasks()
        assert session.machine.sleepers_due() is None


@every_situation
@every_kind
def test_any_run_becomes_a_gap_list_that_takes_exactly_the_same_choices(kind: str, situation: str) -> None:
    """Whatever found a run, it is stored and shrunk as preemptions at gaps."""
    for seed in SEEDS:
        choices = taken(kind, situation, seed)
        gaps = from_choices(booted(situation).machine, choices, whole=True)
        again = booted(situation)
        assert again.run(GapScheduler(gaps)) == choices
        assert again.history == _history(kind, situation, seed)


def _history(kind: str, situation: str, seed: int) -> object:
    session = booted(situation)
    session.run(KINDS[kind](random.Random(seed)))
    return session.history


@every_kind
def test_a_run_that_was_cut_off_becomes_a_gap_list_with_a_limit(kind: str) -> None:
    """The same choices, and no step more."""
    for steps in (0, 1, 7, 30):
        session = booted("an OOM kill and a suspend")
        choices = session.run(Limited(KINDS[kind](random.Random(steps)), steps))
        gaps = from_choices(booted("an OOM kill and a suspend").machine, choices, whole=False)
        assert booted("an OOM kill and a suspend").run(GapScheduler(gaps)) == choices
        assert len(choices) == gaps.steps


@every_situation
def test_exact_choices_are_followed(situation: str) -> None:
    """Names alone replay a run."""
    choices = taken("uniform", situation, 3)
    assert booted(situation).run(ChoiceScheduler(Choices(tuple(choices)))) == choices


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("nobody", "a step of nobody, but no such task"),
        ("t1", "a step of t1, but t1 can't run"),
        ("@tick", "a step of the clock, but no sleep has an end"),
    ],
)
def test_a_choice_that_is_not_possible_is_an_error_of_its_own(wrong: str, why: str) -> None:
    """It says at which step what was expected, and who could run instead."""
    session = booted("an OOM kill and a suspend")
    with pytest.raises(ScheduleDiverged) as caught:
        session.run(ChoiceScheduler(Choices((wrong,))))
    assert str(caught.value) == f"step 1 of the run: expected {why}; ready to run: init, kworker, p1"


def test_a_diverging_schedule_says_at_which_step() -> None:
    """Steps are counted from 1, in the run."""
    choices = taken("uniform", "a frozen victim", 1)
    with pytest.raises(ScheduleDiverged, match=rf"^step {len(choices) + 1} of the run: "):
        booted("a frozen victim").run(ChoiceScheduler(Choices((*choices, choices[0]))))


def test_a_run_without_end_is_reported() -> None:
    """A limit that is hit never counts as an end."""
    session = booted("a frozen victim")
    with pytest.raises(StepLimitReached, match="5 steps and no end"):
        drive(session.machine, GapScheduler(Gaps()), limit=5)


def test_a_limited_scheduler_ends_its_run() -> None:
    """After exactly so many choices."""
    limited = Limited(GapScheduler(Gaps()), 2)
    machine = booted("a frozen victim").machine
    assert [limited.choose(machine, None) is not None for _ in range(2)] == [True, True]
    with pytest.raises(Exhausted):
        limited.choose(machine, None)


def test_plays_of_a_bounded_search_on_a_real_scenario_differ_and_keep_the_bound() -> None:
    """Each play of one program is new, and preempts at most so often."""
    search = PreemptionBounded(random.Random(7), 2)
    seen = set()
    for _ in range(60):
        session = booted("an OOM kill and a suspend")
        play = search.play()
        assert play is not None
        preemptions = Preemptions(play)
        seen.add(tuple(session.run(preemptions)))
        assert preemptions.count <= 2
    assert len(seen) == 60


class Preemptions:
    """Counts them: somebody else goes on although the last one could."""

    def __init__(self, inner: Scheduler) -> None:
        self._inner = inner
        self.count = 0

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        chosen = self._inner.choose(machine, current)
        if chosen is not current and machine.runnable_tasks():
            self.count += chosen is None or (current is not None and machine.runnable(current))
        return chosen


def test_a_share_of_the_plays_belongs_to_the_bounded_search() -> None:
    """All of them for a pure one, none for a mix without it."""
    for name, searched in (("preemption-bounded", True), ("uniform", False)):
        mix = MIXES[name]
        plays = mix.plays(random.Random(1))
        for _ in range(5):
            play = next(plays)
            assert (play is not mix) is searched
            booted("an OOM kill and a suspend").run(play.draw(random.Random(2)))
