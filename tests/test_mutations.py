"""Break the model as a kernel developer might, and see that some check goes red: the checks are worth as much as this shows.

Each mutation rewrites one function in memory.  A fixed script is run under seeded random schedules on the unbroken kernel and on
the broken one; the check that the mutation names must be silent in the first and speak in the second.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from types import FunctionType, ModuleType

import attrs
import pytest
from builders import op

import legacy_tifmemdie
import patched
from kernel_model import (
    core,
    coredump,
    events,
    exit,  # noqa: A004 - the kernel's file name
    fork,
    freezer,
    locking,
    mm,
    oom_kill,
    signal,
)
from kernel_model.core import frozen
from kernel_model.errors import LockOrder, ModelBug
from kernel_model.machine import Machine, describe
from kernel_model.sched import SIGNAL_GROUP_EXIT, TASK_DEAD, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_review.play.session import Session
from oom_review.schedules.driver import Exhausted, StepLimitReached
from oom_review.schedules.uniform import UniformScheduler

SEEDS = range(60)
PACKAGES = ("kernel_model", "legacy_tifmemdie", "patched")


@attrs.define(frozen=True)
class Script:
    """Operations that run to rest one by one; operations that race; operations after them; what must be so in the end.

    ``start``: the first of the racing operations is under way: its task stands at this point when the others are asked for.
    """

    before: tuple[str, ...]
    race: tuple[str, ...]
    after: tuple[str, ...] = ()
    check: Callable[[Session], str] = lambda _session: ""
    start: tuple[str, str] = ("", "")


def group_is_dead(session: Session) -> str:
    """Nobody of a killed group lives on."""
    tasks = session.machine.k.tasks.values()
    left = [p.name for p in tasks if p.signal.flags & SIGNAL_GROUP_EXIT and p.state != TASK_DEAD]
    return f"{left} live on" if left else ""


def sharers_die(session: Session) -> str:
    """Nobody uses a victim's mm any more."""
    tasks = session.machine.k.tasks.values()
    victims = [p.signal.oom_mm for p in tasks if p.signal.oom_mm is not None]
    left = [p.name for p in tasks if p.mm is not None and p.mm in victims and p.mm.number]
    return f"{left} still use a victim's mm" if left else ""


def thawed_is_thawed(session: Session) -> str:
    """Either the cgroup is freezing in the end, or nobody is in its fridge."""
    k = session.machine.k
    left = [p.name for p in k.tasks.values() if frozen(p) and not k.cgroups["A"].state]
    return f"{left} are left in the fridge" if left else ""


def the_frozen_stay(session: Session) -> str:
    """v's cgroup is frozen all the time."""
    v = session.machine.names_now()["v"]
    left = any(event == events.LeftFridge(v.pid) for _step, event in session.history)
    return "v left the fridge of a frozen cgroup" if left else ""


def suspends_at_once(session: Session) -> str:
    """The suspend succeeded before any time-out."""
    k = session.machine.k
    if session.observe().pm != (("s", "suspend", "ok"),):
        return f"suspend: {session.observe().pm}"
    return f"suspend took {k.clock} ms" if k.clock >= 20_000 else ""


def memory_before_files(session: Session) -> str:
    """A dying task's memory goes before its files."""
    did = [what for _who, what, _phase in session.observe().io]
    return "" if did.index("exit_mmap") < did.index("exit_files") else "files were closed first"


def not_yet_frozen(session: Session) -> str:
    """v hangs in do_exit, unfrozen and listed: the cgroup can't be FROZEN."""
    states = session.observe().freezer_states
    return "" if states[-1] == ("A", "FREEZING") else f"freezer.state is {states[-1]}"


class Until:
    """A random walk that ends when a task stands at a point."""

    def __init__(self, rng: random.Random, task: str, point: str) -> None:
        self._walk = UniformScheduler(rng)
        self._task = task
        self._point = point

    def choose(self, machine: Machine, current: TaskStruct | None) -> TaskStruct | None:
        if self._point in describe(machine.names_now()[self._task]):
            raise Exhausted
        return self._walk.choose(machine, current)


THREADS = ("init: fork v", "v: clone t1", "v: clone t2")
IN_A_FROZEN_CGROUP = (*THREADS, "init: attach v A", "init: freeze A")
SUSPENDER = ("init: fork s", "init: oom_score_adj s -1000")

