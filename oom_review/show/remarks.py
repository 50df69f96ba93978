"""What a step changed, in the words of a diagram's remarks, and which step is to blame for a broken claim, and why."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from kernel_model import events
from kernel_model.variant import Variant
from oom_review import ledger
from oom_review.claims import CLAIMS, Claim
from oom_review.explore.blame import Blame, blame
from oom_review.explore.explorer import BREAKS, KEEPS
from oom_review.play.observation import DEAD, IN_FRIDGE
from oom_review.play.session import Violation
from oom_review.play.trace import Seen, Step, Trace

# A run with any of these is worth showing; one without is preparation.
TURNING = frozenset(
    {
        events.Marked,
        events.Memdie,
        events.OomVictims,
        events.PmPhase,
        events.PmResult,
        events.DisableFailed,
        events.Warned,
        events.Panic,
    }
)
POINT = "point of no return"
# Events that only matter to a reader who asks about a certain claim.
_RARE = frozenset({e for claim in CLAIMS for e in claim.shows}) - {events.Io}

_WORDS: dict[type[events.Event], Callable[[Seen], str]] = {
    events.Marked: lambda e: f"{e['group']}: oom_mm set",
    events.Memdie: lambda e: f"{e['task']}: TIF_MEMDIE",
    events.OomVictims: lambda e: f"oom_victims {int(e['value']) - int(e['change'])} -> {e['value']}",
    events.Thawed: lambda e: f"wakes {e['task']}",
    events.Io: lambda e: f"device access, {e['phase']}",
    events.IoContextGone: lambda _e: "io_context is gone",
    events.Warned: lambda e: f"WARN_ON({e['text']})",
    events.Pinned: lambda e: f"pins the mm of {e['group']}",
    events.Unpinned: lambda e: f"unpins the mm of {e['group']}",
    events.PmPhase: lambda e: f"phase: {e['phase']}",
    events.DisableFailed: lambda e: f"oom_victims is {e['count']}: gives up",
    events.PmResult: lambda e: f"{e['operation']}: {'-EBUSY' if e['result'] == 'EBUSY' else e['result']}",
    events.Killed: lambda e: f"{e['group']}: SIGNAL_GROUP_EXIT",
    events.Born: lambda e: f"{e['task']} is born",
    events.Dead: lambda _e: "TASK_DEAD",
    events.Reaped: lambda e: f"{e['task']} is unhashed",
    events.Froze: lambda e: f"{e['task']} is frozen",
    events.LeftFridge: lambda e: f"{e['task']} left the fridge",
    events.FreezerState: lambda e: f"{e['cgroup']} reads {e['state']}",
    events.Panic: lambda e: f"panic: {e['reason']}",
}


def words(event: Seen) -> str:
    """The event in the words of a remark."""
    return _WORDS[event.event](event)


@attrs.define
class Focus:
    """What the reader asks about: a violation or none, the step to blame, and the tasks whose fate matters.

    ``whole``: nothing but how it comes to its end; then everybody's fate does, and the last part of the run is never folded.
    """

    trace: Trace
    violation: Violation | None = None
    asked: Claim | None = None
    blame: Blame | None = None
    whole: bool = False
    tasks: frozenset[str] = attrs.field(init=False)
    first_mark: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Find the first mark."""
        marks = (events.Marked, events.Memdie)
        steps = self.trace.steps
        self.first_mark = next(
            (s.number for s in steps if any(e.event in marks for e in s.seen)), len(steps) + 1
        )
        self.tasks = frozenset(
            name for name, _state, marked in self.trace.observation.tasks if marked or self.whole
        )
        if self.asked is not None and self.asked.sharers:
            self.tasks |= frozenset(self.trace.observation.fridge)

    @property
    def blamed(self) -> int | None:
        """The number of the step under which ``^^^^`` stands; None if nothing is broken."""
        return None if self.blame is None else self.blame.step

    @property
    def blamed_step(self) -> Step | None:
        """That step; None if the claim was broken before the first."""
        return next((s for s in self.trace.steps if s.number == self.blamed), None)

    def why(self) -> str:
        """Why ``^^^^`` stands where it does, in words."""
        return "" if self.blame is None else why(self.blame)

    def matters(self, e: Seen) -> bool:
        """The event belongs into the picture."""
        shown = self.asked.shows if self.asked is not None else ()
        if e.event in _RARE:
            return self.whole or e.event in shown
        if e.event is events.Io:
            return e["task"] in self.tasks and (e["phase"] in events.QUIET_PHASES or events.Io in shown)
        if e.event in (events.Froze, events.LeftFridge, events.Dead, events.Reaped):
            return e["task"] in self.tasks
        if e.event is events.Thawed:
            return bool(e["by_oom_killer"])
        return True

    def preparation(self, step: Step) -> str:
        """Who was frozen in this step, if nobody is marked yet."""
        early = step.number < self.first_mark
        return next((str(e["task"]) for e in step.seen if early and e.event is events.Froze), "")

    def remarks(self, step: Step) -> list[str]:
        """What the step changed, a remark each."""
        if self.preparation(step):
            return []
        said = [_WORDS[e.event](e).removeprefix(f"{step.task} ") for e in step.seen if self.matters(e)]
        if not said and self.trace.cyclic(step):
            said.append(step.point[1])
        said += [
            "EXIT_ZOMBIE" for r in step.rows if r.zombie and r.task == step.task and self._new_zombie(step)
        ]
        if step.number == self.blamed and self.blame is not None and self.blame.before == KEEPS:
            said.append(POINT)
        return [s for s in said if s]

    def _new_zombie(self, step: Step) -> bool:
        return step.task in self.tasks and step.point[0] == "exit_notify"


def why(found: Blame) -> str:
    """Why ``^^^^`` stands where it does, in words."""
    if found.before == KEEPS:
        return f"{POINT.capitalize()} is step {found.lost}: before it some interleaving keeps the promise, after it none does"
    seen = "^^^^ is where it was seen to be broken"
    if found.before == BREAKS:
        return f"Every interleaving of this run breaks it; {seen}"
    known = f"none keeps it after step {found.lost}, and to know more takes over {found.limit}"
    return f"{POINT.capitalize()} was not found: {known}; {seen}"


def focus_on(trace: Trace, variant: Variant, claim_id: str | None = None) -> Focus:
    """What there is to say to who asks about that claim, or about the first that is broken; ``variant``: what the trace was recorded on."""
    found = (v for v in trace.violations if claim_id in (None, v.claim))
    violation = min(found, key=lambda v: v.step, default=None)
    if violation is None:
        return Focus(trace, whole=claim_id is None)
    claim = ledger.find(violation.claim)
    return Focus(trace, violation, claim, blame(trace, variant, claim, violation))


def final_line(trace: Trace) -> str:
    """Where everybody ended, in a line."""
    groups: dict[str, list[str]] = {}
    for name, state, marked in trace.observation.tasks:
        if marked or state in DEAD or state == IN_FRIDGE:
            groups.setdefault(state, []).append(name)
    words = [f"{', '.join(names)} {state}" for state, names in groups.items()]
    words += ["never at rest"] if trace.steps and trace.cyclic(trace.steps[-1]) else []
    return "; ".join([*words, f"oom_victims {trace.observation.count}"])
