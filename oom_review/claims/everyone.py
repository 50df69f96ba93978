"""The promises about every task, killed by the OOM killer, by somebody else or by nobody: what a user takes for granted."""

from __future__ import annotations

from collections.abc import Hashable

from kernel_model.core import frozen
from kernel_model.events import Io, PmPhase, PmResult
from kernel_model.machine import stopped_at
from kernel_model.page_alloc import KWORKER_IDLE
from kernel_model.sched import (
    CGROUP_FROZEN,
    EXIT_DEAD,
    EXIT_TRACE,
    EXIT_ZOMBIE,
    MMF_OOM_SKIP,
    OOM_SCORE_ADJ_MIN,
    PF_EXITING,
    PF_FREEZER_SKIP,
    PF_KTHREAD,
    PF_NOFREEZE,
    PF_SUSPEND_TASK,
    SIGCHLD,
    SIGKILL,
    SIGNAL_GROUP_COREDUMP,
    SIGNAL_GROUP_EXIT,
    Kernel,
    TaskStruct,
    first_with_mm,
)
from kernel_model.wait import SLEEP as WAITS_FOR_ANY
from oom_review.claims.claim import (
    HOLDS,
    REFUTED,
    Claim,
    group_name,
    marked_groups,
    names,
    no_event,
    no_rest,
    user_tasks,
    verdicts_by_base,
)
from oom_review.claims.waiting import (
    alive,
    circle,
    held,
    shut,
    spared,
    suspended,
    waits_for_a_dump,
)

POWER = frozenset({"suspend", "hibernate", "snapshot_freeze"})
DEATHS = frozenset(
    {"kill", "tgkill", "exit", "exit_group", "execve", "alloc", "fault", "charge", "charge_fault"}
)
MEMORY = frozenset({"alloc", "fault", "charge", "charge_fault"})


# Suspend


def _in_the_way(p: TaskStruct) -> bool:
    """It could be why a freezer gave up: alive, out of the fridge, and it would have to be in it."""
    if p.at is None or frozen(p) or p.flags & (PF_FREEZER_SKIP | PF_NOFREEZE | PF_SUSPEND_TASK):
        return False
    if p.flags & PF_KTHREAD:
        return p.at is not KWORKER_IDLE
    # Whoever sleeps until a core is dumped can't freeze, and the freezer knows.
    return not (p.state and waits_for_a_dump(p))


def _ebusy_names_a_task(k: Kernel, state: Hashable, event: PmPhase | PmResult) -> tuple[Hashable, str]:
    """``state``: the last phase, and whether somebody was in the way when a freezer gave up."""
    assert isinstance(state, tuple)
    phase, named = state
    if isinstance(event, PmPhase):
        # From any other phase than these two back to running nobody gave up.
        gave_up = event.phase == "running" and phase in ("running", "disabled")
        return (event.phase, not gave_up or any(map(_in_the_way, k.tasks.values()))), ""
    if event.result != "EBUSY" or named or not event.cause.endswith("refused to freeze"):
        return (phase, True), ""
    name = k.tasks[event.task].name
    return (
        phase,
        True,
    ), f"{name}'s {event.operation} fails, and nobody alive was out of the fridge but for a dump"


def _fridge_has_a_reason(k: Kernel, _state: Hashable) -> str:
    left = [p for p in k.tasks.values() if frozen(p) and not shut(k, p)]
    return (
        f"{names(left)} in the fridge, its cgroup is thawed, and nobody suspends the machine" if left else ""
    )


def _reads_frozen(p: TaskStruct) -> bool:
    """Whoever reads the state of the task's cgroup takes it for frozen; it is no victim, and does not suspend the machine."""
    exempt = p.flags & (PF_KTHREAD | PF_SUSPEND_TASK) or p.signal.oom_mm is not None
    return not exempt and p.on_cgroup_list and bool(p.cgroup.state & CGROUP_FROZEN)


def _frozen_does_not_run(k: Kernel, state: Hashable, event: Io) -> tuple[Hashable, str]:
    p = k.tasks[event.task]
    if not _reads_frozen(p):
        return state, ""
    return state, f"{p.name} accesses a device ({event.what}) while its cgroup {p.cgroup.name} reads FROZEN"


def _frozen_is_frozen(k: Kernel, _state: Hashable) -> str:
    out = [
        p
        for p in k.tasks.values()
        if alive(p) and _reads_frozen(p) and not frozen(p) and not p.flags & PF_FREEZER_SKIP
    ]
    return f"{names(out)} out of the fridge, and its cgroup reads FROZEN" if out else ""


