"""Situations with operations that the kernel of 2016 has not: files whose last close takes its time.

They belong to no claim's family, whose rows all kernels share: each claim is looked at in each of them, on the kernels that have the
operations, and a pattern has to name them.
"""

from __future__ import annotations

from oom_review.situations.without_oom import Script

_VICTIM = "init: fork v; init: memcg_attach v M"
_CHARGER = "init: fork charger; init: memcg_attach charger M; init: oom_score_adj charger -1000"
_OPEN = f"{_VICTIM}; {_CHARGER}; v: open_fuse"
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
    )
}
"""Each by its name."""
