"""How far an exploration is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar


@attrs.define
class Progress:
    """Jobs, states and time.  ``ahead`` is the expected size of what is left, ``behind`` of what was explored in this run."""

    total: int
    ahead: float
    done: int = 0
    states: int = 0
    behind: float = 0.0
    last: str = ""
    clock: Callable[[], float] = time.monotonic
    started: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """The clock runs."""
        self.started = self.clock()

    def finished(self, last: str, size: float, states: int) -> None:
        """One job more."""
        self.done += 1
        self.states += states
        self.behind += size
        self.ahead -= size
        self.last = last

    def line(self) -> str:
        """In words."""
        seconds = self.clock() - self.started
        words = [f"{self.done}/{self.total} jobs"]
        if self.behind:
            words.append(f"{self.states / max(seconds, 0.001):.0f} states/s")
            words.append(f"about {_duration(seconds * self.ahead / self.behind)} left")
        return ", ".join(words)


def _duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 100:  # noqa: PLR2004 - what people count in seconds
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 100 else f"{round(minutes / 60)} h"  # noqa: PLR2004 - what people count in minutes


@contextmanager
def shown(console: Console, progress: Progress) -> Iterator[Callable[[bool], None]]:
    """Gives the function to call after each job (True) and now and then in between (False)."""
    if not console.is_terminal:

        def line(news: bool) -> None:
            if news:
                print(f"{progress.line()}: {progress.last}", flush=True)

        yield line
        return
    bar = Bar(
        TextColumn("exploring"),
        BarColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task(progress.line(), total=progress.total, completed=progress.done)

        def draw(_news: bool) -> None:
            bar.update(task, description=progress.line(), completed=progress.done)

        yield draw
