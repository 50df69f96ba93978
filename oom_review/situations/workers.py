"""Worker processes that may die: a job is lost with its worker, and nothing else is."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

import attrs

LOOK = 0.25
"""So often whoever waits gets to say how far it is, in seconds."""

J = TypeVar("J")
A = TypeVar("A")


@attrs.define(frozen=True)
class Lost:
    """The worker died over the job; ``reason`` says of what."""

    reason: str


@attrs.define(eq=False)
class _Worker(Generic[J]):
    process: BaseProcess
    connection: Connection[J, Any]
    job: J


def run_all(answer: Callable[[J], A], jobs: Iterable[J], count: int) -> Generator[tuple[J, A | Lost] | None]:
    """Each job with its answer, as they come; None now and then while there is none.  Closing the iterator ends the workers.

    ``answer`` is a module's function; jobs begin in their order.
    """
    # Not fork: a terminal's progress bar has threads.
    context = multiprocessing.get_context("spawn")
    waiting = deque(jobs)
    workers: list[_Worker[J]] = []

    def start(job: J) -> None:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(answer, theirs), daemon=True)
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
        ours.send(job)
        workers.append(_Worker(process, ours, job))

    try:
        while waiting or workers:
            while waiting and len(workers) < count:
                start(waiting.popleft())
            ready = wait([w.connection for w in workers], LOOK)
            if not ready:
                yield None
            for worker in [w for w in workers if w.connection in ready]:
                done = worker.job
                got = _received(worker)
                if isinstance(got, Lost) or not waiting:
                    workers.remove(worker)
                    _end(worker)
                else:
                    worker.job = waiting.popleft()
                    worker.connection.send(worker.job)
                yield done, got
    finally:
        for worker in workers:
            worker.process.terminate()
            _end(worker)


def _received(worker: _Worker[J]) -> Any:
    try:
        return worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join()
        code = worker.process.exitcode or 0
        return Lost(signal.strsignal(-code) or f"signal {-code}" if code < 0 else f"exit status {code}")


def _end(worker: _Worker[J]) -> None:
    worker.connection.close()
    worker.process.join()


def _serve(answer: Callable[[Any], Any], connection: Connection[Any, Any]) -> None:
    # The end of the pipe is the end of whoever gave the jobs.
    with suppress(EOFError, BrokenPipeError):
        while True:
            connection.send(answer(connection.recv()))
