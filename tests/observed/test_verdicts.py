"""A kernel against a prediction, and how cases are spread over boots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from oom_review.boot.console import CUT, DONE, HUNG, Outcome
from oom_review.errors import BadInput
from oom_review.observed import rows
from oom_review.observed.boots import CASES, Case, ran
from oom_review.observed.outcome import Seen
from oom_review.observed.prediction import Prediction
from oom_review.observed.rows import Observed
from oom_review.observed.translation import Played
from oom_review.observed.verdict import (
    BOUNDED,
    MISMATCH,
    NOTHING,
    WITHIN,
    Verdict,
    both_sides,
    failed,
    never_shown,
)
from oom_review.scenario.items import Scenario

DEAD, LEFT, LEAK = (
    Seen((f"v: {state}",), count, (), "")
    for state, count in (("zombie", 0), ("in the fridge", 0), ("zombie", 1))
)
PREDICTED = Prediction("x", "model", (LEFT, DEAD), 10, "", {})


def verdict(outcomes: dict[Seen, int], prediction: Prediction = PREDICTED) -> Verdict:
    """Of a kernel that did so."""
    return Verdict(prediction, Observed("x", "model", "7.3.4", outcomes))


def test_within() -> None:
    """What no run showed is listed, with how many runs there were."""
    found = verdict({DEAD: 3})
    assert (found.verdict, found.outside, found.unreached) == (WITHIN, (), (LEFT,))
    assert never_shown([found]) == [f"x on 7.3.4, not in 3 runs: {LEFT}"]
    assert not failed([found])


def test_a_mismatch() -> None:
    """Both sides are said."""
    found = verdict({DEAD: 2, LEAK: 1})
    assert (found.verdict, found.outside) == (MISMATCH, (LEAK,))
    assert failed([found])
    said = both_sides(found)
    assert f"the kernel, 1 of 3: {LEAK}" in said
    assert f"the model: {LEFT}" in said


def test_a_limit_makes_no_mismatch() -> None:
    """There may be more than was explored."""
    found = verdict({LEAK: 1}, attrs.evolve(PREDICTED, bounded="5 states"))
    assert found.verdict == BOUNDED
    assert not failed([found])


def test_no_run_counts() -> None:
    """That is no agreement."""
    assert verdict({}).verdict == NOTHING
    assert failed([verdict({})])


# Rows


def test_a_row_comes_back(tmp_path: Path) -> None:
    """With the fields that observations have."""
    path = tmp_path / "rows.jsonl"
    one = Observed("x", "model", "7.3.4", {DEAD: 2, LEFT: 1})
    rows.append(path, one)
    rows.append(path, one)
    assert list(rows.read(path)) == [one, one]
    assert set(rows.as_row(one)) == {"id", "kernel", "situation", "observed", "runs", "kernel_version"}
    assert list(rows.read(tmp_path / "none")) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"observed": 1}', '{"observed": {"outcomes": [{}]}}'])
def test_what_is_no_row(tmp_path: Path, text: str) -> None:
    """One line: what and where."""
    path = tmp_path / "rows.jsonl"
    path.write_text(f"\n{text}\n")
    with pytest.raises(BadInput, match=r"rows\.jsonl:2: not a row of observations; it is left as it is"):
        list(rows.read(path))


# Boots


def case(name: str) -> Case:
    """One that nobody looks into."""
    return Case(Played(name, Scenario(), ("rest",), reads=False), 1)


def records(*names: str) -> tuple[dict[str, Any], ...]:
    """Of cases that came to their end."""
    return tuple({"case": name, "at": at} for name in names for at in ("begin", "rest", "end"))


def names_in(text: str) -> list[str]:
    """Of the cases that a boot is given."""
    return [line.removeprefix("case ") for line in text.splitlines() if line.startswith("case ")]


def test_one_boot_for_all() -> None:
    """Each gets its own records."""
    boots: list[list[str]] = []

    def boot(text: str) -> Outcome:
        boots.append(names_in(text))
        return Outcome(DONE, "", ({"kernel": "x"}, *records(*boots[-1])), "")

    found = list(ran([case(str(n)) for n in range(CASES + 1)], boot))
    assert [len(b) for b in boots] == [CASES, 1]
    assert [r.records[0]["case"] for r in found] == [str(n) for n in range(CASES + 1)]
    assert not any(r.lost for r in found)


def test_what_hangs_is_tried_twice_and_costs_nothing_else() -> None:
    """The others are played; what hangs is lost, and why is said."""
    boots: list[list[str]] = []

    def boot(text: str) -> Outcome:
        boots.append(names_in(text))
        if "b" in boots[-1]:
            before = boots[-1][: boots[-1].index("b")]
            return Outcome(HUNG, "no end", (*records(*before), {"case": "b", "at": "begin"}), "")
        return Outcome(DONE, "", records(*boots[-1]), "")

    found = list(ran([case(n) for n in "abc"], boot))
    assert boots == [["a", "b", "c"], ["b", "c"], ["c"]]
    assert [(r.case.played.name, r.lost) for r in found] == [("a", ""), ("b", "hung: no end"), ("c", "")]


def test_a_boot_that_never_began() -> None:
    """Costs its first case, at the second try."""
    found = list(ran([case("a")], lambda _text: Outcome(CUT, "no kernel", (), "")))
    assert [(r.case.played.name, r.lost) for r in found] == [("a", "cut short: no kernel")]


def test_a_kernel_on_which_the_probe_can_not_begin() -> None:
    """Costs all cases, and what it lacks is said."""
    outcome = Outcome(DONE, "", ({"kernel": "x"}, {"lacks": "MEMFD_CREATE"}, {"end": True}), "")
    found = list(ran([case("a"), case("b")], lambda _text: outcome))
    why = "the probe came to its end without it: the kernel lacks MEMFD_CREATE"
    assert [(r.case.played.name, r.lost) for r in found] == [("a", why), ("b", why)]
