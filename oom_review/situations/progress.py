"""How far a search is: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

MOST_WORDS = 48
MOST_LINES = 10
"""For a log: a line for each tenth of the jobs."""


@attrs.define
class Progress:
    """Jobs done of those known, how many of what was ``counted`` in them, and time.

    ``ahead`` is the expected size of what is left, 0 if nobody knows, ``behind`` of what was done in this run.
    """

    total: int
    unit: str
    done: int = 0
    counted: int = 0
    ahead: float = 0.0
    behind: float = 0.0
    last: str = ""
    clock: Callable[[], float] = time.monotonic
    started: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """The clock runs."""
        self.started = self.clock()

    def finished(self, last: str, counted: int, size: float = 0.0) -> None:
        """One job more."""
        self.done += 1
        self.counted += counted
        self.behind += size
        self.ahead -= size
        self.last = last

    def line(self) -> str:
        """In words."""
        seconds = self.clock() - self.started
        words = [f"{self.done}/{self.total} jobs"]
        if self.counted:
            words.append(f"{self.counted / max(seconds, 0.001):.0f} {self.unit}/s")
        if self.behind:
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
    """Gives the function to call after each job (True) and now and then in between (False); a quiet console is told nothing."""
    if console.quiet:
        yield lambda _news: None
        return
    if not console.is_terminal:
        said = progress.done * MOST_LINES // max(progress.total, 1)

        def line(news: bool) -> None:
            nonlocal said
            now = progress.done * MOST_LINES // max(progress.total, 1)
            if news and now > said:
                said = now
                console.file.write(f"{progress.line()}: {progress.last}\n")
                console.file.flush()

        yield line
        return
    bar = Bar(BarColumn(), TextColumn("{task.description}", markup=False), console=console, transient=True)
    with bar:
        task = bar.add_task(progress.line(), total=progress.total, completed=progress.done)

        def draw(_news: bool) -> None:
            said = f"{progress.line()}: {progress.last[:MOST_WORDS]}"
            bar.update(task, description=said, total=progress.total, completed=progress.done)

        yield draw
