"""Worker processes that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from oom_review.situations.workers import Lost, run_all

JOBS = range(6)


def square(number: int) -> int:
    return number * number


def square_or_die(number: int) -> int:
    """Whoever gets 2 is killed, whoever gets 4 leaves."""
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 4:
        sys.exit(3)
    return number * number


def pid(_number: int) -> int:
    return os.getpid()


def test_every_job_is_answered() -> None:
    """Whatever the number of workers."""
    for count in (1, 2):
        answers = [a for a in run_all(square, JOBS, count) if a is not None]
        assert sorted(answers) == [(n, n * n) for n in JOBS]


def test_a_job_is_lost_with_its_worker_and_nothing_else_is() -> None:
    """The dead are named with what they died of; new workers take what is left."""
    answers = dict(a for a in run_all(square_or_die, JOBS, 2) if a is not None)
    assert answers == {
        0: 0,
        1: 1,
        2: Lost(signal.strsignal(signal.SIGKILL) or ""),
        3: 9,
        4: Lost("exit status 3"),
        5: 25,
    }


def test_closing_ends_the_workers() -> None:
    """Nobody goes on behind the back of who does not want more."""
    answers = run_all(pid, JOBS, 1)
    _job, worker = next(a for a in answers if a is not None)
    answers.close()
    assert isinstance(worker, int)
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


BLOCKED = """
import signal
from functools import partial
from oom_review.situations.workers import run_all
if __name__ == "__main__":
    mask = partial(signal.pthread_sigmask, signal.SIG_BLOCK)
    for found in run_all(mask, [[], []], 1):
        if found is not None:
            print(signal.SIGINT in found[1])
"""


def test_the_first_worker_too_is_safe_from_ctrl_c(tmp_path: Path) -> None:
    """In a fresh process, where the first worker starts what else the machinery needs."""
    script = tmp_path / "script.py"
    script.write_text(BLOCKED)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