SCRIPTS = {
    "kill a frozen group": Script(IN_A_FROZEN_CGROUP, ("sysrq_f",)),
    "kill a frozen thread": Script(("init: fork v", "init: attach v A"), ("init: freeze A", "sysrq_f")),
    "kill a group": Script(THREADS, ("sysrq_f",), check=group_is_dead),
    "kill one of two": Script(
        ("init: fork v", "init: fork w", "init: attach w A", "init: attach v A", "init: freeze A"),
        ("sysrq_f",),
    ),
    "kill a forking group": Script(THREADS, ("v: clone t3", "t1: clone t4", "sysrq_f")),
    "kill a group that shares its mm": Script(
        ("init: fork v", "v: clone_vm w"), ("sysrq_f",), check=sharers_die
    ),
    "kill and suspend": Script(
        (*SUSPENDER, *THREADS), ("s: suspend", "sysrq_f"), ("wakeup",), check=suspends_at_once
    ),
    "kill one thread and suspend": Script(
        (*SUSPENDER, "init: fork v"),
        ("s: suspend", "sysrq_f"),
        ("wakeup",),
        suspends_at_once,
        ("s", "oom_killer_disable: oom_lock"),
    ),
    "suspend": Script((*SUSPENDER, "init: fork v"), ("s: suspend",), ("wakeup",), check=suspends_at_once),
    "suspend with a zombie": Script(
        (*SUSPENDER, "init: fork v", "v: exit_group"), ("s: suspend",), ("wakeup",), check=suspends_at_once
    ),
    "freeze and thaw": Script(
        (*THREADS, "init: fork w", "init: attach v A"),
        ("init: freeze A", "w: thaw A"),
        start=("v", "refrigerator: freezer_lock"),
        check=thawed_is_thawed,
    ),
    "exit of a thread": Script(THREADS, ("v: exit",)),
    "suspend beside a frozen cgroup": Script(
        (*SUSPENDER, "init: fork v", "init: attach v A", "init: freeze A"),
        ("s: suspend",),
        ("wakeup",),
        the_frozen_stay,
    ),
    "exit": Script(("init: fork v",), ("v: exit_group",), check=memory_before_files),
    "freeze who hangs in exit": Script(
        ("init: fork v", "init: attach v A", "v: io_submit"),
        ("v: exit_group",),
        ("init: freeze A", "init: read_state A"),
        not_yet_frozen,
    ),
    "dump core": Script(THREADS, ("init: kill v ABRT",), check=group_is_dead),
}


def findings(script: Script, variant: Variant, wanted: str = "") -> set[str]:
    """Every check that some schedule turned red, or those up to the first that is ``wanted``.

    A claim's name, "lock order", "model bug", "assertion", or "observation" for the script's own check or a machine without rest.
    """
    found: set[str] = set()
    for seed in SEEDS:
        session = Session(Machine(variant))
        try:
            run(script, session, random.Random(seed))
        except LockOrder:
            found.add("lock order")
        except ModelBug:
            found.add("model bug")
        except AssertionError:
            found.add("assertion")
        except StepLimitReached:
            found.add("observation")
        else:
            found |= set(session.violations)
            if script.check(session):
                found.add("observation")
        if wanted in found:
            break
    return found


def run(script: Script, session: Session, rng: random.Random) -> None:
    """One run of a script."""
    for text in script.before:
        session.request(op(text))
        session.run(UniformScheduler(random.Random(0)))
    for i, text in enumerate(script.race):
        session.request(op(text))
        if i == 0 and script.start[0]:
            session.run(Until(rng, *script.start))
    session.run(UniformScheduler(rng))
    for text in script.after:
        session.request(op(text))
        session.run(UniformScheduler(rng))


@attrs.define(frozen=True)
class Mutation:
    """``function`` of ``module`` with each ``old`` replaced by its ``new``; ``caught`` by this check in this script."""

    module: ModuleType
    function: str
    edits: tuple[tuple[str, str], ...]
    script: str
    caught: str
    variant: Variant = patched.VARIANT


def mutate(mutation: Mutation) -> Variant:
    """A variant in which the rewritten function replaces the old one."""
    old: FunctionType = getattr(mutation.module, mutation.function)
    source = inspect.getsource(old)
    for text, new in mutation.edits:
        assert source.count(text) == 1, f"{text!r} occurs {source.count(text)} times in {mutation.function}"
        source = source.replace(text, new)
    namespace = dict(vars(mutation.module))
    code = compile(f"from __future__ import annotations\n{source}", f"<{mutation.function}>", "exec")
    exec(code, namespace)  # noqa: S102 - this is how the function is rewritten
    broken = namespace[mutation.function]
    return Variant(mutation.variant.name, (replaces(old, broken),), base=mutation.variant)


