"""Worker processes: jobs in, answers out.  A worker that dies loses its job, and nothing else is lost; none outlives who gave the jobs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

import attrs

from oom_review import ledger
from oom_review.errors import BadInput
from oom_review.variants.loading import given, load_all
from oom_review.workers.broken import bad_input, reason
from oom_review.workers.endless import watched

LOOK = 0.25
"""So often whoever waits gets to say how far it is, in seconds."""

J = TypeVar("J")
A = TypeVar("A")


@attrs.define(frozen=True)
class Lost:
    """The worker died over the job; ``reason`` says of what."""

    reason: str


class WorkerError(Exception):
    """A mistake of ours in a worker: the job, and its traceback."""


@attrs.define(frozen=True)
class Broke:
    """The job raised: where and what, in one line; ``trace`` is empty unless the mistake is ours, not a variant's or a claim's."""

    reason: str
    trace: str = attrs.field(default="", repr=False)

    def error(self, job: object) -> Exception:
        """What to raise where the answer to that job was waited for."""
        return WorkerError(f"{job}\n{self.trace}") if self.trace else BadInput(f"{self.reason} ({job})")


@attrs.define(eq=False)
class _Worker:
    process: BaseProcess
    connection: Connection[Any, Any]
    job: Any = None


@attrs.define(eq=False)
class Pool:
    """So many workers, which are started when there is something to do for them, and end with the block."""

    count: int
    _idle: list[_Worker] = attrs.field(factory=list, init=False)

    def __enter__(self) -> Self:
        """Nobody is started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send everybody home."""
        for worker in self._idle:
            _end(worker)

    def run(
        self, answer: Callable[[J], A], more: Callable[[], J | None]
    ) -> Generator[tuple[J, A | Broke | Lost] | None]:
        """Each job with its answer, as they come; None now and then while there is none.  Closing it ends who is at work.

        ``answer`` is a module's function.  ``more`` gives the next job, or None if there is nothing to do now: it is asked again
        after each answer.
        """
        busy: list[_Worker] = []
        try:
            while True:
                while len(busy) < self.count and (job := more()) is not None:
                    worker = self._idle.pop() if self._idle else _started()
                    worker.job = job
                    busy.append(worker)
                    # Who died meanwhile is found out when the answer is read.
                    with suppress(BrokenPipeError):
                        worker.connection.send((answer, job))
                if not busy:
                    return
                ready = wait([w.connection for w in busy], LOOK)
                if not ready:
                    yield None
                for worker in [w for w in busy if w.connection in ready]:
                    busy.remove(worker)
                    got = _received(worker)
                    if isinstance(got, Lost):
                        _end(worker)
                    else:
                        self._idle.append(worker)
                    yield worker.job, got
        finally:
            for worker in busy:
                worker.process.terminate()
                _end(worker)


def listed(jobs: Iterable[J], until: float = float("inf")) -> Callable[[], J | None]:
    """The jobs in their order, for ``Pool.run``; none is begun when the monotonic clock has come to ``until``."""
    waiting = iter(jobs)
    return lambda: next(waiting, None) if time.monotonic() < until else None


def _started() -> _Worker:
    # Not fork: a terminal's progress bar has threads.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, given(), ledger.given()), daemon=True)
    # Ctrl-C goes to the whole group: whoever gave the jobs says what happens then, however far the worker is.
    # The resource tracker would start with the first worker and unblock the signal before that is there.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    # Without a copy of the other end here, the death of the worker ends the pipe.
    theirs.close()
    return _Worker(process, ours)


def _received(worker: _Worker) -> Any:
    try:
        return worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join()
        code = worker.process.exitcode or 0
        return Lost(signal.strsignal(-code) or f"signal {-code}" if code < 0 else f"exit status {code}")


def _end(worker: _Worker) -> None:
    worker.connection.close()
    worker.process.join()


def _serve(
    connection: Connection[Any, tuple[Callable[[Any], Any], Any]], words: Sequence[str], files: Sequence[str]
) -> None:
    Thread(target=_leave_with_the_parent, daemon=True).start()
    # Jobs hold names, and what a name stands for is the user's to say.
    load_all(words)
    ledger.load_all(files)
    # The end of the pipe is the end of whoever gave the jobs.
    with suppress(EOFError, BrokenPipeError), watched():
        while True:
            answer, job = connection.recv()
            connection.send(_answered(answer, job))


def _leave_with_the_parent() -> None:
    """Also in the middle of a long job, and whatever the parent died of."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _answered(answer: Callable[[Any], Any], job: Any) -> Any:
    try:
        return answer(job)
    except BaseException as error:  # noqa: BLE001 - a stranger's variant may raise anything, and leave in any way
        bad = bad_input(error)
        return Broke(reason(error), traceback.format_exc()) if bad is None else Broke(str(bad))
