"""The RFC with signal_struct.nr_threads for its "last": the thread that is alone on the group's list drops the count, past its device accesses.

The RFC's author ruled it out when he was asked: the list is of threads that nobody has reaped, not of those that run.
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
