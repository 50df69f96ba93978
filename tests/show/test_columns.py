"""The text form of a run: what it shows, how wide it is, that it never changes."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from builders import script

import legacy_tifmemdie
import patched
from kernel_model.events import KINDS
from kernel_model.preempt import POINTS
from kernel_model.variant import Variant
from oom_review.play.trace import record
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import Choices
from oom_review.schedules.gaps import Gaps
from oom_review.show import remarks
from oom_review.show.columns import COLUMN, WIDTH, columns, in_source, lockstep_columns, observation_line

LEGACY, RFC = legacy_tifmemdie.VARIANT, patched.VARIANT


# Two threads in the fridge, and the OOM killer.
FRIDGE = script("init: fork v", "v: clone t1", "init: attach v A", "init: freeze A", "kworker: alloc")
# The leader has left by pthread_exit() long ago.
LEADER_GONE = script("init: fork v", "v: clone t1", "v: exit", "kworker: alloc")
# Another process shares the mm, and sits in the fridge.
SHARERS = script("init: fork v", "v: clone_vm p", "init: attach p A", "init: freeze A", "kworker: alloc")
# The OOM killer marks between try_to_freeze_tasks() and oom_killer_disable().
LATE_MARK = Scenario(
    (
        *script("init: fork v", "v: clone t1", "init: suspend", last=Gaps((), 35)).items,
        Op("alloc", "kworker"),
        Run(
            Gaps(
                (
                    (0, "kworker"),
                    (36, "@tick"),
                    (1, "@tick"),
                    (1, "kworker"),
                    (1, "init"),
                    (14, "v"),
                    (3, "init"),
                )
            )
        ),
    )
)

FRIDGE_LEGACY = """\
# init: fork v
# v: clone t1
# init: attach v A
# init: freeze A    (v, t1 in the fridge)
# kworker: alloc

step CPU0 (kworker)                  CPU1 (v)
==== ==============                  ========
     alloc_pages_slowpath()
       out_of_memory()
         oom_kill_process()
  51       do_send_sig_info() // v: SIGNAL_GROUP_EXIT
  53       mark_oom_victim() // v: TIF_MEMDIE
  54         // v: oom_mm set
             ^^^^^^^^^^^^^^^^
  55         thaw_task() // wakes v
  56         // oom_victims 0 -> 1
                                     get_signal()
                                       try_to_freeze()
  64                                     refrigerator() // left the fridge
                                       [...]
                                       do_group_exit()
                                         do_exit()
                                           exit_mm()
                                             exit_oom_victim()
  74                                           // oom_victims 1 -> 0
                                           [...]
  79                                       exit_notify() // EXIT_ZOMBIE
  81                                       do_task_dead() // TASK_DEAD

At the end: v zombie; t1 in the fridge; oom_victims 0.
Broken promise: every thread of a marked group leaves the fridge although
nobody thaws it (fridge-empties).
Here: t1 of a marked group left behind in the fridge.
Every interleaving of this run breaks it; ^^^^ is where it was seen to be
broken.
"""

LEADER_GONE_RFC = """\
# init: fork v
# v: clone t1
# v: exit    (v zombie)
# kworker: alloc

step CPU0 (kworker)                  CPU1 (t1)
==== ==============                  =========
     alloc_pages_slowpath()
       out_of_memory()
         oom_kill_process()
  44       do_send_sig_info() // v: SIGNAL_GROUP_EXIT
  46       mark_oom_victim() // v: oom_mm set
  47         // oom_victims 0 -> 1
                                     get_signal()
                                       do_group_exit()
                                         do_exit()
                                           exit_notify()
  75                                         release_task() // is unhashed
  77                                       do_task_dead() // TASK_DEAD
                                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^

