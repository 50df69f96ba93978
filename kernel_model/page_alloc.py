"""Who runs into the OOM killer: allocations and faults (mm/page_alloc.c, mm/memcontrol.c, mm/oom_kill.c), SysRq-f (tty/sysrq.c).

An allocation that somebody asks for finds no free page: it goes on when pages were freed after it began.
"""

from __future__ import annotations

from kernel_model.core import wake_up_all, wake_up_state
from kernel_model.freezer import try_to_freeze
from kernel_model.locking import acquire, release, trylock
from kernel_model.oom import OomControl, tsk_is_oom_victim
from kernel_model.oom_kill import out_of_memory
from kernel_model.preempt import Steps, lock, point, sleep
from kernel_model.sched import (
    PF_EXITING,
    TASK_INTERRUPTIBLE,
    TASK_KILLABLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    Kernel,
    MemCgroup,
    TaskStruct,
    fatal_signal_pending,
    signal_pending,
)

OOM_TRYLOCK = point("alloc_pages_may_oom", "mutex_trylock(oom_lock)")
FREELIST = point("alloc_pages_slowpath", "free pages by now?")
RETRY = sleep("alloc_pages_slowpath", "schedule_timeout_uninterruptible(1)")
FAULT_TRYLOCK = point("pagefault_out_of_memory", "mutex_trylock(oom_lock)")
FAULT_AGAIN = sleep("pagefault_out_of_memory", "fault again")
CHARGE = point("try_charge", "room by now, or dying?")
MEMCG_OOM = lock("mem_cgroup_out_of_memory", "oom_lock")
MEMCG_TRYLOCK = point("mem_cgroup_oom_synchronize", "mem_cgroup_oom_trylock()")
MEMCG_SLEEP = sleep("mem_cgroup_oom_synchronize", "wait for somebody else's OOM kill")
MEMCG_UNLOCK = point("mem_cgroup_oom_synchronize", "mem_cgroup_oom_unlock()")
MOOM = lock("moom_callback", "oom_lock")
KWORKER_IDLE = sleep("worker_thread", "wait for work")


def nap(cur: TaskStruct) -> None:
    """Sleep a tick before looking again; the clock sees to it that without news the sleep goes on (Machine.tick)."""
    cur.state = TASK_UNINTERRUPTIBLE
    cur.timer = None
    cur.polling = True


def trylock_oom(k: Kernel, cur: TaskStruct) -> bool:
    """mutex_trylock(&oom_lock): whoever holds it makes news for the one that it kept from looking, even if it only polls itself."""
    got = trylock(cur, k.oom_lock)
    if not got and isinstance(k.oom_lock.owner, TaskStruct):
        k.oom_lock.owner.polling = False
    return got


def alloc_pages_slowpath(k: Kernel, cur: TaskStruct) -> Steps[bool]:
    """An allocation with nothing free; False if it fails (mm/page_alloc.c, __alloc_pages_slowpath)."""
    before = k.freed
    while True:
        yield FREELIST
        if k.freed > before or tsk_is_oom_victim(cur):
            cur.polling = False
            return True
        yield OOM_TRYLOCK
        if trylock_oom(k, cur):
            # One more look at the free lists: the last holder of oom_lock may have freed something.
            progress = k.freed > before or (yield from out_of_memory(k, cur, OomControl()))
            release(cur, k.oom_lock)
            if not progress:
                cur.polling = False
                return False
        nap(cur)
        yield RETRY
        cur.state = TASK_RUNNING


