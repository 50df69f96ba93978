"""The promises about OOM victims: those of the RFC's changelog, and what everybody takes for granted beside them."""

from __future__ import annotations

from collections.abc import Hashable

from kernel_model.core import frozen
from kernel_model.entry import USER_MODE
from kernel_model.events import (
    QUIET_PHASES,
    DisableFailed,
    Io,
    IoContextGone,
    Marked,
    OomVictims,
    Pinned,
    PmPhase,
    Thawed,
    Unpinned,
    Warned,
)
from kernel_model.sched import (
    PF_EXITING,
    PF_KTHREAD,
    PF_SUSPEND_TASK,
    SIGNAL_GROUP_EXIT,
    TASK_DEAD,
    TIF_MEMDIE,
    Kernel,
)
from oom_review.claims.claim import (
    HOLDS,
    REFUTED,
    Claim,
    OnEvent,
    group_name,
    marked_groups,
    names,
    no_event,
    no_rest,
    user_tasks,
    verdicts_on,
)
from oom_review.claims.waiting import held, spared


def _fridge_empties(k: Kernel, _state: Hashable) -> str:
    left = [p for p in user_tasks(k) if frozen(p) and p.signal.oom_mm is not None]
    return f"{names(left)} of a marked group left behind in the fridge" if left else ""


def _counted_once(k: Kernel, state: Hashable, event: Marked | OomVictims) -> tuple[Hashable, str]:
    del k
    assert isinstance(state, tuple)
    marked, raised = state
    if isinstance(event, Marked):
        marked += 1
    elif event.change > 0:
        raised += 1
    broken = f"oom_victims was raised {raised} times for {marked} marked group(s)" if raised > marked else ""
    return (marked, raised), broken


def _counted_once_at_rest(_k: Kernel, state: Hashable) -> str:
    assert isinstance(state, tuple)
    marked, raised = state
    return f"oom_victims was raised {raised} times for {marked} marked group(s)" if raised != marked else ""


def _count_returns(k: Kernel, _state: Hashable) -> str:
    alive = any(p.state != TASK_DEAD for p in k.tasks.values() if p.signal.oom_mm is not None)
    if alive or not k.oom_victims:
        return ""
    return f"all threads of all marked groups are dead, and oom_victims is {k.oom_victims}"


def _never_negative(k: Kernel, state: Hashable, event: OomVictims) -> tuple[Hashable, str]:
    del k
    return state, f"oom_victims is {event.value}" if event.value < 0 else ""


def _quiet_in(phases: frozenset[str]) -> OnEvent:
    def on_event(k: Kernel, state: Hashable, event: Io) -> tuple[Hashable, str]:
        p = k.tasks[event.task]
        # The task that suspends is the one that may touch devices.
        if event.phase not in phases or p.signal.oom_mm is None or p.flags & (PF_KTHREAD | PF_SUSPEND_TASK):
            return state, ""
        return (
            state,
            f"{p.name}, of a marked group, accesses a device ({event.what}) while {_PHASE_WORDS[event.phase]}",
        )

    return on_event


_PHASE_WORDS = {
    "disabled": "the OOM killer is disabled",
    "suspended": "devices are suspended",
    "image": "the hibernation image is written",
}


def _no_spurious_ebusy(k: Kernel, state: Hashable, event: DisableFailed) -> tuple[Hashable, str]:
    if event.alive or not event.count:
        return state, ""
    name = k.tasks[event.task].name
    return state, f"{name}'s suspend fails as oom_victims is {event.count}, and no victim is alive"


def _victim_dies(k: Kernel, _state: Hashable) -> str:
    for signal in marked_groups(k):
        alive = [p for p in k.tasks.values() if p.signal is signal and p.state != TASK_DEAD]
        if alive and not spared(k, signal) and not held(k, signal, unreaped=True):
            return f"{names(alive)} of a marked group can't die, and nobody outside holds it"
    return ""


def _never_marked_while_disabled(k: Kernel, state: Hashable, event: Warned) -> tuple[Hashable, str]:
    return state, f"{k.tasks[event.task].name} meets WARN_ON({event.text}) in mark_oom_victim()"


def _fork_cannot_escape(k: Kernel, _state: Hashable) -> str:
    escaped = [
        p
        for p in user_tasks(k)
        if p.signal.flags & SIGNAL_GROUP_EXIT and p.at is USER_MODE and p.syscall is None
    ]
    return f"{names(escaped)} in user mode although the group was killed" if escaped else ""


def _no_io_after_io_context(k: Kernel, state: Hashable, event: Io | IoContextGone) -> tuple[Hashable, str]:
    assert isinstance(state, frozenset)
    if isinstance(event, IoContextGone):
        return state | {event.task}, ""
    if event.task in state:
        return state, f"{k.tasks[event.task].name} does I/O ({event.what}) after exit_io_context()"
    return state, ""


