"""One configuration, within limits, for a process of its own."""

from __future__ import annotations

import time

from benchmarks.peers.ours import Explored, explored
from benchmarks.peers.run import Configuration
from oom_review.explore import Limits


def timed(c: Configuration, seconds: float, short_sleeps: bool, whole: bool) -> tuple[Explored, float]:
    begin = time.perf_counter()
    found = explored(c, Limits(None, seconds), short_sleeps=short_sleeps, whole=whole)
    return found, time.perf_counter() - begin
