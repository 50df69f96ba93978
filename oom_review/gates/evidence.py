"""Whether a promise was broken for real: what the kernel's own events, and the probe's looks at it, say of one forced run.

The words are the claim's, the evidence is what a stock kernel shows of it: a device access is a bio that the block layer queued, the
count is raised where the event mark_victim comes, which mark_oom_victim() has behind its atomic_inc().
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs

from oom_review.boot.console import Record
from oom_review.gates.entries import THROUGH
from oom_review.scenario.items import Scenario

FROZE, THAWS = "freeze_processes[0] end", "thaw_processes[0] begin"
FRIDGE = "in the fridge"
READS_FROZEN = ord("F")
DEATH, EXITS, IO, MARK = "sched_switch", "sched_process_exit", "block_bio_queue", "mark_victim"


@attrs.define(frozen=True)
class Real:
    """``broken``: for real; ``sentence``: what was seen of it, or instead of it."""

    broken: bool
    sentence: str


@attrs.define(frozen=True)
class Run:
    """One forced run: its ``records``, the ``scenario``, and the ``acts`` at the gates."""

    records: Sequence[Record]
    scenario: Scenario
    acts: Sequence[str] = ()

    def events(self, kind: str) -> list[tuple[int, Record]]:
        """With their places in the log."""
        return [(i, r) for i, r in enumerate(self.records) if r.get("event") == kind]

    def group(self, task: str) -> str:
        """The leader's name."""
        above = {str(op.args[0]): str(op.task) for op in self.scenario.operations if op.name == "clone"}
        while task in above:
            task = above[task]
        return task

    @property
    def marked(self) -> set[str]:
        """The groups of the OOM killer's victims."""
        return {self.group(r["text"]) for _, r in self.events(MARK)}

    @property
    def frozen(self) -> range:
        """The part of the log between a freeze of all that succeeded and the thaw; empty if none did."""
        places = {r["text"]: i for i, r in self.events("suspend_resume")}
        begin, end = places.get(FROZE), places.get(THAWS)
        return range(begin, end) if begin is not None and end is not None else range(0)

    def result(self, operation: str) -> int | None:
        """Of that operation, when it came back last."""
        results = [int(r["result"]) for r in self.records if str(r.get("did", "")).split(" ")[0] == operation]
        return results[-1] if results else None

    def seen(self, state: str) -> set[str]:
        """Who was waited for in that state, and found in it."""
        return {r["who"] for r in self.records if r.get("is") == state}

    def at_rest(self) -> dict[str, str]:
        """Who is how at the end."""
        rests = [r["tasks"] for r in self.records if r.get("at") == "rest"]
        return dict(rests[-1]) if rests else {}

    def died_within(self, places: range) -> set[str]:
        """Whose last switch stands there."""
        return {r["who"] for i, r in self.events(DEATH) if i in places}


def _suspend(run: Run) -> str:
    result = run.result("suspend")
    return {None: "nobody suspended", 0: "the suspend succeeded"}.get(
        result, f"the suspend failed with {result}"
    )


def _quiet(run: Run) -> Real:
    bios = [
        (r["who"], r["times"])
        for i, r in run.events(IO)
        if i in run.frozen and run.group(r["who"]) in run.marked
    ]
    count = sum(times for _, times in bios)
    who = ", ".join(dict.fromkeys(who for who, _ in bios))
    if bios:
        return Real(
            True,
            f"{who}, of a marked group, submitted {count} bios between freeze_processes() and thaw_processes()",
        )
    return Real(
        False, f"{_suspend(run)}; no bio of a marked group between a freeze that succeeded and the thaw"
    )


def _disabled(run: Run) -> Real:
    """As _quiet(), or between two looks at the kernel's own variable."""
    looks = [i for i, act in enumerate(run.acts) if act == "oom_killer_disabled is 1"]
    done = any(THROUGH in act for act in run.acts[looks[0] : looks[-1]]) if looks else False
    bios = sum(int(r["times"]) for _, r in run.events(IO) if run.group(r["who"]) in run.marked)
    if done and bios:
        return Real(
            True,
            f"{', '.join(sorted(run.marked))} submitted {bios} bios between two looks at oom_killer_disabled, which was 1",
        )
    return _quiet(run)


