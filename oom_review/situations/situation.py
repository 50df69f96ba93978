"""A situation: one value of each dimension, with a stable name and a sentence (its scenario: script.py).

The dimensions are what situations differ in: each with its values and the words that say so; the first value is the plain one.
"""

from __future__ import annotations

import attrs

MAX_THREADS = 4

OOM = {
    "memcg": "another process charges past the limit of their memory cgroup",
    "global": "a kernel thread runs out of memory",
    "self": "a thread of the victim itself charges past the limit of its memory cgroup",
}
LEADER = {
    "any": "",
    "first": "the leader calls pthread_exit() meanwhile",
    "last": "the other threads call pthread_exit() meanwhile",
    "long-gone": "the leader called pthread_exit() long ago",
}
PARENT = {
    "init": "",
    "waits": "its parent waits for it",
    "ignores": "its parent ignores SIGCHLD",
    "nocldwait": "its parent set SA_NOCLDWAIT",
    "frozen": "its parent waits for it in the cgroup fridge",
    "dies": "its parent exits meanwhile",
}
TRACED = {
    "none": "",
    "leader": "its leader is traced",
    "one-thread": "one thread that is not the leader is traced",
    "all": "all its threads are traced",
}
FREEZER = {
    "none": "",
    "frozen": "its freezer cgroup is frozen",
    "freezing": "somebody freezes its cgroup meanwhile",
}
PM = {
    "none": "",
    "suspend": "the system suspends meanwhile",
    "snapshot": "SNAPSHOT_FREEZE runs meanwhile: freeze_processes() without freeze_kernel_threads()",
}
SHARER = {
    "none": "",
    "clone-vm": "another process shares its mm, and its freezer cgroup",
}
RACING = {
    "nothing": "",
    "clone": "a thread of it starts another thread meanwhile",
    "fork": "a thread of it forks meanwhile",
    "exec": "a thread of it calls execve() meanwhile",
    "exit_group": "a thread of it calls exit_group() meanwhile",
    "second-oom": "there is a second OOM meanwhile",
    "thaw": "somebody thaws its cgroup meanwhile",
    "tracer-waits": "the tracer waits for it",
    "tracer-dies": "the tracer exits meanwhile",
}
DIMENSIONS: dict[str, dict[str, str]] = {
    "oom": OOM,
    "pm": PM,
    "freezer": FREEZER,
    "leader": LEADER,
    "parent": PARENT,
    "traced": TRACED,
    "sharer": SHARER,
    "racing": RACING,
}
"""All but the number of threads, in the order of names and sentences."""


@attrs.define(frozen=True)
class Situation:
    """What the OOM killer meets.  The victim is a process ``v`` of ``threads`` threads v, t1, t2, ..."""

    oom: str = "memcg"
    threads: int = 1
    leader: str = "any"
    parent: str = "init"
    traced: str = "none"
    freezer: str = "none"
    pm: str = "none"
    sharer: str = "none"
    racing: str = "nothing"

    def __attrs_post_init__(self) -> None:
        """Only what the dimensions know."""
        assert 1 <= self.threads <= MAX_THREADS
        for dimension, values in DIMENSIONS.items():
            assert getattr(self, dimension) in values, (dimension, getattr(self, dimension))

    @property
    def name(self) -> str:
        """Stable, for people and for the command line: plain values are left out."""
        words = [f"{self.oom}-oom", f"threads={self.threads}"]
        for dimension, values in DIMENSIONS.items():
            value = getattr(self, dimension)
            if dimension != "oom" and value != next(iter(values)):
                words.append(value if dimension == "pm" else f"{dimension}={value}")
        return "/".join(words)

    @property
    def sentence(self) -> str:
        """What it is, in words."""
        said = [values[getattr(self, dimension)] for dimension, values in DIMENSIONS.items()]
        first = "one thread" if self.threads == 1 else f"{self.threads} threads"
        return "; ".join([f"a victim of {first}", *filter(None, said)])

    @property
    def size(self) -> float:
        """About how many states there are, to begin with the longest: as it was when this was written, within a factor of ten."""
        return _size(self)


# How many times more states there were, about, with this value than with the plain one.
GROWTH = {
    "self": 0.5,
    "first": 2,
    "waits": 3,
    "dies": 80,
    "leader": 3,
    "one-thread": 7,
    "all": 10,
    "frozen": 0.8,
    "freezing": 40,
    "suspend": 25,
    "snapshot": 60,
    "clone-vm": 3,
    "clone": 40,
    "fork": 13,
    "exec": 7,
    "exit_group": 6,
    "second-oom": 20,
    "thaw": 40,
    "tracer-waits": 3,
    "tracer-dies": 30,
}
ONE_THREAD, THREAD = 90, 7


def _size(s: Situation) -> float:
    alive = s.threads - (s.leader == "long-gone")
    size = float(ONE_THREAD * THREAD ** (alive - 1))
    for dimension in DIMENSIONS:
        size *= GROWTH.get(getattr(s, dimension), 1)
    # A second thread that charges finds the victim dying already.
    return size / 5 if s.oom == "self" and s.racing == "second-oom" else size
