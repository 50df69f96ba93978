"""Public bugs of real kernels, each as a variant over the quiet base: comparing shows it on a script of a few operations.

Only the changed functions are written, in words of our own.  The script of each is small, so that this runs with every change;
table.py says what a default comparison finds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from builders import op
from table import BASE, BUGS

from oom_review.compare.job import PATCH, Job, Outcome, run
from oom_review.scenario.items import Run, Scenario
from oom_review.situations.families import SITUATIONS
from oom_review.situations.script import scenario

HERE = str(Path(__file__).parent)


def script(before: str, at_once: str) -> Scenario:
    """Operations one by one, each to quiescence; then all at once."""
    peace = [item for words in before.split("; ") for item in (op(words), Run())]
    return Scenario((*peace, *map(op, at_once.split("; ")), Run()))


# What the bug alone can end in, as the comparison says it.
CASES = [
    ("marked_too_late", scenario(SITUATIONS["memcg-oom/threads=1/parent=frozen"]), "oom_victims falls to -1"),
    (
        "dead_are_freezable",
        script("init: fork p1; p1: exit_group", "init: suspend"),
        "suspend returns -EBUSY",
    ),
    (
        "disable_does_not_wait",
        scenario(SITUATIONS["self-oom/threads=1/suspend"]),
        "a victim's thread: I/O while disabled",
    ),
    (
        "victim_refreezes",
        script(
            "init: fork p1; init: attach p1 A; init: freeze A; init: oom_score_adj p1 1000", "kworker: alloc"
        ),
        "a victim's thread: in the fridge",
    ),
    (
        "suspender_freezes",
        script("init: fork p1", "p1: snapshot_freeze; init: kill p1 TERM"),
        "another task: in the fridge",
    ),
    (
        "dumper_frees_soon",
        script("init: fork p1; p1: clone p2; core_pipe", "p1: tgkill p2 ABRT; sysrq_f"),
        "a victim's thread: in the kernel",
    ),
    (
        "users_stay_frozen",
        script("init: fork p1; kswapd: writeback", "init: suspend"),
        "another task: in the fridge",
    ),
    (
        "dump_waiter_counts",
        script("init: fork p1; p1: clone_vm p2", "p1: kill p1 ABRT; init: suspend"),
        "suspend returns -EBUSY",
    ),
]


@pytest.fixture(autouse=True)
def _found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)


def outcome(base: str, patch: str, what: Scenario) -> Outcome:
    return run(Job("file", "script", what, (base, patch), (50_000, 50_000)))


@pytest.mark.parametrize(("bug", "what", "said"), CASES, ids=[c[0] for c in CASES])
def test_comparing_shows_it(bug: str, what: Scenario, said: str) -> None:
    got = outcome(BASE, bug, what)
    assert got.bounded == ("", "")
    alone = {s for f in got.found if f.side == PATCH for s in f.difference.only}
    assert said in alone, alone


@pytest.mark.parametrize("bug", BUGS)
def test_each_is_a_variant_that_replaces_one_function(bug: str) -> None:
    variant = vars(__import__(bug))["VARIANT"]
    assert len(variant.replaced) == 1
    assert variant.base.name == BASE
    assert bug in sys.modules
