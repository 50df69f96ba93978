"""A kernel may have fields and flags of its own: what they are is declared beside them, and no more is asked."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from plainly import Plainly

import patched
from kernel_model import events, machine
from kernel_model.fields import STRUCTURES, Beside, Flags, structure
from kernel_model.preempt import POINTS, Kind, PreemptionPoint
from kernel_model.sched import Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_review.claims import REFUTED
from oom_review.explore import Bounds, Result, explore
from oom_review.explore.fields import FIELDS
from oom_review.explore.frames import Unseen
from oom_review.scenario.items import Op, Run, Scenario

TURN = PreemptionPoint("exit_mm", "whose turn is it?", Kind.RUN)


@structure("kernel")
@attrs.define(eq=False, slots=True)
class Counting(Kernel):
    """With a flag word and a count."""

    gone: Flags = 0
    turns: int = 0


@structure("kernel")
@attrs.define(eq=False, slots=True)
class Forgetful(Kernel):
    """The same, but that the count is said to be no part of a state."""

    gone: Flags = 0
    turns: Beside[int] = 0


@attrs.define(eq=False, slots=True)
class Undeclared(Kernel):
    """Nobody is told of its fields."""

    gone: Flags = 0
    turns: int = 0


# Under another name: the one that is replaced.
exit_mm_of_the_rfc = patched.exit.exit_mm


def exit_mm(k: Any, cur: TaskStruct) -> Any:
    """Whoever comes, and in which turn, leaves something that can be seen at the end."""
    mine = 1 if cur.name == "v" else 2
    if k.gone & (3 - mine):
        events.warning(k, cur, f"{cur.name} is not the first")
    k.gone |= mine
    yield TURN
    k.turns += 1
    turn = k.turns
    yield TURN
    events.warning(k, cur, f"{cur.name}: {turn} of {k.turns}")
    yield from exit_mm_of_the_rfc(k, cur)


SITUATION = Scenario(
    (
        *[item for name in ("v", "w") for item in (Op("fork", "init", (name,)), Run())],
        *(Op("exit", "v"), Op("exit", "w"), Run()),
    )
)
VARIANT = Variant("turns", (replaces(patched.exit.exit_mm, exit_mm),), base=patched.VARIANT)


def outcome(result: Result) -> tuple[object, object]:
    """Ends and broken claims."""
    return set(result.finals), {claim for claim, v in result.verdicts.items() if v.verdict == REFUTED}


def explored(kernel: type[Kernel], monkeypatch: pytest.MonkeyPatch) -> bool:
    """With all reductions and without any the explorer agrees with the oracle."""
    monkeypatch.setattr(machine, "Kernel", kernel)
    monkeypatch.setitem(POINTS, (TURN.function, TURN.step), TURN)
    plain = Plainly(SITUATION, VARIANT, short_sleeps=False, limit=5000).explore()
    assert len(plain.ends) > 4
    full = explore(
        SITUATION, VARIANT, bounds=Bounds(por=False, symmetry=False, whole_walks=False, short_sleeps=False)
    )
    reduced = explore(SITUATION, VARIANT, bounds=Bounds(short_sleeps=False))
    return outcome(full) == outcome(reduced) == (plain.ends, plain.broken)


def test_a_kernel_with_fields_of_its_own_is_explored_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in oom_review/ knows of them."""
    assert explored(Counting, monkeypatch)


def test_the_declaration_is_what_is_gone_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """A count that is said to be no part of a state loses ends."""
    assert not explored(Forgetful, monkeypatch)


def test_an_undeclared_structure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named."""
    with pytest.raises(Unseen, match="Undeclared is derived from a structure"):
        explored(Undeclared, monkeypatch)


def test_every_field_of_the_kernel_is_known() -> None:
    """Each structure has a name, and its fields are recorded but for those that are said not to be."""
    assert set(STRUCTURES) - {Counting, Forgetful} <= set(FIELDS)
    assert "oom_victims" in FIELDS[Kernel]
    assert "clock" not in FIELDS[Kernel]
