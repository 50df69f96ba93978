"""A booted kernel for the unit tests of the model: ask, step one context, run all to rest, look; and a digest of all its data."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterator
from typing import Any, TypeVar

import attrs

import patched
from kernel_model.events import Event
from kernel_model.machine import Machine, describe
from kernel_model.preempt import PreemptionPoint
from kernel_model.sched import TaskStruct
from kernel_model.variant import Variant

LIMIT = 20_000
E = TypeVar("E", bound=Event)


def bounded(steps: Iterator[Any]) -> Generator[Any, None, Any]:
    """The same steps, and their result, if there are no more than LIMIT."""
    for _ in range(LIMIT):
        try:
            point = next(steps)
        except StopIteration as end:
            return end.value
        yield point
    raise AssertionError("no end")


class Box:
    """One machine under test."""

    def __init__(self, variant: Variant = patched.VARIANT) -> None:
        self.m = Machine(variant)
        self.k = self.m.k

    def call(self, function: str, *args: Any, **named: Any) -> Any:
        """A function of this kernel; what has no end fails."""
        done = self.m.image.functions[function](self.k, *args, **named)
        return bounded(done) if isinstance(done, Iterator) else done

    def __getitem__(self, name: str) -> TaskStruct:
        return self.m.names_now()[name]

    def ask(self, operation: str, task: str | None = None, *args: str | int) -> None:
        """Request without a step."""
        self.m.request(operation, task, *args)

    def do(self, operation: str, task: str | None = None, *args: str | int) -> Any:
        """Request and run everybody to rest; the system call's result."""
        self.m.request(operation, task, *args)
        self.rest()
        return None if task is None else self[task].result

    def fork(self, *names: str, by: str = "init") -> None:
        """Processes, each run until it is in user mode."""
        for name in names:
            self.do("fork", by, name)

    def clone(self, by: str, *names: str) -> None:
        """Threads."""
        for name in names:
            self.do("clone", by, name)

    def rest(self, *, ticks: bool = True) -> None:
        """The running context goes on while it can, then the next one, until nothing runs (nor any timer is set)."""
        current: TaskStruct | None = None
        for _ in range(LIMIT):
            if current is None or not self.m.runnable(current):
                runnable = self.m.runnable_tasks()
                if not runnable:
                    if ticks and self.m.tick():
                        continue
                    return
                current = runnable[0]
            self.m.step(current)
        raise AssertionError("no rest")

    def step(self, name: str, times: int = 1) -> None:
        """Steps of one context, which must be able to take them."""
        for _ in range(times):
            assert self.m.runnable(self[name]), f"{name} can't run at {describe(self[name])}"
            self.m.step(self[name])

    def until(self, name: str, where: str) -> None:
        """Step one context until it stands at this point."""
        for _ in range(LIMIT):
            if where in describe(self[name]):
                return
            self.step(name)
        raise AssertionError(f"{name} never came to {where}")

    def meet(self, name: str, where: str) -> None:
        """Run everybody until one context stands at this point."""
        for _ in range(LIMIT):
            if where in describe(self[name]):
                return
            runnable = self.m.runnable_tasks()
            if runnable:
                self.m.step(runnable[-1])
            elif not self.m.tick():
                break
        raise AssertionError(f"{name} never came to {where}")

    def alone(self, name: str) -> None:
        """Step one context as long as it can."""
        for _ in range(LIMIT):
            if not self.m.runnable(self[name]):
                return
            self.m.step(self[name])
        raise AssertionError(f"{name} runs for ever")

    def at(self, name: str) -> str:
        """Where a context stands."""
        return describe(self[name])

    def user_mode(self, *names: str) -> bool:
        """All of them are in user mode with nothing to do."""
        return all(self.at(n).startswith("user mode") and not self.m.runnable(self[n]) for n in names)

    def events(self, kind: type[E]) -> list[E]:
        """What happened since boot, of one kind."""
        return [e for e in self.k.events if type(e) is kind]


def digest(k: Hashable) -> tuple[Any, ...]:
    """Everything that can be reached from ``k`` through attrs fields and containers, as a value that compares by content.

    Objects with an identity of their own are numbered in the order of their discovery, so that cycles end.
    """
    numbers: dict[int, int] = {}
    kept: list[Any] = []  # keeps ids from being used again

    def value(x: Any) -> Any:
        if x is None or isinstance(x, (bool, int, str, PreemptionPoint)):
            return x
        if isinstance(x, (list, tuple)):
            return (type(x).__name__, *map(value, x))
        if isinstance(x, (set, frozenset)):
            return ("set", *sorted(map(value, x), key=repr))
        if isinstance(x, dict):
            return ("dict", *((value(a), value(b)) for a, b in x.items()))
        if id(x) in numbers:
            return ("seen", numbers[id(x)])
        numbers[id(x)] = len(numbers)
        kept.append(x)
        if attrs.has(type(x)):
            return (type(x).__name__, *((f.name, value(getattr(x, f.name))) for f in attrs.fields(type(x))))
        slots = getattr(type(x), "__slots__", ())
        if slots and type(x).__module__.startswith("kernel_model"):
            return (type(x).__name__, *((s, value(getattr(x, s))) for s in slots))
        if hasattr(x, "gi_frame"):
            return ("generator", x.gi_code.co_name, None if x.gi_frame is None else x.gi_frame.f_lasti)
        return ("opaque", numbers[id(x)])

    return (value(k),)
