"""Generated scenarios that are small enough to explore in full."""

from __future__ import annotations

import random
from collections.abc import Callable

from oom_review.scenario import Op, Run, Scenario

Make = Callable[[str], Op]

_SETUP = (
    Op("nocldwait", "p"),
    Op("ignore_sigchld", "p"),
    Op("memcg_attach", "init", ("v", "M")),
    Op("attach", "init", ("v", "A")),
    Op("ptrace_seize", "s", ("v",)),
    Op("ptrace_seize_exit", "s", ("v",)),
    Op("subreaper", "init"),
    Op("freeze", "init", ("A",)),
)
_PLAIN = (
    "exit",
    "exit_group",
    "wait",
    "charge",
    "charge_fault",
    "fault",
    "execve",
    "snapshot_freeze",
    "io_submit",
    "suspend",
)
_WITH: tuple[tuple[str, *tuple[str | int, ...]], ...] = (
    ("kill", "v", "KILL"),
    ("kill", "v", "STOP"),
    ("kill", "v", "ABRT"),
    ("freeze", "A"),
    ("thaw", "A"),
    ("read_state", "A"),
    ("attach", "v", "A"),
    ("ptrace_attach", "v"),
    ("oom_score_adj", "v", 5),
)
_BIRTHS = ("fork", "clone", "vfork")


def operation(rng: random.Random, task: str) -> Op:
    """Something for the task to do."""
    kind = rng.randrange(10)
    if kind < 5:
        return Op(rng.choice(_PLAIN), task)
    if kind < 8:
        chosen = rng.choice(_WITH)
        return Op(chosen[0], task, chosen[1:])
    if kind < 9:
        return Op(rng.choice(_BIRTHS), task, ("n" + task,))
    return Op("alloc", "kworker")


def scenario(seed: int) -> Scenario:
    """A parent p, its child v of up to three threads, a stranger s; two or three of them, or init, do something at once."""
    rng = random.Random(seed)
    threads = [f"t{i}" for i in range(1, rng.choice((1, 1, 2, 2, 3)))]
    setup = [Op("fork", "init", ("p",)), Op("fork", "p", ("v",)), Op("fork", "init", ("s",))]
    setup += [Op("clone", "v", (name,)) for name in threads]
    setup += rng.sample(_SETUP, rng.randrange(3))
    actors = rng.sample(["init", "p", "v", "s", *threads[:1]], rng.choice((2, 2, 3)))
    concurrent: dict[str | None, Op] = {}
    for actor in actors:
        op = operation(rng, actor)
        concurrent.setdefault(op.task, op)
    event = (Op("sysrq_f"),) if rng.random() < 0.2 else ()
    return Scenario((*[item for op in setup for item in (op, Run())], *concurrent.values(), *event, Run()))
