"""The twin's configurations as scenarios, explored by us, and our ends as the twin's outcomes.

Some operations exist for this comparison only.  The twin's suspend can leave out the freezer round for kernel threads, which no
kernel does; its machine is woken at any time from when it sleeps on, where a scenario's event happens between two runs.  It has no OOM
reaper, and whoever hits the limit tries once to kill, not until there is room: with ``whole`` ours has the reaper and the kernel's loop,
which is more work, and the ends have to be the same.
"""

from __future__ import annotations

import attrs

from benchmarks.peers.run import Configuration, Outcome
from benchmarks.peers.twin import JUDGES
from kernel_model.core import wake_up_process
from kernel_model.locking import acquire, release
from kernel_model.oom import OomControl
from kernel_model.oom_kill import out_of_memory
from kernel_model.operations import Arg, Operation
from kernel_model.page_alloc import MEMCG_OOM
from kernel_model.power.main import PM_TRYLOCK, _device_phase, finish
from kernel_model.power.process import freeze_processes, thaw_processes
from kernel_model.preempt import POINTS, Kind, PreemptionPoint, Steps
from kernel_model.sched import PF_NOFREEZE, TASK_RUNNING, TASK_UNINTERRUPTIBLE, Kernel, TaskStruct
from kernel_model.variant import Variant
from oom_review.claims import REFUTED
from oom_review.explore import Bounds, Limits, explore
from oom_review.explore.final import Final
from oom_review.play.observation import DEAD, IN_FRIDGE
from oom_review.scenario.items import Op, Run, Scenario, in_peace
from oom_review.variants.loading import load

VARIANTS = {"legacy": "legacy_tifmemdie", "rfc": "patched"}
OUTSIDERS = ("init", "p", "c")
# Not registered for good: the kernel has no such place.
BUTTON = PreemptionPoint("power_button", "wait until the machine sleeps", Kind.SLEEP)
POINTS[BUTTON.function, BUTTON.step] = BUTTON


