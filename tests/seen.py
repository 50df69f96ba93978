"""What a played session shows, in the words in which scenarios are told."""

from __future__ import annotations

from typing import TypeVar

from reach import WatchedSession

from kernel_model import events
from kernel_model.sched import SIGKILL, TaskStruct
from oom_review.play.observation import DEAD

E = TypeVar("E", bound=events.Event)


def task(s: WatchedSession, name: str) -> TaskStruct:
    return s.machine.names_now()[name]


def name_of(s: WatchedSession, pid: int) -> str:
    return s.machine.k.tasks[pid].name


def happened(s: WatchedSession, kind: type[E]) -> list[tuple[int, E]]:
    """The events of one kind, each with the number of the step after which it was seen."""
    return [(step, event) for step, event in s.history if type(event) is kind]


def count(s: WatchedSession) -> int:
    return s.observe().count


def highest_count(s: WatchedSession) -> int:
    return max(s.observe().counts, default=0)


def all_dead(s: WatchedSession, *names: str) -> bool:
    seen = s.observe()
    return all(seen.state(n) in DEAD for n in names)


def fate(s: WatchedSession, name: str) -> str:
    """Never born, dead, or where it is."""
    state = s.observe().state(name)
    return "dead" if state in DEAD else state or "never born"


def memdie(s: WatchedSession) -> tuple[str, ...]:
    """Who got TIF_MEMDIE, in order."""
    return tuple(name_of(s, event.task) for _step, event in happened(s, events.Memdie))


def kill_pending(s: WatchedSession, name: str) -> bool:
    return SIGKILL in task(s, name).pending


def io_while(s: WatchedSession, phase: str) -> frozenset[tuple[str, str]]:
    """(who, what) of each device access in this phase of power management."""
    return frozenset((who, what) for who, what, when in s.observe().io if when == phase)


def doers_while(s: WatchedSession, phase: str) -> frozenset[str]:
    return frozenset(who for who, _what in io_while(s, phase))


def suspends(s: WatchedSession) -> tuple[str, ...]:
    """The result of each attempt."""
    return tuple(result for _who, _operation, result in s.observe().pm)


def causes(s: WatchedSession) -> tuple[str, ...]:
    """Why each failed attempt failed."""
    return tuple(event.cause for _step, event in happened(s, events.PmResult) if event.cause)
