"""The catalogue of differences: every way in which the RFC's kernel may part from the one before it, on the same scenario.

A divergence is one thing that can be seen and is not the same on both sides.  ``explain`` puts it down to a difference, the most
specific one first.  Until the kernels have parted for a root cause, nothing at all may differ; what only follows from a parting
must be tied to it by kinship, memory, power management or a lock.  What remains is unexplained, and a failure.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from kernel_model.machine import stopped_at
from kernel_model.sched import PF_KTHREAD, PF_SUSPEND_TASK, TIF_MEMDIE, TaskStruct
from oom_review.play.observation import DEAD, IN_FRIDGE, Observation
from oom_review.play.session import Session
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.gaps import Gaps


@attrs.define(frozen=True)
class Divergence:
    """``kind`` is what was looked at (task, fridge, count, pm, io, freezer_state, phase, warning, panic), ``subject`` whose it is."""

    kind: str
    subject: str
    left: object
    right: object

    def __str__(self) -> str:
        """As a reader would say it."""
        return f"{self.kind} {self.subject}: {self.left!r} on the left, {self.right!r} on the right"


@attrs.define
class Pair:
    """Two machines that were given the same operations and schedules, and what has been explained so far."""

    left: Session
    right: Session
    parted: dict[str, int] = attrs.Factory(dict)
    touched: set[str] = attrs.Factory(set)

    def both(self, name: str) -> tuple[TaskStruct | None, TaskStruct | None]:
        """The task of this name on either side."""
        return self.left.machine.names_now().get(name), self.right.machine.names_now().get(name)


Explains = Callable[[Divergence, Pair], bool]


@attrs.define(frozen=True, eq=False)
class Difference:
    """One named way to part.  ``hunks`` are the RFC's, by their numbers in docs/hunks.md; ``root``: needs no parting before it."""

    id: str
    seen: str
    hunks: str
    why: str
    root: bool
    explains: Explains
    example: Scenario


def _marked(d: Divergence, pair: Pair) -> bool:
    """The group of the subject is marked on both sides."""
    left, right = pair.both(d.subject)
    return left is not None and right is not None and bool(left.signal.oom_mm) and bool(right.signal.oom_mm)


def _leaves_fridge(d: Divergence, pair: Pair) -> bool:
    if d.kind != "task" or not _marked(d, pair) or d.left != IN_FRIDGE or d.right == IN_FRIDGE:
        return False
    pid = pair.right.machine.names_now()[d.subject].pid
    return pid in pair.right.record().thawed


def _never_freezes(d: Divergence, pair: Pair) -> bool:
    if not _marked(d, pair):
        return False
    if d.kind == "fridge":
        return isinstance(d.left, int) and isinstance(d.right, int) and d.left > d.right
    return d.kind == "task" and d.left == IN_FRIDGE and d.right != IN_FRIDGE


def _group_dies(d: Divergence, pair: Pair) -> bool:
    left, _right = pair.both(d.subject)
    if d.kind not in ("task", "io") or not _marked(d, pair) or left is None:
        return False
    return any(t.name in pair.touched for t in pair.left.machine.k.tasks.values() if t.signal is left.signal)


def _overtaken(d: Divergence, pair: Pair) -> bool:
    """The same accesses, in other phases of power management."""
    if d.kind != "io" or not _marked(d, pair):
        return False
    assert isinstance(d.left, tuple)
    assert isinstance(d.right, tuple)
    return [what for what, _phase in d.left] == [what for what, _phase in d.right]


def _races_with_marking(d: Divergence, pair: Pair) -> bool:
    """A member of a marked group that is still on its way on some side, or dead on both."""
    if not _marked(d, pair) or d.kind not in ("task", "io"):
        return False
    if d.kind == "io" or {d.left, d.right} <= DEAD:
        return True
    return IN_FRIDGE not in (d.left, d.right) and any(
        s.machine.runnable_tasks() for s in (pair.left, pair.right)
    )


def _between(session: Session) -> int:
    """Contexts that are inside marking or unmarking: their count is about to change."""
    points = map(stopped_at, session.machine.k.tasks.values())
    functions = [p.function for p in points if p is not None]
    return sum(f in ("mark_oom_victim", "exit_oom_victim", "thaw_task") for f in functions)


