"""What became of a situation, in words that a model and a probe have in common.

Left out is what the probe can't see: who was marked, who did I/O in which phase, warnings, and the values that oom_victims had in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from oom_review.boot.console import Record
from oom_review.boot.lacks import lacks
from oom_review.explore.final import Final
from oom_review.play.observation import DEAD
from oom_review.scenario.items import Scenario

BUSY = -16
UNKNOWN = -1000
"""What the probe says of an oom_victims that it can't read."""
FREEZES = frozenset({"suspend", "s2idle", "hibernate", "snapshot_freeze"})
READ = {ord("F"): "FROZEN", ord("f"): "FREEZING", ord("T"): "THAWED"}
GONE = {"dead": "reaped"}
"""What stands for a thread that is on its way from dead to gone: there is no such moment at rest."""


@attrs.define(frozen=True, order=True)
class Seen:
    """``tasks``: "name: state", sorted, threads that nothing tells apart under one name; ``oom_victims`` as it changed.

    ``pm``: "who: result" of each attempt to freeze everybody, of those who live to tell; ``read``: what the last read of a
    freezer.state said, or "".
    """

    tasks: tuple[str, ...]
    oom_victims: int
    pm: tuple[str, ...]
    read: str

    def __str__(self) -> str:
        """In one line."""
        words = [*self.tasks, f"oom_victims {self.oom_victims}", *self.pm]
        return "; ".join([*words, self.read] if self.read else words)


def of_final(end: Final, *, reads: bool) -> Seen:
    """What a model ended in; ``reads``: whether a freezer.state is read in the explored run."""
    states = [(name, GONE.get(state, state)) for name, state, _marked, _io in end.tasks]
    dead = {name for name, state in states if state in DEAD}
    pm = [f"{who}: {result}" for who, what, result in end.pm if what in FREEZES and who not in dead]
    read = end.freezer_states[-1][1] if reads else ""
    tasks = sorted(f"{name}: {state}" for name, state in states)
    return Seen(tuple(tasks), end.counts[-1] if end.counts else 0, tuple(sorted(pm)), read)


def of_records(records: Iterable[Record], names: Mapping[str, str]) -> Seen | str:
    """What the probe's records of one case say; ``names`` as from common_names().  A case that can't count: why, in words."""
    records = list(records)
    if lacking := lacks(records):
        return lacking
    begun = rest = end = None
    did: dict[str, Record] = {}
    for record in records:
        if "failed" in record or "restless" in record:
            return str(record.get("failed") or f"never at rest: {record['restless']}")
        if "did" in record:
            did[record["who"]] = record
        begun = record if record.get("at") == "begin" else begun
        rest = record if record.get("at") == "rest" else rest
        end = record if record.get("at") == "end" else end
    if begun is None or rest is None or end is None:
        return "the machine ended before the case did"
    if UNKNOWN in (begun["oom_victims"], rest["oom_victims"]):
        return "oom_victims can't be read: the kernel lacks PROC_KCORE or KALLSYMS_ALL"
    states = ((who, state) for who, state in rest["tasks"].items() if state != "unborn")
    tasks = tuple(sorted(f"{names.get(who, who)}: {state}" for who, state in states))
    # As in the model: what a call gave to whoever then died is nobody's to tell.
    living = {who for who, state in rest["tasks"].items() if state not in DEAD}
    told = ((who, r) for who, r in did.items() if r["did"] in FREEZES and who in living)
    pm = tuple(sorted(f"{who}: {_result(r['result'])}" for who, r in told))
    reads = [READ.get(r["result"], "") for r in did.values() if r["did"] == "read_state"]
    return Seen(tasks, rest["oom_victims"] - begun["oom_victims"], pm, reads[-1] if reads else "")


def common_names(scenario: Scenario, known: Iterable[str]) -> dict[str, str]:
    """Names of threads that the model does not tell apart, by their own: those that no end of it (``known``) has."""
    leaders = {op.args[0]: op.task for op in scenario.operations if op.name == "clone"}
    told_apart = frozenset(known)

    def leader(name: Any) -> Any:
        return leader(leaders[name]) if name in leaders else name

    return {str(t): f"a thread of {leader(t)}" for t in leaders if t not in told_apart}


def _result(value: int) -> str:
    return {0: "ok", BUSY: "EBUSY"}.get(value, f"error {-value}")
