"""Worker processes that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from oom_review.workers import endless
from oom_review.workers.pool import Broke, Lost, Pool, listed

JOBS = range(6)


def square(number: int) -> int:
    return number * number


def square_or_die(number: int) -> int:
    """Whoever gets 2 is killed, whoever gets 4 is gone."""
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 4:
        os._exit(3)
    return number * number


def pid(_number: int) -> int:
    return os.getpid()


def square_or_raise(number: int) -> int:
    if number == 2:
        raise ValueError("two\nlines\x1b[2J")
    if number == 4:
        sys.exit(0)
    return number * number


def answers(answer: Callable[[int], object], count: int, until: float = float("inf")) -> dict[int, object]:
    """What so many workers say to all jobs."""
    with Pool(count) as pool:
        return dict(a for a in pool.run(answer, listed(JOBS, until)) if a is not None)


def test_every_job_is_answered() -> None:
    """Whatever the number of workers."""
    for count in (1, 2):
        assert answers(square, count) == {n: n * n for n in JOBS}


def test_nothing_is_begun_when_the_time_is_up() -> None:
    """What was begun before is answered."""
    assert answers(square, 2, until=time.monotonic()) == {}


def test_a_job_is_lost_with_its_worker_and_nothing_else_is() -> None:
    """The dead are named with what they died of; new workers take what is left."""
    assert answers(square_or_die, 2) == {
        0: 0,
        1: 1,
        2: Lost(signal.strsignal(signal.SIGKILL) or ""),
        3: 9,
        4: Lost("exit status 3"),
        5: 25,
    }


def test_a_job_that_raises_says_so_in_one_line() -> None:
    """Where and what; its worker goes on."""
    with Pool(1) as pool:
        found = dict(a for a in pool.run(square_or_raise, listed(JOBS)) if a is not None)
        broke = found[2]
        assert isinstance(broke, Broke)
        assert broke.reason.startswith(f"{__file__}:")
        assert broke.reason.endswith(": ValueError: two lines?[2J")
        assert str(found[4]).endswith(": SystemExit: 0')")
        before = {a[1] for a in pool.run(pid, listed(JOBS)) if a is not None}
        after = {a[1] for a in pool.run(pid, listed(JOBS)) if a is not None}
    assert len(before) == 1
    assert before == after


def within_a_built_in(number: int) -> int:
    """Whoever gets 2 comes to none of our instructions any more."""
    if number == 2:
        endless.SILENT = 1
        endless._go_on()
        sum(iter(int, 1))
    return number


def test_a_loop_within_a_built_in_function_costs_one_job() -> None:
    """The system ends the worker; the others' answers are there."""
    found = answers(within_a_built_in, 1)
    assert found == {n: n for n in JOBS} | {2: Lost(signal.strsignal(signal.SIGXCPU) or "")}


def test_there_may_be_more_to_do_after_an_answer() -> None:
    """Who had nothing to do is asked again."""
    due: deque[int] = deque([1])
    seen = []
    with Pool(2) as pool:
        for answer in pool.run(square, lambda: due.popleft() if due else None):
            if answer is not None:
                seen.append(answer)
                due.extend([2, 3] if len(seen) == 1 else [])
    assert sorted(seen) == [(1, 1), (2, 4), (3, 9)]


def test_closing_ends_the_workers() -> None:
    """Nobody goes on behind the back of who does not want more."""
    with Pool(1) as pool:
        found = pool.run(pid, listed(JOBS))
        _job, worker = next(a for a in found if a is not None)
        found.close()
    assert isinstance(worker, int)
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


BLOCKED = """
import signal
from functools import partial
from oom_review.workers import endless
from oom_review.workers.pool import Pool, listed
if __name__ == "__main__":
    mask = partial(signal.pthread_sigmask, signal.SIG_BLOCK)
    with Pool(1) as pool:
        for found in pool.run(mask, listed([[], []])):
            if found is not None:
                print(signal.SIGINT in found[1])
"""


def test_the_first_worker_too_is_safe_from_ctrl_c(tmp_path: Path) -> None:
    """In a fresh process, where the first worker starts what else the machinery needs."""
    script = tmp_path / "script.py"
    script.write_text(BLOCKED)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


ENDLESS = """
from oom_review.workers import endless
from oom_review.workers.pool import Pool, listed
def work(_job):
    print("at work", flush=True)
    while True:
        pass
if __name__ == "__main__":
    with Pool(1) as pool:
        for _answer in pool.run(work, listed([1])):
            pass
"""


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_nobody_outlives_who_gave_the_jobs(death: signal.Signals, tmp_path: Path) -> None:
    """Whatever that died of, and however long the job: the pipe is at its end when everybody has left it."""
    script = tmp_path / "script.py"
    script.write_text(ENDLESS)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        process.send_signal(death)
        output, _errors = process.communicate(timeout=60)
        assert output == ""
