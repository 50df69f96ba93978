"""What a reviewer proposed in September 2016: no count at all; oom_killer_disable() looks every 100 ms whether a marked thread is left.

Marking is legacy's but for the count: one thread has TIF_MEMDIE, until it is dead, and is thawed.
"""

from __future__ import annotations

from kernel_model import oom_kill as base_oom_kill
from kernel_model import prototypes
from kernel_model.variant import Variant, replaces
from legacy_tifmemdie import VARIANT as LEGACY
from patched.exit import exit_mm

from . import oom_kill

VARIANT = Variant(
    __name__,
    (
        replaces(prototypes.exit_mm, exit_mm),
        replaces(prototypes.mark_oom_victim, oom_kill.mark_oom_victim),
        replaces(base_oom_kill.oom_killer_disable, oom_kill.oom_killer_disable),
    ),
    base=LEGACY,
)
