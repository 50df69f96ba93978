"""What real kernels did is what the models do: every row of data/observations.jsonl, rebuilt from its fields alone.

A row says what was set up and what came out.  `plan` turns the fields into operations, `measure` reads what came out, and the
search of reach.py stands in for the machine's timing.  A row whose outcome was always the same has to be the only outcome here;
where the kernel showed several, all of them have to be reachable, and what the model adds needs a reason (ONLY_IN_THE_MODEL).
"""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from builders import ANY, INIT, OOM, THAW, TRACER, VICTIM, Victim, ask, do
from reach import AnySchedule, Items, Look, WatchedSession, outcomes

import legacy_tifmemdie
import patched
from oom_review.play.observation import DEAD
from oom_review.scenario.items import Op, Run

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "observations.jsonl").read_text().splitlines()
]
VARIANTS = {"legacy": legacy_tifmemdie.VARIANT, "rfc": patched.VARIANT}

# Those with commit 59d4d36158ba are held against kernels of today, each against its own: tests/today.
OF_2016 = [row for row in ROWS if row["kernel"] in VARIANTS]

AFTER_2S, TRIED, END = "after 2 s", "suspend was tried", "end"
TIMED_OUT = "EBUSY after the time-out"
FREEZE_TIMEOUT = 20_000

# What is left out means this; a field or value that is not known here is an error.
FIELDS: dict[str, Any] = {
    "threads": 0,
    "frozen_by": None,
    "leader_exited": False,
    "parent": "waits",
    "traced": "none",
    "tracer": "tracer does not reap",
    "stopped": False,
    "trigger": None,
    "then": None,
    "cpus": 2,
}
# How each value of "traced" is made: which threads, by which operation.
TRACED = {
    "none": ("none", "ptrace_seize"),
    "leader": ("leader", "ptrace_seize"),
    "all threads": ("all threads", "ptrace_seize"),
    "leader, PTRACE_O_TRACEEXIT, tracer never continues": ("leader", "ptrace_seize_exit"),
}
TRIGGERS: dict[str | None, Items] = {"memcg-oom": OOM, "SIGKILL": ask(INIT, "kill", VICTIM, "KILL"), None: ()}
BURIED = "everybody dies; parent acts as said; nothing of the process is left"
THENS: dict[str, tuple[str, ...]] = {
    "wait 2 s, thaw, wait for death": ("look", "thaw", "bury"),
    "wait 2 s, thaw": ("look", "thaw", "bury"),
    BURIED: ("bury",),
    "suspend to the freezer test level": ("suspend",),
    "all dead, then suspend": ("bury", "suspend"),
    "all dead and reaped, then suspend; freeze, mem and disk alike; repeated": (
        "bury",
        "suspend",
        "hibernate",
        "suspend",
    ),
    "suspend while the cgroup is still frozen": ("look", "suspend"),
    "suspend while stopped": ("look", "suspend", "bury"),
}

NEVER_LAST_ON_ONE_CPU = (
    "on one CPU the killed leader was always through exit_notify() before a sibling was unhashed: the wake-ups of a group kill"
    " come in the order of the thread list and nothing in the exit path gave the CPU away; preemption there is possible, not usual"
)
ONE_RUN_ONLY = "the kernel's row is one run, of which its note says that the leader was not last: with a last leader nothing leaks"
ONLY_IN_THE_MODEL: dict[tuple[str, str], dict[tuple[Any, ...], str]] = {
    ("group-4-one-cpu", "rfc"): {(0,): NEVER_LAST_ON_ONE_CPU},
    ("suspend-frozen-victim", "rfc"): {("ok", 0, 0): ONE_RUN_ONLY},
}


def victim(row: dict[str, Any]) -> Victim | None:
    """The process that the row's fields describe; None if the row has none."""
    given = row["situation"]
    assert set(given) <= set(FIELDS), f"{row['id']}: unknown field"
    field = FIELDS | given
    if not field["threads"]:
        return None
    traced, attach = TRACED[field["traced"]]
    return Victim(
        threads=field["threads"],
        parent=field["parent"],
        frozen={"cgroup-v1": True, None: False}[field["frozen_by"]],
        leader_exited=field["leader_exited"],
        stopped=field["stopped"],
        traced=traced,
        attach=attach,
        tracer_waits={"tracer reaps": True, "tracer does not reap": False}[field["tracer"]],
    )


def bury(v: Victim) -> Items:
    """The tracer reaps the rest or dies, and the parent, which waits already, has its zombie."""
    if not v.tracees:
        return ()
    if v.tracer_waits:
        return tuple(item for _ in v.tracees[1:] for item in do(TRACER, "wait_all"))
    return ask(TRACER, "exit_group") + ANY


def plan(row: dict[str, Any]) -> Items:
    """The whole row as operations, runs and looks."""
    v = victim(row)
    items: Items = ()
    if v is not None:
        items += v.build() + TRIGGERS[row["situation"]["trigger"]] + ANY
    attempts = 0
    for step in THENS[row["situation"]["then"]]:
        if step == "look":
            items += (Look(AFTER_2S),)
        elif step == "thaw":
            items += THAW + ANY
        elif step == "bury":
            assert v is not None
            items += bury(v)
        else:
            items += (Look(f"{TRIED} {attempts}"), *ask(INIT, step), *ANY, Op("wakeup"), Run())
            attempts += 1
            items += (Look(f"{TRIED} {attempts}"),)
    return (*items, Look(END))


