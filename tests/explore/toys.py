"""Small programs on shared variables and locks, as models for the search."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import attrs

from oom_review.explore.commuting import READ, WRITE, Commuting
from oom_review.explore.limits import MOVE_ON, Limits
from oom_review.explore.numbering import State
from oom_review.explore.orbits import Renaming
from oom_review.explore.search import Search
from oom_review.explore.summaries import Summary
from oom_review.explore.table import Leaf

Step = tuple[str, str]
"""("read" or "write" or "lock" or "unlock", name)."""
Programs = tuple[tuple[Step, ...], ...]
# What tells states apart: where everybody is and what the variables hold; and in which order steps that do not commute were taken;
# and in which order all were.
VALUES, CLASSES, ORDERS = "values", "classes", "orders"


@attrs.define
class Toy:
    """Processes 1, 2, ...; a write stores what its process read last, marked by who wrote.  A state is one number, that of its content."""

    programs: Programs
    apart: str
    touches: Commuting = attrs.Factory(Commuting)
    contents: list[Any] = attrs.Factory(list)
    numbers: dict[Hashable, int] = attrs.Factory(dict)

    def number(self, content: Hashable) -> State:
        if content not in self.numbers:
            self.numbers[content] = len(self.contents)
            self.contents.append(content)
        return (self.numbers[content],)

    def size(self) -> int:
        return 1

    def padded(self, state: State) -> State:
        return state

    def start(self) -> State:
        places = tuple([(0, None) for _ in self.programs])
        return self.number((places, (), ()))

    def next_step(self, state: State, process: int) -> Step | None:
        at, _last = self.contents[state[0]][0][process - 1]
        program = self.programs[process - 1]
        return program[at] if at < len(program) else None

    def _blocked(self, state: State, step: Step) -> bool:
        return step[0] == "lock" and dict(self.contents[state[0]][1]).get(step[1]) is not None

    def enabled(self, state: State, _path: list[int]) -> list[int]:
        steps = {p: self.next_step(state, p) for p in range(1, len(self.programs) + 1)}
        return [p for p, step in steps.items() if step is not None and not self._blocked(state, step)]

    def waiting(self, state: State, _path: list[int], enabled: tuple[int, ...]) -> list[tuple[int, int]]:
        steps = {p: self.next_step(state, p) for p in range(1, len(self.programs) + 1) if p not in enabled}
        return [(p, self.touches.touch((step[1],), READ)[0]) for p, step in steps.items() if step is not None]

    def guard(self, _choice: int, _state: State, _path: list[int]) -> int:
        return 0

    def leaf(self, choice: int, state: State, _path: list[int]) -> Leaf:
        places, values, past = self.contents[state[0]]
        if choice == MOVE_ON:
            stuck = tuple([p for p in range(1, len(self.programs) + 1) if self.next_step(state, p)])
            final: Any = (values, stuck, past)
            return Leaf(moves=False, final=final)
        step = self.next_step(state, choice)
        assert step is not None
        what, name = step
        at, last = places[choice - 1]
        known = dict(values)
        if what == "read":
            last = known.get(name)
        else:
            known[name] = (choice, at, last) if what == "write" else choice if what == "lock" else None
        moved = list(places)
        moved[choice - 1] = at + 1, last
        content = tuple(moved), tuple(sorted(known.items())), self._later(past, choice, at, step)
        own, enemy = self.touches.touch((name,), READ if what == "read" else WRITE)
        return Leaf(own, enemy, sets=((0, self.number(content)[0]),))

    def _later(self, past: Any, process: int, at: int, step: Step) -> Any:
        if self.apart == VALUES:
            return ()
        if self.apart == ORDERS:
            return (*past, process)
        orders = dict(past)
        order = orders.get(step[1], ())
        if step[0] != "read":
            order = (*order, (process, at))
        elif order and isinstance(order[-1], frozenset):
            order = (*order[:-1], order[-1] | {(process, at)})
        else:
            order = (*order, frozenset({(process, at)}))
        return tuple(sorted({**orders, step[1]: order}.items()))

    def after(self, _state: State, leaf: Leaf) -> State:
        return (leaf.sets[0][1],)


class NoSymmetry:
    """Nobody stands for anybody."""

    def __bool__(self) -> bool:
        return False

    def refresh(self) -> None:
        """Nothing to do."""

    def canonical(self, state: State) -> tuple[State, Renaming]:
        return state, ()

    def summary(self, summary: Summary, _there: Renaming, _here: Renaming) -> Summary:
        return summary


def tried(programs: Programs, *, por: bool, apart: str = VALUES) -> tuple[list[Any], Search]:
    """The ends, one for each time that one was come to, and the search after it is done."""
    ends: list[Any] = []
    search = Search(
        Toy(programs, apart),
        NoSymmetry(),
        por=por,
        limits=Limits(),
        found=lambda *_: None,
        ended=lambda final, _choices: ends.append(final),
    )
    search.run()
    return ends, search
