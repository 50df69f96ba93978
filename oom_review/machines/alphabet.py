"""The rules that every machine shares: operations of user space on live tasks, and runs between them.

Whoever does something, and to whom, is drawn as a number and taken modulo who is there, whatever the state: that shrinks well.  What
is not possible in the state at hand is left out.  A few rules put together what seldom comes together by chance.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from oom_review.scenario import Op

WHO = st.integers(0, 11)
SEED = st.integers(0, 2**32 - 1)

BIRTHS = (
    "clone",
    "fork",
    "vfork",
    "clone_vm",
    "clone_sighand",
    "clone_parent",
    "clone_nosig",
    "clone_newpid",
)
PLAIN = (
    "exit",
    "exit_group",
    "execve",
    "wait",
    "wait_all",
    "ignore_sigchld",
    "handle_sigchld",
    "nocldwait",
    "subreaper",
    "io_submit",
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
)
EVENTS = ("sysrq_f", "wakeup", "io_complete", "memory_pressure", "kill_allocating_task")
SIGNALS = ("KILL", "TERM", "ABRT", "STOP", "CONT")
CGROUPS = ("A", "A/B", "/")
LEADERS = ("fork", "fork", "fork", "clone_newpid")
SHARERS = ("", "clone_vm", "clone_sighand")
PLACES = ("nowhere", "M", "A", "frozen")
RIVALS = ("dump", "suspend", "hibernate", "snapshot_freeze", "alloc", "exit_group", "execve", "exit", "wait")
ALLOCATORS = ("kworker", "kswapd")


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

    @rule(kind=st.sampled_from(BIRTHS), parent=WHO)
    def a_birth(self, kind: str, parent: int) -> None:
        """Somebody clones, forks or vforks."""
        self.birth(kind, self.person(parent))

    @rule()
    def a_rest(self) -> None:
        """Run to quiescence."""
        self.settle()

    @rule(seed=SEED)
    def a_run(self, seed: int) -> None:
        """Run under a schedule of the portfolio, often not to the end."""
        self.advance(seed, "portfolio", [])

    @rule(first=WHO, second=WHO)
    def a_turn(self, first: int, second: int) -> None:
        """Only two of them run, the first one first."""
        self.advance(0, "turn", [self.person(first), self.person(second)])

    @rule(
        kind=st.sampled_from(LEADERS),
        threads=st.integers(1, 4),
        sharer=st.sampled_from(SHARERS),
        place=st.sampled_from(PLACES),
        parent=WHO,
    )
    def b_process(self, kind: str, threads: int, sharer: str, place: str, parent: int) -> None:
        """A whole process: born, with threads, perhaps with a second process in its mm, perhaps frozen."""
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

    @rule(killer=st.integers(0, 4), others=st.lists(st.sampled_from(RIVALS), max_size=3), who=WHO, seed=SEED)
    def b_race(self, killer: int, others: list[str], who: int, seed: int) -> None:
        """An OOM kill, and what races with it, all at once."""
        for i, name in enumerate(others):
            rival = self.person(who + i) if name in POWER else self.child(who + i)
            self.submit(Op("kill", rival, (rival, "ABRT")) if name == "dump" else Op(name, rival))
        if killer < len(ALLOCATORS):
            self.submit(Op("alloc", ALLOCATORS[killer]))
        elif killer == len(ALLOCATORS):
            self.submit(Op("sysrq_f"))
        else:
            self.submit(Op("alloc", self.child(who + killer)))
        self.advance(seed, "portfolio", [])

    @rule(
        name=st.sampled_from(MEMORY),
        threads=st.integers(2, 4),
        sysrq=st.booleans(),
        power=st.sampled_from(("", *POWER[:3])),
        seed=SEED,
    )
    def b_crowd(self, name: str, threads: int, sysrq: bool, power: str, seed: int) -> None:
        """The threads of a process in the memory cgroup run out of memory together, perhaps while the system suspends."""
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

    @rule(name=st.sampled_from(PLAIN), who=WHO)
    def c_plain(self, name: str, who: int) -> None:
        """A system call without arguments."""
        self.submit(Op(name, self.child(who)))

    @rule(name=st.sampled_from(MEMORY), who=WHO, kthread=st.integers(0, 2))
    def d_memory(self, name: str, who: int, kthread: int) -> None:
        """Somebody, or a kernel thread, allocates until the OOM killer runs."""
        if kthread < len(ALLOCATORS):
            self.submit(Op("alloc", ALLOCATORS[kthread]))
        else:
            self.submit(Op(name, self.person(who)))

    @rule(cgroup=st.sampled_from(CGROUPS), who=WHO, whom=WHO)
    def e_attach(self, cgroup: str, who: int, whom: int) -> None:
        """Move a process to a freezer cgroup."""
        self.submit(Op("attach", self.person(who), (self.child(whom), cgroup)))

    @rule(
        name=st.sampled_from(("freeze", "thaw", "read_state")), cgroup=st.sampled_from(CGROUPS[:2]), who=WHO
    )
    def e_freezer(self, name: str, cgroup: str, who: int) -> None:
        """Write or read freezer.state."""
        self.submit(Op(name, self.person(who), (cgroup,)))

    @rule(make=st.booleans(), who=WHO)
    def e_mkdir(self, make: bool, who: int) -> None:
        """Make or remove a freezer cgroup."""
        if make:
            self.submit(Op("mkdir", self.person(who), ("A/C", "A")))
        else:
            self.submit(Op("rmdir", self.person(who), ("A/C",)))

    @rule(who=WHO, whom=WHO)
    def e_memcg(self, who: int, whom: int) -> None:
        """Move a process to the memory cgroup."""
        self.submit(Op("memcg_attach", self.person(who), (self.child(whom), "M")))

    @rule(who=WHO, whom=WHO, value=st.sampled_from((1000, 0, -1000)))
    def e_score(self, who: int, whom: int, value: int) -> None:
        """Write oom_score_adj."""
        self.submit(Op("oom_score_adj", self.person(who), (self.child(whom), value)))

    @rule(name=st.sampled_from(EVENTS))
    def f_event(self, name: str) -> None:
        """The keyboard or a device."""
        self.submit(Op(name))

    @rule(who=WHO, whom=WHO, sig=st.sampled_from(SIGNALS), thread=st.booleans())
    def g_kill(self, who: int, whom: int, sig: str, thread: bool) -> None:
        """A signal to a process or a thread."""
        self.submit(Op("tgkill" if thread else "kill", self.person(who), (self.child(whom), sig)))

    @rule(name=st.sampled_from(POWER), who=WHO)
    def h_power(self, name: str, who: int) -> None:
        """Suspend, hibernate, or the snapshot device."""
        self.submit(Op(name, self.person(who)))

    @rule(who=WHO, whom=WHO, events=st.booleans())
    def i_funeral(self, who: int, whom: int, events: bool) -> None:
        """A tracer of another process waits for its tracee's death."""
        tracer, tracee = self.person(who), self.child(whom)
        self.submit(Op("ptrace_seize_exit" if events else "ptrace_seize", tracer, (tracee,)))
        self.settle()
        self.submit(Op("wait_all", tracer))
        self.submit(Op("exit_group", tracee))

    @rule(name=st.sampled_from(TRACE), who=WHO, whom=WHO)
    def i_trace(self, name: str, who: int, whom: int) -> None:
        """The tracer's requests."""
        self.submit(Op(name, self.person(who), (self.child(whom),)))
