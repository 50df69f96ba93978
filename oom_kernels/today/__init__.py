"""What the kernels of 2024 to 2026 have in common, a file per C file, and in ``switches`` what sets them apart.

It stands on kernel_model, the kernel of 2016: TODAY names the functions that are not that kernel's any more, ADDED those that it had
not.  docs/today.md has the whole table.

Tried and dropped: v6.18's patch on the kernel of 2016 (the dump waits elsewhere, sleepers go to the fridge on their own feet, the
OOM killer chooses otherwise); a copy of kernel_model (nobody would see what changed).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from kernel_model import (
    cgroup_freezer as base_cgroup_freezer,
)
from kernel_model import (
    core,
    prototypes,
)
from kernel_model import (
    coredump as base_coredump,
)
from kernel_model import (
    exec as base_exec,
)
from kernel_model import (
    exit as base_exit,
)
from kernel_model import (
    fork as base_fork,
)
from kernel_model import (
    freezer as base_freezer,
)
from kernel_model import (
    futex as base_futex,
)
from kernel_model import (
    get_signal as base_get_signal,
)
from kernel_model import (
    hrtimer as base_hrtimer,
)
from kernel_model import (
    oom_kill as base_oom_kill,
)
from kernel_model import (
    oom_reaper as base_oom_reaper,
)
from kernel_model import (
    operations as base_operations,
)
from kernel_model import (
    page_alloc as base_page_alloc,
)
from kernel_model import (
    pid_namespace as base_pid_namespace,
)
from kernel_model import (
    ptrace as base_ptrace,
)
from kernel_model import (
    ptrace_stop as base_ptrace_stop,
)
from kernel_model import (
    sched as base_sched,
)
from kernel_model import (
    signal as base_signal,
)
from kernel_model import (
    wait as base_wait,
)
from kernel_model.operations import Arg, Operation
from kernel_model.power import main as base_power
from kernel_model.power import process as base_process
from kernel_model.variant import Replacement, replaces
from legacy_tifmemdie.exit import exit_notify, release_task
from legacy_tifmemdie.oom_kill import exit_oom_victim
from patched.freezer import freezing_slow_path

from . import (
    cgroup,
    cgroup_freezer,
    cgroup_freezer_v2,
    coredump,
    css_task_iter,
    exec,  # noqa: A004 - the kernel's file name
    exit,  # noqa: A004 - the kernel's file name
    file,
    fork,
    freezer,
    get_signal,
    io_wq,
    memcontrol,
    oom_kill,
    oom_reaper,
    pid_namespace,
    power,
    ptrace,
    ptrace_stop,
    sched,
    signal,
    sleepers,
    switches,
    wait,
)

TODAY: tuple[Replacement, ...] = (
    replaces(base_sched.task_is_stopped, sched.task_is_stopped),
    replaces(base_sched.task_is_traced, sched.task_is_traced),
    replaces(base_sched.task_is_stopped_or_traced, sched.task_is_stopped_or_traced),
    replaces(core.wake_up_state, sched.wake_up_state),
    replaces(core.wake_up_process, sched.wake_up_process),
    replaces(base_freezer.refrigerator, freezer.refrigerator),
    replaces(base_freezer.freeze_task, freezer.freeze_task),
    replaces(base_freezer.thaw_task, freezer.thaw_task),
    replaces(prototypes.freezing_slow_path, freezing_slow_path),
    replaces(base_signal.sig_ignored, signal.sig_ignored),
    replaces(base_signal.prepare_signal, signal.prepare_signal),
    replaces(base_signal.send_signal, signal.send_signal),
    replaces(base_signal._kills_at_once, signal._kills_at_once),
    replaces(base_signal.zap_other_threads, signal.zap_other_threads),
    replaces(base_signal.wants_signal, signal.wants_signal),
    replaces(base_ptrace_stop.recalc_sigpending_tsk, get_signal.recalc_sigpending_tsk),
    replaces(base_get_signal.dequeue_signal, get_signal.dequeue_signal),
    replaces(base_get_signal.get_signal, get_signal.get_signal),
    replaces(base_get_signal._sleep_stopped, get_signal._sleep_stopped),
    replaces(base_get_signal.do_group_exit, get_signal.do_group_exit),
    replaces(base_ptrace_stop.ptrace_stop, ptrace_stop.ptrace_stop),
    replaces(base_ptrace.trap_if_stopped, ptrace.trap_if_stopped),
    replaces(base_ptrace._stop_attached, ptrace._stop_attached),
    replaces(base_coredump.zap_threads, coredump.zap_threads),
    replaces(base_coredump.dump_interrupted, coredump.dump_interrupted),
    replaces(base_coredump.do_coredump, coredump.do_coredump),
    replaces(base_coredump.coredump_finish, coredump.coredump_finish),
    replaces(base_exit.exit_signals, exit.exit_signals),
    replaces(base_exit.retarget_shared_pending, exit.retarget_shared_pending),
    replaces(base_exit.forget_original_parent, exit.forget_original_parent),
    replaces(prototypes.exit_mm, exit.exit_mm),
    replaces(base_exit._exit_files_and_namespaces, exit._exit_files_and_namespaces),
    replaces(prototypes.exit_notify, exit_notify),
    replaces(prototypes.release_task, release_task),
    replaces(base_exit.do_task_dead, exit.do_task_dead),
    replaces(prototypes.do_exit, exit.do_exit),
    replaces(base_exec.de_thread, exec.de_thread),
    replaces(base_fork.dup_task_struct, fork.dup_task_struct),
    replaces(base_fork.copy_process, fork.copy_process),
    replaces(base_fork.hash_task, fork.hash_task),
    replaces(base_fork.wait_for_vfork_done, fork.wait_for_vfork_done),
    replaces(base_oom_kill.group_will_free_mem, oom_kill.group_will_free_mem),
    replaces(base_oom_kill.oom_unkillable_task, oom_kill.oom_unkillable_task),
    replaces(base_oom_kill.oom_badness, oom_kill.oom_badness),
    replaces(base_oom_kill.oom_evaluate_task, oom_kill.oom_evaluate_task),
    replaces(base_oom_kill.mem_cgroup_scan_tasks, oom_kill.mem_cgroup_scan_tasks),
    replaces(base_oom_kill.oom_kill_process, oom_kill.oom_kill_process),
    replaces(base_oom_kill._nap_with_oom_lock, oom_kill._nap_with_oom_lock),
    replaces(prototypes.mark_oom_victim, oom_kill.mark_oom_victim),
    replaces(prototypes.exit_oom_victim, exit_oom_victim),
    replaces(base_oom_reaper.wake_oom_reaper, oom_reaper.queue_oom_reaper),
    replaces(base_oom_reaper.oom_reaper, oom_reaper.oom_reaper),
    replaces(base_oom_reaper.oom_reap_task, oom_reaper.oom_reap_task),
    replaces(base_oom_reaper.oom_reap_task_mm, oom_reaper.oom_reap_task_mm),
    replaces(base_page_alloc.mem_cgroup_oom, memcontrol.mem_cgroup_oom),
    replaces(base_page_alloc.mem_cgroup_oom_synchronize, memcontrol.mem_cgroup_oom_synchronize),
    replaces(base_page_alloc._handle_fault, memcontrol._handle_fault),
    replaces(base_cgroup_freezer.cgroup_post_fork, cgroup.cgroup_post_fork),
    replaces(base_operations._memcg_attach, cgroup._memcg_attach),
    replaces(base_cgroup_freezer._tell_tasks, cgroup_freezer._tell_tasks),
    replaces(base_cgroup_freezer.update_if_frozen, cgroup_freezer.update_if_frozen),
    replaces(base_wait._state_of_wait, wait._state_of_wait),
    replaces(base_futex.futex_wait, sleepers.futex_wait),
    replaces(base_hrtimer.nanosleep, sleepers.nanosleep),
    replaces(base_pid_namespace._sigkill, pid_namespace._sigkill),
    replaces(base_pid_namespace._state_until_empty, pid_namespace._state_until_empty),
    replaces(base_process._freeze_pass, power._freeze_pass),
    replaces(base_power.lock_system_sleep, power.lock_system_sleep),
    replaces(base_power.unlock_system_sleep, power.unlock_system_sleep),
)

ADDED = (
    freezer.set_task_frozen,
    freezer.thaw_process,
    coredump.synchronize_group_exit,
    coredump.coredump_task_exit,
    file.exit_files,
    file.close_files,
    io_wq.io_uring_worker,
    io_wq.io_uring_request,
    io_wq._without_worker,
    io_wq.io_wq_worker,
    io_wq.io_uring_cancel,
    signal.unblocked,
    memcontrol.dying_leaders,
    memcontrol.mem_cgroup_processes,
    memcontrol.mem_cgroup_sees,
    memcontrol.mem_cgroup_out_of_memory,
    oom_reaper.process_mrelease,
    memcontrol.task_is_dying,
    memcontrol.mem_cgroup_get_oom_group,
    memcontrol.mem_cgroup_oom_group_write,
    oom_kill.oom_kill_memcg_members,
    cgroup_freezer.css_task_iter_hides,
    css_task_iter.css_task_iter_next,
    css_task_iter.css_task_iter_advance,
    cgroup_freezer_v2.freezes,
    cgroup_freezer_v2.cgroup_freeze_write,
    cgroup_freezer_v2.cgroup_do_freeze,
    cgroup_freezer_v2.cgroup_freeze_task,
    cgroup_freezer_v2.cgroup_freezer_migrate_task,
    cgroup_freezer_v2.do_freezer_trap,
    cgroup_freezer_v2.cgroup_leave_frozen,
    cgroup.cgroup_kill_write,
    cgroup.cgroup_kill,
    cgroup.cgroup_can_fork,
    exit.cgroup_task_dead,
    exit._exit_io,
    exit._give_up_mm,
    switches.waits_are_freezable,
    switches.dump_is_refused_while_freezing,
    switches.listed_until_dead,
    switches.exit_signals_takes_siglock,
    switches.tty_before_files,
    switches.cgroup_kill_walks_threads,
    switches.io_uring_before_de_thread,
    switches.dying_charge_bypasses_oom,
)


OPERATIONS: tuple[Any, ...] = (
    Operation("open_fuse", "user", {}, file.open_fuse, "open a file of a FUSE server, which answers late", 2),
    Operation("open_ttys", "user", {}, file.open_ttys, "open terminals, whose close is I/O"),
    Operation("fuse_answer", "event", {}, file.fuse_answer, "the FUSE server answers who waits for it", 2),
    Operation(
        "io_uring_worker", "user", {"name": Arg.NEW}, io_wq.io_uring_worker, "ask for I/O by a new worker", 0
    ),
    Operation(
        "io_uring_request", "user", {}, io_wq.io_uring_request, "ask for I/O by the workers that are there", 0
    ),
    Operation(
        "cgroup_kill", "user", {"memcg": Arg.MEMCG}, cgroup.cgroup_kill_write, "write 1 to cgroup.kill", 0
    ),
    Operation(
        "oom_group",
        "user",
        {"memcg": Arg.MEMCG},
        memcontrol.mem_cgroup_oom_group_write,
        "write 1 to memory.oom.group",
        0,
    ),
    Operation(
        "process_mrelease",
        "user",
        {"target": Arg.TASK},
        oom_reaper.process_mrelease,
        "process_mrelease() of a process",
        0,
    ),
    *(
        Operation(
            f"v2_{what}",
            "user",
            {"memcg": Arg.MEMCG},
            partial(cgroup_freezer_v2.cgroup_freeze_write, freeze=what == "freeze"),
            f"write {number} to cgroup.freeze",
            0,
        )
        for what, number in (("freeze", 1), ("thaw", 0))
    ),
    Operation("s2idle", "user", {}, power.s2idle, "write freeze to /sys/power/state", 2),
)
