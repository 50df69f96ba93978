"""An outcome, from a model's end and from the probe's records."""

from __future__ import annotations

from typing import Any

import pytest

from oom_review.explore.final import Final
from oom_review.observed.outcome import Seen, common_names, of_final, of_records
from oom_review.scenario.items import Scenario, operation

BEGIN = {"case": "x", "at": "begin", "oom_victims": 2}
END = {"case": "x", "at": "end", "oom_victims": 2, "clean": True}


def rest(**tasks: str) -> dict[str, Any]:
    """The probe's record of who is in which state."""
    return {"case": "x", "at": "rest", "oom_victims": 3, "tasks": tasks}


def did(who: str, what: str, result: int) -> dict[str, Any]:
    """The probe's record of what came back."""
    return {"case": "x", "who": who, "did": what, "result": result}


def test_of_a_model() -> None:
    """The dead can't tell what their suspend gave; a read counts if it is asked for."""
    tasks = (("p", "zombie", True, ()), ("init", "user mode", False, ("frozen",)), ("q", "dead", False, ()))
    pm = (("p", "suspend", "ok"), ("init", "suspend", "EBUSY"), ("init", "snapshot_unfreeze", "ok"))
    end = Final(tasks, (1, 0, 1), pm, (), (("A", "FREEZING"), ("A", "FROZEN")), "running", "")
    expected = Seen(("init: user mode", "p: zombie", "q: reaped"), 1, ("init: EBUSY",), "")
    assert of_final(end, reads=False) == expected
    assert of_final(end, reads=True).read == "FROZEN"


def test_of_the_probe() -> None:
    """The count as it changed, the last read, who was never born left out, threads under their common name."""
    records = [
        BEGIN,
        did("init", "suspend", -16),
        did("admin", "read_state", ord("f")),
        rest(init="user mode", v="zombie", t1="reaped", t2="reaped", late="unborn"),
        END,
    ]
    seen = of_records(records, {"t1": "a thread of v", "t2": "a thread of v"})
    tasks = ("a thread of v: reaped", "a thread of v: reaped", "init: user mode", "v: zombie")
    assert seen == Seen(tasks, 1, ("init: EBUSY",), "FREEZING")


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([BEGIN, rest(v="zombie")], "the machine ended before"),
        ([BEGIN, END], "the machine ended before"),
        ([BEGIN, {"case": "x", "failed": "nobody does: x: y"}, rest(), END], "nobody does: x: y"),
        ([BEGIN, did("init", "suspend", -38), rest(), END], "the kernel can't do suspend: it lacks PM_DEBUG"),
        # Also if the same task does more behind it.
        (
            [BEGIN, did("init", "freeze A", -38), did("init", "wait", -10), rest(), END],
            "the kernel can't do freeze: it lacks CGROUP_FREEZER",
        ),
        ([BEGIN | {"oom_victims": -1000}, rest(), END], "oom_victims can't be read"),
        ([BEGIN, {"restless": "1R"}, rest(), END], "never at rest: 1R"),
    ],
)
def test_what_does_not_count(records: list[dict[str, Any]], why: str) -> None:
    """And why."""
    assert str(of_records(records, {})).startswith(why)


def test_who_is_dead_does_not_tell() -> None:
    """Also if it froze everybody, and had thawed them, before it died: in the model nobody is left to say so."""
    records = [BEGIN, did("p", "snapshot_freeze", 0), rest(init="user mode", p="zombie"), END]
    assert of_records(records, {}) == Seen(("init: user mode", "p: zombie"), 1, (), "")


def test_an_error_of_a_suspend_that_no_model_has() -> None:
    """Is not taken for one that they have."""
    seen = of_records([BEGIN, did("init", "suspend", -22), rest(init="user mode"), END], {})
    assert isinstance(seen, Seen)
    assert seen.pm == ("init: error 22",)


def test_common_names() -> None:
    """Of threads, and of threads' threads, that no end of the model names."""
    scenario = Scenario(tuple(map(operation, ("init: fork v", "v: clone t1", "t1: clone t2", "v: clone t3"))))
    assert common_names(scenario, {"v", "init", "t3"}) == {"t1": "a thread of v", "t2": "a thread of v"}