def _bystanders_stay(k: Kernel, state: Hashable, event: Thawed) -> tuple[Hashable, str]:
    p = k.tasks[event.task]
    if not event.by_oom_killer or p.signal.oom_mm is not None:
        return state, ""
    # Whoever shares a victim's mm is killed with it, and is no bystander: here this promise yields to sharers-leave.
    if p.mm is not None and any(p.mm is signal.oom_mm for signal in marked_groups(k)):
        return state, ""
    return state, f"{p.name} is thawed by the OOM killer, its group is not marked, and its mm is no victim's"


def _pin_balanced(k: Kernel, state: Hashable, event: Pinned | Unpinned) -> tuple[Hashable, str]:
    assert isinstance(state, frozenset)
    key = (event.kind, event.group)
    name = group_name(k, event.group)
    if key in state:
        return state, f"oom_mm of {name} is {event.kind} twice"
    if isinstance(event, Unpinned) and (Pinned.kind, event.group) not in state:
        return state, f"oom_mm of {name} is unpinned, but was never pinned"
    return state | {key}, ""


def _pin_balanced_at_rest(k: Kernel, state: Hashable) -> str:
    assert isinstance(state, frozenset)
    for signal in marked_groups(k):
        if (Pinned.kind, signal.number) not in state:
            return f"oom_mm of {group_name(k, signal.number)} was never pinned"
        if not signal.sigcnt and (Unpinned.kind, signal.number) not in state:
            return f"{group_name(k, signal.number)} is freed, and oom_mm is still pinned"
    return ""


def _sharers_leave(k: Kernel, _state: Hashable) -> str:
    victims = [s.oom_mm for s in marked_groups(k)]
    left = [
        p
        for p in user_tasks(k)
        if frozen(p) and p.signal.oom_mm is None and p.mm in victims and p.mm is not None
    ]
    return f"{names(left)} shares the victim's mm and stays in the fridge" if left else ""


def _reaches_exit_mm(k: Kernel, _state: Hashable) -> str:
    stuck = [
        p
        for p in user_tasks(k)
        if p.thread_flags & TIF_MEMDIE
        and p.state != TASK_DEAD
        and p.mm is not None
        and not spared(k, p.signal)
        and not held(k, p.signal)
    ]
    return f"{names(stuck)} was marked, and can't reach exit_mm()" if stuck else ""


def _no_tail(k: Kernel, state: Hashable, event: Io | PmPhase) -> tuple[Hashable, str]:
    """``state``: the pids of those that have run their last task work.

    Not of those that are TASK_DEAD: a pass sees hashed threads only, and whoever was reaped may still be on its way there.
    """
    assert isinstance(state, frozenset)
    if isinstance(event, Io):
        return (state | {event.task} if event.what == "exit_task_work" else state), ""
    if event.phase != "suspended":
        return state, ""
    tail = [
        p
        for p in user_tasks(k)
        if p.signal.oom_mm is not None
        and p.flags & PF_EXITING
        and p.mm is None
        and not p.flags & PF_SUSPEND_TASK
        and p.pid not in state
    ]
    return state, f"suspend succeeds, and {names(tail)} of a marked group is not through" if tail else ""


