"""Small programs on shared variables and locks, as systems to explore."""

from __future__ import annotations

from collections.abc import Generator, Hashable
from types import FrameType, GeneratorType

import attrs

from oom_review.explore.limits import Limits
from oom_review.explore.repeated.dependence import READ, WRITE, Access, Objects
from oom_review.explore.repeated.search import Search

Step = tuple[str, str]
"""("read" or "write" or "lock" or "unlock", name)."""


def program(toy: Toy, steps: tuple[Step, ...]) -> Generator[Step, None, None]:
    """One process: a yield names the step that follows; a write stores what was read last, marked by who wrote."""
    last: Hashable = None
    me = toy.next_number()
    for i, (what, name) in enumerate(steps):
        yield what, name
        if what == "read":
            last = toy.memory[name]
        elif what == "write":
            toy.memory[name] = (me, i, last)
        else:
            toy.owners[name] = me if what == "lock" else None


def frame(context: Generator[Step, None, None]) -> FrameType:
    """Where a process stands."""
    assert isinstance(context, GeneratorType)
    found = context.gi_frame
    assert found is not None
    return found


@attrs.define(eq=False)
class Toy:
    """See search.System."""

    programs: tuple[tuple[Step, ...], ...]
    ends: list[tuple[tuple[tuple[str, Hashable], ...], tuple[int, ...]]] = attrs.Factory(list)
    objects: Objects = attrs.Factory(Objects)
    memory: dict[str, Hashable] = attrs.Factory(dict)
    owners: dict[str, int | None] = attrs.Factory(dict)
    at: dict[int, Step] = attrs.Factory(dict)
    contexts: dict[int, Generator[Step, None, None]] = attrs.Factory(dict)
    trace: list[int] = attrs.Factory(list)

    def next_number(self) -> int:
        return len(self.contexts)

    def restart(self) -> None:
        self.memory = {name: None for steps in self.programs for what, name in steps if "lock" not in what}
        self.owners = {}
        self.contexts = {}
        self.at = {}
        self.trace = []
        for number, steps in enumerate(self.programs, start=1):
            self.contexts[number] = program(self, steps)
            self.at[number] = next(self.contexts[number])

    def enabled(self) -> list[int]:
        return [p for p, (what, name) in self.at.items() if what != "lock" or self.owners.get(name) is None]

    def blocked(self) -> list[int]:
        return [p for p in self.at if p not in self.enabled()]

    def pending(self, process: int) -> Access:
        what, name = self.at[process]
        return self.objects.touch(name, READ if what == "read" else WRITE)

    def step(self, process: int) -> Access:
        access = self.pending(process)
        self.repeat(process)
        return access

    def repeat(self, process: int) -> None:
        self.trace.append(process)
        try:
            self.at[process] = next(self.contexts[process])
        except StopIteration:
            del self.at[process]

    def move_on(self) -> bool:
        return False

    def key(self) -> Hashable:
        places = tuple(
            (p, frame(c).f_lasti, frame(c).f_locals["i"], frame(c).f_locals["last"])
            for p, c in self.contexts.items()
            if p in self.at
        )
        return places, tuple(self.memory.items()), tuple(self.owners.items())

    def at_end(self, choices: list[int]) -> None:
        assert choices == self.trace
        self.ends.append((tuple(sorted(self.memory.items())), tuple(self.at)))


def tried(
    programs: tuple[tuple[Step, ...], ...], *, caching: bool = False, por: bool = False
) -> tuple[Toy, Search]:
    """The toy and the search after it is done."""
    toy = Toy(programs)
    search = Search(toy, caching=caching, por=por, limits=Limits())
    search.run()
    return toy, search
