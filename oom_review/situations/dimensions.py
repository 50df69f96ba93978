"""What situations differ in: each dimension's values, with the words that say so; the first value is the plain one."""

from __future__ import annotations

MAX_THREADS = 4

OOM = {
    "memcg": "another process charges past the limit of their memory cgroup",
    "global": "a kernel thread runs out of memory",
    "self": "a thread of the victim itself charges past the limit of its memory cgroup",
}
LEADER = {
    "any": "",
    "first": "the leader calls pthread_exit() meanwhile",
    "last": "the other threads call pthread_exit() meanwhile",
    "long-gone": "the leader called pthread_exit() long ago",
}
PARENT = {
    "init": "",
    "waits": "its parent waits for it",
    "ignores": "its parent ignores SIGCHLD",
    "nocldwait": "its parent set SA_NOCLDWAIT",
    "frozen": "its parent waits for it in the cgroup fridge",
    "dies": "its parent exits meanwhile",
}
TRACED = {
    "none": "",
    "leader": "its leader is traced",
    "one-thread": "one thread that is not the leader is traced",
    "all": "all its threads are traced",
}
FREEZER = {
    "none": "",
    "frozen": "its freezer cgroup is frozen",
    "freezing": "somebody freezes its cgroup meanwhile",
}
PM = {
    "none": "",
    "suspend": "the system suspends meanwhile",
    "snapshot": "SNAPSHOT_FREEZE runs meanwhile: freeze_processes() without freeze_kernel_threads()",
}
SHARER = {
    "none": "",
    "clone-vm": "another process shares its mm, and its freezer cgroup",
}
RACING = {
    "nothing": "",
    "clone": "a thread of it starts another thread meanwhile",
    "fork": "a thread of it forks meanwhile",
    "exec": "a thread of it calls execve() meanwhile",
    "exit_group": "a thread of it calls exit_group() meanwhile",
    "second-oom": "there is a second OOM meanwhile",
    "thaw": "somebody thaws its cgroup meanwhile",
    "tracer-waits": "the tracer waits for it",
    "tracer-dies": "the tracer exits meanwhile",
}
DIMENSIONS: dict[str, dict[str, str]] = {
    "oom": OOM,
    "pm": PM,
    "freezer": FREEZER,
    "leader": LEADER,
    "parent": PARENT,
    "traced": TRACED,
    "sharer": SHARER,
    "racing": RACING,
}
"""All but the number of threads, in the order of names and sentences."""
