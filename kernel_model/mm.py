"""Address spaces and their users (kernel/fork.c: mmput, mm_release), and whose pages they hold."""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import wake_up_state
from kernel_model.filemap import end_page_writeback
from kernel_model.preempt import Steps, point, sleep
from kernel_model.sched import (
    MMF_OOM_SKIP,
    PF_EXITING,
    TASK_KILLABLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    Kernel,
    MemCgroup,
    MmStruct,
    SignalStruct,
    TaskStruct,
    signal_group_exit,
)

MMPUT = point("mmput", "atomic_dec_and_test(mm_users)")
EXIT_AIO = sleep("exit_aio", "wait for the I/O in flight", outside=True)
UNMAP = point("exit_mmap", "unmap, fput; MMF_OOM_SKIP")
MM_RELEASE = point("mm_release", "clear_child_tid, vfork completion")


def free_pages(k: Kernel, mm: MmStruct) -> None:
    """The pages go back to the system and to the memory cgroup that they were charged to, and those above; allocators look again."""
    k.freed += mm.pages
    memcg = mm.memcg
    while memcg is not None:
        memcg.freed += mm.pages
        memcg = memcg.parent
    mm.pages = 0


def mem_cgroup_is_descendant(memcg: MemCgroup | None, root: MemCgroup) -> bool:
    """It is ``root``, or below (include/linux/memcontrol.h)."""
    while memcg is not None and memcg is not root:
        memcg = memcg.parent
    return memcg is root


def mem_over_limit(memcg: MemCgroup) -> MemCgroup:
    """Whose limit a charge there meets: only those at the top have one (mm/memcontrol.c, try_charge)."""
    while memcg.parent is not None:
        memcg = memcg.parent
    return memcg


def mem_cgroup_tree(memcg: MemCgroup) -> tuple[MemCgroup, ...]:
    """It and all below, parents first (mm/memcontrol.c, for_each_mem_cgroup_tree)."""
    return (memcg, *(below for child in memcg.children for below in mem_cgroup_tree(child)))


def mm_owner(k: Kernel, mm: MmStruct) -> TaskStruct:
    """The oldest of those who use it: who made it, and then a child (mm->owner; kernel/exit.c, mm_update_next_owner)."""
    return next(p for p in k.tasks.values() if p.mm is mm)


def mem_cgroup_commit_charge(k: Kernel, signal: SignalStruct, memcg: MemCgroup) -> None:
    """A process in its first memory cgroup touches its memory there, unless it is on its way out (mm/memcontrol.c)."""
    if signal_group_exit(signal):
        return
    for t in signal.threads:
        mm = t.mm
        if (
            mm is not None
            and mm.memcg is None
            and not t.flags & PF_EXITING
            and mm_owner(k, mm).signal is signal
        ):
            mm.memcg = memcg


def mmput(k: Kernel, cur: TaskStruct, mm: MmStruct) -> Steps[None]:
    """Give up one use; the last user tears the address space down, which is I/O (kernel/fork.c, mmput and __mmput)."""
    yield MMPUT
    mm.mm_users -= 1
    if mm.mm_users:
        return
    events.io(k, cur, "mmput")
    while mm.aio_in_flight:
        cur.state = TASK_UNINTERRUPTIBLE
        yield EXIT_AIO
        cur.state = TASK_RUNNING
    yield UNMAP
    events.io(k, cur, "exit_mmap")
    exit_mmap(k, mm)


def exit_mmap(k: Kernel, mm: MmStruct) -> None:
    """Nothing is mapped any more (mm/mmap.c, exit_mmap, and the rest of kernel/fork.c, __mmput)."""
    free_pages(k, mm)
    mm.flags |= MMF_OOM_SKIP
    mm.mm_count -= 1


def mmput_async(k: Kernel, mm: MmStruct) -> None:
    """Give up one use from a context that must not block: a worker that nobody waits for does the rest (kernel/fork.c)."""
    mm.mm_users -= 1
    if not mm.mm_users:
        exit_mmap(k, mm)


def mm_release(cur: TaskStruct) -> Steps[None]:
    """The task leaves its address space: a vfork parent may go on (kernel/fork.c, mm_release)."""
    yield MM_RELEASE
    complete_vfork_done(cur)


def complete_vfork_done(cur: TaskStruct) -> None:
    """Source: kernel/fork.c, complete_vfork_done(), under the child's alloc_lock."""
    parent = cur.vfork_done
    if parent is not None:
        cur.vfork_done = None
        wake_up_state(parent, TASK_KILLABLE)


def put_task_struct(k: Kernel, p: TaskStruct) -> None:
    """Drop a reference; the last one of a group frees its signal_struct and with it oom_mm's pin (kernel/fork.c)."""
    p.usage -= 1
    if not p.usage:
        put_signal_struct(k, p.signal)


def put_signal_struct(k: Kernel, signal: SignalStruct) -> None:
    """Source: kernel/fork.c, put_signal_struct() and free_signal_struct()."""
    signal.sigcnt -= 1
    if not signal.sigcnt and signal.oom_mm is not None:
        events.unpinned(k, signal)
        signal.oom_mm.mm_count -= 1


def io_complete(k: Kernel) -> None:
    """The devices finish what was in flight; whoever waits in exit_aio, or for a page's writeback, goes on."""
    end_page_writeback(k)
    if not k.aio:
        return
    for mm in k.aio:
        mm.aio_in_flight = False
    k.aio = []
    for p in k.tasks.values():
        if p.at is EXIT_AIO:
            wake_up_state(p, TASK_UNINTERRUPTIBLE)