def books_balance(session: Session) -> str:
    """What oom_victims must be, from the marks alone; "" if it is, else the sentence that says what is wrong."""
    k = session.machine.k
    if k.variant.name == "legacy_tifmemdie":
        carriers = sum([1 for t in k.tasks.values() if t.thread_flags & TIF_MEMDIE])
        off = abs(carriers - k.oom_victims)
        if off and off > _between(session):
            return f"oom_victims is {k.oom_victims}, and {carriers} threads carry TIF_MEMDIE"
    elif k.variant.name == "patched":
        record = session.record()
        groups = record.marked
        if not groups and not record.raises and not k.oom_victims:
            return ""
        between = _between(session)
        gone = len({id(t.signal) for t in k.tasks.values() if t.signal.oom_mm and not t.signal.live})
        if abs(record.raises - groups) > between:
            return f"oom_victims was raised {record.raises} times for {groups} marked groups"
        if not groups - gone - between <= k.oom_victims <= groups:
            return f"oom_victims is {k.oom_victims}, {groups} groups are marked and {gone} of them have no live thread"
    return ""


def _counted_per_group(d: Divergence, pair: Pair) -> bool:
    return (
        d.kind == "count"
        and pair.left.record().raises != pair.right.record().raises
        and bool(pair.left.record().marked)
    )


def _victims_dead(session: Session) -> bool:
    return all(t.at is None for t in session.machine.k.tasks.values() if t.signal.oom_mm is not None)


def _count_leaks(d: Divergence, pair: Pair) -> bool:
    return d.kind == "count" and _victims_dead(pair.right) and pair.right.machine.k.oom_victims > 0


def _count_drops_later(d: Divergence, pair: Pair) -> bool:
    return d.kind == "count" and bool(pair.left.record().marked) and bool(pair.right.record().marked)


def _fails_on_count(d: Divergence, pair: Pair) -> bool:
    if not pair.right.record().gave_up:
        return False
    return d.kind in ("pm", "phase", "task") or _kthread_froze_on_the_left(d, pair)


def _kthread_froze_on_the_left(d: Divergence, pair: Pair) -> bool:
    """Kernel threads are frozen once the OOM killer is disabled: a suspend that failed at that has not come so far."""
    left, _right = pair.both(d.subject)
    if d.kind != "fridge" or left is None or not left.flags & PF_KTHREAD:
        return False
    return isinstance(d.left, int) and isinstance(d.right, int) and d.left > d.right


def _passed_by(d: Divergence, pair: Pair) -> bool:
    """On the left the freezer waits, or waited, for a thread that is exempt on the right: marked as a group."""
    if d.kind not in ("phase", "pm", "task") or not pair.left.machine.k.pm_freezing:
        return False
    if d.kind == "task" and not any(t and t.flags & PF_SUSPEND_TASK for t in pair.both(d.subject)):
        return False
    return any(_marked(attrs.evolve(d, subject=name), pair) for name in pair.left.machine.names_now())


def _waits_for_count(d: Divergence, pair: Pair) -> bool:
    if d.kind not in ("pm", "phase", "task"):
        return False
    left, right = pair.left.machine.k, pair.right.machine.k
    waiting = [k for k in (left, right) if k.oom_killer_disabled and k.oom_victims]
    return bool(waiting) and left.oom_victims != right.oom_victims


def _follows(d: Divergence, pair: Pair) -> bool:
    """The subject is kin to somebody who has parted, or shares memory pressure or power management with them."""
    if d.kind in ("pm", "phase", "panic", "count", "freezer_state"):
        return True
    return any(t is not None and _tied(t, pair.touched) for t in pair.both(d.subject)) or None in pair.both(
        d.subject
    )


def _tied(t: TaskStruct, touched: set[str]) -> bool:
    kin = [t.parent, t.real_parent, t.group_leader, *t.children, *t.ptraced, *t.signal.threads]
    for thread in t.signal.threads:
        kin += [*thread.children, *thread.ptraced, thread.parent]
    return any(p.name in touched for p in kin)


def _turns_shift(d: Divergence, pair: Pair) -> bool:
    del d, pair
    return True


def _scene(*ops: Op) -> Scenario:
    items: list[Op | Run] = []
    for op in ops:
        items += [op, Run()]
    return Scenario(tuple(items))


