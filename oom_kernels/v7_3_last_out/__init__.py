"""The count that falls with the last thread past its I/O (oom_kernels.last_out), on Linux 7.3.4."""

from __future__ import annotations

from kernel_model import fork as base_fork
from kernel_model import prototypes
from kernel_model.variant import Variant, replaces
from oom_kernels import v7_3
from oom_kernels.today.exit import _exit_io, _give_up_mm, exit_mm
from patched.oom_kill import exit_oom_victim, mark_oom_victim

from . import exit, fork  # noqa: A004 - the kernel's file name

VARIANT = Variant(
    __name__,
    (
        replaces(base_fork.hash_task, fork.hash_task),
        replaces(exit_mm, _give_up_mm),
        replaces(_exit_io, exit._exit_io),
        replaces(prototypes.mark_oom_victim, mark_oom_victim),
        replaces(prototypes.exit_oom_victim, exit_oom_victim),
    ),
    base=v7_3.VARIANT,
)
