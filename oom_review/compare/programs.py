"""Small programs that Hypothesis draws: a few tasks are set up in peace, then one to three things happen at once.

Two halves in equal parts, with or without the OOM killer in what happens at once.  Drawn on one kernel's machine, so that nearly
every operation is possible where it stands.  Tried and dropped: the machines of oom_review/machines, whose programs are made to be
played under one schedule, and take minutes to explore.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from kernel_model.errors import IllegalOperation
from kernel_model.machine import Machine
from kernel_model.sched import PF_KTHREAD
from kernel_model.variant import Variant
from oom_review.play.session import Session
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import follow

MOST_BIRTHS = 3
MOST_SETUP, MOST_AT_ONCE = 4, 3
TRIES = 6
SEEDS_APART = 100_000
BIRTHS = ("fork", "fork", "clone", "clone", "clone", "clone_vm", "clone_newpid")
# What a task does by itself, what it does to another one, and what is done to a cgroup.
SETUP = (
    *BIRTHS,
    *("memcg_attach", "attach", "freeze", "ptrace_seize", "kill STOP"),
    *("exit", "exit_group", "ignore_sigchld", "nocldwait", "subreaper", "wait", "snapshot_freeze"),
    *("writeback", "open_delalloc"),
)
OOM = ("alloc", "charge", "sysrq_f", "kernel alloc", "kernel alloc")
# What the other half of the programs begins its race with.
FIRST = ("kill ABRT", "suspend", "exec under ptrace", "execve", "exit_group")
OTHERS = (
    *("kill KILL", "kill KILL", "kill TERM", "kill ABRT", "kill ABRT", "kill STOP", "kill CONT"),
    *("suspend", "suspend", "suspend", "hibernate", "snapshot_freeze", "snapshot_unfreeze"),
    *("exit", "exit_group", "execve", "clone", "fork", "wait", "freeze", "freeze", "thaw", "attach"),
    *("ptrace_attach", "ptrace_seize", "ptrace_cont", "ptrace_detach", "wakeup", "core_read"),
    *("exec under ptrace", "exec under ptrace"),
)
_THREAD = Op("clone", "p1", ("p2",))
# Where the first process may be before anything is drawn: alone, or where chance seldom brings one.
BEGINNINGS = (
    *((), (Op("snapshot_freeze", "p1"),), (_THREAD,)),
    (_THREAD, Op("ptrace_seize", "init", ("p2",))),
    (_THREAD, Op("core_pipe"), Op("tgkill", "p1", ("p2", "ABRT"))),
    (Op("fork", "init", ("p2",)), Op("open_delalloc", "p1")),
    (Op("attach", "init", ("p1", "A")), Op("freeze", "init", ("A",))),
    (Op("writeback", "kswapd"),),
)
ON_ANOTHER = frozenset({"ptrace_attach", "ptrace_seize", "ptrace_cont", "ptrace_detach"})
EVENTS = frozenset({"sysrq_f", "wakeup", "core_pipe", "core_read"})
# Places in a list of people are drawn as numbers, whoever is there.
WHO = st.integers(0, 11)


@st.composite
def programs(draw: Callable[..., Any], variant: Variant) -> Scenario:
    """A scenario whose last run is open."""
    author = _Author(variant)
    author.ask("fork", 0, 1)
    author.rest()
    for op in draw(st.sampled_from(BEGINNINGS)):
        author.request(op)
        author.rest()
    for _ in range(draw(st.integers(0, MOST_SETUP))):
        author.ask(draw(st.sampled_from(SETUP)), draw(WHO), draw(WHO))
        author.rest()
    begun = len(author.items)
    author.ask(draw(st.sampled_from(draw(st.sampled_from((OOM, FIRST))))), draw(WHO), draw(WHO))
    # An OOM kill in a process with threads is large enough alone.
    wanted = draw(st.integers(1, MOST_AT_ONCE))
    for _ in range(TRIES):
        if len(author.items) - begun < wanted:
            author.ask(draw(st.sampled_from(OTHERS)), draw(WHO), draw(WHO))
    return Scenario((*author.items, Run()) if len(author.items) > begun else ())


class _Author:
    """Writes what is possible, and leaves out the rest."""

    def __init__(self, variant: Variant) -> None:
        self.session = Session(Machine(variant), ())
        self.items: list[Op | Run] = []
        self._births = 0

    def rest(self) -> None:
        """Run to quiescence."""
        if self.items and isinstance(self.items[-1], Op):
            self.items.append(Run())
            self.session.run(follow(Run().schedule))

    def ask(self, what: str, who: int, whom: int) -> None:
        """What is possible of it."""
        ops = self._exec_under_ptrace() if what == "exec under ptrace" else [self._operation(what, who, whom)]
        for op in ops:
            self.request(op)

    def _exec_under_ptrace(self) -> list[Op]:
        """Of a process with a traced thread another one execs, while the tracer attaches to that, too."""
        for p in self.session.machine.k.tasks.values():
            untraced = [t.name for t in p.signal.threads if not t.ptrace]
            if p.ptrace and untraced:
                return [Op("execve", untraced[0]), Op("ptrace_seize", p.parent.name, (untraced[0],))]
        return []

    def request(self, op: Op) -> None:
        """One operation, if it is possible."""
        try:
            self.session.request(op)
        except IllegalOperation:
            return
        self.items.append(op)
        self._births += op.name in BIRTHS

    def _operation(self, what: str, who: int, whom: int) -> Op:
        people = [
            p.name
            for p in self.session.machine.k.tasks.values()
            if not p.flags & PF_KTHREAD and p.at is not None
        ]
        # init is the one that suspends and whose death ends everything.
        children = people[1:] or people
        me, other = children[who % len(children)], children[whom % len(children)]
        admin = people[0] if whom % 3 else me
        name, _, rest = what.partition(" ")
        if what == "kernel alloc":
            return Op("alloc", ("kworker", "kswapd")[who % 2])
        if name in EVENTS:
            return Op(name)
        if name in BIRTHS:
            parent = people[0] if name == "fork" and whom % 2 else me
            return Op(
                name if self._births < MOST_BIRTHS else "exit",
                parent,
                self._new() if self._births < MOST_BIRTHS else (),
            )
        arguments: dict[str, tuple[str, tuple[str | int, ...]]] = {
            "kill": (admin, (other, rest)),
            "memcg_attach": ("init", (other, ("M", "M/N")[who % 2])),
            "attach": ("init", (other, ("A", "A/B", "/")[who % 3])),
            "freeze": (admin, (("A", "A/B")[who % 2],)),
            "thaw": (admin, (("A", "A/B")[who % 2],)),
            "oom_score_adj": ("init", (other, 1000)),
        }
        if name in ("suspend", "hibernate", "snapshot_freeze", "snapshot_unfreeze"):
            return Op(name, admin)
        if name in ON_ANOTHER and me == other:
            other = people[0] if len(people) == 1 else next(p for p in people[::-1] if p != me)
        caller, args = arguments.get(name, (me, (other,) if name in ON_ANOTHER else ()))
        return Op(name, caller, args)

    def _new(self) -> tuple[str]:
        return (f"p{self._births + 1}",)


def drawn(variant: Variant, count: int, first_seed: int) -> list[Scenario]:
    """So many different programs; the same seed gives the same ones."""
    found: dict[Scenario, None] = {}
    number = 0
    while len(found) < count:
        # Of one long run most are mutants of each other; the first of each run is the simplest one.
        _draw(variant, first_seed * SEEDS_APART + number, found)
        number += 1
    return list(found)[:count]


def _draw(variant: Variant, its_seed: int, found: dict[Scenario, None]) -> None:
    @seed(its_seed)
    @settings(
        max_examples=2,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=tuple(HealthCheck),
    )
    @given(programs(variant))
    def draw(program: Scenario) -> None:
        if program.operations:
            found.setdefault(program)

    draw()
