"""Situations in which the freezer, suspend, signals, tracers, dumps and namespaces meet, and seldom the OOM killer.

Written one by one, not by dimensions: the promises about every task ask for who meets whom, and seldom for more than that.
"""

from __future__ import annotations

import attrs

from oom_review.scenario.items import Run, Scenario, in_peace, operation


def _operations(text: str) -> tuple[str, ...]:
    return tuple(text.split("; "))


@attrs.define(frozen=True)
class Script:
    """``before``: operations one by one, each to quiescence; ``meanwhile``: all at once.  ``size``: about how many states there are."""

    name: str
    sentence: str
    before: tuple[str, ...] = attrs.field(converter=_operations)
    meanwhile: tuple[str, ...] = attrs.field(converter=_operations)
    size: float

    @property
    def threads(self) -> int:
        """Of the largest process."""
        clones = [op.task for op in self.scenario.operations if op.name == "clone"]
        return 1 + max(map(clones.count, clones), default=0)

    @property
    def scenario(self) -> Scenario:
        """As the other situations' scenarios are made."""
        return Scenario((*in_peace(map(operation, self.before)), *map(operation, self.meanwhile), Run()))


_IN_A = "init: fork p; init: fork admin; init: attach p A"
_FROZEN = f"{_IN_A}; init: freeze A; init: read_state A"
_TRACED = "init: fork p; p: fork c; init: fork tracer; tracer: ptrace_seize c"
_NAMESPACE = "init: fork p; p: clone_newpid n; n: fork c"

