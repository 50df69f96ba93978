"""Worker processes that die."""

from __future__ import annotations

import os
import signal
import sys

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
