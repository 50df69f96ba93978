"""What the RFC's changelog weighs and rejects: TIF_MEMDIE for every thread, each counted and thawed; all else is legacy.

It rejects it for the race with copy_process(), which is none here: no thread is hashed while SIGKILL is pending.  What breaks it is the
other end of a thread's life: one that is past exit_mm() is counted, and nobody takes the count back.
"""

from __future__ import annotations

from kernel_model import prototypes
from kernel_model.variant import Variant, replaces
from legacy_tifmemdie import VARIANT as LEGACY

from . import oom_kill

VARIANT = Variant(__name__, (replaces(prototypes.mark_oom_victim, oom_kill.mark_oom_victim),), base=LEGACY)
