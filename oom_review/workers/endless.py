"""Stops a step of a kernel that never comes to its next preemption point: a loop without a yield would hang whoever plays it.

Nothing is counted while all goes well.  A timer looks on, in CPU time of this process, so that a busy machine does not make it ring
sooner.  A step takes microseconds: if the same one is under way at two looks in a row, its instructions are counted, and it is stopped
after so many of them.  The outermost of its functions in which they go by is the one that loops; so the same loop is always named in the
same way, wherever the timer found it.

Tried and dropped: a profile function (no loop without calls is seen, and each call costs twice as much), a trace function for every
step (ten times as slow), sys.monitoring (Python 3.12), a thread that looks on (it can't raise in another one).

A loop within a built-in function, such as ``sum(itertools.count())``, comes to no instruction of ours, so that nobody looks on any more:
after ``SILENT`` seconds of CPU time without a look the system ends the process, which says only where it was.
"""

from __future__ import annotations

import faulthandler
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import attrs

LOOK = 0.5
"""Seconds of CPU time."""
INSTRUCTIONS = 100_000
SILENT = 60
"""Seconds of CPU time."""

STDERR = 2
MACHINE = "kernel_model.machine"
STEPS = ("step", "request", "_kthread")
"""Where the machine runs a kernel's code; by name, so that who asks for --help need not load a kernel."""
GUARD = "oom_review.ledger", "_asked"
"""Where a claim of somebody's own is asked."""


class StepNeverEnds(BaseException):
    """Where, and in which function.  Not an Exception: nobody in between is to catch it as an ordinary one."""


@contextmanager
def watched() -> Iterator[None]:
    """Every step within the block comes to an end, or raises StepNeverEnds; in the main thread, where signals arrive."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    limits = resource.getrlimit(resource.RLIMIT_CPU)
    _go_on()
    # The system's own way to end it, after a line for each frame.
    faulthandler.register(signal.SIGXCPU, file=STDERR, all_threads=False, chain=True)
    before = signal.signal(signal.SIGVTALRM, _Watch().look)
    signal.setitimer(signal.ITIMER_VIRTUAL, LOOK, LOOK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        faulthandler.unregister(signal.SIGXCPU)
        resource.setrlimit(resource.RLIMIT_CPU, limits)


def _go_on() -> None:
    """For ``SILENT`` seconds more; a limit of the user's own stays above that."""
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    until = int(time.process_time()) + SILENT + 1
    soft = until if most == resource.RLIM_INFINITY else min(until, most)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, most))


@attrs.define(eq=False)
class _Watch:
    """Remembers the step that was under way at the last look."""

    _seen: FrameType | None = None

    def look(self, _signal: int, frame: FrameType | None) -> None:
        """The timer rang while ``frame`` ran."""
        _go_on()
        step = _step_of(frame)
        if step is not None and step is self._seen:
            assert frame is not None
            _count(frame, step)
        self._seen = step


def _step_of(frame: FrameType | None) -> FrameType | None:
    """The outermost frame that runs a kernel's code, or a claim's."""
    found = None
    while frame is not None:
        name, module = frame.f_code.co_name, frame.f_globals.get("__name__")
        if (name in STEPS and module == MACHINE) or (module, name) == GUARD:
            found = frame
        frame = frame.f_back
    return found


def _count(frame: FrameType, step: FrameType) -> None:
    """From now on until the step ends."""
    before = sys.gettrace()
    left = INSTRUCTIONS
    first_lines: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, _value: Any) -> Callable[..., Any] | None:
        nonlocal left
        if frame is step:
            if event == "return":
                sys.settrace(before)
            return trace
        frame.f_trace_opcodes = True
        if event in ("line", "opcode"):
            left -= 1
            first_lines[frame] = min(first_lines.get(frame, frame.f_lineno), frame.f_lineno)
            if left <= 0:
                sys.settrace(before)
                raise StepNeverEnds(_account(frame, step, first_lines))
        return trace

    sys.settrace(trace)
    one: FrameType | None = frame
    while one is not None:
        # A loop of one instruction never comes to another line.
        one.f_trace, one.f_trace_opcodes = trace, True
        one = None if one is step else one.f_back


def _account(frame: FrameType, step: FrameType, first_lines: dict[FrameType, int]) -> str:
    loop = frame
    one: FrameType | None = frame
    while one is not None and one is not step:
        loop = one if one in first_lines else loop
        one = one.f_back
    code = loop.f_code
    return (
        f"{code.co_filename}:{first_lines[loop]}: {code.co_name}() goes on without end: "
        f"{INSTRUCTIONS} instructions and {'no answer' if step.f_code.co_name == GUARD[1] else 'no preemption point'}"
    )