MUTATIONS = {
    "thaw one thread fewer": Mutation(
        patched.oom_kill,
        "mark_oom_victim",
        (("in enumerate(threads)", "in enumerate(threads[1:])"),),
        "kill a frozen group",
        "fridge-empties",
    ),
    "thaw everybody in the cgroup": Mutation(
        patched.oom_kill,
        "mark_oom_victim",
        (("threads = tsk.signal.threads", "threads = tsk.cgroup.tasks"),),
        "kill one of two",
        "bystanders-stay",
    ),
    "test the wrong flag in freezing_slow_path": Mutation(
        patched.freezer,
        "freezing_slow_path",
        (("if tsk_is_oom_victim(p)", "if p.flags & PF_KTHREAD"),),
        "kill a frozen group",
        "fridge-empties",
    ),
    "freeze kernel threads that do not freeze": Mutation(
        patched.freezer,
        "freezing_slow_path",
        (("(PF_NOFREEZE | PF_SUSPEND_TASK)", "PF_SUSPEND_TASK"),),
        "suspend",
        "observation",
    ),
    "forget PF_NOFREEZE of the dead": Mutation(
        exit,
        "do_task_dead",
        (("cur.flags |= PF_NOFREEZE", "pass"),),
        "suspend with a zombie",
        "observation",
    ),
    "count before the mark": Mutation(
        patched.oom_kill,
        "mark_oom_victim",
        (
            ("yield SET_OOM_MM, tsk", "atomic_inc_oom_victims(k, cur)\n    yield SET_OOM_MM, tsk"),
            ("        atomic_inc_oom_victims(k, cur)\n", ""),
        ),
        "kill a group",
        "counted-once-per-group",
    ),
    "mark after the thaw": Mutation(
        legacy_tifmemdie.oom_kill,
        "mark_oom_victim",
        (
            ("    yield from thaw_task(k, cur, tsk)\n", ""),
            (
                "    yield SET_MEMDIE, tsk\n",
                "    yield from thaw_task(k, cur, tsk)\n    yield SET_MEMDIE, tsk\n",
            ),
        ),
        "kill a frozen thread",
        "fridge-empties",
        legacy_tifmemdie.VARIANT,
    ),
    "count an already marked thread again": Mutation(
        legacy_tifmemdie.oom_kill,
        "mark_oom_victim",
        (
            (
                "    atomic_inc_oom_victims(k, cur)",
                "    atomic_inc_oom_victims(k, cur)\n    atomic_inc_oom_victims(k, cur)",
            ),
        ),
        "kill a group",
        "count-returns",
        legacy_tifmemdie.VARIANT,
    ),
    "count down with every thread": Mutation(
        patched.exit,
        "exit_notify",
        (("        autoreap = True\n", "        autoreap = last = True\n"),),
        "kill a group",
        "count-never-negative",
    ),
    "forget wake_up_all at zero": Mutation(
        patched.oom_kill,
        "exit_oom_victim",
        (("wake_up_all(k.oom_victims_wait)", "pass"),),
        "kill one thread and suspend",
        "observation",
    ),
    "do not re-check freezing on the way out of the refrigerator": Mutation(
        freezer,
        "refrigerator",
        (("        if freezing(k, cur):", "        if freezing(k, cur) and not was_frozen:"),),
        "suspend beside a frozen cgroup",
        "observation",
    ),
    "do not re-check freezing on the way into the refrigerator": Mutation(
        freezer,
        "refrigerator",
        (("        if freezing(k, cur):", "        if not was_frozen:"),),
        "freeze and thaw",
        "observation",
    ),
    "thaw without a wake-up": Mutation(
        freezer, "thaw_task", (("wake_up_process(p)", "pass"),), "kill a frozen group", "fridge-empties"
    ),
    "fork without a look at pending signals": Mutation(
        fork,
        "copy_process",
        (("aborted = signal_pending(cur) or p.pid_ns.disabled", "aborted = p.pid_ns.disabled"),),
        "kill a forking group",
        "fork-cannot-escape",
    ),
    "SIGKILL for the chosen thread only": Mutation(
        signal,
        "complete_signal",
        (("for thread in signal.threads", "for thread in (t,)"),),
        "kill a group",
        "observation",
    ),
    "forget SIGKILL to sharers": Mutation(
        oom_kill,
        "_kill_sharers",
        (("yield from do_send_sig_info(k, cur, p, SIGKILL, group=True, force=True)", "pass"),),
        "kill a group that shares its mm",
        "observation",
    ),
    "forget that dumpers wait": Mutation(
        coredump,
        "coredump_finish",
        (("        wake_up_process(t)", "        pass"),),
        "dump core",
        "observation",
    ),
    "disable after oom_lock was dropped": Mutation(
        oom_kill,
        "oom_killer_disable",
        (
            (
                "    k.oom_killer_disabled = True\n    release(cur, k.oom_lock)\n",
                "    release(cur, k.oom_lock)\n    yield DISABLE_CHECK\n    k.oom_killer_disabled = True\n",
            ),
        ),
        "kill one thread and suspend",
        "never-marked-while-disabled",
    ),
    "ask for victims before the killer is disabled": Mutation(
        oom_kill,
        "oom_killer_disable",
        (
            ("    k.oom_killer_disabled = True\n    release", "    done = not k.oom_victims\n    release"),
            ("    done = False\n", "    yield DISABLE_CHECK\n    k.oom_killer_disabled = True\n"),
        ),
        "kill one thread and suspend",
        "disabled-means-quiet",
    ),
    "drop the victim's alloc_lock": Mutation(
        oom_kill,
        "find_lock_task_mm",
        (("            acquire(cur, t.alloc_lock)\n", ""),),
        "kill a group",
        "lock order",
    ),
    "take oom_lock under alloc_lock": Mutation(
        oom_kill,
        "oom_kill_process",
        (
            (
                "    acquire(cur, p.alloc_lock)\n",
                "    acquire(cur, p.alloc_lock)\n    acquire(cur, k.oom_lock)\n",
            ),
        ),
        "kill a group",
        "lock order",
    ),
    "sleep with siglock held": Mutation(
        exit,
        "exit_signals",
        (
            (
                "    cur.flags |= PF_EXITING\n    release_read",
                "    yield CORE_SLEEP\n    cur.flags |= PF_EXITING\n    release_read",
            ),
        ),
        "exit of a thread",
        "model bug",
    ),
    "close files before the memory goes": Mutation(
        patched.exit,
        "do_exit",
        (
            ("    yield from exit_mm(k, tsk)\n\n", ""),
            (
                "    yield from cgroup_exit(k, tsk)\n",
                "    yield from exit_mm(k, tsk)\n    yield from cgroup_exit(k, tsk)\n",
            ),
        ),
        "exit",
        "observation",
    ),
    "leave the cgroup before the memory goes": Mutation(
        patched.exit,
        "do_exit",
        (
            ("    yield from cgroup_exit(k, tsk)\n", ""),
            (
                "    yield from exit_mm(k, tsk)\n",
                "    yield from cgroup_exit(k, tsk)\n    yield from exit_mm(k, tsk)\n",
            ),
        ),
        "freeze who hangs in exit",
        "observation",
    ),
    "drop the io_context before the files": Mutation(
        patched.exit,
        "do_exit",
        (
            ("    if tsk.io_context:\n        exit_io_context(k, tsk)\n", ""),
            ("    yield from _exit_files", "    exit_io_context(k, tsk)\n    yield from _exit_files"),
        ),
        "exit",
        "no-io-after-io-context",
    ),
    "unhash before exit_notify": Mutation(
        patched.exit,
        "do_exit",
        (
            (
                "    yield from cgroup_exit(k, tsk)\n",
                "    yield from cgroup_exit(k, tsk)\n    yield from release_task(k, tsk, tsk)\n",
            ),
        ),
        "kill a group",
        "assertion",
    ),
    "unpin oom_mm with every thread": Mutation(
        mm,
        "put_signal_struct",
        (("if not signal.sigcnt and", "if"),),
        "kill a group",
        "mm-pin-balanced",
    ),
}


