"""Today's mainline (commit 59d4d36158ba, v6.18) on our base: the RFC's thawing without its counting."""

from __future__ import annotations

import legacy_tifmemdie
from kernel_model.variant import Variant, replaces

from . import freezer, oom_kill

VARIANT = Variant(
    __name__,
    (
        replaces(legacy_tifmemdie.freezer.freezing_slow_path, freezer.freezing_slow_path),
        replaces(legacy_tifmemdie.oom_kill.mark_oom_victim, oom_kill.mark_oom_victim),
    ),
    base=legacy_tifmemdie.VARIANT,
)
