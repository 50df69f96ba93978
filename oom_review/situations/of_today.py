"""Situations with operations that the kernel of 2016 has not, a family for each.

They belong to no claim's family, whose rows all kernels share: each claim is looked at in each of them, on the kernels that have the
operations, and a pattern has to name them.  REFUTED_IN says of each what exploring refutes there.
"""

from __future__ import annotations

from oom_review.claims import HOLDS, REFUTED
from oom_review.situations.family import named
from oom_review.situations.without_oom import Script

_VICTIM = "init: fork v; init: memcg_attach v M"
_CHARGER = "init: fork charger; init: memcg_attach charger M; init: oom_score_adj charger -1000"
_OPEN = f"{_VICTIM}; {_CHARGER}; v: open_fuse"
_TWO = f"{_VICTIM}; init: fork w; init: memcg_attach w M; {_CHARGER}"
_RELEASED = f"{_VICTIM}; {_CHARGER}; init: attach v A; init: freeze A; init: kill v KILL"
_IN_N = "init: fork v; init: memcg_attach v M/N"
_V2 = "init: fork p; init: memcg_attach p M"
_FROZEN_WORKER = f"{_VICTIM}; v: io_uring_worker w; {_CHARGER}; init: attach v A; init: freeze A"
_WAITS = f"{_OPEN}; charger: charge"

