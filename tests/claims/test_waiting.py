"""Excuses, from both sides: who is held, and who only seems to be."""

from __future__ import annotations

import pytest
from breaking import PARENT_SLEEPS

from kernel_model import coredump, oom_kill
from kernel_model.coredump import PIPE_SLEEP
from kernel_model.preempt import Steps
from kernel_model.sched import TASK_RUNNING, TASK_UNINTERRUPTIBLE, Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out, v7_3
from oom_review.claims import HOLDS
from oom_review.explore import explore
from oom_review.play.session import play
from oom_review.scenario.items import Run, Scenario, in_peace, operation

BASE = last_out.VARIANT


def pipe_wait(cur: TaskStruct) -> Steps[None]:
    """Whatever signal comes."""
    cur.state = TASK_UNINTERRUPTIBLE
    yield PIPE_SLEEP
    cur.state = TASK_RUNNING


def oom_killer_enable(k: Kernel) -> None:
    """It stays disabled."""
    del k


DEAF_DUMPER = Variant("deaf_dumper", (replaces(coredump.pipe_wait, pipe_wait),), base=BASE)
STAYS_DISABLED = Variant(
    "stays_disabled", (replaces(oom_kill.oom_killer_enable, oom_killer_enable),), base=BASE
)


def broken(variant: Variant, words: str) -> set[str]:
    """The claims that a script breaks, each operation run to quiescence."""
    return set(play(Scenario(in_peace(map(operation, words.split("; ")))), variant).violations)


DUMP = "init: fork p; core_pipe; p: kill p ABRT"


@pytest.mark.parametrize("variant", [BASE, v7_3.VARIANT], ids=lambda v: v.name)
def test_the_reader_of_a_pipe_holds_a_dumper(variant: Variant) -> None:
    """Until it reads, or somebody kills."""
    assert broken(variant, DUMP) == set()
    assert broken(variant, f"{DUMP}; init: kill p KILL") == set()


def test_no_reader_holds_whoever_was_killed() -> None:
    """SIGKILL ends the wait, but for this one."""
    assert broken(DEAF_DUMPER, DUMP) == set()
    assert broken(DEAF_DUMPER, f"{DUMP}; init: kill p KILL") == {"killed-dies"}


FROZEN = "init: fork p; p: snapshot_freeze; p: fault"


def test_whoever_suspends_holds_a_task_that_waits_for_memory() -> None:
    """While the OOM killer is disabled for that, and no longer."""
    thawed = "init: fork p; p: snapshot_freeze; p: snapshot_unfreeze; p: fault"
    assert broken(BASE, FROZEN) == broken(BASE, thawed) == set()
    assert broken(STAYS_DISABLED, FROZEN) == set()
    assert broken(STAYS_DISABLED, thawed) == {"memory-waiters-go-on"}


ANOTHER_CHILD = "init: fork p; init: fork q; init: {}; p: exit_group"


def test_whoever_waits_for_one_child_leaves_the_others() -> None:
    """Only who waits for any child is expected to see each."""
    assert broken(BASE, ANOTHER_CHILD.format("waitpid q")) == set()
    assert broken(BASE, ANOTHER_CHILD.format("wait")) == set()
    assert broken(PARENT_SLEEPS, ANOTHER_CHILD.format("waitpid q")) == set()
    assert broken(PARENT_SLEEPS, ANOTHER_CHILD.format("wait")) == {"zombies-go"}


def test_only_who_froze_the_others_has_to_stay_awake() -> None:
    """Another thread of the process, which asks for the same and finds it done, is frozen like everybody."""
    once = (*in_peace(map(operation, ("init: fork p", "p: clone t"))), operation("p: snapshot_freeze"))
    twice = Scenario((*once, operation("t: snapshot_freeze"), Run()))
    assert explore(twice, BASE).verdicts["suspender-stays-awake"].verdict == HOLDS


# Each waits, and nobody of them for itself: a namespace's init does not wait for its leader, execve() not for a dead one.
NO_CIRCLES = [
    "init: clone_newpid p; p: clone t; p: clone u; init: ptrace_seize u; u: exit_group",
    "init: fork p; p: snapshot_freeze; p: clone t; p: clone u; u: suspend; t: execve",
    "init: fork p; p: ptrace_seize init; p: vfork q; q: ptrace_traceme; q: kill q STOP",
]


@pytest.mark.parametrize("words", NO_CIRCLES)
def test_a_chain_is_no_circle(words: str) -> None:
    """Whoever waits for a device, a stop, or somebody's tracer, is no deadlock."""
    assert "no-deadlock" not in broken(BASE, words)


def broken_at_once(first: str, *both: str) -> set[str]:
    """The claims that some order of two operations breaks."""
    together = tuple(map(operation, both))
    result = explore(Scenario((*in_peace([operation(first)]), *together, Run())), BASE)
    return {claim for claim, found in result.verdicts.items() if found.verdict != HOLDS}


def test_an_init_that_stops_before_it_takes_sigkill_is_spared() -> None:
    """The stop is its own signal, SIGKILL its group's: no fault of the marking, but of how an init is killed."""
    victim, stop = "init: clone_newpid p", "init: tgkill p STOP"
    assert broken_at_once(victim, "kworker: alloc", stop) == {"killed-dies"}
    # Sent to the group, it comes behind SIGKILL; and whoever is no init is killed as a whole.
    assert broken_at_once(victim, "kworker: alloc", "init: kill p STOP") == set()
    assert broken_at_once("init: fork p", "kworker: alloc", stop) == set()
