"""A situation: one value of each dimension, with a stable name and a sentence (its scenario: script.py)."""

from __future__ import annotations

import attrs

from oom_review.situations.dimensions import DIMENSIONS, MAX_THREADS


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
