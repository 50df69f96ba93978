"""A victim and the world around it, as the operations that build it; and scripts in words.

One place for the scenarios, the real kernels' rows, the columns and the deliberate breakages.  Situations have a builder of their
own (oom_review/situations/script.py), which is product and under test; generated scenarios are drawn (explore/generated.py).
"""

from __future__ import annotations

import attrs
from reach import AnySchedule, Items

from oom_review.scenario import items
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import Choices
from oom_review.schedules.gaps import Gaps

INIT, PARENT, VICTIM, TRACER, HOG = "init", "parent", "v", "tracer", "hog"
# What a parent does about SIGCHLD before it forks.
SIGCHLD = {"ignores SIGCHLD": "ignore_sigchld", "SA_NOCLDWAIT": "nocldwait"}


op = items.operation


def in_peace(*operations: str) -> tuple[Op | Run, ...]:
    """One by one, each run to quiescence."""
    return items.in_peace(map(op, operations))


def script(*operations: str, last: Gaps | Choices | None = None) -> Scenario:
    """Operations in peace; ``last`` is the schedule of the last run."""
    peace = in_peace(*operations)
    return Scenario(peace if last is None else (*peace[:-1], Run(last)))


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
        lines = [f"{INIT}: fork {PARENT}"]
        if self.parent in SIGCHLD:
            lines.append(f"{PARENT}: {SIGCHLD[self.parent]}")
        lines.append(f"{PARENT}: {self.born_by} {VICTIM}")
        lines += [f"{VICTIM}: clone {name}" for name in self.names[1:]]
        lines.append(f"{INIT}: oom_score_adj {VICTIM} 1000")
        lines += [f"{INIT}: memcg_attach {VICTIM} M", f"{INIT}: attach {VICTIM} A"]
        lines += [
            f"{INIT}: fork {HOG}",
            f"{INIT}: memcg_attach {HOG} M",
            f"{INIT}: oom_score_adj {HOG} -1000",
        ]
        if self.tracees:
            lines.append(f"{INIT}: fork {TRACER}")
        lines += [f"{TRACER}: {self.attach} {name}" for name in self.tracees]
        if self.leader_exited:
            lines.append(f"{VICTIM}: exit")
        if self.stopped:
            lines.append(f"{INIT}: kill {VICTIM} STOP")
        if self.parent == "waits":
            lines.append(f"{PARENT}: wait")
        if self.tracer_waits:
            lines.append(f"{TRACER}: wait_all")
        if self.frozen:
            lines.append(f"{INIT}: freeze A")
        return in_peace(*lines)


OOM: Items = ask(HOG, "charge")
GLOBAL_OOM: Items = ask("kworker", "alloc")
THAW: Items = ask(INIT, "thaw", "A")

# Somebody writes "mem" to /sys/power/state, and the power button resumes the machine if that got so far.
SUSPEND: Items = (*ask(INIT, "suspend"), *ANY, Op("wakeup"), Run())

# The OOM killer once, without anybody who allocates and would come again.
SYSRQ_F: Items = (Op("sysrq_f"), *ANY)
