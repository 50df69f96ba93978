"""A scenario: user-space operations and the schedule between them.  What is generated, shrunk, stored, replayed and shown."""

from __future__ import annotations

import attrs

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

    schedule: Gaps = Gaps()

    def __str__(self) -> str:
        """As a reader would say it."""
        return f"run {self.schedule}"


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
        """How often the schedules take the CPU away from a context that could have gone on."""
        return sum(len(i.schedule.preemptions) for i in self.items if isinstance(i, Run))

    def __str__(self) -> str:
        """One item a line."""
        return "\n".join(map(str, self.items))