_PROCESS = (Op("fork", "init", ("p1",)), Op("clone", "p1", ("p2",)))
_FROZEN = _scene(
    *_PROCESS, Op("attach", "init", ("p1", "A")), Op("freeze", "init", ("A",)), Op("alloc", "kworker")
)
_LEAK = _scene(*_PROCESS, Op("alloc", "kworker"))
_KILL_ALONE = (*_scene(Op("fork", "init", ("p1",))).items, Op("alloc", "kworker"))
_SUSPEND_ALONE = (*_KILL_ALONE, Op("suspend", "init"))
_SUSPEND = (*_scene(*_PROCESS).items, Op("alloc", "kworker"), Op("suspend", "init"))


def _under(items: tuple[Op | Run, ...], *preemptions: tuple[int, str], steps: int | None = None) -> Scenario:
    return Scenario((*items, Run(Gaps(preemptions, steps))))


_CROWD = _under(
    (
        *_scene(
            Op("fork", "init", ("p1",)), Op("memcg_attach", "init", ("p1", "M")), Op("clone", "p1", ("p2",))
        ).items,
        Op("charge", "p1"),
        Op("charge", "p2"),
    ),
    (4, "p2"),
    steps=60,
)

_BYSTANDER = _under(
    (
        *_scene(
            *_PROCESS,
            Op("fork", "init", ("p3",)),
            Op("attach", "init", ("p1", "A")),
            Op("freeze", "init", ("A",)),
        ).items,
        Op("alloc", "kworker"),
        Op("mkdir", "p3", ("A/C", "A")),
    ),
    steps=58,
)

DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "siblings-leave-the-fridge",
        "a thread of a marked group sits in the fridge on the left and has left it on the right",
        "12, 13",
        "mark_oom_victim() thaws every thread of the group, and freezing_slow_path() exempts the group: what the RFC is for",
        root=True,
        explains=_leaves_fridge,
        example=_FROZEN,
    ),
    Difference(
        "siblings-never-freeze",
        "a thread of a marked group has entered the fridge more often on the left",
        "12",
        "tsk_is_oom_victim() is true for every thread of the group, TIF_MEMDIE for one",
        root=True,
        explains=_never_freezes,
        example=_under(_SUSPEND),
    ),
    Difference(
        "group-goes-on",
        "a marked group dies, or its devices are closed, on the right only",
        "12, 13",
        "its last threads are still in the fridge on the left",
        root=False,
        explains=_group_dies,
        example=_FROZEN,
    ),
    Difference(
        "counted-per-group",
        "oom_victims was raised more often on the left",
        "13",
        "the left counts marked threads, the right counts marked groups",
        root=True,
        explains=_counted_per_group,
        example=_CROWD,
    ),
    Difference(
        "count-leaks",
        "all victims are dead on the right, and oom_victims is not 0",
        "3, 7, 8, 9",
        "no thread of the group was the last one in the sense of exit_notify(): the RFC's mistake",
        root=True,
        explains=_count_leaks,
        example=_LEAK,
    ),
    Difference(
        "count-drops-later",
        "oom_victims has dropped on the left and not yet on the right",
        "5, 9",
        "the left drops it at the end of exit_mm(), the right when exit_notify() says that the last thread goes",
        root=True,
        explains=_count_drops_later,
        example=_under(_KILL_ALONE, steps=43),
    ),
    Difference(
        "suspend-fails-on-the-count",
        "suspend succeeds, or goes on to freeze kernel threads, on the left, and gives EBUSY on the right",
        "5, 9, 13",
        "oom_killer_disable() waited 20 s for a count that did not drop",
        root=True,
        explains=_fails_on_count,
        example=_under(_SUSPEND),
    ),
    Difference(
        "suspend-waits-for-the-count",
        "oom_killer_disable() returns earlier on one side",
        "5, 9, 13",
        "the sides wait for different counts",
        root=True,
        explains=_waits_for_count,
        example=_under(_SUSPEND, steps=98),
    ),
    Difference(
        "freezer-passes-the-group-by",
        "the freezer waits for a thread of a marked group on the left and not on the right",
        "12",
        "the whole group is exempt on the right, one thread on the left; the count takes over what the freezer leaves",
        root=True,
        explains=_passed_by,
        example=_under(_SUSPEND, steps=85),
    ),
    Difference(
        "suspend-overtakes-the-victim",
        "a marked group touches the same devices on both sides, on the left in a later phase of suspend",
        "5, 9",
        "the left stops counting at the end of exit_mm(), before files are closed: the hole that the RFC closes",
        root=True,
        explains=_overtaken,
        example=_under(_SUSPEND_ALONE, (3, "kworker"), (35, "init")),
    ),
    Difference(
        "members-race-with-marking",
        "the threads of a marked group die in another order",
        "13",
        "marking takes other steps, and threads that run meanwhile find it half done",
        root=True,
        explains=_races_with_marking,
        example=_under(_KILL_ALONE, steps=37),
    ),
    Difference(
        "what-follows",
        "a parent, tracer, child, suspender, cgroup or the choice of the next victim differs",
        "all",
        "it waits for, counts or competes with tasks that have parted",
        root=False,
        explains=_follows,
        example=Scenario((*_FROZEN.items, Op("wait", "init"), Run())),
    ),
    Difference(
        "turns-shift",
        "two bystanders took their turns in another order",
        "all",
        "once the kernels have parted, the same priorities meet different sets of runnable tasks",
        root=False,
        explains=_turns_shift,
        example=_BYSTANDER,
    ),
)


