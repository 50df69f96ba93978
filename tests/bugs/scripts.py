"""For each bug a script of a few operations on which comparing shows it, found by hand, and what the bug alone can end in there."""

from __future__ import annotations

from builders import in_peace, op

from oom_review.scenario.items import Run, Scenario
from oom_review.schedules.choices import Choices
from oom_review.situations.families import SITUATIONS
from oom_review.situations.script import scenario


def script(before: str, at_once: str) -> Scenario:
    """Operations one by one, each to quiescence; then all at once."""
    peace = [item for words in before.split("; ") for item in (op(words), Run())]
    return Scenario((*peace, *map(op, at_once.split("; ")), Run()))


def while_it_is_reaped() -> Scenario:
    """p1 hangs in D state, the reaper has just taken it from its list, p2 stands there now; SysRq-f is about to choose p1 again."""
    begin = ("fork p1", "fork p2", "oom_score_adj p1 1000")
    peace = in_peace(*(f"init: {w}" for w in begin), "p1: writeback", "p2: io_submit", "memory_pressure")
    queued = ("kswapd",) * 26 + ("oom_reaper",) * 2 + ("@tick", "kswapd") + ("p2",) * 15
    return Scenario(
        (
            *peace,
            *(op("kswapd: alloc"), op("p2: exit_group"), Run(Choices(queued))),
            *(op("sysrq_f"), Run(Choices(("kworker",) * 13))),
            *(op("init: alloc"), Run()),
        )
    )


# What the bug alone can end in, as the comparison says it.
CASES = [
    ("marked_too_late", scenario(SITUATIONS["memcg-oom/threads=1/parent=frozen"]), "oom_victims falls to -1"),
    (
        "dead_are_freezable",
        script("init: fork p1; p1: exit_group", "init: suspend"),
        "suspend returns -EBUSY",
    ),
    (
        "disable_does_not_wait",
        scenario(SITUATIONS["self-oom/threads=1/suspend"]),
        "a victim's thread: I/O while disabled",
    ),
    (
        "victim_refreezes",
        script(
            "init: fork p1; init: attach p1 A; init: freeze A; init: oom_score_adj p1 1000", "kworker: alloc"
        ),
        "a victim's thread: in the fridge",
    ),
    (
        "suspender_freezes",
        script("init: fork p1", "p1: snapshot_freeze; init: kill p1 TERM"),
        "another task: in the fridge",
    ),
    (
        "reaper_drops_count",
        scenario(SITUATIONS["self-oom/threads=1/suspend"]),
        "a victim's thread: I/O while disabled",
    ),
    (
        "marked_without_mm",
        script("init: fork p1; init: fork p2; p1: open_delalloc", "p1: exit_group"),
        "oom_victims ends at 1",
    ),
    ("queued_twice", while_it_is_reaped(), "init: in the kernel"),
    (
        "exec_meets_attach",
        script("init: fork p1; p1: clone p2; init: ptrace_seize p2", "p1: execve; init: ptrace_seize p1"),
        "init: in the kernel",
    ),
    (
        "thread_escapes",
        script("init: fork p1", "p1: clone p2; init: kill p1 KILL"),
        "another task: user mode",
    ),
    (
        "dumper_frees_soon",
        script("init: fork p1; p1: clone p2; core_pipe", "p1: tgkill p2 ABRT; sysrq_f"),
        "a victim's thread: in the kernel",
    ),
    (
        "users_stay_frozen",
        script("init: fork p1; kswapd: writeback", "init: suspend"),
        "another task: in the fridge",
    ),
    (
        "dump_waiter_counts",
        script("init: fork p1; p1: clone_vm p2", "p1: kill p1 ABRT; init: suspend"),
        "suspend returns -EBUSY",
    ),
]

# A patch that was rejected, and changes nothing that can be seen: on these it could.
QUIET = {
    "dead_are_skipped": (
        script("init: fork p1; p1: exit_group", "init: suspend"),
        script("init: fork p1; p1: clone p2", "p1: exit_group; init: suspend"),
    )
}