def _handle_fault(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """A user page fault that finds nothing free, again and again (mm/oom_kill.c, pagefault_out_of_memory)."""
    before = k.freed
    while True:
        yield FREELIST
        if k.freed > before or tsk_is_oom_victim(cur) or signal_pending(cur):
            break
        yield FAULT_TRYLOCK
        if trylock_oom(k, cur):
            if k.freed == before:
                yield from out_of_memory(k, cur, OomControl())
            release(cur, k.oom_lock)
        nap(cur)
        cur.state = TASK_INTERRUPTIBLE
        yield FAULT_AGAIN
        cur.state = TASK_RUNNING
    cur.polling = False


def charge_done(cur: TaskStruct, memcg: MemCgroup, before: int) -> bool:
    """There is room, or the task is let through because it dies (mm/memcontrol.c, try_charge)."""
    if memcg.freed > before or tsk_is_oom_victim(cur):
        return True
    return fatal_signal_pending(cur) or bool(cur.flags & PF_EXITING)


def mem_cgroup_oom(k: Kernel, cur: TaskStruct, memcg: MemCgroup) -> Steps[bool]:
    """A system call's charge past the limit (mm/memcontrol.c, try_charge and mem_cgroup_out_of_memory)."""
    before = memcg.freed
    while True:
        yield CHARGE
        if charge_done(cur, memcg, before):
            cur.polling = False
            return True
        yield MEMCG_OOM, k.oom_lock
        acquire(cur, k.oom_lock)
        progress = yield from out_of_memory(k, cur, OomControl(memcg=memcg))
        release(cur, k.oom_lock)
        if not progress:
            cur.polling = False
            return False
        nap(cur)
        yield RETRY
        cur.state = TASK_RUNNING


def mem_cgroup_oom_synchronize(k: Kernel, cur: TaskStruct, memcg: MemCgroup) -> Steps[None]:
    """A user page fault's charge past the limit: one kills, the others wait (mm/memcontrol.c)."""
    before = memcg.freed
    while True:
        yield CHARGE
        if charge_done(cur, memcg, before) or signal_pending(cur):
            break
        yield MEMCG_TRYLOCK
        if k.oom_killer_disabled:
            break
        if memcg.oom_locked_by is None:
            memcg.oom_locked_by = cur
            yield MEMCG_OOM, k.oom_lock
            acquire(cur, k.oom_lock)
            progress = yield from out_of_memory(k, cur, OomControl(memcg=memcg))
            release(cur, k.oom_lock)
            yield MEMCG_UNLOCK
            memcg.oom_locked_by = None
            wake_up_all(memcg.oom_waitq)
            if not progress:
                break
            nap(cur)
            cur.state = TASK_INTERRUPTIBLE
            yield FAULT_AGAIN
            cur.state = TASK_RUNNING
        else:
            memcg.oom_waitq.append(cur)
            # A waiter that looks again and finds nothing is no news to those who poll.
            cur.polling = True
            cur.state = TASK_KILLABLE
            yield MEMCG_SLEEP
            cur.state = TASK_RUNNING
            memcg.oom_waitq.remove(cur)
    cur.polling = False


def sysrq_handle_moom(k: Kernel) -> None:
    """SysRq-f: queue the one work item, wake the worker (drivers/tty/sysrq.c)."""
    k.moom_pending = True
    wake_up_state(k.kworker, TASK_INTERRUPTIBLE)


def _kworker(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """The worker of the system workqueue: moom_callback, and allocations that a scenario gives it (kernel/workqueue.c)."""
    while True:
        cur.state = TASK_INTERRUPTIBLE
        while not k.moom_pending and cur.syscall is None:
            yield KWORKER_IDLE
            cur.state = TASK_INTERRUPTIBLE
        cur.state = TASK_RUNNING
        if k.moom_pending:
            k.moom_pending = False
            yield MOOM, k.oom_lock
            acquire(cur, k.oom_lock)
            yield from out_of_memory(k, cur, OomControl(order=-1))
            release(cur, k.oom_lock)
        if cur.syscall is not None:
            work, cur.syscall = cur.syscall, None
            cur.result = yield from work(k, cur)


def _freezable_kthread(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """A kernel thread that freezes, such as kswapd (mm/vmscan.c): freeze_kernel_threads() waits for it."""
    while True:
        yield from try_to_freeze(k, cur)
        cur.state = TASK_INTERRUPTIBLE
        if cur.syscall is None:
            yield KWORKER_IDLE
        cur.state = TASK_RUNNING
        if cur.syscall is not None:
            work, cur.syscall = cur.syscall, None
            cur.result = yield from work(k, cur)