SCRIPTS: dict[str, Script] = {
    s.name: s
    for s in (
        # Suspend against those that are on their way somewhere.
        Script(
            "suspend/zombie",
            "the system suspends beside a zombie that nobody reaps",
            "init: fork p; p: exit_group",
            "init: suspend",
            15,
        ),
        Script(
            "suspend/exit",
            "the system suspends while a process of two threads exits",
            "init: fork p; p: clone t",
            "p: exit_group; init: suspend",
            1500,
        ),
        Script(
            "suspend/exec",
            "the system suspends while one of two threads calls execve()",
            "init: fork p; p: clone t",
            "p: execve; init: suspend",
            360,
        ),
        Script(
            "suspend/fork",
            "the system suspends while a process forks",
            "init: fork p",
            "p: fork c; init: suspend",
            100,
        ),
        Script(
            "suspend/vfork",
            "the system suspends while a process vforks",
            "init: fork p",
            "p: vfork c; init: suspend",
            100,
        ),
        Script(
            "suspend/wait",
            "the system suspends while a child exits that its parent waits for",
            "init: fork p; p: fork c; p: wait",
            "c: exit_group; init: suspend",
            170,
        ),
        Script(
            "suspend/io",
            "the system suspends while a process exits with I/O in flight",
            "init: fork p; p: io_submit",
            "p: exit_group; init: suspend",
            50,
        ),
        Script(
            "suspend/kthread",
            "the system suspends while a kernel thread waits for a device",
            "init: fork p; kswapd: writeback",
            "init: suspend",
            30,
        ),
        Script(
            "suspend/dump",
            "the system suspends while a process dumps core whose mm another one shares",
            "init: fork p; p: clone_vm q",
            "p: kill p ABRT; init: suspend",
            1500,
        ),
        Script(
            "suspend/dump-threads",
            "the system suspends while a process of two threads dumps core",
            "init: fork p; p: clone t",
            "p: kill p ABRT; init: suspend",
            1800,
        ),
        Script(
            "suspend/namespace",
            "the system suspends while the init of a pid namespace exits",
            _NAMESPACE,
            "n: exit_group; init: suspend",
            4700,
        ),
        Script(
            "suspend/charge",
            "the system suspends while a fault in a memory cgroup kills",
            "init: fork p; init: memcg_attach p M; init: oom_score_adj p -1000; init: fork q; init: memcg_attach q M",
            "p: charge_fault; init: suspend",
            4100,
        ),
        Script(
            "suspend/killed",
            "somebody kills whoever suspends the system",
            "init: fork p; init: fork q",
            "p: suspend; q: kill p KILL",
            100,
        ),
        # The cgroup freezer, and both.
        Script(
            "cgroup/suspend-thaw",
            "the system suspends while a frozen cgroup is thawed",
            _FROZEN,
            "init: suspend; admin: thaw A",
            180,
        ),
        Script(
            "cgroup/suspend-freeze",
            "the system suspends while a cgroup is frozen",
            _IN_A,
            "init: suspend; admin: freeze A",
            150,
        ),
        Script(
            "cgroup/resume",
            "the machine resumes beside a frozen cgroup",
            f"{_FROZEN}; init: suspend",
            "wakeup",
            60,
        ),
        Script(
            "cgroup/resume-waits",
            "the machine resumes beside a frozen cgroup whose process waits for a child",
            "init: fork p; p: fork c; p: wait; init: attach p A; init: freeze A; init: read_state A; init: suspend",
            "wakeup",
            60,
        ),
        Script(
            "cgroup/kill",
            "somebody kills a process in a frozen cgroup",
            _FROZEN,
            "init: kill p KILL",
            10,
        ),
        Script(
            "cgroup/read",
            "a cgroup is frozen, and its state read, while its process exits",
            _IN_A,
            "init: freeze A; admin: read_state A; p: exit_group",
            220,
        ),
        Script(
            "cgroup/fork",
            "a cgroup is frozen, and its state read, while its process forks",
            _IN_A,
            "init: freeze A; admin: read_state A; p: fork c",
            600,
        ),
        Script(
            "cgroup/thaw-kill",
            "a frozen cgroup is thawed, and its process killed",
            _FROZEN,
            "init: thaw A; admin: kill p KILL",
            150,
        ),
        Script(
            "cgroup/migrate",
            "a process moves into a cgroup that is being frozen, and its state is read",
            "init: fork p; init: fork admin",
            "init: attach p A; admin: freeze A",
            200,
        ),
        # /dev/snapshot and signals.
        Script(
            "snapshot/term",
            "somebody sends SIGTERM to whoever freezes all others through /dev/snapshot",
            "init: fork p",
            "p: snapshot_freeze; init: kill p TERM",
            120,
        ),
        Script(
            "snapshot/exit",
            "a process exits while another one freezes all others through /dev/snapshot",
            "init: fork p; init: fork c",
            "p: snapshot_freeze; c: exit_group",
            90,
        ),
        Script(
            "snapshot/cgroup",
            "a process freezes all others through /dev/snapshot while its cgroup is frozen",
            _IN_A,
            "p: snapshot_freeze; admin: freeze A",
            160,
        ),
        Script(
            "snapshot/own-cgroup",
            "a process that has frozen all others through /dev/snapshot, and then its own cgroup, thaws them",
            "init: fork p; init: attach p A; p: snapshot_freeze; p: freeze A; p: read_state A",
            "p: snapshot_unfreeze",
            10,
        ),
        Script(
            "snapshot/suspend",
            "the system suspends while a process freezes all others through /dev/snapshot",
            "init: fork p",
            "p: snapshot_freeze; init: suspend",
            200,
        ),
        Script(
            "snapshot/thread",
            "one of two threads has frozen all others through /dev/snapshot, and exits",
            "init: fork p; p: clone t; t: snapshot_freeze",
            "t: exit",
            20,
        ),
        Script(
            "snapshot/thread-killed",
            "somebody kills a process of which one of two threads freezes all others through /dev/snapshot",
            "init: fork p; p: clone t",
            "t: snapshot_freeze; init: kill p KILL",
            430,
        ),
        # Tracers against parents.
        Script(
            "trace/parent",
            "a traced process exits, and its tracer and its parent wait for it",
            f"{_TRACED}; p: wait",
            "c: exit_group; tracer: wait_all",
            70,
        ),
        Script(
            "trace/parent-dies",
            "a traced process and its parent exit",
            _TRACED,
            "c: exit_group; p: exit_group",
            70,
        ),
        Script(
            "trace/tracer-dies",
            "a traced process and its tracer exit, and its parent waits for it",
            f"{_TRACED}; p: wait",
            "c: exit_group; tracer: exit_group",
            70,
        ),
        Script(
            "trace/thread",
            "a process exits whose other thread is traced, and the tracer waits for it",
            "init: fork c; c: clone d; init: fork tracer; tracer: ptrace_seize d",
            "c: exit_group; tracer: wait_all",
            730,
        ),
        Script(
            "trace/stopped",
            "somebody kills a stopped tracee while its tracer exits",
            "init: fork c; init: fork tracer; tracer: ptrace_attach c",
            "init: kill c KILL; tracer: exit_group",
            100,
        ),
        Script(
            "trace/exec",
            "a process calls execve() while the tracer of one of its two threads attaches to the other",
            "init: fork p; p: clone t; init: ptrace_seize t",
            "p: execve; init: ptrace_seize p",
            60,
        ),
        # Deaths.
        Script(
            "wait/exit",
            "a child exits while its parent begins to wait",
            "init: fork p; p: fork c",
            "c: exit_group; p: wait",
            35,
        ),
        Script(
            "wait/ignores",
            "a child exits while its parent, which ignores SIGCHLD, begins to wait",
            "init: fork p; p: ignore_sigchld; p: fork c",
            "c: exit_group; p: wait",
            40,
        ),
        Script(
            "wait/orphan",
            "a process and its parent exit",
            "init: fork p; p: fork c",
            "c: exit_group; p: exit_group",
            65,
        ),
        Script(
            "kill/dump",
            "somebody kills a process of two threads that dumps core",
            "init: fork p; p: clone t",
            "p: kill p ABRT; init: kill p KILL",
            2000,
        ),
        Script(
            "kill/dump-pipe",
            "somebody kills a process that dumps core into a pipe that nobody reads",
            "init: fork p; core_pipe; p: kill p ABRT",
            "init: kill p KILL",
            25,
        ),
        Script(
            "kill/exec",
            "somebody kills a process of which one of two threads calls execve()",
            "init: fork p; p: clone t",
            "p: execve; init: kill p KILL",
            1500,
        ),
        Script(
            "kill/clone",
            "somebody kills a process that starts a thread",
            "init: fork p",
            "p: clone t; init: kill p KILL",
            600,
        ),
        Script(
            "kill/namespace",
            "somebody kills the init of a pid namespace",
            _NAMESPACE,
            "init: kill n KILL",
            150,
        ),
        Script(
            "namespace/threads",
            "the init of a pid namespace, of two threads, exits one by one",
            "init: fork p; p: clone_newpid n; n: clone t; n: fork c",
            "t: exit; n: exit_group",
            3400,
        ),
        Script(
            "namespace/traced",
            "the init of a pid namespace exits; a process outside traces one in it, and waits",
            f"{_NAMESPACE}; p: ptrace_seize c",
            "n: exit_group; p: wait_all",
            170,
        ),
        Script(
            "namespace/exec",
            "the init of a pid namespace is killed while a thread of it calls execve()",
            "init: clone_newpid n; n: clone t",
            "t: execve; init: kill n KILL",
            600,
        ),
        Script(
            "namespace/tracer",
            "the init of a pid namespace, which ignores SIGCHLD, exits, and traces a zombie of its own",
            "init: clone_newpid n; n: ignore_sigchld; n: fork c; n: ptrace_seize c; c: exit_group",
            "n: exit_group",
            50,
        ),
        # Memory.
        Script(
            "memory/dump-pipe",
            "SysRq-f comes while a process of two threads dumps core into a pipe that nobody reads",
            "init: fork p; p: clone t; core_pipe",
            "p: tgkill t ABRT; sysrq_f",
            16_000,
        ),
        Script(
            "memory/two-victims",
            "memory runs out, and SysRq-f comes, while one process waits for a device, and another one exits with I/O in flight",
            "init: fork p; init: fork q; init: oom_score_adj p 1000; p: writeback; q: io_submit; memory_pressure",
            "kswapd: alloc; sysrq_f; q: exit_group",
            39_000,
        ),
        Script(
            "charge/two",
            "two processes of a memory cgroup fault past its limit",
            "init: fork p; init: memcg_attach p M; init: fork q; init: memcg_attach q M",
            "p: charge_fault; q: charge_fault",
            21_000,
        ),
        Script(
            "charge/nobody",
            "a process faults past the limit of a memory cgroup in which nobody can be killed",
            "init: fork p; init: memcg_attach p M; init: oom_score_adj p -1000",
            "p: charge_fault; init: kill p TERM",
            100,
        ),
    )
}
"""Each by its name."""
