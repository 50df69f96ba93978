"""The RFC with group_dead for its "last": whoever brings signal_struct.live to zero drops the count when it has told its relatives.

No zombie, tracer or exec comes into it, so nothing leaks.  But the last thread to enter do_exit() is not the last to leave it: the others may
still be at their files.
"""

from __future__ import annotations

from kernel_model import prototypes
from kernel_model.variant import Variant, replaces
from legacy_tifmemdie import exit as legacy_exit
from patched import VARIANT as RFC

from . import exit  # noqa: A004 - the kernel's file name

VARIANT = Variant(
    __name__,
    (
        replaces(prototypes.release_task, legacy_exit.release_task),
        replaces(prototypes.exit_notify, legacy_exit.exit_notify),
        replaces(prototypes.do_exit, exit.do_exit),
    ),
    base=RFC,
)
