"""Jobs for the workers of a cluster; apart, so that the processes that do them load no more than they need."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from oom_review.workers.remote import Refused


def square_or_die(job: int) -> int:
    """Whoever gets 2 is killed; what 4 raises is ours."""
    if job == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if job == 4:
        raise ValueError("four\nlines")
    return job * job


def who(marker: str) -> tuple[int, int]:
    """The cluster's worker and the process; with a marker that nobody has made yet: makes it, and kills that worker."""
    if marker and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getppid(), signal.SIGKILL)
        signal.pause()
    return os.getppid(), os.getpid()


def read(path: str) -> str:
    """What is in the file, which may take as long as the test wants."""
    return Path(path).read_text(encoding="utf-8") if path else ""


def refuse(_job: int) -> Refused:
    return Refused("it was edited")
