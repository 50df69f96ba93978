"""How the kernels of oom_kernels are written: as an exploration needs it, and every switch does something."""

from __future__ import annotations

import inspect

import pytest
from todays import AFTER, BEFORE, V6_18, V7_2

from kernel_model.variant import LinkError, Variant, base_functions, link, replaces
from oom_kernels import last_out, v7_3_last_out, v7_3_rfc
from oom_kernels.today import ADDED, TODAY, freezer, switches

KERNELS = (BEFORE, V6_18, V7_2, AFTER, v7_3_rfc.VARIANT, v7_3_last_out.VARIANT, last_out.VARIANT)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda v: v.name)
def test_every_kernel_links(kernel: Variant) -> None:
    """With each function that it adds or replaces, once."""
    names = [name for name, _new in kernel.replaced]
    assert len(names) == len(set(names))
    assert set(names) <= set(link(kernel).functions)


def test_what_today_adds_is_new() -> None:
    """And may be replaced by name on top of it; what nobody added may not."""
    added = {f.__name__ for f in ADDED}
    assert not added & set(base_functions())
    assert len({name for name, _new in TODAY}) == len(TODAY)

    def thaw_process(k: object, cur: object, p: object) -> None:
        """No steps."""

    with pytest.raises(LinkError, match=r"thaw_process\(\) has to yield"):
        link(Variant("wrong", (replaces(freezer.thaw_process, thaw_process),), base=AFTER))
    with pytest.raises(LinkError, match=r"the base has no function no\(\)"):
        link(Variant("wrong", (replaces(switches.no, switches.yes),), base=AFTER))


def test_every_switch_is_put_by_some_kernel() -> None:
    """Otherwise it is none."""
    mine = {name for name, f in vars(switches).items() if inspect.isfunction(f) and name not in ("yes", "no")}
    put = {name for kernel in KERNELS if kernel is not AFTER for name, _new in kernel.replaced}
    assert mine <= put
    assert mine <= {f.__name__ for f in ADDED}