def _suspender(k: Kernel, state: Hashable, event: PmPhase | PmResult) -> tuple[Hashable, str]:
    """``state``: whoever froze the others through /dev/snapshot; who asks for it when they are frozen succeeds, too, and freezes nobody."""
    if isinstance(event, PmPhase):
        return (0 if event.phase == "running" else state), ""
    if event.operation != "snapshot_freeze" or event.result != "ok" or state != 0:
        return state, ""
    return (event.task if k.tasks[event.task].signal is k.snapshot_owner else state), ""


def _suspender_stays_awake(k: Kernel, state: Hashable) -> str:
    owner = k.pm_mutex.owner
    if isinstance(owner, TaskStruct) and frozen(owner):
        return f"{owner.name} suspends the machine, and sits in the fridge"
    # Whoever sleeps with it is thawed when the machine wakes up.
    if k.snapshot_owner is None or owner is not None:
        return ""
    assert isinstance(state, int)
    if not any(alive(p) for p in k.tasks.values() if p.signal is k.snapshot_owner):
        return "whoever froze the machine through /dev/snapshot is dead, and it is not thawed"
    p = k.tasks.get(state)
    inside = p is not None and p.signal is k.snapshot_owner and frozen(p)
    return f"{p.name} froze the machine, and sits in the fridge" if p is not None and inside else ""


def _machine_wakes(k: Kernel, _state: Hashable) -> str:
    if k.snapshot_owner is None or k.pm_mutex.owner is not None:
        return ""
    group = [p for p in k.tasks.values() if p.signal is k.snapshot_owner and alive(p)]
    if any(not frozen(p) for p in group):
        return ""
    return f"the machine is frozen through /dev/snapshot, and of whoever did it {names(group) or 'nobody'} is left, in the fridge"


# Deaths


def _killed_dies(k: Kernel, _state: Hashable) -> str:
    groups = {id(p.signal): p.signal for p in user_tasks(k)}.values()
    for signal in groups:
        left = [p for p in k.tasks.values() if p.signal is signal and alive(p)]
        lost = SIGKILL in signal.shared_pending and spared(k, signal)
        if not lost and not signal.flags & (SIGNAL_GROUP_EXIT | SIGNAL_GROUP_COREDUMP):
            left = [p for p in left if p.flags & PF_EXITING]
        if left and not held(k, signal, fridge=True):
            return f"{names(left)} was killed, or exits, can't die, and nobody else is the reason"
    return ""


def _zombies_go(k: Kernel, _state: Hashable) -> str:
    for p in user_tasks(k):
        if alive(p) or not p.hashed:
            continue
        if p.exit_state in (EXIT_DEAD, EXIT_TRACE):
            if not _will_be_released(k):
                return f"{p.name} is dead, nobody can wait for it any more, and it is still there"
        elif p.group_leader is not p and not p.ptrace:
            return f"{p.name}, a dead thread that nobody traces, is still there"
        elif _is_waited_for(p):
            return f"{p.parent.name} waits for its children, and does not see the zombie {p.name}"
    return ""


def _will_be_released(k: Kernel) -> bool:
    """Whoever dies takes it along, and does not get on for now."""
    return any(t.flags & PF_EXITING and alive(t) for t in user_tasks(k))


def _is_waited_for(p: TaskStruct) -> bool:
    """A parent, or tracer, sleeps in wait4() for any child like this zombie; of waitpid() nobody asks here whom it wants."""
    whole = all(t is p for t in p.signal.threads)
    if p.exit_state != EXIT_ZOMBIE or not whole or p.exit_signal != SIGCHLD:
        return False
    return any(t.at is WAITS_FOR_ANY and not frozen(t) for t in p.parent.signal.wait_chldexit)


def _no_deadlock(k: Kernel, _state: Hashable) -> str:
    for p in user_tasks(k):
        found = circle(k, p) if alive(p) else []
        if found:
            return f"{names(found)} wait for each other"
    return ""


# Memory


def _killable(k: Kernel, p: TaskStruct, waiter: TaskStruct) -> bool:
    """The OOM killer could free this process's memory for the one that waits, and was not there yet."""
    t = first_with_mm(p)
    if t is None or t.mm is None or p.signal is k.init.signal or p.signal.oom_mm is not None:
        return False
    if waiter.memcg is not None and p.memcg is not waiter.memcg:
        return False
    spared = p.signal.oom_score_adj == OOM_SCORE_ADJ_MIN or t.vfork_done is not None
    return not spared and not t.mm.flags & MMF_OOM_SKIP


WAITS_FOR_MEMORY = frozenset(
    {"alloc_pages_slowpath", "pagefault_out_of_memory", "mem_cgroup_oom_synchronize"}
)