def suspended(session: WatchedSession) -> str:
    """What all attempts to suspend gave; they have to agree."""
    results = [result for _task, _operation, result in session.observe().pm]
    if not results:
        return "not tried"
    times = [session.looks[f"{TRIED} {i}"][1] for i in range(len(results) + 1)]
    took = [after - before for before, after in pairwise(times)]
    found = {
        TIMED_OUT if result == "EBUSY" and length >= FREEZE_TIMEOUT else result
        for result, length in zip(results, took, strict=True)
    }
    assert len(found) == 1, f"attempts differ: {results}, {took}"
    return found.pop()


def measure(session: WatchedSession, v: Victim | None) -> dict[str, Any]:
    """Everything that some row observes."""
    end, _clock = session.looks[END]
    early, _clock = session.looks.get(AFTER_2S, session.looks[END])
    names = v.names if v else ()
    return {
        "threads_left_in_fridge_after_2s": len(early.fridge),
        "threads_left_frozen_after_2s": len(early.fridge),
        "threads_in_fridge": len(early.fridge),
        "process_dead_before_thaw": all(early.state(n) in DEAD for n in names),
        "process_dead_after_thaw": all(end.state(n) in DEAD for n in names),
        "oom_victims_after_2s": early.count,
        "oom_victims": early.count,
        "oom_victims_never_dropped": end.count,
        "histogram_of_oom_victims_never_dropped": end.count,
        "after_tracer_dies": end.count,
        "suspend": suspended(session),
    }


def check_identity(row: dict[str, Any], session: WatchedSession) -> None:
    """Untraced, and the parent wants a zombie: the count stays exactly if the leader left before the group was otherwise empty."""
    end, _clock = session.looks[END]
    if row["kernel"] == "rfc" and end.counts and row["situation"].get("traced", "none") == "none":
        wanted = row["situation"].get("parent", "waits") == "waits"
        assert end.count == int(wanted and not session.left_last[VICTIM])


@cache
def reached(number: int) -> tuple[dict[str, Any], ...]:
    """What the model does in the situation of row ``number``: the different measurements."""
    row = ROWS[number]
    v = victim(row)

    def project(session: WatchedSession) -> str:
        check_identity(row, session)
        return json.dumps(measure(session, v))

    return tuple(
        json.loads(found) for found in outcomes(plan(row), VARIANTS[row["kernel"]], project, tries=200)
    )


SAME: dict[str, int] = {}
for _number, _row in enumerate(ROWS):
    SAME.setdefault(json.dumps([_row["kernel"], _row["situation"]]), _number)


def situation(row: dict[str, Any]) -> int:
    """The first row of the same kernel and situation, so that each situation is searched once."""
    return SAME[json.dumps([row["kernel"], row["situation"]])]


def observed(row: dict[str, Any]) -> tuple[tuple[str, ...], set[tuple[Any, ...]]]:
    """The quantities that the row gives, and the combinations of values that the real kernel showed."""
    known = {k: v for k, v in row["observed"].items() if k not in ("identity", "note") and v is not None}
    combinations: set[tuple[Any, ...]] = {()}
    for quantity, value in known.items():
        values = (
            [int(n) for n, times in value.items() if times] if quantity.startswith("histogram") else [value]
        )
        combinations = {(*c, v) for c in combinations for v in values}
    return tuple(known), combinations


def same(quantity: str, real: object, model: object) -> bool:
    """The words for a suspend that failed say more in some rows than in others."""
    if quantity == "suspend":
        return str(model).startswith(TIMED_OUT if "time-out" in str(real) else str(real))
    return real == model


@pytest.mark.parametrize("row", OF_2016, ids=lambda row: f"{row['id']}-{row['kernel']}")
def test_observation_is_reproduced(row: dict[str, Any]) -> None:
    """The model reaches what the real kernel showed, and nothing else unless somebody said why."""
    quantities, real = observed(row)
    model = {tuple(m[q] for q in quantities) for m in reached(situation(row))}

    def agree(r: tuple[Any, ...], m: tuple[Any, ...]) -> bool:
        return all(same(q, a, b) for q, a, b in zip(quantities, r, m, strict=True))

    missing = [r for r in real if not any(agree(r, m) for m in model)]
    added = {m for m in model if not any(agree(r, m) for r in real)}
    assert not missing
    assert added == set(ONLY_IN_THE_MODEL.get((row["id"], row["kernel"]), {}))


ONE_CPU = [n for n, row in enumerate(ROWS) if row["situation"].get("cpus") == 1]


@pytest.mark.parametrize("number", ONE_CPU, ids=lambda n: f"{ROWS[n]['id']}-{ROWS[n]['kernel']}")
def test_one_cpu_without_preemption(number: int) -> None:
    """Nobody is preempted: then the model has the one outcome of the row of one CPU, which is the reason given above."""
    row = ROWS[number]
    v = victim(row)
    unpreempted = tuple(Run() if isinstance(item, AnySchedule) else item for item in plan(row))
    found = outcomes(
        unpreempted, VARIANTS[row["kernel"]], lambda s: measure(s, v)["oom_victims_never_dropped"], tries=1
    )
    _quantities, real = observed(row)
    assert {(n,) for n in found} == real


def test_every_row_is_there() -> None:
    """The file is whole, and each reason for an outcome that no kernel showed belongs to one of its rows."""
    assert (len(ROWS), len(OF_2016)) == (75, 61)
    assert set(ONLY_IN_THE_MODEL) <= {(row["id"], row["kernel"]) for row in ROWS}


def test_parents_are_what_the_rows_say() -> None:
    """A parent that waits has reaped the victim in the end, so that "nothing is left" is true of every such row."""
    for row in OF_2016:
        if row["situation"].get("then") != BURIED:
            continue
        session_states = outcomes(
            plan(row), VARIANTS[row["kernel"]], lambda s: s.looks[END][0].state(VICTIM), tries=10
        )
        assert set(session_states) == {"reaped"}, row["id"]
