"""A thread that waits for a core dump is neither freezable nor skipped: suspend fails for it (fixed by 70d78fe7c8b6)."""

from __future__ import annotations

from kernel_model import exit  # noqa: A004 - the kernel's file name
from kernel_model.core import wake_up_process
from kernel_model.exit import CORE_DONE, CORE_SLEEP, _down_read_mmap_sem
from kernel_model.locking import release_read
from kernel_model.preempt import Steps
from kernel_model.sched import TASK_RUNNING, TASK_UNINTERRUPTIBLE, CoreState, Kernel, MmStruct, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out


def _coredump_wait_in_exit_mm(k: Kernel, cur: TaskStruct, mm: MmStruct, core_state: CoreState) -> Steps[None]:
    """A plain sleep."""
    release_read(cur, mm.mmap_sem)
    core_state.waiters.append(cur)
    core_state.nr_threads -= 1
    if not core_state.nr_threads:
        core_state.startup = True
        wake_up_process(core_state.dumper)
    while True:
        yield CORE_DONE
        cur.state = TASK_UNINTERRUPTIBLE
        if cur not in core_state.waiters:
            break
        yield CORE_SLEEP
    cur.state = TASK_RUNNING
    yield from _down_read_mmap_sem(cur, mm)


VARIANT = Variant(
    __name__, (replaces(exit._coredump_wait_in_exit_mm, _coredump_wait_in_exit_mm),), base=last_out.VARIANT
)
