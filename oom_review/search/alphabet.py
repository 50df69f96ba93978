"""The rules that every machine shares: operations of user space on live tasks, and runs between them.

Whoever does something, and to whom, is drawn as a number and taken modulo who is there, whatever the state: that shrinks well.  What
is not possible in the state at hand is left out.  A few rules put together what seldom comes together by chance.

A draw costs Hypothesis as much as ten steps of a machine cost us, so that a rule's choices are drawn together where they can be.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from oom_review.scenario.items import Op

WHO = range(12)
ANYBODY = st.sampled_from(WHO)
SEED = st.integers(0, 2**32 - 1)
# Hypothesis prefers small numbers to those above.
EQUALLY_LIKELY = 256

BIRTHS = (
    "clone",
    "fork",
    "vfork",
    "clone_vm",
    "clone_sighand",
    "clone_parent",
    "clone_nosig",
    "clone_silent",
    "clone_newpid",
)
PLAIN = (
    "exit",
    "exit_group",
    "execve",
    "wait",
    "wait_all",
    "wait_nohang",
    "ptrace_traceme",
    "ignore_sigchld",
    "handle_sigchld",
    "nocldwait",
    "subreaper",
    "io_submit",
    "writeback",
    "open_delalloc",
    "futex_wait",
    "nanosleep",
)
MEMORY = ("alloc", "fault", "charge", "charge_fault")
POWER = ("suspend", "hibernate", "snapshot_freeze", "snapshot_unfreeze")
TRACE = (
    "ptrace_attach",
    "ptrace_seize",
    "ptrace_seize_exit",
    "ptrace_exitkill",
    "ptrace_cont",
    "ptrace_detach",
    "futex_wake",
    "waitpid",
)
EVENTS = (
    *("sysrq_f", "wakeup", "io_complete", "core_read"),
    *("memory_pressure", "core_pipe", "kill_allocating_task"),
)
SIGNALS = ("KILL", "TERM", "ABRT", "STOP", "CONT")
CGROUPS = ("A", "A/B", "/")
LEADERS = ("fork", "fork", "fork", "clone_newpid")
ENDINGS = ("exit", "exit_group", "snapshot_unfreeze", "wakeup", "TERM", "KILL")
DISPOSITIONS = ("", "ignore_sigchld", "nocldwait")
SHARERS = ("", "clone_vm", "clone_sighand")
# Whom the freezer holds when the OOM killer comes is what all this is about: more often than anything else.
PLACES = ("nowhere", "M", "A", "frozen", "frozen")
RIVALS = ("dump", "suspend", "hibernate", "snapshot_freeze", "alloc", "exit_group", "execve", "exit", "wait")
ALLOCATORS = ("kworker", "kswapd")
# One rival in a race, or nobody.
RIVAL = (*RIVALS, *[""] * (16 - len(RIVALS)))


def together(*choices: Iterable[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """One of each, in a single draw."""
    combinations = [*product(*choices)]
    assert len(combinations) <= EQUALLY_LIKELY
    return st.sampled_from(combinations)


class AlphabetMachine(RuleBasedStateMachine):
    """Draws operations and runs; what they are done to is the subclass's business."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        super().__init__()
        self.births = 0

    # What a subclass provides

    def people(self) -> list[str]:
        """The names of user tasks that are still there, in order of birth."""
        raise NotImplementedError

    def submit(self, op: Op) -> bool:
        """Ask for an operation if it is possible now; say whether it was."""
        raise NotImplementedError

    def advance(self, seed: int, kind: str, who: list[str]) -> None:
        """Let contexts run: under a schedule drawn from ``seed``, or only ``who``, or everybody to quiescence."""
        raise NotImplementedError

    # Helpers

    def person(self, number: int) -> str:
        """A user task by a drawn number."""
        people = self.people()
        return people[number % len(people)]

    def child(self, number: int) -> str:
        """A user task by a drawn number, init only if nobody else is there: its death ends everything."""
        people = self.people()
        return people[1 + number % (len(people) - 1)] if len(people) > 1 else people[0]

    def birth(self, kind: str, parent: str) -> str:
        """A new task with the next name."""
        name = f"p{self.births + 1}"
        if self.submit(Op(kind, parent, (name,))):
            self.births += 1
        return name

    def settle(self) -> None:
        """Everybody to quiescence."""
        self.advance(0, "rest", [])

    # Rules (their names matter to the shrinker: simple ones come early in the alphabet)

    @rule(drawn=together(BIRTHS, WHO))
    def a_birth(self, drawn: tuple[str, int]) -> None:
        """Somebody clones, forks or vforks."""
        kind, parent = drawn
        self.birth(kind, self.person(parent))

    @rule()
    def a_rest(self) -> None:
        """Run to quiescence."""
        self.settle()

    @rule(seed=SEED)
    def a_run(self, seed: int) -> None:
        """Run under a schedule of the portfolio, often not to the end."""
        self.advance(seed, "portfolio", [])

    @rule(drawn=together(WHO, WHO))
    def a_turn(self, drawn: tuple[int, int]) -> None:
        """Only two of them run, the first one first."""
        first, second = drawn
        self.advance(0, "turn", [self.person(first), self.person(second)])

    @rule(drawn=together(LEADERS, range(1, 5), SHARERS, PLACES), parent=ANYBODY)
    def b_process(self, drawn: tuple[str, int, str, str], parent: int) -> None:
        """A whole process: born, with threads, perhaps with a second process in its mm, perhaps frozen."""
        kind, threads, sharer, place = drawn
        self.settle()
        leader = self.birth(kind, self.person(parent))
        self.settle()
        if leader not in self.people():
            return
        if place != "nowhere":
            self.submit(
                Op("memcg_attach", "init", (leader, "M"))
                if place == "M"
                else Op("attach", "init", (leader, "A"))
            )
            self.settle()
        for member in ["clone"] * (threads - 1) + [sharer] * bool(sharer):
            self.birth(member, leader)
            self.settle()
        if place == "frozen":
            self.submit(Op("freeze", "init", ("A",)))
            self.settle()

    @rule(drawn=together(range(5), RIVAL), others=together(RIVAL, RIVAL), who=ANYBODY, seed=SEED)
    def b_race(self, drawn: tuple[int, str], others: tuple[str, str], who: int, seed: int) -> None:
        """An OOM kill, and what races with it, all at once."""
        killer, other = drawn
        for i, name in enumerate(filter(None, (other, *others))):
            rival = self.person(who + i) if name in POWER else self.child(who + i)
            self.submit(Op("kill", rival, (rival, "ABRT")) if name == "dump" else Op(name, rival))
        if killer < len(ALLOCATORS):
            self.submit(Op("alloc", ALLOCATORS[killer]))
        elif killer == len(ALLOCATORS):
            self.submit(Op("sysrq_f"))
        else:
            self.submit(Op("alloc", self.child(who + killer)))
        self.advance(seed, "portfolio", [])

    @rule(drawn=together(MEMORY, range(2, 5), (False, True), ("", *POWER[:3])), seed=SEED)
    def b_crowd(self, drawn: tuple[str, int, bool, str], seed: int) -> None:
        """The threads of a process in the memory cgroup run out of memory together, perhaps while the system suspends."""
        name, threads, sysrq, power = drawn
        self.settle()
        leader = self.birth("fork", "init")
        self.settle()
        self.submit(Op("memcg_attach", "init", (leader, "M")))
        self.settle()
        members = [leader]
        for _ in range(threads - 1):
            members.append(self.birth("clone", leader))
            self.settle()
        for who in members:
            self.submit(Op(name, who))
        if power:
            self.submit(Op(power, "init"))
        if sysrq:
            self.submit(Op("sysrq_f"))
        self.advance(seed, "portfolio", [])

    @rule(drawn=together(PLAIN, WHO))
    def c_plain(self, drawn: tuple[str, int]) -> None:
        """A system call without arguments."""
        name, who = drawn
        self.submit(Op(name, self.child(who)))

    @rule(drawn=together(range(3), MEMORY, WHO))
    def d_memory(self, drawn: tuple[int, str, int]) -> None:
        """Somebody, or a kernel thread, allocates until the OOM killer runs; a kernel thread may wait for a device instead."""
        kthread, name, who = drawn
        if kthread < len(ALLOCATORS):
            self.submit(Op("writeback" if name == "charge" else "alloc", ALLOCATORS[kthread]))
        else:
            self.submit(Op(name, self.person(who)))

    @rule(drawn=together(CGROUPS, WHO), whom=ANYBODY)
    def e_attach(self, drawn: tuple[str, int], whom: int) -> None:
        """Move a process to a freezer cgroup."""
        cgroup, who = drawn
        self.submit(Op("attach", self.person(who), (self.child(whom), cgroup)))

    @rule(drawn=together(("freeze", "thaw", "read_state"), CGROUPS[:2], WHO))
    def e_freezer(self, drawn: tuple[str, str, int]) -> None:
        """Write or read freezer.state."""
        name, cgroup, who = drawn
        self.submit(Op(name, self.person(who), (cgroup,)))

    @rule(drawn=together((False, True), WHO))
    def e_mkdir(self, drawn: tuple[bool, int]) -> None:
        """Make or remove a freezer cgroup."""
        make, who = drawn
        if make:
            self.submit(Op("mkdir", self.person(who), ("A/C", "A")))
        else:
            self.submit(Op("rmdir", self.person(who), ("A/C",)))

    @rule(drawn=together(("M", "M/N"), WHO), whom=ANYBODY)
    def e_memcg(self, drawn: tuple[str, int], whom: int) -> None:
        """Move a process to a memory cgroup."""
        memcg, who = drawn
        self.submit(Op("memcg_attach", self.person(who), (self.child(whom), memcg)))

    @rule(drawn=together((1000, 0, -1000), WHO), whom=ANYBODY)
    def e_score(self, drawn: tuple[int, int], whom: int) -> None:
        """Write oom_score_adj."""
        value, who = drawn
        self.submit(Op("oom_score_adj", self.person(who), (self.child(whom), value)))

    @rule(name=st.sampled_from(EVENTS))
    def f_event(self, name: str) -> None:
        """The keyboard or a device."""
        self.submit(Op(name))

    @rule(drawn=together(SIGNALS, (False, True), WHO), whom=ANYBODY)
    def g_kill(self, drawn: tuple[str, bool, int], whom: int) -> None:
        """A signal to a process or a thread."""
        sig, thread, who = drawn
        self.submit(Op("tgkill" if thread else "kill", self.person(who), (self.child(whom), sig)))

    @rule(drawn=together(POWER, WHO))
    def h_power(self, drawn: tuple[str, int]) -> None:
        """Suspend, hibernate, or the snapshot device."""
        name, who = drawn
        self.submit(Op(name, self.person(who)))

    @rule(drawn=together(POWER[:3], (1, 2), ENDINGS, (False, True)), seed=SEED)
    def h_standby(self, drawn: tuple[str, int, str, bool], seed: int) -> None:
        """A thread puts the machine to sleep, and something becomes of that thread, meanwhile or later."""
        name, threads, ending, later = drawn
        self.settle()
        who = leader = self.birth("fork", "init")
        self.settle()
        if threads > 1:
            who = self.birth("clone", leader)
            self.settle()
        self.submit(Op(name, who))
        if later:
            self.settle()
        if ending in SIGNALS:
            self.submit(Op("kill", "init", (leader, ending)))
        else:
            self.submit(Op(ending) if ending in EVENTS else Op(ending, who))
        self.advance(seed, "portfolio", [])

    @rule(drawn=together((False, True), WHO), whom=ANYBODY)
    def i_funeral(self, drawn: tuple[bool, int], whom: int) -> None:
        """A tracer of another process waits for its tracee's death."""
        events, who = drawn
        tracer, tracee = self.person(who), self.child(whom)
        self.submit(Op("ptrace_seize_exit" if events else "ptrace_seize", tracer, (tracee,)))
        self.settle()
        self.submit(Op("wait_all", tracer))
        self.submit(Op("exit_group", tracee))

    @rule(drawn=together(DISPOSITIONS, ("", "inside", "outside"), (False, True), (False, True)), seed=SEED)
    def i_namespace(self, drawn: tuple[str, str, bool, bool], seed: int) -> None:
        """A pid namespace dies with its init: of one child, perhaps unwanted, traced, or dead before."""
        disposition, tracer, before, kill = drawn
        self.settle()
        reaper = self.birth("clone_newpid", "init")
        self.settle()
        if disposition:
            self.submit(Op(disposition, reaper))
            self.settle()
        child = self.birth("fork", reaper)
        self.settle()
        if tracer:
            self.submit(Op("ptrace_seize", reaper if tracer == "inside" else "init", (child,)))
            self.settle()
        if before:
            self.submit(Op("exit_group", child))
            self.settle()
        self.submit(Op("kill", "init", (reaper, "KILL")) if kill else Op("exit_group", reaper))
        self.advance(seed, "portfolio", [])

    @rule(drawn=together(TRACE, WHO), whom=ANYBODY)
    def i_trace(self, drawn: tuple[str, int], whom: int) -> None:
        """The tracer's requests, a wake-up, and a wait for one child."""
        name, who = drawn
        self.submit(Op(name, self.person(who), (self.child(whom),)))