OF_VICTIMS: tuple[Claim, ...] = (
    Claim(
        "fridge-empties",
        "every thread of a marked group leaves the fridge although nobody thaws it",
        "RFC changelog, 1st paragraph: a multi-threaded process can leave threads behind in the fridge",
        verdicts_on(REFUTED, HOLDS, HOLDS),
        frozenset(),
        no_event,
        _fridge_empties,
    ),
    Claim(
        "counted-once-per-group",
        "a marked group raises oom_victims exactly once",
        "RFC changelog, 3rd paragraph: increment only once per thread group",
        verdicts_on(REFUTED, HOLDS, REFUTED),
        frozenset({Marked, OomVictims}),
        _counted_once,
        _counted_once_at_rest,
        (0, 0),
    ),
    Claim(
        "count-returns",
        "when all threads of all marked groups are dead, oom_victims is 0",
        "RFC changelog, 3rd paragraph: exit_oom_victim once per process; review by O. Nesterov, 4 Oct 2016",
        verdicts_on(HOLDS, REFUTED, HOLDS),
        frozenset(),
        no_event,
        _count_returns,
    ),
    Claim(
        "count-never-negative",
        "oom_victims is never below 0, and never drops more often than it rose",
        "mm/oom_kill.c: oom_killer_disable() waits for 0 literally",
        verdicts_on(HOLDS, HOLDS, HOLDS),
        frozenset({OomVictims}),
        _never_negative,
        no_rest,
    ),
    Claim(
        "disabled-means-quiet",
        "after oom_killer_disable() returned true no thread of a marked group accesses a device until it is enabled again",
        "RFC changelog, 3rd paragraph: no further access to devices once exit_oom_victim is called",
        verdicts_on(REFUTED, HOLDS, REFUTED),
        frozenset({Io}),
        _quiet_in(QUIET_PHASES),
        no_rest,
    ),
    Claim(
        "suspended-means-quiet",
        "after freeze_kernel_threads() succeeded too, no thread of a marked group accesses a device until processes are thawed",
        "kernel/power/process.c: the second pass freezes whatever is left",
        verdicts_on(HOLDS, HOLDS, REFUTED),
        frozenset({Io}),
        _quiet_in(QUIET_PHASES - {"disabled"}),
        no_rest,
    ),
    Claim(
        "no-spurious-ebusy",
        "suspend does not fail because of the victim count when no victim is alive",
        "what a user takes for granted",
        verdicts_on(HOLDS, REFUTED, HOLDS),
        frozenset({DisableFailed}),
        _no_spurious_ebusy,
        no_rest,
    ),
    Claim(
        "victim-dies",
        "a marked group dies without help from outside, unless a tracer, a dump, a pid namespace, I/O in flight or the sleeping machine holds it",
        "RFC changelog, 1st paragraph: the whole process is killed and should die",
        verdicts_on(REFUTED, HOLDS, HOLDS),
        frozenset(),
        no_event,
        _victim_dies,
    ),
    Claim(
        "never-marked-while-disabled",
        "the warning in mark_oom_victim never fires",
        "mm/oom_kill.c: WARN_ON(oom_killer_disabled)",
        verdicts_on(HOLDS, HOLDS, HOLDS),
        frozenset({Warned}),
        _never_marked_while_disabled,
        no_rest,
    ),
    Claim(
        "fork-cannot-escape",
        "no thread born of a racing copy_process outlives its killed group",
        "RFC changelog, 2nd paragraph: the oom killer might race with copy_process",
        verdicts_on(HOLDS, HOLDS, HOLDS),
        frozenset(),
        no_event,
        _fork_cannot_escape,
    ),
    Claim(
        "no-io-after-io-context",
        "no I/O by a task after exit_io_context",
        "RFC changelog, 4th paragraph; block/blk-ioc.c",
        verdicts_on(HOLDS, HOLDS, HOLDS),
        frozenset({Io, IoContextGone}),
        _no_io_after_io_context,
        no_rest,
        frozenset(),
        shows=frozenset({Io, IoContextGone}),
    ),
    Claim(
        "bystanders-stay",
        "marking thaws nobody outside the marked group but those who share its mm",
        "mm/oom_kill.c: the thaw loop is over the victim's own threads",
        verdicts_on(HOLDS, HOLDS, HOLDS),
        frozenset({Thawed}),
        _bystanders_stay,
        no_rest,
    ),
    Claim(
        "mm-pin-balanced",
        "the pin behind oom_mm is taken and dropped exactly once per group",
        "mm/oom_kill.c and kernel/fork.c, free_signal_struct()",
        verdicts_on(HOLDS, HOLDS, HOLDS),
        frozenset({Pinned, Unpinned}),
        _pin_balanced,
        _pin_balanced_at_rest,
        frozenset(),
        shows=frozenset({Pinned, Unpinned}),
    ),
    Claim(
        "sharers-leave",
        "every process that shares the victim's mm leaves the fridge too",
        "T. Handa's objection of 10 Sep 2016: thawing only what shares signal is halfway",
        verdicts_on(REFUTED, REFUTED, REFUTED, REFUTED),
        frozenset(),
        no_event,
        _sharers_leave,
        sharers=True,
    ),
    Claim(
        "marked-reaches-exit-mm",
        "a marked thread reaches exit_mm() without help, unless what may hold a marked group holds it",
        "mm/oom_kill.c: who is marked is thawed, and has SIGKILL",
        verdicts_on(HOLDS, HOLDS, HOLDS),
        frozenset(),
        no_event,
        _reaches_exit_mm,
    ),
    Claim(
        "no-tail-when-suspended",
        "suspend does not succeed while a thread of a marked group is between exit_mm() and the end of its last I/O",
        "kernel/power/process.c: the passes wait for whoever is not frozen",
        verdicts_on(HOLDS, HOLDS, REFUTED),
        frozenset({Io, PmPhase}),
        _no_tail,
        no_rest,
        frozenset(),
    ),
)
