"""Today's mainline (commit 59d4d36158ba, v6.18) on our base: the RFC's thawing without its counting."""

from __future__ import annotations

import attrs

import legacy_tifmemdie

from . import freezer, oom_kill

VARIANT = attrs.evolve(
    legacy_tifmemdie.VARIANT,
    name=__name__,
    freezing_slow_path=freezer.freezing_slow_path,
    mark_oom_victim=oom_kill.mark_oom_victim,
)
