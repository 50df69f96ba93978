"""The workers of a cluster, which distributed (an extra) schedules: the same as the pool of this machine for whoever has jobs.

A worker that dies costs the time of what it was at, which distributed begins anew on another one; a scheduler that dies ends all, and
what is finished is kept by whoever gave the jobs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import time
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs

from oom_review.errors import BadInput, one_line
from oom_review.workers.pool import LOOK, Broke, Lost, Pool
from oom_review.workers.remote import Refused, here

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 10
"""Seconds for somebody to answer."""
FIRST_WORKER = 30
"""Seconds for the first worker to come."""
Workers = int | str | None
"""So many processes of this machine, the workers of the cluster at that address, or a process for each core here."""

J = TypeVar("J")
A = TypeVar("A")


class ClusterGone(BadInput):
    """It can do no more: its scheduler is gone, or one of its workers is another one."""


def opened(workers: Workers) -> Pool | Cluster:
    """Somebody to give jobs to, for a ``with`` statement, which raises BadInput if they can't be had."""
    return Cluster(workers) if isinstance(workers, str) else Pool(workers or os.cpu_count() or 1)


@attrs.define(eq=False)
class Cluster:
    """The workers that the scheduler at ``address`` has, however many come and go."""

    address: str
    _client: Client = attrs.field(init=False)
    _name: str = attrs.field(init=False)
    _threads: int = attrs.field(default=1, init=False)
    _asked: float = attrs.field(default=0.0, init=False)

    def __enter__(self) -> Self:
        """Somebody answers, has workers, and they are of this version.  Raises BadInput."""
        try:
            from distributed import Client  # noqa: PLC0415 - an extra

            from oom_review.workers.runner import Runner  # noqa: PLC0415 - needs the extra
        except ImportError as error:
            raise BadInput(f"--cluster: {error} (the extra cluster has to be installed)") from None
        # What it has to say is said in one line, by us.
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self._name = f"oom-review-{token_hex(8)}"
        runner = Runner(self._name, *here())
        try:
            # First: a client that failed to connect tries to close itself for a long time, and says so at length.
            asyncio.run(_knocked(self.address))
            self._client = Client(self.address, timeout=PATIENCE, set_as_default=False)
        except Exception as error:  # noqa: BLE001 - whatever addresses and strangers' servers make it raise
            raise BadInput(f"--cluster {self.address}: nobody answers there ({_said(error)})") from None
        try:
            self._client.wait_for_workers(1, timeout=FIRST_WORKER)
            self._client.register_plugin(runner, name=self._name)
        except BaseException as error:
            self.__exit__(None, None, None)
            if isinstance(error, BadInput) or not isinstance(error, Exception):
                raise
            none = "the scheduler has no worker: " if isinstance(error, TimeoutError) else ""
            raise BadInput(f"--cluster {self.address}: {none}{_said(error)}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing of ours stays on the workers."""
        alive = self._client.status == "running"
        with suppress(Exception):
            if alive:
                self._client.unregister_worker_plugin(self._name)
        # A client that looks for its scheduler has nothing to say to anybody.
        self._client.close(timeout=PATIENCE if alive else 1)

    def run(
        self, answer: Callable[[J], A], more: Callable[[], J | None]
    ) -> Generator[tuple[J, A | Broke | Lost] | None]:
        """As ``Pool.run``; raises ClusterGone if there is nobody to ask any more."""
        from oom_review.workers.runner import done  # noqa: PLC0415 - needs the extra

        executor = self._client.get_executor(pure=False, resources={self._name: 1})
        busy: dict[Future[Any], J] = {}
        try:
            while True:
                # No more than there are threads: a job that only waits there is one that a limit can't hold back.
                while len(busy) < self._capacity() and (job := more()) is not None:
                    busy[executor.submit(done, self._name, pickle.dumps((answer, job)))] = job
                if not busy:
                    return
                ready = wait(busy, LOOK, FIRST_COMPLETED).done
                if not ready:
                    yield None
                for future in ready:
                    yield busy.pop(future), self._got(future)
        finally:
            if busy:
                executor.shutdown(wait=False)

    def _capacity(self) -> int:
        """How many jobs can be under way; one that waits for a worker, if there is none."""
        if self._client.status != "running":
            raise self._gone(None)
        now = time.monotonic()
        if now > self._asked + LOOK:
            self._asked = now
            try:
                self._threads = sum(self._client.nthreads().values())
            except Exception as error:  # noqa: BLE001 - whatever a lost connection raises
                raise self._gone(error) from None
        return max(self._threads, 1)

    def _got(self, future: Future[Any]) -> Any:
        from distributed.scheduler import KilledWorker  # noqa: PLC0415 - an extra

        if future.cancelled():
            raise self._gone(None)
        error = future.exception()
        if isinstance(error, KilledWorker):
            return Lost("so did each worker that had it")
        if error is not None:
            raise ClusterGone(f"--cluster {self.address}: a worker failed: {_said(error)}")
        got = future.result()
        if isinstance(got, Refused):
            raise ClusterGone(f"--cluster {self.address}: {got.reason}")
        return got

    def _gone(self, error: BaseException | None) -> ClusterGone:
        why = f" ({_said(error)})" if error else ""
        return ClusterGone(f"--cluster {self.address}: the scheduler is gone{why}")


async def _knocked(address: str) -> None:
    from distributed.comm.core import connect  # noqa: PLC0415 - an extra
    from distributed.security import Security  # noqa: PLC0415 - an extra

    comm = await connect(address, timeout=PATIENCE, **Security().get_connection_args("client"))
    await comm.close()


def _said(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}")[:200]
