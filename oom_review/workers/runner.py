"""What stays on each worker of a cluster while there are jobs: it gives them to processes of that machine's own pool.

A thread of distributed's worker waits for such a process, so a job can be stopped at any time, takes nobody with it when it dies, and
never holds up a heartbeat; and it has the main thread of its process, where loops without end are noticed.
Dropped: doing jobs in the worker itself, where nothing stops them and the kernel that somebody edited since is still loaded.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
from distributed import Worker, WorkerPlugin, get_worker

from oom_review.errors import BadInput
from oom_review.workers.identity import difference
from oom_review.workers.pool import Broke, Pool, listed
from oom_review.workers.remote import Origin, Refused, answered

GOES_ON = ("memory", "error", "long-running", "executing", "rescheduled")
"""A task that comes into one of these states is not cancelled."""


class Runner(WorkerPlugin):
    """For one client; ``files``: by name, what its jobs need."""

    def __init__(self, name: str, origin: Origin, files: dict[str, bytes]) -> None:
        """Nothing runs yet; it travels to the workers first."""
        self.name = name
        self._origin, self._files = origin, files
        self._idle: list[Pool] = []
        self._wanted: set[Any] = set()

    async def setup(self, worker: Worker) -> None:
        """On a worker, also on one that comes late.  Raises BadInput if it is of another version: no job is given to it."""
        self._directory = Path(worker.local_directory) / self.name
        reason = difference(self._origin.identity)
        if reason:
            raise BadInput(f"the worker at {worker.address} is another one: {reason}")
        # A worker under a nanny is a daemon, and may have no processes; ours end when it does, whatever it died of.
        multiprocessing.current_process().daemon = False
        for name, content in self._files.items():
            path = self._directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self._directory.mkdir(exist_ok=True)
        # What our jobs ask for, so that they go nowhere else.
        await worker.set_resources(**{self.name: worker.state.nthreads})

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002 - its caller's word
        """The client is done, or the worker: nobody goes on."""
        self._wanted.clear()
        self._send_home()
        shutil.rmtree(self._directory, ignore_errors=True)

    def transition(self, key: Any, start: str, finish: str, **_more: Any) -> None:  # noqa: ARG002 - its caller's words
        """A task that its client does not wait for any more is stopped, and who is idle goes: the client is gone."""
        if key in self._wanted and finish not in GOES_ON:
            self._wanted.discard(key)
            self._send_home()

    def _send_home(self) -> None:
        while self._idle:
            with self._idle.pop():
                pass

    def answer(self, worker: Worker, key: Any, packed: bytes) -> Any:
        """In a thread: what comes of the job; None if nobody wants to know any more."""
        self._wanted.add(key)
        pool = self._idle.pop() if self._idle else Pool(1)
        try:
            job = (self._origin, str(self._directory), packed)
            with closing(pool.run(answered, listed([job]))) as answers:
                for one in answers:
                    if one is not None:
                        return self._said(worker, one[1])
                    if key not in self._wanted:
                        return None
        finally:
            if key in self._wanted:
                self._wanted.discard(key)
                self._idle.append(pool)
            else:
                with pool:
                    pass
        raise AssertionError

    def _said(self, worker: Worker, got: Any) -> Any:
        if isinstance(got, Refused):
            return Refused(f"the worker at {worker.address}: {got.reason}")
        if isinstance(got, Broke):
            # Where it lies here is nothing to whoever wrote it.
            return attrs.evolve(got, reason=got.reason.replace(f"{self._directory}{os.sep}", ""))
        return got


def done(name: str, packed: bytes) -> Any:
    """A task: the packed job, by the runner of that name."""
    worker = get_worker()
    runner = worker.plugins.get(name)
    if not isinstance(runner, Runner):
        return Refused(f"the worker at {worker.address} does not know of the jobs")
    return runner.answer(worker, worker.get_current_task(), packed)
