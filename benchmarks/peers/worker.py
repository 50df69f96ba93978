"""One configuration in a process of its own, within limits of memory and time."""

from __future__ import annotations

import resource
import time

from benchmarks.peers.ours import Explored, explored
from benchmarks.peers.run import Configuration
from oom_review.explore import Limits


def limit_memory(megabytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))


def timed(c: Configuration, seconds: float, short_sleeps: bool, whole: bool) -> tuple[Explored, float]:
    begin = time.perf_counter()
    try:
        found = explored(c, Limits(None, seconds), short_sleeps=short_sleeps, whole=whole)
    except MemoryError:
        found = Explored(frozenset(), frozenset(), 0, 0, "stopped at the memory limit")
    return found, time.perf_counter() - begin
