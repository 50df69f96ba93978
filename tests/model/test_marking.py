"""mark_oom_victim() in each kernel that has its own: whom it marks, counts and wakes in the fridge."""

from __future__ import annotations

import attrs
import pytest
from boot import Box

import legacy_tifmemdie
import patched
from kernel_model import events
from kernel_model.sched import TIF_MEMDIE
from kernel_model.variant import Variant
from oom_kernels import mark_every_thread, poll_until_dead, v7_3
from oom_kernels.hunks import family


@attrs.define(frozen=True)
class Marks:
    """Of a leader v with a thread t: who has TIF_MEMDIE and who is woken in the fridge when v is marked; the counts then, and when t is, too."""

    flagged: str
    woken: str
    count: int
    both: int


KERNELS = {
    legacy_tifmemdie.VARIANT: Marks("v", "v", 1, 2),
    patched.VARIANT: Marks("", "vt", 1, 1),
    mark_every_thread.VARIANT: Marks("vt", "vt", 2, 2),
    poll_until_dead.VARIANT: Marks("v", "v", 0, 0),
    family.variant("oom_kernels.hunks.thaw"): Marks("v", "vt", 1, 2),
    family.variant("oom_kernels.hunks.count"): Marks("", "v", 1, 1),
    v7_3.VARIANT: Marks("v", "vt", 1, 2),
}
each = pytest.mark.parametrize("variant", KERNELS, ids=lambda v: v.name)


def mark(box: Box, name: str) -> None:
    """Undisturbed."""
    for _ in box.call("mark_oom_victim", box["init"], box[name]):
        pass


def frozen_group(variant: Variant) -> Box:
    """v and t, in the fridge of their cgroup."""
    box = Box(variant)
    box.fork("v")
    box.clone("v", "t")
    box.do("attach", "init", "v", "A")
    box.do("freeze", "init", "A")
    return box


@each
def test_whom_a_mark_reaches(variant: Variant) -> None:
    """The mm is pinned with the first mark of the group only."""
    box, expected = frozen_group(variant), KERNELS[variant]
    mm = box["v"].mm
    assert mm is not None
    mark(box, "v")
    assert box["v"].signal.oom_mm is mm
    assert mm.mm_count == 2
    assert "".join(n for n in "vt" if box[n].thread_flags & TIF_MEMDIE) == expected.flagged
    assert box.k.oom_victims == expected.count
    assert "".join(n for n in "vt" if box.m.runnable(box[n])) == expected.woken
    for name in "vt":
        mark(box, name)
    assert box.k.oom_victims == expected.both
    assert mm.mm_count == 2


@each
def test_the_warning(variant: Variant) -> None:
    """WARN_ON(oom_killer_disabled), were it ever to happen, and only then."""
    box = Box(variant)
    box.fork("v", "w")
    mark(box, "w")
    assert not box.events(events.Warned)
    box.k.oom_killer_disabled = True
    mark(box, "v")
    assert box.events(events.Warned) == [events.Warned(box["init"].pid, "oom_killer_disabled")]


def test_who_was_marked_alone_leaves_the_others_to_be_marked() -> None:
    """Where every thread is: one of them, by itself, at an earlier time."""
    box = frozen_group(mark_every_thread.VARIANT)
    box["v"].thread_flags |= TIF_MEMDIE
    mark(box, "v")
    assert box["t"].thread_flags & TIF_MEMDIE
    assert box.k.oom_victims == 1