OF_TODAY: dict[str, Script] = {
    script.name: script
    for script in (
        # A FUSE server that answers late, or never; an event comes before all else that happens at once.
        Script(
            "fuse/suspend",
            "the system suspends while a victim's last close waits for a FUSE server",
            _OPEN,
            "charger: charge; init: suspend",
            750,
        ),
        Script(
            "fuse/suspend-threads",
            "the system suspends while the last close of a victim of two threads waits for a FUSE server",
            f"{_VICTIM}; v: clone t; {_CHARGER}; v: open_fuse",
            "charger: charge; init: suspend",
            23_000,
        ),
        Script(
            "fuse/resume",
            "the machine resumes while a victim's last close waits for a FUSE server",
            f"{_WAITS}; init: suspend",
            "wakeup",
            10,
        ),
        Script(
            "fuse/answer",
            "a FUSE server has answered a victim's last close, and the system suspends",
            _WAITS,
            "fuse_answer; init: suspend",
            210,
        ),
        Script(
            "fuse/answer-asleep",
            "a FUSE server answers a victim's last close after a suspend",
            f"{_WAITS}; init: suspend",
            "fuse_answer",
            20,
        ),
        Script(
            "fuse/wait",
            "a FUSE server has answered the last close of a killed process, whose parent begins to wait for it",
            "init: fork p; p: fork c; c: open_fuse; init: kill c KILL",
            "fuse_answer; p: wait",
            40,
        ),
        Script(
            "fuse/killed",
            "the system suspends while the last close of a killed process waits for a FUSE server",
            "init: fork p; init: fork q; p: open_fuse",
            "q: kill p KILL; init: suspend",
            140,
        ),
        Script(
            "fuse/frozen",
            "the system suspends while the last close of a victim in a frozen cgroup waits for a FUSE server",
            f"{_OPEN}; init: attach v A; init: freeze A",
            "charger: charge; init: suspend",
            680,
        ),
        Script(
            "fuse/read",
            "a cgroup is frozen, and its state read, while its process's last close waits for a FUSE server",
            "init: fork p; init: fork admin; init: attach p A; p: open_fuse",
            "init: freeze A; admin: read_state A; p: exit_group",
            230,
        ),
        # Terminals.
        Script(
            "ttys/suspend",
            "the system suspends while a victim closes terminals",
            f"{_VICTIM}; {_CHARGER}; v: open_ttys",
            "charger: charge; init: suspend",
            1400,
        ),
        # An io_uring worker, which dies before its owner does.
        Script(
            "io_uring/frozen",
            "memory runs out beside a frozen cgroup in which the victim has an io_uring worker",
            _FROZEN_WORKER,
            "charger: charge",
            2000,
        ),
        Script(
            "io_uring/frozen-suspend",
            "the system suspends beside a frozen cgroup whose victim has an io_uring worker",
            f"{_FROZEN_WORKER}; charger: charge",
            "init: suspend",
            25,
        ),
        Script(
            "io_uring/thaw",
            "a frozen cgroup is thawed whose victim has an io_uring worker",
            f"{_FROZEN_WORKER}; charger: charge",
            "init: thaw A",
            720,
        ),
        Script(
            "io_uring/suspend",
            "the system suspends while a victim dies that has an io_uring worker",
            f"{_VICTIM}; v: io_uring_worker w; {_CHARGER}",
            "charger: charge; init: suspend",
            34_000,
        ),
        Script(
            "io_uring/killed",
            "the system suspends while somebody kills a process that has an io_uring worker",
            "init: fork p; init: fork q; p: io_uring_worker w",
            "q: kill p KILL; init: suspend",
            2500,
        ),
        Script(
            "io_uring/request",
            "somebody kills a process that has a request for its io_uring worker",
            "init: fork p; init: fork q; p: io_uring_worker w",
            "p: io_uring_request; q: kill p KILL",
            1900,
        ),
        Script(
            "io_uring/exec",
            "the system suspends while a process calls execve() that has an io_uring worker",
            "init: fork p; p: io_uring_worker w",
            "p: execve; init: suspend",
            580,
        ),
        Script(
            "io_uring/thread",
            "the system suspends while one of two threads exits that has an io_uring worker",
            "init: fork p; p: clone t; t: io_uring_worker w",
            "t: exit; init: suspend",
            620,
        ),
        Script(
            "io_uring/read",
            "a cgroup is frozen, and its state read, while its process exits, which has an io_uring worker",
            "init: fork p; init: fork admin; p: io_uring_worker w; init: attach p A",
            "init: freeze A; admin: read_state A; p: exit_group",
            11_500,
        ),
        # cgroup.kill.
        Script(
            "cgroup_kill/frozen",
            "cgroup.kill is written beside a frozen freezer cgroup with two threads of one process",
            "init: fork p; p: clone t; init: memcg_attach p M; init: attach p A; init: freeze A",
            "init: cgroup_kill M",
            10,
        ),
        Script(
            "cgroup_kill/suspend",
            "the system suspends while cgroup.kill is written",
            "init: fork p; init: memcg_attach p M; init: fork q",
            "q: cgroup_kill M; init: suspend",
            550,
        ),
        Script(
            "cgroup_kill/fork",
            "cgroup.kill is written while a process of the cgroup forks",
            "init: fork p; init: memcg_attach p M",
            "p: fork c; init: cgroup_kill M",
            3500,
        ),
        Script(
            "cgroup_kill/exec",
            "cgroup.kill is written while one of two threads calls execve()",
            "init: fork p; p: clone t; init: memcg_attach p M",
            "t: execve; init: cgroup_kill M",
            8000,
        ),
        Script(
            "cgroup_kill/oom",
            "cgroup.kill is written while memory runs out in the cgroup",
            f"{_VICTIM}; {_CHARGER}; init: fork admin",
            "charger: charge; admin: cgroup_kill M",
            7500,
        ),
        Script(
            "cgroup_kill/fuse",
            "the system suspends while cgroup.kill is written, and the last close of whoever dies waits for a FUSE server",
            "init: fork p; init: memcg_attach p M; p: open_fuse; init: fork q",
            "q: cgroup_kill M; init: suspend",
            380,
        ),
        # memory.oom.group.
        Script(
            "oom_group/two",
            "memory runs out in a cgroup with memory.oom.group that has two processes",
            f"{_TWO}; init: oom_group M",
            "charger: charge",
            3900,
        ),
        Script(
            "oom_group/frozen",
            "memory runs out in a cgroup with memory.oom.group whose process of two threads is in a frozen cgroup",
            f"{_VICTIM}; v: clone t; {_CHARGER}; init: oom_group M; init: attach v A; init: freeze A",
            "charger: charge",
            9800,
        ),
        Script(
            "oom_group/fork",
            "memory runs out in a cgroup with memory.oom.group while its process forks",
            f"{_VICTIM}; {_CHARGER}; init: oom_group M",
            "charger: charge; v: fork c",
            18_000,
        ),
        Script(
            "oom_group/fuse",
            "the system suspends while who dies by memory.oom.group waits for a FUSE server in its last close",
            f"{_TWO}; init: oom_group M; w: open_fuse",
            "charger: charge; init: suspend",
            34_000,
        ),
        # process_mrelease().
        Script(
            "mrelease/frozen",
            "process_mrelease() is called of a killed process in a frozen cgroup",
            "init: fork p; init: attach p A; init: freeze A; init: kill p KILL",
            "init: process_mrelease p",
            10,
        ),
        Script(
            "mrelease/killed",
            "process_mrelease() is called of a process that somebody kills",
            "init: fork p; init: fork q",
            "init: kill p KILL; q: process_mrelease p",
            130,
        ),
        Script(
            "mrelease/oom",
            "process_mrelease() is called of a victim of the OOM killer",
            f"{_VICTIM}; {_CHARGER}; init: fork q",
            "charger: charge; q: process_mrelease v",
            540,
        ),
        Script(
            "mrelease/suspend",
            "the system suspends while process_mrelease() is called of a killed process in a frozen cgroup",
            f"{_RELEASED}; init: fork q",
            "q: process_mrelease v; init: suspend",
            90,
        ),
        Script(
            "mrelease/charge",
            "memory runs out in the cgroup of a killed process, in a frozen cgroup, of which process_mrelease() was called",
            f"{_RELEASED}; init: process_mrelease v",
            "charger: charge",
            100,
        ),
        # The freezer of cgroup v2.
        Script(
            "v2/frozen",
            "memory runs out beside a frozen cgroup of version 2, whose victim has three threads",
            f"{_IN_N}; v: clone t; v: clone u; {_CHARGER}; init: v2_freeze M/N",
            "charger: charge",
            16_000,
        ),
        Script(
            "v2/suspend",
            "the system suspends while memory runs out beside a frozen cgroup of version 2",
            f"{_IN_N}; {_CHARGER}; init: v2_freeze M/N",
            "charger: charge; init: suspend",
            1100,
        ),
        Script(
            "v2/io_uring",
            "memory runs out beside a frozen cgroup of version 2, whose victim has an io_uring worker",
            f"{_IN_N}; v: io_uring_worker w; {_CHARGER}; init: v2_freeze M/N",
            "charger: charge",
            2200,
        ),
        Script(
            "v2/kill",
            "the system suspends while somebody kills a process in a frozen cgroup of version 2",
            f"{_V2}; init: v2_freeze M; init: fork q",
            "q: kill p KILL; init: suspend",
            120,
        ),
        Script(
            "v2/resume",
            "the machine resumes beside a frozen cgroup of version 2",
            f"{_V2}; init: v2_freeze M; init: suspend",
            "wakeup",
            10,
        ),
        Script(
            "v2/thaw",
            "the system suspends while a frozen cgroup of version 2 is thawed",
            f"{_V2}; init: v2_freeze M; init: fork q",
            "q: v2_thaw M; init: suspend",
            150,
        ),
        Script(
            "v2/both",
            "a process that both cgroup freezers froze is thawed by both",
            f"{_V2}; init: v2_freeze M; init: attach p A; init: freeze A; init: fork q",
            "init: thaw A; q: v2_thaw M",
            45,
        ),
        Script(
            "v2/both-killed",
            "somebody kills a process that both cgroup freezers froze, and version 2 thaws it",
            f"{_V2}; init: v2_freeze M; init: attach p A; init: freeze A; init: fork q",
            "init: kill p KILL; q: v2_thaw M",
            20,
        ),
        Script(
            "v2/exit",
            "a cgroup of version 2 is frozen while its process of two threads exits",
            "init: fork p; p: clone t; init: memcg_attach p M",
            "init: v2_freeze M; t: exit_group",
            2800,
        ),
        Script(
            "v2/fork",
            "a cgroup of version 2 is frozen while its process forks",
            _V2,
            "init: v2_freeze M; p: fork c",
            160,
        ),
        Script(
            "v2/exec",
            "a cgroup of version 2 is frozen while one of two threads calls execve()",
            "init: fork p; p: clone t; init: memcg_attach p M",
            "init: v2_freeze M; t: execve",
            600,
        ),
        Script(
            "v2/stop",
            "a cgroup of version 2 is frozen while somebody stops its process",
            f"{_V2}; init: fork q",
            "init: v2_freeze M; q: kill p STOP",
            45,
        ),
        Script(
            "v2/traced",
            "a tracer has a stopped process go on in a frozen cgroup of version 2",
            f"{_V2}; init: fork tracer; tracer: ptrace_attach p; init: v2_freeze M",
            "tracer: ptrace_cont p",
            5,
        ),
        Script(
            "v2/waits",
            "a cgroup of version 2 is frozen, whose process waits for a child, while the child exits",
            "init: fork p; p: fork c; init: memcg_attach p M; p: wait",
            "init: v2_freeze M; c: exit_group",
            80,
        ),
    )
}
"""Each by its name."""

