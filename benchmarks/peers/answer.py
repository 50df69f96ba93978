"""python -m benchmarks.peers.answer VARIANT N SECONDS: the twin's core situation, explored by us; for the wall time of the whole process.

A suspend with both freezer rounds, a parent that waits, a task at the limit: as Spin has it, without the OOM reaper.  Prints the states and where it stopped.
"""

from __future__ import annotations

import sys

from benchmarks.peers.ours import explored
from benchmarks.peers.run import Configuration
from oom_review.explore import Limits

CORE = {"frozen": False, "suspend": True, "kthreads": True, "parent": "waits", "trigger": "task"}


def main(variant: str, threads: str, seconds: str) -> int:
    found = explored(Configuration(variant, int(threads), **CORE), Limits(None, float(seconds)))  # type: ignore[arg-type]
    print(found.states, found.bounded)
    return int(bool(found.bounded))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
