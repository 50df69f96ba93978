"""One function of the quiet base broken by hand for each promise about every task that no public bug breaks; and one patch that is none."""

from __future__ import annotations

from kernel_model import cgroup_freezer, freezer, oom_kill, prototypes, signal
from kernel_model.cgroup_freezer import cgroup_freezing
from kernel_model.core import frozen, wake_up_process
from kernel_model.events import thawed
from kernel_model.freezer import THAW_TASK_LOCK, thaw_task
from kernel_model.locking import acquire, release
from kernel_model.oom import OomControl, tsk_is_oom_victim
from kernel_model.oom_kill import SHARERS, process_shares_mm
from kernel_model.preempt import Steps
from kernel_model.sched import (
    CGROUP_FREEZING,
    CGROUP_FROZEN,
    PF_KTHREAD,
    PF_NOFREEZE,
    PF_SUSPEND_TASK,
    SIGKILL,
    FreezerCgroup,
    Kernel,
    MmStruct,
    TaskStruct,
    next_process,
)
from kernel_model.signal import do_send_sig_info
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out

BASE = last_out.VARIANT


def thaw_only_killers(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[None]:
    """Whoever is not the OOM killer wakes nobody."""
    yield THAW_TASK_LOCK, k.freezer_lock
    acquire(cur, k.freezer_lock)
    if frozen(p) and k.oom_lock.owner is cur:
        thawed(k, cur, p)
        wake_up_process(p)
    release(cur, k.freezer_lock)


def update_if_frozen(k: Kernel, cgroup: FreezerCgroup) -> None:
    """FROZEN is read as soon as somebody freezes."""
    del k
    if cgroup.state & CGROUP_FREEZING:
        cgroup.state |= CGROUP_FROZEN


def wake_up_parent(parent: TaskStruct) -> None:
    """Nobody is woken."""
    del parent


def oom_evaluate_task(k: Kernel, p: TaskStruct, oc: OomControl) -> None:
    """There is a victim already, whoever it is."""
    del k, p
    oc.aborted = True


def freezing_slow_path(k: Kernel, p: TaskStruct) -> bool:
    """Nobody who was killed freezes: those that share a victim's mm neither."""
    if p.flags & (PF_NOFREEZE | PF_SUSPEND_TASK) or tsk_is_oom_victim(p) or SIGKILL in p.pending:
        return False
    if k.pm_nosig_freezing or cgroup_freezing(p):
        return True
    return k.pm_freezing and not p.flags & PF_KTHREAD


def _kill_sharers(k: Kernel, cur: TaskStruct, victim: TaskStruct, mm: MmStruct) -> Steps[bool]:
    """They are thawed, too."""
    p: TaskStruct | None = None
    while (p := next_process(k, p)) is not None:
        yield SHARERS
        if p.signal is victim.signal or not process_shares_mm(p, mm) or p.signal is k.init.signal:
            continue
        yield from do_send_sig_info(k, cur, p, SIGKILL, group=True, force=True)
        threads = p.signal.threads
        for _i, t in enumerate(threads):
            yield from thaw_task(k, cur, t)
    return True


def thaw_everybody(k: Kernel, cur: TaskStruct, victim: TaskStruct, mm: MmStruct) -> Steps[bool]:
    """Whoever sits in the fridge is woken, whatever its mm."""
    del victim, mm
    p: TaskStruct | None = None
    while (p := next_process(k, p)) is not None:
        yield SHARERS
        yield from thaw_task(k, cur, p)
    return True


NOBODY_THAWS = Variant("nobody_thaws", (replaces(freezer.thaw_task, thaw_only_killers),), base=BASE)
READS_FROZEN = Variant(
    "reads_frozen", (replaces(cgroup_freezer.update_if_frozen, update_if_frozen),), base=BASE
)
PARENT_SLEEPS = Variant("parent_sleeps", (replaces(signal.wake_up_parent, wake_up_parent),), base=BASE)
NOBODY_KILLS = Variant("nobody_kills", (replaces(oom_kill.oom_evaluate_task, oom_evaluate_task),), base=BASE)
THAWS_SHARERS = Variant(
    "thaws_sharers",
    (
        replaces(prototypes.freezing_slow_path, freezing_slow_path),
        replaces(oom_kill._kill_sharers, _kill_sharers),
    ),
    base=BASE,
)
THAWS_EVERYBODY = Variant("thaws_everybody", (replaces(oom_kill._kill_sharers, thaw_everybody),), base=BASE)