_NOT_QUIET = {"disabled-means-quiet": "BT", "suspended-means-quiet": "T", "no-tail-when-suspended": "T"}
_TAIL = {"disabled-means-quiet": "T", "suspended-means-quiet": "T", "no-tail-when-suspended": "T"}
_STUCK = {"fridge-empties": "B", "victim-dies": "B", "marked-reaches-exit-mm": "B"}

REFUTED_IN: dict[str, dict[str, str]] = {
    "fuse/suspend": _NOT_QUIET,
    "fuse/suspend-threads": _NOT_QUIET | {"fridge-empties": "B", "victim-dies": "B"},
    "fuse/resume": {"no-tail-when-suspended": "T"},
    "fuse/answer": _TAIL,
    "fuse/answer-asleep": _TAIL,
    "fuse/frozen": _NOT_QUIET,
    "fuse/read": {"frozen-does-not-run": "NPO"},
    "ttys/suspend": _NOT_QUIET,
    "io_uring/frozen": _STUCK | {"count-returns": "P"},
    "io_uring/frozen-suspend": _STUCK,
    "io_uring/thaw": _STUCK,
    "io_uring/suspend": _NOT_QUIET | {"count-returns": "P", "no-spurious-ebusy": "P"},
    "io_uring/read": {"frozen-does-not-run": "NPO"},
    "oom_group/frozen": {
        "fridge-empties": "B",
        "victim-dies": "B",
        "counted-once-per-group": "BT",
        "count-returns": "P",
    },
    "oom_group/fuse": _NOT_QUIET,
    "v2/frozen": {"count-returns": "P"},
    "v2/suspend": _NOT_QUIET,
    "v2/io_uring": {"count-returns": "P"},
}
"""By situation and claim: the kernels, by the letters of the families; nothing else is refuted there."""


def expected(claim: str, situation: str, variant: str) -> str:
    """The verdict on that claim there; variants that nobody knows are to keep every claim."""
    letters = REFUTED_IN.get(situation, {}).get(claim, "")
    return REFUTED if variant in named(letters) else HOLDS