def test_what_the_scripts_find_in_the_unbroken_kernels() -> None:
    """The RFC's known leak (its observation is a suspend that fails), legacy's known gaps, and nothing else."""
    known = {
        legacy_tifmemdie.VARIANT: {"fridge-empties", "victim-dies", "disabled-means-quiet"},
        patched.VARIANT: {"count-returns", "no-spurious-ebusy", "observation"},
    }
    for variant, expected in known.items():
        found = {name: findings(script, variant) for name, script in SCRIPTS.items()}
        assert set().union(*found.values()) == expected, found


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    """Silent before, red after."""
    mutation = MUTATIONS[name]
    script = SCRIPTS[mutation.script]
    assert mutation.caught not in findings(script, mutation.variant)
    assert mutation.caught in findings(script, mutate(mutation), mutation.caught)


def test_a_mutation_that_does_not_apply_is_an_error() -> None:
    """A text that is not there, or there twice, would test nothing."""
    for text in ("no such text", "p"):
        mutation = Mutation(core, "frozen", ((text, ""),), "exit", "observation")
        with pytest.raises(AssertionError, match="times in frozen"):
            mutate(mutation)


def test_only_the_variant_has_the_mutation() -> None:
    """Wherever the kernel calls the function; the other kernels of the process keep theirs."""
    mutation = Mutation(
        locking, "release", (("lock.owner is not cur", "lock.owner is cur"),), "exit", "lock order"
    )
    assert "lock order" in findings(SCRIPTS["exit"], mutate(mutation))
    assert "lock order" not in findings(SCRIPTS["exit"], patched.VARIANT)
