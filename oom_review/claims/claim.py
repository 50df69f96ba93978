"""What a claim is: one promise, as a property of a run of one variant.

A claim looks at events as they happen and at the machine when it is at rest, and answers with the sentence that says what was
broken.  What it remembers between two events is in ``state``, a hashable value, so that an exhaustive search can tell runs apart.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import attrs

from kernel_model.events import Event
from kernel_model.sched import PF_KTHREAD, Kernel, SignalStruct, TaskStruct

# Of one of the claim's kinds.
OnEvent = Callable[[Kernel, Hashable, Any], tuple[Hashable, str]]
AtRest = Callable[[Kernel, Hashable], str]

HOLDS = "holds"
REFUTED = "refuted"


def no_event(_k: Kernel, state: Hashable, _event: object) -> tuple[Hashable, str]:
    """Nothing that happens breaks it."""
    return state, ""


def no_rest(_k: Kernel, _state: Hashable) -> str:
    """The machine at rest does not break it."""
    return ""


@attrs.define(frozen=True, slots=True, eq=False)
class Claim:
    """One promise.

    ``expected`` maps variant names to the verdict that the suite asserts; ``kinds``: the events that it looks at.  ``premise``: the
    operations of which a program needs one to say anything about it; none if any program that kills somebody does.  ``programs``: where it is
    refuted, random programs soon show it, and a review looks for one that does; else its situations alone show it.

    What a reader of a run that breaks it is shown: ``shows`` are events that matter to nobody who asks about other claims; with
    ``sharers`` whoever is left in the fridge matters, marked or not.
    """

    id: str
    sentence: str
    source: str
    expected: dict[str, str] = attrs.Factory(dict)
    kinds: frozenset[type[Event]] = frozenset()
    on_event: OnEvent = no_event
    at_rest: AtRest = no_rest
    start: Hashable = None
    shows: frozenset[type[Event]] = frozenset()
    sharers: bool = False
    premise: frozenset[str] = frozenset()
    programs: bool = True


BEFORE = ("legacy_tifmemdie", "oom_kernels.v6_12")
THE_RFC = ("patched", "oom_kernels.v7_3_rfc")
AFTER = ("oom_kernels.v6_18", "oom_kernels.v7_2_12", "oom_kernels.v7_3")
LAST_OUT = ("oom_kernels.last_out", "oom_kernels.v7_3_last_out")
OF_2016 = frozenset({"legacy_tifmemdie", "patched", "oom_kernels.last_out"})


def verdicts_on(legacy: str, rfc: str, today: str, last_out: str = HOLDS) -> dict[str, str]:
    """6.12 is as legacy, the RFC on 7.3 as the RFC, and so is the other count on both."""
    before, ported = dict.fromkeys(BEFORE, legacy), dict.fromkeys(THE_RFC, rfc)
    return before | ported | dict.fromkeys(AFTER, today) | dict.fromkeys(LAST_OUT, last_out)


def verdicts_by_base(of_2016: str, of_today: str) -> dict[str, str]:
    """Where no patch has a say in it: on the kernels of 2016, and on those since 6.12."""
    kernels = (*BEFORE, *THE_RFC, *AFTER, *LAST_OUT)
    return {kernel: of_2016 if kernel in OF_2016 else of_today for kernel in kernels}


def marked_groups(k: Kernel) -> list[SignalStruct]:
    """Every group that is or was an OOM victim, in order of their leaders' pids."""
    return list({id(p.signal): p.signal for p in k.tasks.values() if p.signal.oom_mm is not None}.values())


def group_name(k: Kernel, number: int) -> str:
    """A group's name for people: that of its first thread."""
    return next((p.name for p in k.tasks.values() if p.signal.number == number), f"group {number}")


def user_tasks(k: Kernel) -> list[TaskStruct]:
    """All but kernel threads."""
    return [p for p in k.tasks.values() if not p.flags & PF_KTHREAD]


def names(tasks: Iterable[TaskStruct]) -> str:
    """For people."""
    return ", ".join(p.name for p in tasks)
