"""The families of the promises about every task."""

from __future__ import annotations

from oom_review.situations.family import Family, at, script

_EBUSY_NAMES = Family(
    "ebusy-names-a-task",
    "Suspend beside whoever dies, dumps, waits, forks, is traced or has I/O in flight: who can't freeze, and whom the freezer leaves out.",
    (
        script("suspend/zombie", quick=True),
        script("suspend/dump", quick=True),
        script("suspend/dump-threads"),
        script("suspend/kthread"),
        script("suspend/exit"),
        script("suspend/exec", quick=True),
        script("suspend/fork"),
        script("suspend/vfork", quick=True),
        script("suspend/wait", quick=True),
        script("suspend/io", quick=True),
        script("suspend/namespace"),
        script("suspend/charge"),
        at(oom="self", pm="suspend", quick=True),
        at(oom="self", threads=2, pm="snapshot"),
        at(traced="leader", pm="suspend"),
    ),
)

_FRIDGE_REASON = Family(
    "fridge-has-a-reason",
    "A thaw against a freeze, of either freezer or of both, and whoever is born, moves or dies meanwhile.",
    (
        script("cgroup/suspend-thaw", quick=True),
        script("cgroup/suspend-freeze", quick=True),
        script("cgroup/resume", quick=True),
        script("cgroup/thaw-kill", quick=True),
        script("cgroup/migrate", quick=True),
        script("cgroup/fork"),
        script("snapshot/term"),
        script("snapshot/suspend", quick=True),
        script("suspend/kthread", quick=True),
        script("suspend/exec"),
        script("suspend/namespace"),
        at(oom="self", pm="snapshot", quick=True),
        at(racing="thaw", freezer="frozen"),
    ),
)

_FROZEN_RUNS_NOT = Family(
    "frozen-does-not-run",
    "A cgroup's state is read while its process exits, forks, moves or is killed; a suspend ends beside it.",
    (
        script("cgroup/read", "NPO", quick=True),
        script("cgroup/fork", quick=True),
        script("cgroup/kill", quick=True),
        script("cgroup/migrate"),
        script("cgroup/suspend-freeze"),
        script("cgroup/resume"),
        script("cgroup/resume-waits", "BFPO", quick=True),
        script("cgroup/suspend-thaw"),
        script("cgroup/thaw-kill"),
        script("snapshot/cgroup", quick=True),
        script("snapshot/own-cgroup", "LRKBTPO", quick=True),
        at(sharer="clone-vm", freezer="frozen"),
    ),
)

_SUSPENDER = Family(
    "suspender-stays-awake",
    "Signals, other freezers and other suspends for whoever suspends the machine.",
    (
        script("snapshot/term", quick=True),
        script("snapshot/exit", quick=True),
        script("snapshot/cgroup"),
        script("snapshot/suspend"),
        script("snapshot/thread"),
        script("suspend/killed", quick=True),
        script("cgroup/suspend-freeze"),
        at(oom="self", pm="snapshot", quick=True),
    ),
)

_MACHINE_WAKES = Family(
    "machine-wakes",
    "What becomes of the process that froze the machine through /dev/snapshot; its other threads are frozen like everybody.",
    (
        script("snapshot/thread", "LRKBTPO", quick=True),
        script("snapshot/thread-killed", "LRKBTPO"),
        script("snapshot/term", quick=True),
        script("snapshot/cgroup"),
        script("snapshot/suspend"),
    ),
)

_KILLED_DIES = Family(
    "killed-dies",
    "A kill, or an exit, against a dump, an exec, a fork, a tracer, a pid namespace and a fridge.",
    (
        script("namespace/tracer", "LRK", quick=True),
        script("namespace/exec", "LRK", quick=True),
        script("kill/namespace", quick=True),
        script("namespace/threads"),
        script("namespace/traced"),
        script("kill/clone", quick=True),
        script("kill/exec"),
        script("kill/dump"),
        script("kill/dump-pipe", quick=True),
        script("memory/dump-pipe", quick=True),
        script("trace/stopped", quick=True),
        script("trace/thread"),
        script("cgroup/kill"),
        script("cgroup/thaw-kill"),
        script("suspend/killed"),
        at(threads=2, freezer="frozen", quick=True),
        at(racing="exec"),
    ),
)

_NO_DEADLOCK = Family(
    "no-deadlock",
    "Those who wait for others in the kernel: execve() for its threads, a dump for whoever shares the memory, vfork() for its child, a namespace's init for all.",
    (
        script("trace/exec", quick=True),
        script("namespace/tracer", "LRK", quick=True),
        script("namespace/traced"),
        script("namespace/threads"),
        script("suspend/vfork", quick=True),
        script("suspend/dump", quick=True),
        script("kill/exec"),
        script("kill/dump"),
        script("trace/thread"),
    ),
)

_ZOMBIES_GO = Family(
    "zombies-go",
    "Who waits for a dead process: its parent, its tracer, both, one that dies itself, or nobody.",
    (
        script("wait/exit", quick=True),
        script("wait/ignores", quick=True),
        script("wait/orphan", quick=True),
        script("trace/parent", quick=True),
        script("trace/parent-dies", quick=True),
        script("trace/tracer-dies", quick=True),
        script("trace/thread"),
        script("namespace/traced"),
        script("namespace/threads"),
        script("kill/exec"),
        at(parent="waits", quick=True),
        at(threads=2, parent="ignores"),
        at(traced="leader", racing="tracer-waits"),
    ),
)

_MEMORY_WAITERS = Family(
    "memory-waiters-go-on",
    "Two that run out of memory at once, together with what may keep the OOM killer's victim from giving its memory back.",
    (
        script("charge/nobody", quick=True),
        script("charge/two"),
        script("memory/two-victims", quick=True),
        script("memory/dump-pipe"),
        script("suspend/charge"),
        at(quick=True),
        at(oom="self", threads=2, racing="second-oom", quick=True),
        at(racing="second-oom"),
        at(oom="global", racing="second-oom"),
        at(threads=2, freezer="frozen"),
        at(sharer="clone-vm", freezer="frozen", quick=True),
        at(racing="exec"),
    ),
)

OF_EVERYONE = (
    _EBUSY_NAMES,
    _FRIDGE_REASON,
    _FROZEN_RUNS_NOT,
    _SUSPENDER,
    _MACHINE_WAKES,
    _KILLED_DIES,
    _NO_DEADLOCK,
    _ZOMBIES_GO,
    _MEMORY_WAITERS,
)
