"""What is done to a machine to force an interleaving: lines for the probe, and gates that are closed, reached and lifted between them."""

from __future__ import annotations

import attrs

from oom_review.gates.gate import Gate

CLOSE, REACHED, LIFT, IS = "close", "reached", "lift", "is"
NOBODY = Gate("", 0)


@attrs.define(frozen=True)
class Act:
    """``what``: CLOSE a gate, wait until somebody has REACHED it, LIFT it; or wait until a ``variable`` of the kernel IS that ``value``."""

    what: str
    gate: Gate = NOBODY
    variable: str = ""
    value: int = 0

    def __str__(self) -> str:
        """As the log says it."""
        return f"{self.variable} is {self.value}" if self.what == IS else f"{self.what} {self.gate}"


@attrs.define(frozen=True)
class Round:
    """``lines`` for the probe, which then stops until ``first`` is done; ``then`` is done while it goes on with the next round's."""

    lines: tuple[str, ...]
    first: tuple[Act, ...] = ()
    then: tuple[Act, ...] = ()


@attrs.define(frozen=True)
class Plan:
    """``cpus``: how many it takes; ``ends``: the probe comes to its end, as somebody thaws it."""

    rounds: tuple[Round, ...]
    cpus: int
    ends: bool = True


def script(plan: Plan) -> str:
    """The probe's: it says the number of each round, and stops."""
    lines = [line for i, part in enumerate(plan.rounds) for line in (*part.lines, f"say {i}", "hear")]
    return "".join(f"{line}\n" for line in lines)


def functions(plan: Plan) -> tuple[str, ...]:
    """Whose entries it needs."""
    acts = (act for part in plan.rounds for act in (*part.first, *part.then))
    return tuple(dict.fromkeys(act.gate.function for act in acts if act.what != IS))