def _tail(run: Run) -> Real:
    begin = run.frozen.start
    exiting = {
        r["who"]
        for i, r in run.events(EXITS)
        if run.frozen and i < begin and run.group(r["who"]) in run.marked
    }
    late = sorted(exiting - run.died_within(range(begin)))
    if late:
        return Real(
            True, f"{', '.join(late)} of a marked group was within do_exit() when the freezer had succeeded"
        )
    return Real(
        False, f"{_suspend(run)}; nobody of a marked group was within do_exit() at a freeze that succeeded"
    )


def _left_in_the_fridge(run: Run) -> Real:
    members = {t for t in run.seen(FRIDGE) if run.group(t) in run.marked}
    early = run.died_within(range(run.frozen.stop)) if run.frozen else run.seen("reaped") | run.seen("zombie")
    left = sorted(members - early)
    if left and run.frozen:
        return Real(
            True,
            f"{', '.join(left)}, of a marked group, stayed in the fridge, and died only behind thaw_processes()",
        )
    return Real(False, f"{_suspend(run)}; all of the marked group were dead before the thaw, without it")


def _counted(run: Run) -> Real:
    groups = [run.group(r["text"]) for _, r in run.events(MARK) for _time in range(int(r["times"]))]
    most = max(map(groups.count, groups), default=0)
    return Real(
        most > 1, f"oom_victims was raised {most} time{'' if most == 1 else 's'} for one marked group"
    )


def _reads_frozen(run: Run) -> Real:
    members = {str(op.args[0]) for op in run.scenario.operations if op.name == "attach"}
    if run.result("read_state") != READS_FROZEN:
        return Real(False, "freezer.state did not read FROZEN")
    bios = sum(int(r["times"]) for _, r in run.events(IO) if r["who"] in members)
    awake = sorted(t for t in members if run.at_rest().get(t) in ("in the kernel", "user mode"))
    if bios:
        return Real(
            True,
            f"freezer.state read FROZEN; {', '.join(sorted(members))} of that cgroup then submitted {bios} bios",
        )
    if awake:
        return Real(
            True,
            f"freezer.state reads FROZEN at rest, and {', '.join(awake)} of that cgroup is out of the fridge",
        )
    return Real(False, "freezer.state read FROZEN, and nobody of that cgroup ran")


def _stays_frozen(run: Run) -> Real:
    left = sorted(run.seen(FRIDGE))
    if any(act.endswith("s later pm_freezing is 1") for act in run.acts) and not any(
        r.get("at") == "end" for r in run.records
    ):
        return Real(
            True, f"whoever froze the machine is gone, {', '.join(left)} sits in the fridge, and nobody thaws"
        )
    return Real(False, "the machine was thawed")


def _sharer(run: Run) -> Real:
    sharers = {
        t for op in run.scenario.operations if op.name == "clone_vm" for t in (str(op.task), str(op.args[0]))
    }
    left = sorted(t for t in sharers if run.at_rest().get(t) == FRIDGE and run.group(t) not in run.marked)
    if left and run.marked & {run.group(t) for t in sharers}:
        return Real(True, f"{', '.join(left)} shares the victim's mm and stays in the fridge")
    return Real(False, "nobody who shares the victim's mm is left in the fridge")


SHOWN: dict[str, Callable[[Run], Real]] = {
    "suspended-means-quiet": _quiet,
    "disabled-means-quiet": _disabled,
    "no-tail-when-suspended": _tail,
    "fridge-empties": _left_in_the_fridge,
    "victim-dies": _left_in_the_fridge,
    "counted-once-per-group": _counted,
    "frozen-does-not-run": _reads_frozen,
    "machine-wakes": _stays_frozen,
    "sharers-leave": _sharer,
}


def cases(records: Iterable[Record]) -> dict[str, list[Record]]:
    """The records of each case, by its name."""
    found: dict[str, list[Record]] = {}
    for record in records:
        if record.get("case"):
            found.setdefault(record["case"], []).append(record)
    return found
