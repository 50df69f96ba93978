"""A scenario: user-space operations and the schedule between them.  What is generated, shrunk, stored, replayed and shown."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from oom_review.schedules.choices import Choices
from oom_review.schedules.gaps import Gaps


@attrs.define(frozen=True)
class Op:
    """One operation of the alphabet (kernel_model.operations): its name, the calling task, its arguments."""

    name: str
    task: str | None = None
    args: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        """As a reader would say it: ``victim: clone t1``."""
        words = " ".join([self.name, *map(str, self.args)])
        return f"{self.task}: {words}" if self.task else words


@attrs.define(frozen=True)
class Run:
    """Let the contexts advance under a schedule; without preemptions, to quiescence."""

    schedule: Gaps | Choices = attrs.field(factory=Gaps)

    def __str__(self) -> str:
        """As a reader would say it."""
        return " ".join(filter(None, ("run", self.keyword, str(self.schedule))))

    @property
    def keyword(self) -> str:
        """What stands before exact choices."""
        if not isinstance(self.schedule, Choices):
            return ""
        return "again" if self.schedule.again else "exactly"


def operation(text: str) -> Op:
    """The other way round: ``who: operation argument ...``, or an event's name alone."""
    who, colon, what = text.rpartition(": ")
    name, *args = what.split()
    numbers = (int(a) if a.lstrip("-").isdigit() else a for a in args)
    return Op(name, who if colon else None, tuple(numbers))


def in_peace(operations: Iterable[Op]) -> tuple[Op | Run, ...]:
    """One by one, each run to quiescence before the next is asked for."""
    return tuple(item for op in operations for item in (op, Run()))


@attrs.define(frozen=True)
class Scenario:
    """Operations and runs, in order."""

    items: tuple[Op | Run, ...] = ()

    @property
    def operations(self) -> tuple[Op, ...]:
        """The operations alone."""
        return tuple(i for i in self.items if isinstance(i, Op))

    @property
    def preemptions(self) -> int:
        """How often the schedules name the next context: gap lists do so for a preemption only, exact choices always."""
        schedules = [i.schedule for i in self.items if isinstance(i, Run)]
        return sum(len(s.bursts if isinstance(s, Choices) else s.preemptions) for s in schedules)

    def cyclic(self, index: int) -> bool:
        """That item is a run whose choices lead back to where they began."""
        item = self.items[index]
        return isinstance(item, Run) and isinstance(item.schedule, Choices) and item.schedule.again

    def __str__(self) -> str:
        """One item a line."""
        return "\n".join(map(str, self.items))
