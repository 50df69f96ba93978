"""The step to blame is the point of no return, whatever the claim is called; and what else could have been done."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path

import attrs
import faults
import pytest

import legacy_tifmemdie
import oom_review
import patched
from kernel_model.events import Dead, Event
from kernel_model.sched import Kernel
from oom_review.claims import BY_ID, CLAIMS, Claim
from oom_review.explore import engines
from oom_review.explore.blame import Blame, blame
from oom_review.explore.explorer import BREAKS, KEEPS, UNKNOWN, can_keep
from oom_review.play.trace import Trace, record
from oom_review.review.alternatives import alternatives
from oom_review.scenario import file as scenario_file
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import Choices
from oom_review.show.columns import columns
from oom_review.show.remarks import Focus, focus_on
from oom_review.variants.loading import load
from oom_review.verdicts import Alternative

CORPUS = Path(__file__).parents[1] / "corpus"
LEGACY, RFC = legacy_tifmemdie.VARIANT, patched.VARIANT

GROUP = (Op("fork", "init", ("v",)), Op("clone", "v", ("t1",)))


def script(*operations: Op) -> Scenario:
    """One by one, each run to quiescence."""
    return Scenario(tuple(item for op in operations for item in (op, Run())))


# Each was held against the C source; who takes the step, where, and what it decides.
MARKS = {
    # The leader is no longer last: exit_notify() of the RFC counts down for a leader whose group is empty, and for who is autoreaped.
    "count-returns--patched": ("p1", "exit_notify", "tasklist_lock: exit_state"),
    # Until the lock is taken the reaper may free enough; task_will_free_mem() marks whoever holds it and is dying.
    "counted-once-per-group--legacy_tifmemdie": ("p2", "alloc_pages_may_oom", "mutex_trylock(oom_lock)"),
    # SysRq-F takes no notice of victims; until here the thread that is left may still give up its mm.
    "counted-once-per-group--oom_kernels.v6_12": (
        "kworker",
        "find_lock_task_mm",
        "task_lock(t): has it an mm?",
    ),
    "counted-once-per-group--oom_kernels.v7_3": (
        "kworker",
        "find_lock_task_mm",
        "task_lock(t): has it an mm?",
    ),
    # The victim is past exit_mm() and not counted any more; until here it may still close its files.
    "disabled-means-quiet--legacy_tifmemdie": ("init", "oom_killer_disable", "oom_victims == 0?"),
    "disabled-means-quiet--oom_kernels.v6_12": ("init", "oom_killer_disable", "oom_victims == 0?"),
    "disabled-means-quiet--oom_kernels.v7_3": ("init", "oom_killer_disable", "oom_victims == 0?"),
    # From here on freezing() says yes to all tasks of the cgroup, and the thaw that comes with the mark is for one of them.
    "fridge-empties--legacy_tifmemdie": ("init", "freezer_apply_state", "set or clear CGROUP_FREEZING"),
    "victim-dies--legacy_tifmemdie": ("init", "freezer_apply_state", "set or clear CGROUP_FREEZING"),
    "sharers-leave--legacy_tifmemdie": ("init", "freezer_apply_state", "set or clear CGROUP_FREEZING"),
    "sharers-leave--oom_kernels.v6_12": ("init", "freezer_apply_state", "set or clear CGROUP_FREEZING"),
    "sharers-leave--oom_kernels.v7_3": ("init", "freezer_apply_state", "set or clear CGROUP_FREEZING"),
    "sharers-leave--patched": ("init", "freezer_apply_state", "set or clear CGROUP_FREEZING"),
    # Until here the suspend may still freeze the one that is about to run out of memory: then nobody is marked.
    "fridge-empties--oom_kernels.v6_12": ("p1", "user mode", "a system call or a signal"),
    "victim-dies--oom_kernels.v6_12": ("p1", "user mode", "a system call or a signal"),
    # As count-returns: the suspend that fails comes later.
    "no-spurious-ebusy--patched": ("p1", "exit_notify", "tasklist_lock: exit_state"),
    # Autoreaped as a child of who wants no zombies, but traced by it: on the tracer's list of who has to be released, which comes after
    # the wait for the namespace to be empty.
    "killed-dies--legacy_tifmemdie": ("p2", "exit_notify", "tasklist_lock: exit_state"),
    "killed-dies--patched": ("p2", "exit_notify", "tasklist_lock: exit_state"),
    "no-deadlock--legacy_tifmemdie": ("p2", "exit_notify", "tasklist_lock: exit_state"),
    "no-deadlock--patched": ("p2", "exit_notify", "tasklist_lock: exit_state"),
    # From here on whoever handles the SIGKILL freezes first, but for the thread that freezes the others.
    "machine-wakes--legacy_tifmemdie": ("p2", "freeze_processes", "pm_freezing = true"),
    "machine-wakes--oom_kernels.v6_12": ("p2", "freeze_processes", "pm_freezing = true"),
    "machine-wakes--oom_kernels.v7_3": ("p2", "freeze_processes", "pm_freezing = true"),
    "machine-wakes--patched": ("p2", "freeze_processes", "pm_freezing = true"),
    # The cgroup reads FROZEN, and whoever is past the walk's count of the living is about to close its files.
    "frozen-does-not-run--oom_kernels.v7_3": ("admin", "freezer_read", "freezer_mutex: update_if_frozen"),
    # Whoever froze the others was left out when the cgroup was frozen, and nobody asks it again.
    "frozen-does-not-run--legacy_tifmemdie": ("init", "thaw_processes", "clear PF_SUSPEND_TASK"),
    "frozen-does-not-run--patched": ("init", "thaw_processes", "clear PF_SUSPEND_TASK"),
    # The resume thaws all that it finds, whoever else freezes them.
    "frozen-does-not-run--oom_kernels.v6_12": ("init", "thaw_task", "freezer_lock: wake p if frozen"),
    # The victim is not frozen, and until here it may still have died.
    "suspended-means-quiet--oom_kernels.v7_3": ("init", "dpm_suspend", "devices are suspended"),
    "no-tail-when-suspended--oom_kernels.v7_3": ("init", "dpm_suspend", "devices are suspended"),
    "suspended-means-quiet--oom_kernels.v6_18": ("init", "dpm_suspend", "devices are suspended"),
    "no-tail-when-suspended--oom_kernels.v6_18": ("init", "dpm_suspend", "devices are suspended"),
    # The same for counts that fall too early, or don't count: the suspend has looked, and somebody has yet to do I/O.
    "disabled-means-quiet--oom_kernels.group_dead": ("init", "oom_killer_disable", "oom_victims == 0?"),
    "suspended-means-quiet--oom_kernels.group_dead": ("init", "dpm_suspend", "devices are suspended"),
    "no-tail-when-suspended--oom_kernels.group_dead": ("init", "dpm_suspend", "devices are suspended"),
    "disabled-means-quiet--oom_kernels.poll_until_dead": (
        *("init", "oom_killer_disable", "tasklist_lock: is a victim left?"),
    ),
    "suspended-means-quiet--oom_kernels.poll_until_dead": ("init", "dpm_suspend", "devices are suspended"),
    "no-tail-when-suspended--oom_kernels.poll_until_dead": ("init", "dpm_suspend", "devices are suspended"),
    # The last to enter do_exit() takes back what is not yet counted; or has left before a mark that nobody takes back.
    "count-never-negative--oom_kernels.group_dead": (
        *("p2", "exit_oom_victim", "atomic_dec_return(oom_victims)"),
    ),
    "count-returns--oom_kernels.group_dead": (
        *("p2", "release_task", "tasklist_lock: unhash, and zap the leader?"),
    ),
    # Whoever is past exit_mm() is marked as well; the others' mm has to be left for that.
    "count-returns--oom_kernels.mark_every_thread": ("p2", "mmput", "atomic_dec_and_test(mm_users)"),
    "no-spurious-ebusy--oom_kernels.mark_every_thread": (
        *("p1", "mark_oom_victim", "cmpxchg(signal->oom_mm)"),
    ),
}


# Whatever comes of the last run, it breaks the promise: the mark is where that is seen.
IN_EVERY_WAY = frozenset(
    {
        "frozen-does-not-run--legacy_tifmemdie",
        "frozen-does-not-run--patched",
        "frozen-does-not-run--oom_kernels.v6_12",
    }
)


def kept(stem: str) -> tuple[Focus, Scenario]:
    """A counterexample of the corpus, as its reader sees it."""
    claim, variant = stem.split("--")
    scenario = scenario_file.read(CORPUS / f"{stem}.scenario").scenario
    return focus_on(record(scenario, load(variant)), load(variant), claim), scenario


def marked(focus: Focus) -> tuple[str, str, str]:
    """Whose step ``^^^^`` stands under, and which."""
    assert focus.blamed_step is not None
    return (focus.blamed_step.task, *focus.blamed_step.point)


def test_every_counterexample_has_its_mark() -> None:
    """A file that is added to the corpus needs a row."""
    assert {p.stem for p in CORPUS.glob("*.scenario")} == set(MARKS)


@pytest.mark.parametrize("stem", MARKS)
def test_the_step_to_blame(stem: str) -> None:
    """It is the point of no return, in the place that the C source says."""
    focus, _scenario = kept(stem)
    assert focus.blame is not None
    assert focus.blame.before == (BREAKS if stem in IN_EVERY_WAY else KEEPS)
    assert marked(focus) == MARKS[stem]


@pytest.mark.parametrize("stem", sorted(MARKS.keys() - IN_EVERY_WAY))
def test_before_it_the_claim_can_be_kept_and_after_it_it_can_not(stem: str) -> None:
    """Asked once more, from both sides of the step."""
    claim, name = stem.split("--")
    focus, scenario = kept(stem)
    step = focus.blamed_step
    assert step is not None
    names = tuple(s.task for s in focus.trace.steps if s.item == step.item and s.number <= step.number)
    before = scenario.items[: step.item]
    answers = [
        can_keep(Scenario((*before, Run(Choices(taken)), Run())), load(name), BY_ID[claim]).outcome
        for taken in (names[:-1], names)
    ]
    assert answers == [KEEPS, BREAKS]


def test_a_panic_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the count would have returned until the last thread is past the point where a second victim is looked for."""
    monkeypatch.setenv(engines.ASKED, engines.PYTHON)
    faults.a_panic_keeps_what_it_did_not_break(monkeypatch)
    assert marked(kept("count-returns--patched")[0]) != MARKS["count-returns--patched"]


