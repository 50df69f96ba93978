"""Runs with holds as plans: what the probe is told, and what is done at the gates meanwhile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kept import HELD, V6_12, V7_3, found

from oom_review.gates.entries import ENTRIES, RESUMES, THROUGH
from oom_review.gates.holds import gated
from oom_review.gates.plan import Plan, functions, script
from oom_review.gates.translate import plan
from oom_review.variants.loading import known

PROBE = Path(__file__).parents[2] / "oom_review" / "boot" / "probe"
OPERATION = re.compile(r'\{ "(\w+)", do_\w+ \}')
DIRECTIVE = re.compile(r'strcmp\(parts\[0\], "(\w+)"\)')


def planned(claim: str, variant: str, runs: int = 1) -> Plan:
    """For the counterexample that is kept."""
    run = found(claim, variant).gated
    assert run is not None
    return plan(run, claim, runs)


@pytest.mark.parametrize(("claim", "variant"), HELD)
def test_the_probe_knows_each_line(claim: str, variant: str) -> None:
    """Its operations and its own words, as its sources have them."""
    operations = set(OPERATION.findall((PROBE / "role.c").read_text()))
    directives = set(DIRECTIVE.findall((PROBE / "case.c").read_text()))
    assert len(operations) > 30
    for line in script(planned(claim, variant)).splitlines():
        who, colon, what = line.partition(": ")
        assert what.split()[0] in operations if colon else line.split()[0] in directives, (who, line)


@pytest.mark.parametrize(("claim", "variant"), HELD)
def test_the_gates_are_known(claim: str, variant: str) -> None:
    """And each that is closed is lifted again, in the end."""
    made = planned(claim, variant)
    assert set(functions(made)) <= ENTRIES | {RESUMES, THROUGH}
    acts = [act for part in made.rounds for act in (*part.first, *part.then)]
    closed = [act.gate for act in acts if act.what == "close"]
    assert sorted(map(str, closed)) == sorted(str(act.gate) for act in acts if act.what == "lift")


def test_a_victim_held_over_a_suspend() -> None:
    """It goes on when whoever suspended comes to the thaw, and that one when the victim's I/O is done."""
    rounds = planned("suspended-means-quiet", V7_3).rounds
    then = next(part.then for part in rounds if part.then)
    assert [str(act) for act in then] == [
        "reached thaw_processes() on CPU 0",
        "lift exit_files() on CPU 1",
        "reached exit_task_stack_account() on CPU 1",
        "lift exit_task_stack_account() on CPU 1",
        "lift thaw_processes() on CPU 0",
    ]
    told = rounds[[bool(part.then) for part in rounds].index(True) + 1].lines
    assert told == ("meanwhile", "init: suspend")


def test_what_the_model_says_is_waited_for() -> None:
    """On each kernel what its model says: a sibling in the fridge, or gone."""
    run = found("fridge-empties", V6_12).gated
    assert run is not None
    assert "wait p2 in the fridge" in script(plan(run, "x"))
    other = gated(run.scenario, known(V7_3), run.holds)
    assert "wait p2 reaped" in script(plan(other, "x"))


def test_many_runs_in_one_boot() -> None:
    """Each a case of its own; but one that nobody thaws ends the boot."""
    lines = script(planned("suspended-means-quiet", V7_3, runs=3)).splitlines()
    assert [line for line in lines if line.startswith("case ")] == [
        f"case suspended-means-quiet {i}" for i in (1, 2, 3)
    ]
    frozen = planned("machine-wakes", V7_3, runs=3)
    assert not frozen.ends
    assert script(frozen).count("case ") == 1


def test_each_task_has_a_cpu() -> None:
    """In the order of their births, init first."""
    made = planned("frozen-does-not-run", V7_3)
    assert made.cpus == 3
    assert {"init: pin init 0", "init: pin p 1", "init: pin admin 2"} <= set(script(made).splitlines())
