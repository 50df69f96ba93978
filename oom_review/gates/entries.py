"""Which functions of the model a stock kernel can be held at, and why not at the others.

Read off the sources of 6.12 and 7.3.  A gate looks again on the running machine: at interrupts, and at the preemption count.
"""

from __future__ import annotations

import attrs

INLINED = "{} is inlined into its caller"
TASKLIST = "it is called with tasklist_lock held, which others wait for with interrupts off"
TASK_LOCK = "it is called with the victim's task_lock held"
OOM_LOCK = "it is called with oom_lock held, which whoever runs out of memory needs, and the freezer"
NEEDED = "everybody who is to freeze goes through it, who freezes them waits for all, and gives up"

WHY_NOT = {
    "exit_mm": INLINED.format("exit_mm()"),
    "exit_notify": INLINED.format("exit_notify()"),
    "synchronize_group_exit": INLINED.format("synchronize_group_exit()"),
    "exit_task_work": INLINED.format("exit_task_work()"),
    "try_to_freeze": INLINED.format("try_to_freeze()"),
    "queue_oom_reaper": INLINED.format("queue_oom_reaper()"),
    "oom_evaluate_task": "it is called within the walk over all processes, with RCU's read lock held",
    "freeze_task": TASKLIST,
    "out_of_memory": OOM_LOCK,
    "oom_kill_process": OOM_LOCK,
    "find_lock_task_mm": "it is called with RCU's read lock held, and by whoever reads /proc",
    "do_send_sig_info": TASK_LOCK,
    "mark_oom_victim": TASK_LOCK,
    "thaw_task": TASKLIST,
    "do_task_dead": "it is called with preemption disabled",
    "refrigerator": NEEDED,
}
NAMED = {
    "try_to_freeze_tasks",
    "freeze_processes",
    "freeze_kernel_threads",
    "oom_killer_disable",
    "thaw_processes",
}
ENTRIES = frozenset(
    {
        "try_to_freeze_tasks",
        "freeze_processes",
        "freeze_kernel_threads",
        "oom_killer_disable",
        "thaw_processes",
        "get_signal",
        "do_group_exit",
        "do_exit",
        "exit_mmap",
        "exit_oom_victim",
        "acct_process",
        "disassociate_ctty",
        "exit_files",
    }
)
THROUGH = "exit_task_stack_account"
"""Of do_exit(): all I/O is done, and preemption is not yet disabled."""
RESUMES = "thaw_processes"
"""Where whoever suspended comes to, whether it succeeded or not."""


@attrs.define(frozen=True)
class Entry:
    """``why_not``: "" if a task can be held there."""

    function: str
    why_not: str


def entry_of(function: str) -> Entry:
    """What a kernel has for that function of the model."""
    if function in ENTRIES:
        return Entry(function, "")
    return Entry(
        function, WHY_NOT.get(function, "nobody has looked whether it has an entry, and what is held there")
    )
