"""One kernel: the functions of the RFC's three C files, and their table."""

from __future__ import annotations

from kernel_model import prototypes
from kernel_model.variant import Variant, replaces

from . import exit, freezer, oom_kill  # noqa: A004 - the kernel's file name

VARIANT = Variant(
    __name__,
    (
        replaces(prototypes.release_task, exit.release_task),
        replaces(prototypes.exit_mm, exit.exit_mm),
        replaces(prototypes.exit_notify, exit.exit_notify),
        replaces(prototypes.do_exit, exit.do_exit),
        replaces(prototypes.freezing_slow_path, freezer.freezing_slow_path),
        replaces(prototypes.mark_oom_victim, oom_kill.mark_oom_victim),
        replaces(prototypes.exit_oom_victim, oom_kill.exit_oom_victim),
    ),
)
