"""A call in a fresh process that may use only so much memory and time."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """A limit was reached."""


def limit_memory(megabytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))


def limited(megabytes: int, seconds: float, function: Callable[..., T], *args: Any) -> T:
    """What the function returns.  Raises Stopped.

    ``seconds`` are for who does not end by himself: close to its limit of memory Python may go on for ever.
    """
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_call, args=(there, megabytes, function, args))
    process.start()
    there.close()
    try:
        if not here.poll(seconds):
            raise Stopped(f"{megabytes} MB or {seconds:g} s")
        result: T | Exception = here.recv()
    except EOFError:
        raise Stopped(f"{megabytes} MB") from None
    finally:
        process.kill()
        process.join()
        here.close()
    if isinstance(result, MemoryError):
        raise Stopped(f"{megabytes} MB")
    if isinstance(result, Exception):
        raise result
    return result


def _call(answer: Connection, megabytes: int, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    limit_memory(megabytes)
    try:
        result = function(*args)
    except Exception as error:  # noqa: BLE001 - raised again on the other side
        result = error.with_traceback(None)
    answer.send(result)
