"""The count that falls with the last thread past its I/O (oom_kernels.last_out), on Linux 7.3.4."""

from __future__ import annotations

from kernel_model import fork as base_fork
from kernel_model import prototypes
from kernel_model.variant import Variant, replaces
from oom_kernels import v7_3
from oom_kernels.v7_3_rfc.exit import exit_mm
from patched.oom_kill import exit_oom_victim, mark_oom_victim

from . import exit, fork  # noqa: A004 - the kernel's file name

VARIANT = Variant(
    __name__,
    (
        replaces(base_fork.hash_task, fork.hash_task),
        replaces(prototypes.exit_mm, exit_mm),
        replaces(prototypes.do_exit, exit.do_exit),
        replaces(prototypes.mark_oom_victim, mark_oom_victim),
        replaces(prototypes.exit_oom_victim, exit_oom_victim),
    ),
    base=v7_3.VARIANT,
)
