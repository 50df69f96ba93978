"""The world around an OOM victim, as the operations that build it: one place for the scenarios and for the real kernels' rows."""

from __future__ import annotations

import attrs
from reach import AnySchedule, Item, Items

from oom_review.scenario import Op, Run

INIT, PARENT, VICTIM, TRACER, HOG = "init", "parent", "v", "tracer", "hog"


def do(task: str, name: str, *args: str | int) -> Items:
    """An operation in peace: nothing else happens meanwhile."""
    return (Op(name, task, args), Run())


def ask(task: str, name: str, *args: str | int) -> Items:
    """An operation that is only asked for: what follows races with it."""
    return (Op(name, task, args),)


ANY: Items = (AnySchedule(),)


@attrs.define(frozen=True)
class Victim:
    """A process that the OOM killer will choose, with the people around it.

    ``parent``: "waits", "ignores SIGCHLD", "SA_NOCLDWAIT" or "does not wait"; ``traced``: "none", "leader", "others" or
    "all threads", each by the operation ``attach``; ``born_by``: the operation that made the process.
    """

    threads: int = 1
    parent: str = "waits"
    frozen: bool = False
    leader_exited: bool = False
    stopped: bool = False
    traced: str = "none"
    attach: str = "ptrace_seize"
    tracer_waits: bool = False
    born_by: str = "fork"

    @property
    def names(self) -> tuple[str, ...]:
        """The leader and the other threads, oldest first."""
        return (VICTIM, *(f"t{i}" for i in range(1, self.threads)))

    @property
    def tracees(self) -> tuple[str, ...]:
        """The threads that are traced."""
        traced = {"none": (), "leader": self.names[:1], "others": self.names[1:], "all threads": self.names}
        return traced[self.traced]

    def build(self) -> Items:
        """Everything up to the OOM."""
        items: list[Item] = [*do(INIT, "fork", PARENT)]
        if self.parent == "ignores SIGCHLD":
            items += do(PARENT, "ignore_sigchld")
        elif self.parent == "SA_NOCLDWAIT":
            items += do(PARENT, "nocldwait")
        items += do(PARENT, self.born_by, VICTIM)
        for name in self.names[1:]:
            items += do(VICTIM, "clone", name)
        items += do(INIT, "oom_score_adj", VICTIM, 1000)
        items += do(INIT, "memcg_attach", VICTIM, "M") + do(INIT, "attach", VICTIM, "A")
        items += (
            do(INIT, "fork", HOG) + do(INIT, "memcg_attach", HOG, "M") + do(INIT, "oom_score_adj", HOG, -1000)
        )
        if self.tracees:
            items += do(INIT, "fork", TRACER)
        for name in self.tracees:
            items += do(TRACER, self.attach, name)
        if self.leader_exited:
            items += do(VICTIM, "exit")
        if self.stopped:
            items += do(INIT, "kill", VICTIM, "STOP")
        if self.parent == "waits":
            items += do(PARENT, "wait")
        if self.tracer_waits:
            items += do(TRACER, "wait_all")
        if self.frozen:
            items += do(INIT, "freeze", "A")
        return tuple(items)


OOM: Items = ask(HOG, "charge")
GLOBAL_OOM: Items = ask("kworker", "alloc")
THAW: Items = ask(INIT, "thaw", "A")

# Somebody writes "mem" to /sys/power/state, and the power button resumes the machine if that got so far.
SUSPEND: Items = (*ask(INIT, "suspend"), *ANY, Op("wakeup"), Run())

# The OOM killer once, without anybody who allocates and would come again.
SYSRQ_F: Items = (Op("sysrq_f"), *ANY)
