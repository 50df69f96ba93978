"""What a step changed, in the words of a diagram's remarks, and which step is to blame for a broken claim."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from kernel_model import events
from oom_review.observation import DEAD, IN_FRIDGE
from oom_review.run import Violation
from oom_review.trace import Seen, Step, Trace

# A run with any of these is worth showing; one without is preparation.
TURNING = frozenset(
    {
        events.MARKED,
        events.MEMDIE,
        events.OOM_VICTIMS,
        events.PM_PHASE,
        events.PM_RESULT,
        events.DISABLE_FAILED,
        events.WARNING,
        events.PANIC,
    }
)
_MARK = (events.THAWED, events.MEMDIE, events.MARKED, events.FROZE)
# A claim about the machine at rest: the last event of these kinds is the step to blame.
_BLAMED: dict[str, tuple[str, ...]] = {
    "fridge-empties": _MARK,
    "victim-dies": _MARK,
    "sharers-leave": _MARK,
    "counted-once-per-group": (events.OOM_VICTIMS, events.MARKED),
    "count-returns": (events.DEAD,),
    "fork-cannot-escape": (events.BORN,),
    "mm-pin-balanced": (events.PINNED, events.UNPINNED, events.DEAD),
}
# Events that only matter to a reader who asks about these claims.
_ONLY_FOR: dict[str, frozenset[str]] = {
    events.IO_CONTEXT_GONE: frozenset({"no-io-after-io-context"}),
    events.PINNED: frozenset({"mm-pin-balanced"}),
    events.UNPINNED: frozenset({"mm-pin-balanced"}),
}
_QUIET = frozenset({"disabled", "suspended", "image"})

_WORDS: dict[str, Callable[[Seen], str]] = {
    events.MARKED: lambda e: f"{e['group']}: oom_mm set",
    events.MEMDIE: lambda e: f"{e['task']}: TIF_MEMDIE",
    events.OOM_VICTIMS: lambda e: f"oom_victims {int(e['value']) - int(e['change'])} -> {e['value']}",
    events.THAWED: lambda e: f"wakes {e['task']}",
    events.IO: lambda e: f"device access, {e['phase']}",
    events.IO_CONTEXT_GONE: lambda _e: "io_context is gone",
    events.WARNING: lambda e: f"WARN_ON({e['text']})",
    events.PINNED: lambda e: f"pins the mm of {e['group']}",
    events.UNPINNED: lambda e: f"unpins the mm of {e['group']}",
    events.PM_PHASE: lambda e: f"phase: {e['phase']}",
    events.DISABLE_FAILED: lambda e: f"oom_victims is {e['count']}: gives up",
    events.PM_RESULT: lambda e: f"{e['operation']}: {'-EBUSY' if e['result'] == 'EBUSY' else e['result']}",
    events.KILLED: lambda e: f"{e['group']}: SIGNAL_GROUP_EXIT",
    events.BORN: lambda e: f"{e['task']} is born",
    events.DEAD: lambda _e: "TASK_DEAD",
    events.REAPED: lambda e: f"{e['task']} is unhashed",
    events.FROZE: lambda e: f"{e['task']} is frozen",
    events.LEFT_FRIDGE: lambda e: f"{e['task']} left the fridge",
    events.FREEZER_STATE: lambda e: f"{e['cgroup']} reads {e['state']}",
    events.PANIC: lambda e: f"panic: {e['reason']}",
}


def marked_step(trace: Trace, claim: str) -> int | None:
    """The number of the step under which ``^^^^`` stands for a reader who asks about that claim; None if it is not broken."""
    violation = next((v for v in trace.violations if v.claim == claim), None)
    return Focus(trace, violation).blamed if violation is not None else None


def words(event: Seen) -> str:
    """The event in the words of a remark."""
    return _WORDS[event.kind](event)


@attrs.define
class Focus:
    """What the reader asks about: a violation or none, the step to blame, and the tasks whose fate matters."""

    trace: Trace
    violation: Violation | None
    tasks: frozenset[str] = attrs.field(init=False)
    first_mark: int = attrs.field(init=False)
    blamed: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Find the first mark and the step to blame."""
        marks = (events.MARKED, events.MEMDIE)
        steps = self.trace.steps
        self.first_mark = next(
            (s.number for s in steps if any(e.kind in marks for e in s.seen)), len(steps) + 1
        )
        self.tasks = frozenset(name for name, _state, marked in self.trace.observation.tasks if marked)
        if self.claim == "sharers-leave":
            self.tasks |= frozenset(self.trace.observation.fridge)
        self.blamed = self._blamed() if self.violation is not None else -1

    @property
    def claim(self) -> str:
        """The claim's id, or ""."""
        return self.violation.claim if self.violation is not None else ""

    @property
    def at_rest(self) -> bool:
        """The claim speaks about the machine at rest: no step broke it by itself."""
        return self.violation is not None and not any(self.claim in s.broken for s in self.trace.steps)

    def _blamed(self) -> int:
        assert self.violation is not None
        if not self.at_rest:
            return self.violation.step
        kinds = _BLAMED.get(self.claim, ())
        steps = [s for s in self.trace.steps if s.number <= self.violation.step]
        marked = next(
            (s.number for s in steps for e in s.seen if e.kind in (events.MARKED, events.MEMDIE)), 0
        )
        found = [
            s.number
            for s in steps
            if s.number >= marked and any(e.kind in kinds and self.matters(e) for e in s.seen)
        ]
        return found[-1] if found else self.violation.step

    def matters(self, e: Seen) -> bool:
        """The event belongs into the picture."""
        if e.kind in _ONLY_FOR:
            return self.claim in _ONLY_FOR[e.kind]
        if e.kind == events.IO:
            return e["task"] in self.tasks and (
                e["phase"] in _QUIET or self.claim == "no-io-after-io-context"
            )
        if e.kind in (events.FROZE, events.LEFT_FRIDGE, events.DEAD, events.REAPED):
            return e["task"] in self.tasks
        if e.kind == events.THAWED:
            return bool(e["by_oom_killer"])
        return True

    def preparation(self, step: Step) -> str:
        """Who was frozen in this step, if nobody is marked yet."""
        early = step.number < self.first_mark
        return next((str(e["task"]) for e in step.seen if early and e.kind == events.FROZE), "")

    def remarks(self, step: Step) -> list[str]:
        """What the step changed, a remark each."""
        if self.preparation(step):
            return []
        said = [_WORDS[e.kind](e).removeprefix(f"{step.task} ") for e in step.seen if self.matters(e)]
        said += [
            "EXIT_ZOMBIE" for r in step.rows if r.zombie and r.task == step.task and self._new_zombie(step)
        ]
        if step.number == self.blamed and self.at_rest:
            said.append(self._left_undone())
        return [s for s in said if s]

    def _new_zombie(self, step: Step) -> bool:
        return step.task in self.tasks and step.point[0] == "exit_notify"

    def _left_undone(self) -> str:
        observation = self.trace.observation
        if self.claim in ("fridge-empties", "victim-dies", "sharers-leave"):
            left = [name for name in observation.fridge if name in self.tasks]
            return f"{', '.join(left)} not thawed" if left else ""
        return f"oom_victims stays {observation.count}" if self.claim == "count-returns" else ""


def final_line(trace: Trace) -> str:
    """Where everybody ended, in a line."""
    groups: dict[str, list[str]] = {}
    for name, state, marked in trace.observation.tasks:
        if marked or state in DEAD or state == IN_FRIDGE:
            groups.setdefault(state, []).append(name)
    words = [f"{', '.join(names)} {state}" for state, names in groups.items()]
    return "; ".join([*words, f"oom_victims {trace.observation.count}"])