At the end: v zombie; t1 reaped; oom_victims 1.
Broken promise: when all threads of all marked groups are dead, oom_victims
is 0 (count-returns).
Here: all threads of all marked groups are dead, and oom_victims is 1.
Every interleaving of this run breaks it; ^^^^ is where it was seen to be
broken.
"""


def test_a_thread_left_in_the_fridge() -> None:
    """The whole picture of the RFC's complaint, letter by letter."""
    assert columns(FRIDGE, LEGACY, "fridge-empties") == FRIDGE_LEGACY


def test_a_leaked_count() -> None:
    """The whole picture of the count that the RFC leaks, letter by letter."""
    assert columns(LEADER_GONE, RFC, "count-returns") == LEADER_GONE_RFC


def blamed(text: str) -> str:
    """The line above the carets."""
    lines = text.splitlines()
    carets = next(i for i, line in enumerate(lines) if line.strip() and not line.strip(" ^"))
    return lines[carets - 1].lstrip(" 0123456789")


def test_io_after_disable_is_decided_before_it_happens() -> None:
    """The OOM killer is disabled while a victim still has files to close, with three contexts at 0, 32 and 64."""
    text = columns(LATE_MARK, LEGACY, "disabled-means-quiet")
    assert blamed(text) == "// point of no return"
    assert re.search(
        r"\n  89 +oom_killer_disable\(\) // phase: disabled\n +// point of no return\n +\^\^\^\^", text
    )
    header = next(line for line in text.splitlines() if line.startswith("step"))
    assert [header.index(f"CPU{i}") for i in range(3)] == [5, 5 + COLUMN, 5 + 2 * COLUMN]
    assert text.index("oom_victims 1 -> 0") < text.index("phase: disabled") < text.index("device access")
    assert (
        "Point of no return is step 89: before it some interleaving keeps the\npromise, after it none does."
        in text
    )


def test_model_helpers_are_no_calls_of_the_c_source() -> None:
    """exit_files() is called by do_exit(), whatever the model calls in between."""
    lines = columns(LATE_MARK, LEGACY, "disabled-means-quiet").splitlines()
    called = [match for line in lines if (match := re.search(r"(\w+)\(\)", line))]
    depth = {match[1]: match.start() for match in called}
    assert depth["exit_files"] == depth["do_exit"] + 2
    assert all(in_source(name) for name in depth)


def test_each_step_has_its_number() -> None:
    """On the step's own line, whatever calls lead to it; it is what the trace, and sentences, call it."""
    text = columns(LATE_MARK, LEGACY, "disabled-means-quiet")
    numbers = {int(n): line.strip() for n, line in re.findall(r"^ *(\d+) +(\S.*)$", text, re.MULTILINE)}
    assert list(numbers) == sorted(numbers)
    steps = {s.number: s for s in record(LATE_MARK, LEGACY).steps}
    for number, line in numbers.items():
        assert line.startswith("//") or f"{steps[number].point[0]}()" in line, line
    assert not any("PREEMPT" in line for line in numbers.values())


def test_only_preemptions_that_matter_are_shown() -> None:
    """Where a context was left standing while another was shown; not where it went on as if nothing had been."""
    assert columns(LATE_MARK, LEGACY, "disabled-means-quiet").count("freeze_task() <PREEMPT>") == 1
    assert "PREEMPT" not in columns(LATE_MARK, RFC)


def test_a_sharer_left_in_the_fridge_is_named() -> None:
    """It has been left behind since the victim was marked."""
    text = columns(SHARERS, RFC, "sharers-leave")
    assert blamed(text) == "mark_oom_victim() // v: oom_mm set"
    assert "Here: p shares the victim's mm and stays in the fridge." in text


def test_a_failed_suspend_tells_the_time_that_passed() -> None:
    """20 s are a line; the step that gives up is marked."""
    last = script("init: fork v", "v: clone t1", "v: exit", "kworker: alloc", "init: suspend")
    text = columns(last, RFC, "no-spurious-ebusy")
    assert "# 20 s later" in text.splitlines()
    assert blamed(text) == "// oom_victims is 1: gives up"


