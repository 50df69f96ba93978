"""Wake-ups (kernel/sched/core.c), atomics and flags (the bits of asm/ and include/ whose effects somebody observes)."""

from __future__ import annotations

from kernel_model import events
from kernel_model.sched import (
    PF_FROZEN,
    TASK_NORMAL,
    Kernel,
    MmStruct,
    SignalStruct,
    TaskStruct,
)


def wake_up_state(p: TaskStruct, state: int) -> None:
    """Source: kernel/sched/core.c, wake_up_state()."""
    p.try_to_wake_up(state)


def wake_up_process(p: TaskStruct) -> None:
    """Source: kernel/sched/core.c, wake_up_process()."""
    p.try_to_wake_up(TASK_NORMAL)


def wake_up_all(waiters: list[TaskStruct]) -> None:
    """Source: include/linux/wait.h, wake_up_all(): the sleepers take themselves off the queue."""
    for p in waiters:
        wake_up_process(p)


def test_tsk_thread_flag(p: TaskStruct, flag: int) -> bool:
    """Source: include/linux/sched.h."""
    return bool(p.thread_flags & flag)


def test_and_set_tsk_thread_flag(k: Kernel, p: TaskStruct, flag: int) -> bool:
    """Source: include/linux/sched.h; only TIF_MEMDIE is set this way."""
    old = bool(p.thread_flags & flag)
    p.thread_flags |= flag
    if not old:
        events.memdie(k, p)
        # Who is marked gets at the reserves: news to it, also if it marked itself when it looked again.
        k.progress += 1
    return old


def clear_thread_flag(cur: TaskStruct, flag: int) -> None:
    """Source: include/linux/thread_info.h."""
    cur.thread_flags &= ~flag


def cmpxchg_oom_mm(k: Kernel, signal: SignalStruct, mm: MmStruct | None) -> MmStruct | None:
    """cmpxchg(&signal->oom_mm, NULL, mm): returns what was there."""
    old = signal.oom_mm
    if old is None:
        signal.oom_mm = mm
        k.progress += 1
        events.marked(k, signal)
    return old


def atomic_inc_mm_count(k: Kernel, signal: SignalStruct) -> None:
    """atomic_inc(&signal->oom_mm->mm_count): the pin that keeps oom_mm for as long as the signal_struct lives."""
    assert signal.oom_mm is not None
    signal.oom_mm.mm_count += 1
    events.pinned(k, signal)


def atomic_inc_oom_victims(k: Kernel, cur: TaskStruct) -> None:
    """atomic_inc(&oom_victims), mm/oom_kill.c."""
    k.oom_victims += 1
    events.oom_victims(k, cur, 1)


def atomic_dec_return_oom_victims(k: Kernel, cur: TaskStruct) -> int:
    """atomic_dec_return(&oom_victims), mm/oom_kill.c."""
    k.oom_victims -= 1
    events.oom_victims(k, cur, -1)
    return k.oom_victims


def warn_on(k: Kernel, cur: TaskStruct, condition: bool, text: str) -> None:
    """WARN_ON(), include/asm-generic/bug.h."""
    if condition:
        events.warning(k, cur, text)


def frozen(p: TaskStruct) -> bool:
    """In the fridge (include/linux/freezer.h)."""
    return bool(p.flags & PF_FROZEN)
