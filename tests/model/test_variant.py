"""Linking: any function may be replaced, on one of two kernels in one process; what does not fit is one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from boot import Box

import legacy_tifmemdie
import patched
from kernel_model import freezer, mm, prototypes, sched
from kernel_model.preempt import Steps
from kernel_model.sched import Kernel, MmStruct, TaskStruct
from kernel_model.variant import LinkError, Variant, base_functions, link, replaces

# Under another name it stays the base's, so that a replacement may call what it replaces.
free_half = mm.free_pages


def free_pages_twice(k: Kernel, mm: MmStruct) -> None:
    """A function without steps that calls the one it replaces."""
    k.freed += 1000
    free_half(k, mm)


def thaw_nobody(k: Kernel, cur: TaskStruct, p: TaskStruct) -> Steps[None]:
    """A function with steps, called within its own file and from a variant's."""
    del k, cur, p
    yield from ()


def test_two_kernels_in_one_process() -> None:
    """The replacement is reached from inside the base, and only on its own machine."""
    mine = Box(Variant("mine", (replaces(mm.free_pages, free_pages_twice),), base=patched.VARIANT))
    base = Box(patched.VARIANT)
    for box in (mine, base):
        box.fork("v")
        box.do("kill", "init", "v", "KILL")
    assert mine.k.freed == base.k.freed + 1000


def test_a_call_from_a_variants_file_reaches_the_replacement() -> None:
    """mark_oom_victim() of the RFC's file thaws with the function of a variant on top of it."""
    deaf = Variant("deaf", (replaces(freezer.thaw_task, thaw_nobody),), base=patched.VARIANT)
    left = []
    for variant in (deaf, patched.VARIANT):
        box = Box(variant)
        box.fork("v")
        box.do("attach", "init", "v", "A")
        box.do("freeze", "init", "A")
        box.do("oom_score_adj", "init", "v", 1000)
        box.do("alloc", "kworker")
        left.append(bool(box["v"].flags & sched.PF_FROZEN))
    assert left == [True, False]


def test_a_borrowed_function_calls_this_kernel_s() -> None:
    """The RFC's do_exit() on legacy tells the relatives with legacy's exit_notify(), which never says that somebody was the last."""
    borrowed = (
        replaces(prototypes.do_exit, patched.exit.do_exit),
        replaces(prototypes.exit_mm, patched.exit.exit_mm),
    )
    box = Box(Variant("borrowing", borrowed, base=legacy_tifmemdie.VARIANT))
    box.fork("v")
    box.do("oom_score_adj", "init", "v", 1000)
    box.do("alloc", "kworker")
    assert box["v"].state == sched.TASK_DEAD
    assert box.k.oom_victims == 1


def test_the_nearest_replacement_wins() -> None:
    """A variant over a variant over legacy."""
    lower = Variant("lower", (replaces(freezer.thaw_task, thaw_nobody),), base=legacy_tifmemdie.VARIANT)
    upper = Variant("upper", (replaces(freezer.thaw_task, freezer.thaw_task),), base=lower)
    assert lower.functions()["thaw_task"] is thaw_nobody
    assert upper.functions()["thaw_task"] is freezer.thaw_task


def takes_too_few(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """thaw_task() has a third argument."""
    del k, cur
    yield from ()


def does_not_yield(k: Kernel, cur: TaskStruct, p: TaskStruct) -> None:
    """thaw_task() has steps."""
    del k, cur, p


def yields(k: Kernel, mm: MmStruct) -> Steps[None]:
    """free_pages() is part of a step."""
    free_half(k, mm)
    yield from ()


def frozen_after_all(p: TaskStruct) -> bool:
    """Whom the scheduler calls frozen is not for a patch to say."""
    del p
    return False


def thaw_tusk(k: Kernel) -> None:
    """No function of that name."""
    del k


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("thaw_task", takes_too_few, r"thaw_task\(\) takes \(k, cur, p\), not \(k, cur\)"),
        ("thaw_task", does_not_yield, r"thaw_task\(\) has to yield: its callers go through its steps"),
        ("free_pages", yields, r"free_pages\(\) must not yield: it is one step's part"),
        ("frozen", frozen_after_all, r"frozen\(\) can't be replaced: the scheduler asks it, too"),
        (
            "thaw_tusk",
            thaw_tusk,
            r"the base has no function thaw_tusk\(\) \(did you mean thaw_task\?\)",
        ),
        ("no_such_function_at_all", thaw_tusk, r"the base has no function no_such_function_at_all\(\)$"),
    ],
)
def test_what_does_not_fit_is_one_line(old: str, new: Callable[..., Any], said: str) -> None:
    """With the file and the line of the replacement."""

    def named(*_args: object) -> None: ...

    named.__name__ = old
    with pytest.raises(LinkError, match=rf"^{__file__}:\d+: {said}"):
        link(Variant("wrong", (replaces(named, new),), base=patched.VARIANT))


def test_what_a_root_has_to_define() -> None:
    """kernel_model alone is no kernel."""
    with pytest.raises(LinkError, match=r"empty does not define release_task\(\)"):
        link(Variant("empty"))


def test_every_function_of_the_base_may_be_replaced() -> None:
    """Also those that only their own file calls; none has two homes."""
    functions = base_functions()
    assert {"thaw_task", "oom_badness", "copy_process", "do_wait", "freeze_processes", "exit_notify"} <= set(
        functions
    )
    variant = Variant(
        "all",
        tuple(
            replaces(f, f)
            for name, f in functions.items()
            if f.__module__ != "kernel_model.prototypes"
            and name not in {"frozen", "signal_pending_state", "fatal_signal_pending"}
        ),
        base=patched.VARIANT,
    )
    box = Box(variant)
    box.fork("v")
    box.do("kill", "init", "v", "KILL")
    assert box["v"].exit_state