def diverge(left: Observation, right: Observation) -> list[Divergence]:
    """Everything that is not the same in two observations."""
    if left == right:
        return []
    found: list[Divergence] = []
    states_l = {n: s for n, s, _m in left.tasks}
    states_r = {n: s for n, s, _m in right.tasks}
    for name in (*states_l, *(n for n in states_r if n not in states_l)):
        a, b = states_l.get(name, ""), states_r.get(name, "")
        if a != b:
            found.append(Divergence("task", name, a, b))
    if left.counts != right.counts:
        found.append(Divergence("count", "oom_victims", left.counts, right.counts))
    for kind in ("pm", "io"):
        found += _per_task(kind, getattr(left, kind), getattr(right, kind))
    for kind in ("freezer_states", "phase", "warnings", "panicked"):
        a, b = getattr(left, kind), getattr(right, kind)
        if a != b:
            found.append(Divergence(kind.rstrip("s").replace("panicked", "panic"), "", a, b))
    return found


def _per_task(
    kind: str, left: tuple[tuple[str, ...], ...], right: tuple[tuple[str, ...], ...]
) -> list[Divergence]:
    subjects = dict.fromkeys(e[0] for e in (*left, *right))
    found = []
    for name in subjects:
        a = tuple(e[1:] for e in left if e[0] == name)
        b = tuple(e[1:] for e in right if e[0] == name)
        if a != b:
            found.append(Divergence(kind, name, a, b))
    return found


def diverge_pair(pair: Pair) -> list[Divergence]:
    """Everything that is not the same on both sides: the observations, and how often each task was frozen."""
    found = diverge(pair.left.observe(), pair.right.observe())
    left, right = pair.left.record().visits, pair.right.record().visits
    if left == right:
        return found
    for name in dict.fromkeys((*left, *right)):
        if left.get(name, 0) != right.get(name, 0):
            found.append(Divergence("fridge", name, left.get(name, 0), right.get(name, 0)))
    return found


def explain(d: Divergence, pair: Pair) -> Difference | None:
    """The most specific difference that this is an instance of; None if there is none."""
    for difference in DIFFERENCES:
        if (difference.root or pair.parted) and difference.explains(d, pair):
            return difference
    return None


def compare(pair: Pair) -> list[Divergence]:
    """Put every divergence down to a difference, noting it in ``pair``; returns those that remain."""
    found = diverge_pair(pair)
    if not found:
        return []
    unexplained: list[Divergence] = []
    order = sorted(found, key=lambda d: not any(x.root and x.explains(d, pair) for x in DIFFERENCES))
    for d in order:
        difference = explain(d, pair)
        if difference is None:
            unexplained.append(d)
            continue
        pair.parted[difference.id] = pair.parted.get(difference.id, 0) + 1
        if d.subject:
            pair.touched.add(d.subject)
    return unexplained