def test_a_search_that_goes_on_after_a_violation_blames_another_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim would seem to be kept at any end."""
    monkeypatch.setenv(engines.ASKED, engines.PYTHON)
    faults.a_broken_claim_is_gone_on_from(monkeypatch)
    stem = "suspended-means-quiet--oom_kernels.v7_3"
    assert marked(kept(stem)[0]) != MARKS[stem]


def test_a_claim_of_ones_own_needs_no_data_for_it() -> None:
    """Nobody but the leader dies last: it is decided when the thread that came first takes the lock of its exit."""

    def on_event(k: Kernel, state: Hashable, event: Event) -> tuple[Hashable, str]:
        assert isinstance(event, Dead)
        name = k.tasks[event.task].name
        return name, "" if (state, name) != ("v", "t1") else "t1 dies after its leader"

    mine = Claim("mine", "the leader dies last", "", {}, frozenset({Dead}), on_event, lambda _k, _s: "", "")
    scenario = script(*GROUP, Op("exit_group", "v"))
    trace = record(scenario, RFC, (mine,))
    found = blame(trace, RFC, mine, trace.violations[0])
    step = next(s for s in trace.steps if s.number == found.step)
    assert found.before == KEEPS
    assert (step.task, step.point[0]) == ("v", "do_task_dead")


LEADER_GONE = script(*GROUP, Op("exit", "v"), Op("alloc", "kworker"))


def where(trace: Trace, found: Blame) -> tuple[str, str]:
    """Whose step, and in which function."""
    step = next(s for s in trace.steps if s.number == found.step)
    return step.task, step.point[0]


def test_a_run_that_can_not_be_saved_says_so() -> None:
    """No step of it has decided anything: the mark is where it shows."""
    text = columns(LEADER_GONE, RFC, "count-returns")
    assert "Every interleaving of this run breaks it; ^^^^ is where it was seen to be\nbroken." in text
    assert "point of no return" not in text
    trace = record(LEADER_GONE, RFC)
    found = blame(trace, RFC, BY_ID["count-returns"], trace.violations[0])
    assert (found.before, found.lost) == (BREAKS, 0)
    assert where(trace, found) == ("t1", "do_task_dead")


@pytest.mark.parametrize("in_all", [0, 1, 20])
def test_a_limit_is_said_in_words(in_all: int) -> None:
    """The mark stands at the violation, and what is known is told."""
    focus, _scenario = kept("count-returns--patched")
    trace, claim = focus.trace, BY_ID["count-returns"]
    violation = next(v for v in trace.violations if v.claim == claim.id)
    found = blame(trace, RFC, claim, violation, per_step=7, in_all=in_all)
    assert found.before == UNKNOWN
    assert where(trace, found) == ("p2", "do_task_dead")
    words = attrs.evolve(focus, blame=found).why()
    assert words.startswith(f"Point of no return was not found: none keeps it after step {found.lost}, ")
    assert (
        f"takes over 7 states from a step or {in_all} in all; ^^^^ is where it was seen to be broken" in words
    )
    assert found.lost > MARKED_STEP
    assert not any("point of no return" in r for s in trace.steps for r in _remarks(focus, found, s.number))


MARKED_STEP = 54


def _remarks(focus: Focus, found: Blame, number: int) -> Iterable[str]:
    step = next(s for s in focus.trace.steps if s.number == number)
    return attrs.evolve(focus, blame=found).remarks(step)


def test_a_claim_that_is_broken_by_an_operation_is_marked_there() -> None:
    """No run has anything to do with it."""
    mine = attrs.evolve(BY_ID["count-returns"], id="mine", at_rest=lambda _k, _s: "always")
    trace = record(script(*GROUP[:1]), RFC, (mine,))
    found = blame(trace, RFC, mine, trace.violations[0])
    assert (found.before, found.lost) == (BREAKS, 0)
    assert found.step == 1


def test_no_claim_is_named_where_the_step_to_blame_is_found() -> None:
    """The ids of claims are nothing to go by."""
    room = Path(oom_review.__file__).parent
    for name in ("show/remarks.py", "explore/blame.py", "explore/search.py", "review/alternatives.py"):
        text = (room / name).read_text(encoding="utf-8")
        assert [c.id for c in CLAIMS if c.id in text] == []


# Who else could have gone


@pytest.fixture(scope="module")
def others() -> dict[str, list[Alternative]]:
    """Of the count that leaks."""
    _focus, scenario = kept("count-returns--patched")
    return alternatives(scenario, RFC, BY_ID["count-returns"])


def test_at_the_point_of_no_return_somebody_else_could_have_gone(
    others: dict[str, list[Alternative]],
) -> None:
    """The other thread first: then the leader is the last one, and counts down."""
    other = next(a for a in others[str(MARKED_STEP)] if a.task == "p2")
    assert other.outcome == "keeps"
    assert "oom_victims 0 1 0" in other.end


def test_after_it_whoever_goes_the_claim_is_broken(others: dict[str, list[Alternative]]) -> None:
    """And before it, not always."""
    outcomes = {int(n): {a.outcome for a in found} for n, found in others.items()}
    assert {o for n, os in outcomes.items() if n > MARKED_STEP for o in os} == {BREAKS}
    assert KEEPS in {o for n, os in outcomes.items() if n <= MARKED_STEP for o in os}
    assert all(a.end for found in others.values() for a in found)
    assert max(outcomes) > MARKED_STEP > min(outcomes)


def test_who_could_have_gone_is_who_was_ready(others: dict[str, list[Alternative]]) -> None:
    """Each of them, and not who went."""
    for step in record(kept("count-returns--patched")[1], RFC).steps:
        ready = [t for t in (*step.ready, *step.may_wake) if t != step.task]
        assert [a.task for a in others.get(str(step.number), [])] in (ready, [])


def test_alternatives_beyond_a_limit_are_unknown_or_left_out() -> None:
    """Never guessed."""
    _focus, scenario = kept("count-returns--patched")
    few = alternatives(scenario, RFC, BY_ID["count-returns"], per_step=30, in_all=300)
    found = [a for one in few.values() for a in one]
    assert {a.outcome for a in found} == {BREAKS, UNKNOWN}
    assert all(a.end == "" for a in found if a.outcome == UNKNOWN)


def test_nothing_broken_has_no_alternatives() -> None:
    """The same script on a kernel that keeps the claim."""
    _focus, scenario = kept("count-returns--patched")
    assert alternatives(scenario, LEGACY, BY_ID["count-returns"]) == {}