@pytest.mark.parametrize("scenario", [FRIDGE, LEADER_GONE, SHARERS], ids=["fridge", "leader", "sharers"])
@pytest.mark.parametrize("variant", [LEGACY, RFC], ids=["legacy", "rfc"])
def test_two_contexts_fit_a_mail_and_a_screen(scenario: Scenario, variant: Variant) -> None:
    """80 columns where two contexts are enough, and never more than 45 lines."""
    text = columns(scenario, variant)
    if "CPU2" not in text:
        assert max(map(len, text.splitlines())) <= WIDTH + 5
    assert len(text.splitlines()) <= 45


def test_lockstep_marks_the_first_divergence() -> None:
    """Everything above the mark is equal on both sides, the next event is not."""
    lines = lockstep_columns(FRIDGE, LEGACY, RFC).splitlines()
    at = next(i for i, line in enumerate(lines) if "first divergence" in line)
    sides = [(line[:38].strip(), line[38:].strip()) for line in lines]
    assert all(left == right for left, right in sides[2:at])
    assert sides[at + 1 : at + 3] == [
        ("kworker: mark_oom_victim()", "kworker: mark_oom_victim()"),
        ("// v: TIF_MEMDIE", "// v: oom_mm set"),
    ]
    assert "broken: fridge-empties" in sides[-2][0] + sides[-3][0] + sides[-4][0] + sides[-5][0]
    assert max(map(len, lines)) <= WIDTH + 2


def test_lockstep_of_equals_marks_nothing() -> None:
    """A variant does not diverge from itself."""
    assert "divergence" not in lockstep_columns(FRIDGE, RFC, RFC)


def test_observation_line() -> None:
    """The three words of the kernel's memory model."""
    assert observation_line("leak", 0, 9) == "Observation leak Never 0 9"
    assert observation_line("leak", 4, 5) == "Observation leak Sometimes 4 5"
    assert observation_line("leak", 9, 0) == "Observation leak Always 9 0"


def test_hash_seed_changes_nothing() -> None:
    """The same bytes in another process, under another hash seed."""
    code = "import test_columns as t; print(t.columns(t.LATE_MARK, t.LEGACY), end='')"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {columns(LATE_MARK, LEGACY)}


def test_choices_replay_the_same_trace() -> None:
    """The exact choices of a run take the same steps as its gap list."""
    gaps = record(LATE_MARK, LEGACY)
    last = len(LATE_MARK.items) - 1
    names = tuple(s.task for s in gaps.steps if s.item == last)
    exact = record(Scenario((*LATE_MARK.items[:-1], Run(Choices(names)))), LEGACY)
    assert exact.entries == gaps.entries


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("v",), "step 1 of the run: expected a step of v, but v can't run; ready to run: kworker"),
        (
            ("kworker", "nobody"),
            "step 2 of the run: expected a step of nobody, but no such task; ready to run: kworker",
        ),
        (
            ("@tick",),
            "step 1 of the run: expected a step of the clock, but no sleep has an end; ready to run: kworker",
        ),
    ],
)
def test_a_diverging_choice_says_what_was_there(names: tuple[str, ...], reason: str) -> None:
    """Which step, what was expected, who could have run."""
    scenario = script("init: fork v", "kworker: alloc", last=Choices(names))
    assert record(scenario, LEGACY).stopped == reason
    assert f"Stopped: {reason[:40]}" in columns(scenario, LEGACY)


def test_a_refused_operation_is_noted_and_left_out() -> None:
    """Who is in the fridge can't ask for anything."""
    scenario = Scenario((*FRIDGE.items[:-2], Op("exit", "t1"), *FRIDGE.items[-2:]))
    assert "# t1: exit    refused: the task is in the fridge" in columns(scenario, LEGACY)


def test_there_are_words_for_every_kind_of_event() -> None:
    """A remark can be made of each that kernel_model.events can make."""
    assert set(remarks._WORDS) == set(KINDS.values())


def test_a_preemption_point_stands_in_a_function_that_the_source_has() -> None:
    """Nothing that is shown would hide it."""
    assert [function for function, _step in POINTS if not in_source(function)] == []