def _memory_waiters_go_on(k: Kernel, _state: Hashable) -> str:
    if k.oom_killer_disabled and suspended(k):
        return ""
    unreaped = [s for s in marked_groups(k) if s.oom_mm is not None and not s.oom_mm.flags & MMF_OOM_SKIP]
    if unreaped:
        return f"nobody reaps the memory of {', '.join(group_name(k, s.number) for s in unreaped)}, and nobody else is killed"
    for p in k.tasks.values():
        at = stopped_at(p)
        if at is None or frozen(p) or at.function not in WAITS_FOR_MEMORY:
            continue
        if k.oom_killer_disabled:
            return f"{p.name} waits for memory, the OOM killer is disabled, and nobody suspends the machine"
        left = [t for t in user_tasks(k) if t.group_leader is t and t.hashed and _killable(k, t, p)]
        if left:
            return f"{p.name} waits for memory, and nobody kills {names(left)}"
    return ""


OF_EVERYONE: tuple[Claim, ...] = (
    Claim(
        "ebusy-names-a-task",
        "a suspend that fails because tasks did not freeze can name one that is alive, and not only waits for a core dump",
        "kernel/power/process.c: the log lists who refuses to freeze",
        verdicts_by_base(HOLDS, HOLDS),
        frozenset({PmPhase, PmResult}),
        _ebusy_names_a_task,
        no_rest,
        ("running", True),
        premise=POWER,
    ),
    Claim(
        "fridge-has-a-reason",
        "at rest nobody sits in the fridge unless its cgroup is frozen or somebody suspends the machine",
        "kernel/freezer.c: whoever is thawed looks again whether it may leave",
        verdicts_by_base(HOLDS, HOLDS),
        frozenset(),
        no_event,
        _fridge_has_a_reason,
        sharers=True,
        premise=POWER | {"freeze"},
    ),
    Claim(
        "frozen-does-not-run",
        "while freezer.state reads FROZEN, no thread of that cgroup but an OOM victim's accesses a device, or is out of the fridge at rest",
        "Documentation/cgroup-v1/freezer-subsystem.txt: FROZEN",
        verdicts_by_base(REFUTED, REFUTED),
        frozenset({Io}),
        _frozen_does_not_run,
        _frozen_is_frozen,
        premise=frozenset({"freeze"}),
        programs=False,
    ),
    Claim(
        "suspender-stays-awake",
        "whoever suspended the machine, or froze it through /dev/snapshot, is not in the fridge, and does not die before it is thawed",
        "kernel/power/process.c: PF_SUSPEND_TASK",
        verdicts_by_base(HOLDS, HOLDS),
        frozenset({PmPhase, PmResult}),
        _suspender,
        _suspender_stays_awake,
        0,
        sharers=True,
        premise=POWER,
    ),
    Claim(
        "machine-wakes",
        "while the machine is frozen through /dev/snapshot, a thread of the process that froze it is left outside of the fridge",
        "kernel/power/user.c: SNAPSHOT_UNFREEZE, or the file's last close, thaws",
        verdicts_by_base(REFUTED, REFUTED),
        frozenset(),
        no_event,
        _machine_wakes,
        sharers=True,
        premise=POWER,
        programs=False,
    ),
    Claim(
        "killed-dies",
        "whoever was killed, or exits, dies, unless a device, a fridge that is kept shut, or somebody who does not wait for it keeps it",
        "what a user takes for granted of SIGKILL",
        verdicts_by_base(REFUTED, HOLDS),
        frozenset(),
        no_event,
        _killed_dies,
        premise=DEATHS,
    ),
    Claim(
        "no-deadlock",
        "no tasks wait for each other in a circle, in the kernel",
        "what a user takes for granted; a stop by a signal or a tracer is the user's own",
        verdicts_by_base(REFUTED, HOLDS),
        frozenset(),
        no_event,
        _no_deadlock,
        premise=DEATHS | {"vfork"},
    ),
    Claim(
        "zombies-go",
        "at rest there is no dead thread that nobody can wait for, and no zombie that its parent waits for",
        "kernel/exit.c: release_task(), wait4(2)",
        verdicts_by_base(HOLDS, HOLDS),
        frozenset(),
        no_event,
        _zombies_go,
        premise=DEATHS,
    ),
    Claim(
        "memory-waiters-go-on",
        "nobody waits for memory for ever: victims are reaped, whoever can be killed is, and the OOM killer is disabled only while somebody suspends",
        "mm/oom_kill.c: out_of_memory() kills until there is memory, or nobody is left",
        verdicts_by_base(HOLDS, HOLDS),
        frozenset(),
        no_event,
        _memory_waiters_go_on,
        premise=MEMORY,
    ),
)