def suspend_user_space(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """pm_suspend() without freeze_kernel_threads()."""
    yield PM_TRYLOCK
    acquire(cur, k.pm_mutex)
    k.pm_wakeup = False
    error = yield from freeze_processes(k, cur)
    if not error:
        yield from _device_phase(k, cur)
        yield from thaw_processes(k, cur)
    release(cur, k.pm_mutex)
    return finish(k, cur, "suspend", error)


def press_power_button(k: Kernel, cur: TaskStruct, suspender: TaskStruct) -> Steps[None]:
    """Wakes the machine at any time after it went to sleep: until then there is nothing to see, whenever one looks.

    As pm_wakeup(), which asks of every task whether it waits for this: here it is known who does.
    """
    while k.pm_phase != "suspended":
        cur.state = TASK_UNINTERRUPTIBLE
        cur.polling = True
        yield BUTTON
    cur.state = TASK_RUNNING
    cur.polling = False
    k.pm_wakeup = True
    wake_up_process(suspender)


def never_freeze(_k: Kernel, task: TaskStruct) -> None:
    """Make it a kernel thread that is not freezable, as most are."""
    task.flags |= PF_NOFREEZE


def charge_once(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """mem_cgroup_oom() without its loop."""
    yield MEMCG_OOM, k.oom_lock
    acquire(cur, k.oom_lock)
    yield from out_of_memory(k, cur, OomControl(memcg=cur.memcg))
    release(cur, k.oom_lock)


def never_reap(_k: Kernel, task: TaskStruct) -> None:
    """To wake_oom_reaper() it looks as if it was in the reaper's list already."""
    task.oom_reaper_listed = True


EXTRA = (
    Operation("suspend_user_space", "user", {}, suspend_user_space, ""),
    Operation("press_power_button", "kthread", {"suspender": Arg.TASK}, press_power_button, ""),
    Operation("never_freeze", "event", {"task": Arg.TASK}, never_freeze, ""),
    Operation("charge_once", "user", {}, charge_once, ""),
    Operation("never_reap", "event", {"task": Arg.TASK}, never_reap, ""),
)


def kernel(c: Configuration) -> Variant:
    """The configuration's kernel, with the operations of this comparison."""
    base = load(VARIANTS[c.variant])
    return Variant(base.name, operations=EXTRA, base=base)


def scenarios(c: Configuration, *, whole: bool) -> list[Scenario]:
    """A suspended machine is woken, or nobody ever wakes it: these are two."""
    return [scenario(c, woken=woken, whole=whole) for woken in ((True, False) if c.suspend else (False,))]


def scenario(c: Configuration, *, woken: bool, whole: bool) -> Scenario:
    """The set-up, each operation in peace; then everything at once.  kswapd stands for whoever wakes the machine.

    Init suspends: the twin has nobody who only looks on.
    """
    before = [Op("fork", "init", ("p",))]
    if c.parent == "ignores":
        before.append(Op("ignore_sigchld", "p"))
    before += [Op("fork", "p", ("v",)), Op("fork", "init", ("c",))]
    others = [f"t{i}" for i in range(1, c.threads)]
    before += [Op("clone", "v", (name,)) for name in others]
    if not whole:
        before += [Op("never_reap", None, (name,)) for name in ("v", *others)]
    if c.trigger == "task":
        before += [Op("memcg_attach", "init", (name, "M")) for name in ("v", "c")]
    before += [Op("oom_score_adj", "init", (name, -1000)) for name in ("p", "c")]
    if c.frozen:
        before += [Op("attach", "init", ("v", "A")), Op("freeze", "init", ("A",))]
    charge = Op("charge" if whole else "charge_once", "c")
    together = [charge if c.trigger == "task" else Op("sysrq_f")]
    if c.parent == "waits":
        together.append(Op("wait", "p"))
    if c.suspend:
        before.append(Op("never_freeze", None, ("kswapd",)))
        together.append(Op("suspend" if c.kthreads else "suspend_user_space", "init"))
    if woken:
        together.append(Op("press_power_button", "kswapd", ("init",)))
    return Scenario((*in_peace(before), *together, Run()))


@attrs.define(frozen=True)
class Explored:
    """What we found.  ``bounded`` is empty, or says where the search stopped."""

    outcomes: frozenset[Outcome]
    refuted: frozenset[str]
    states: int
    transitions: int
    bounded: str


def explored(c: Configuration, limits: Limits, *, short_sleeps: bool = True, whole: bool = False) -> Explored:
    """All interleavings.  Only ``short_sleeps`` are the twin's: there, too, all but the time-outs of 20 s can end at any time."""
    results = [
        explore(one, kernel(c), limits=limits, bounds=Bounds(short_sleeps=short_sleeps))
        for one in scenarios(c, whole=whole)
    ]
    return Explored(
        frozenset(outcome(c, final) for result in results for final in result.finals),
        frozenset(claim for claim in JUDGES for r in results if r.verdicts[claim].verdict == REFUTED),
        sum(result.counts.states for result in results),
        sum(result.counts.transitions for result in results),
        next((result.stopped for result in results if result.stopped), ""),
    )


def outcome(c: Configuration, final: Final) -> Outcome:
    """The same six things that the twin notes."""
    assert not final.warnings, final
    assert not final.panicked, final
    victims = [row for row in final.tasks if row[0] not in OUTSIDERS]
    assert len(victims) == c.threads, final
    states = [state for _name, state, _marked, _phases in victims]
    quiet = {phase for row in victims for phase in row[3]}
    results = [result for _task, _operation, result in final.pm]
    if results:
        (suspend,) = results
    else:
        suspend = "suspended" if c.suspend else "none"
        assert final.phase == ("suspended" if c.suspend else "running"), final
    return Outcome(
        final.counts[-1] if final.counts else 0,
        states.count(IN_FRIDGE),
        all(state in DEAD for state in states),
        suspend,
        "disabled" in quiet,
        "suspended" in quiet,
    )
