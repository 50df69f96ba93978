"""The kernels of oom_kernels by short names, a victim in a box, and what every interleaving of a script comes to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from boot import Box, bounded
from builders import in_peace, op

from kernel_model.core import frozen
from kernel_model.events import Io
from kernel_model.variant import Variant
from oom_kernels import v6_12, v6_18, v7_2_12, v7_3
from oom_kernels.today.sched import TASK_FROZEN
from oom_review.claims import REFUTED
from oom_review.explore import explore
from oom_review.play.observation import DEAD
from oom_review.scenario.items import Run, Scenario

BEFORE, AFTER = v6_12.VARIANT, v7_3.VARIANT
V6_18, V7_2 = v6_18.VARIANT, v7_2_12.VARIANT


def short(value: object) -> str | None:
    """For the names of tests."""
    return value.name.rpartition(".")[2] if isinstance(value, Variant) else None


each = pytest.mark.parametrize("variant", [BEFORE, V6_18, V7_2, AFTER], ids=short)


def victim(variant: Variant, *threads: str, memcg: bool = False) -> Box:
    """Process ``v`` of these threads, first choice of the OOM killer; in memory cgroup M with ``hog``, which can't be killed."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", *threads)
    box.do("oom_score_adj", "init", "v", 1000)
    if memcg:
        box.do("memcg_attach", "init", "v", "M")
        box.fork("hog")
        box.do("memcg_attach", "init", "hog", "M")
        box.do("oom_score_adj", "init", "hog", -1000)
    return box


def ran(box: Box, function: str, *args: Any, **named: Any) -> Any:
    """What a function of this kernel returns, run to its end with nobody in between."""
    done = box.m.image.functions[function](*args, **named)
    return ended(bounded(done)) if isinstance(done, Iterator) else done


def ended(steps: Iterator[Any]) -> Any:
    """What these steps return in the end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def reach(steps: Iterator[Any], point: Any) -> None:
    """Up to this point, whatever lies before it."""
    assert point in steps


def in_fridge(box: Box, *names: str) -> bool:
    """All of them are TASK_FROZEN, and say so."""
    states = {bool(box[n].state & TASK_FROZEN) for n in names}
    assert states == {frozen(box[n]) for n in names}
    return states == {True}


def io_in(box: Box, phase: str) -> list[str]:
    """What was accessed by whom in a phase of power management."""
    names = {p.pid: p.name for p in box.k.tasks.values()}
    return [f"{names[e.task]} {e.what}" for e in box.events(Io) if e.phase == phase]


def broken(kernel: Variant, before: tuple[str, ...], meanwhile: tuple[str, ...]) -> set[str]:
    """The promises that some interleaving breaks."""
    result = explore(Scenario((*in_peace(*before), *map(op, meanwhile), Run())), kernel)
    assert not result.bounded
    return {claim for claim, v in result.verdicts.items() if v.verdict == REFUTED}


def ends(variant: Variant, before: tuple[str, ...], meanwhile: tuple[str, ...]) -> set[frozenset[str]]:
    """Who lives in the end, but for init and the kernel's threads, in every interleaving."""
    result = explore(Scenario((*in_peace(*before), *map(op, meanwhile), Run())), variant)
    assert not result.bounded
    return {
        frozenset(name for name, state, *_rest in final.tasks if state not in DEAD and name != "init")
        for final in result.finals
    }
