"""The RFC's parent of July 2016: the marked thread keeps TIF_MEMDIE, and the count, until it is about to be TASK_DEAD; all else is legacy.

Quiet for the thread that is counted; the others are neither counted nor thawed.
"""

from __future__ import annotations

from kernel_model import prototypes
from kernel_model.variant import Variant, replaces
from legacy_tifmemdie import VARIANT as LEGACY
from patched.exit import exit_mm

from . import exit  # noqa: A004 - the kernel's file name

VARIANT = Variant(
    __name__,
    (replaces(prototypes.exit_mm, exit_mm), replaces(prototypes.do_exit, exit.do_exit)),
    base=LEGACY,
)
