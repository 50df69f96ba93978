"""The RFC on Linux 7.3.4: the same hunks, where today's code has their places."""

from __future__ import annotations

from kernel_model import prototypes
from kernel_model.variant import Variant, replaces
from oom_kernels import v7_3
from oom_kernels.today.exit import _give_up_mm
from patched.exit import exit_notify, release_task
from patched.oom_kill import exit_oom_victim, mark_oom_victim

from . import exit  # noqa: A004 - the kernel's file name

VARIANT = Variant(
    __name__,
    (
        replaces(prototypes.release_task, release_task),
        replaces(prototypes.exit_mm, _give_up_mm),
        replaces(prototypes.exit_notify, exit_notify),
        replaces(prototypes.do_exit, exit.do_exit),
        replaces(prototypes.mark_oom_victim, mark_oom_victim),
        replaces(prototypes.exit_oom_victim, exit_oom_victim),
    ),
    base=v7_3.VARIANT,
)
